"""Who sees what, exactly: every kind, every way to be somebody, over every route that shows records or runs."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from asking import ABSENT, each, path, plain, walked
from scoped_records import SCOPED_KINDS, key_of
from scoped_world import BINDINGS, GRANTS, MEMBERSHIPS, RECORDS, UNITS, VARIANTS
from serving import Served, Who, served
from whom import ALL, CALLERS, ELSEWHERE, Sees

RUNS = "/stateful-runtime/runs"
COLLECTIONS = {
    "outbox": "outbox_id",
    "tool_effects": "effect_id",
    "dead_letters": "dead_letter_id",
    "compensations": "compensation_id",
}
AUDIT_KINDS = {"policy_decision": "decision_id", "protected_audit_event": "event_id"}
CATALOGUE_IDS = {
    "org_unit_membership": "membership_id",
    "org_unit_access_grant": "grant_id",
    "source_binding": "binding_id",
}
EVERYBODY = {**CALLERS, **ELSEWHERE}
callers = pytest.mark.parametrize("sees", EVERYBODY.values(), ids=EVERYBODY)
own_callers = pytest.mark.parametrize("sees", CALLERS.values(), ids=CALLERS)
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sidecar(store_name: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """One sidecar with every record of the world; these tests only read."""
    async with served(tmp_path_factory.mktemp("world")) as found:
        await found.take(*RECORDS)
        yield found


def every_key(kind: str) -> list[str]:
    """The path of every record of a kind that the world's own tenant holds."""
    if kind in SCOPED_KINDS:
        return [key_of(kind, name) for name in VARIANTS]
    if kind in AUDIT_KINDS:
        return ["of-mia", "of-Mia", "of-fin", "of-None"]
    if kind == "org_unit":
        return [unit_name(record) for _, record in UNITS]
    held = {"org_unit_membership": MEMBERSHIPS, "org_unit_access_grant": GRANTS, "source_binding": BINDINGS}
    return [record[CATALOGUE_IDS[kind]] for _, record in held[kind]]


def unit_name(record: Any) -> str:
    return f"{record.get('taxonomy_id', 'organization_unit')}/{record['unit_id']}"


def name_of(kind: str, record: Any) -> str:
    """What the path of a record ends in."""
    if kind == "org_unit":
        return unit_name(record)
    if kind in AUDIT_KINDS or kind in CATALOGUE_IDS:
        return str(record[{**AUDIT_KINDS, **CATALOGUE_IDS}[kind]])
    return key_of(kind, record["run_id"].removeprefix("a-"))


def tenant_of(record: Any) -> tuple[str, str, str | None]:
    found = record["tenant_context"] if "tenant_context" in record else record["scope"]["tenant_context"]
    return found["org_id"], found["workspace_id"], found.get("deployment_id")


def seen(kind: str, sees: Sees) -> set[str]:
    """What the table says of one kind, as the ends of paths."""
    if kind in SCOPED_KINDS:
        return {key_of(kind, name) for name in sees.variants}
    if kind in AUDIT_KINDS:
        return set(sees.audit)
    if sees.units is not None:
        catalogue = {
            "org_unit": sees.units,
            "org_unit_membership": sees.memberships,
            "org_unit_access_grant": sees.grants,
        }
        return set(catalogue.get(kind, ()))
    if sees.who.workspace == "main" and sees.who.deployment is None:
        return set(every_key(kind))
    elsewhere = {"org_unit": {"organization_unit/finance"}, "org_unit_access_grant": {"foreign"}}
    return elsewhere.get(kind, set())


@callers
async def test_lists_hold_exactly_what_is_visible(sidecar: Served, sees: Sees) -> None:
    """Walked by cursor, the list of every kind holds the records of the table, each once, of the caller's tenant only."""
    for kind in sidecar.service.kinds:
        records = await walked(sidecar, kind, sees.who)
        names = [name_of(kind, record) for record in records]
        assert sorted(names) == sorted(seen(kind, sees)), kind
        asked_for = (sees.who.org, sees.who.workspace, sees.who.deployment)
        assert {tenant_of(record) for record in records} <= {asked_for}, kind


@own_callers
async def test_single_records_are_shown_or_absent(sidecar: Served, sees: Sees) -> None:
    """Every record of the tenant, asked for by its key, is shown as in the list, or answered as one that never was."""
    for kind in sidecar.service.kinds:
        listed = {name_of(kind, record): record for record in await walked(sidecar, kind, sees.who, 1_000)}
        parts = len(sidecar.service.kinds[kind].id)
        [never] = await each(sidecar, [path("v1", "records", kind, "/".join(["never"] * parts))], sees.who)
        assert (never.status, never.body) == (404, ABSENT)
        keys = every_key(kind)
        answers = await each(sidecar, [path("v1", "records", kind, key) for key in keys], sees.who)
        for key, answer in zip(keys, answers, strict=True):
            if key in listed:
                assert (answer.status, answer.body) == (200, {"record": listed[key]}), (kind, key)
            else:
                assert (plain(answer), answer.headers["Content-Length"]) == (
                    plain(never),
                    never.headers["Content-Length"],
                ), (kind, key)
        assert listed.keys() <= set(keys)


@callers
async def test_receipts_are_for_operators_and_auditors(sidecar: Served, sees: Sees) -> None:
    """A tool effect is shown without its receipt, in lists, alone and in read models, but to operators and auditors."""
    listed = await walked(sidecar, "tool_effect", sees.who)
    [alone] = await each(sidecar, ["/v1/records/tool_effect/open"], sees.who)
    of_tenant = await sidecar.get("/stateful-runtime/reliability?limit=1000", sees.who)
    shown = [*listed, *of_tenant["tool_effects"], *([alone.body["record"]] if alone.status == 200 else [])]
    for effect in shown:
        given = effect.get("receipt_payload_redacted")
        assert given == ({"receipt": f"of {effect['effect_id']}"} if sees.receipts else None)
    assert b"null" not in orjson.dumps([effect.get("receipt_payload_redacted", "") for effect in shown])


@callers
async def test_read_models_show_runs_and_rows_exactly(sidecar: Served, sees: Sees) -> None:
    """The run list and the four reliability lists hold the records of the table and no others."""
    runs = await sidecar.get(f"{RUNS}?limit=1000", sees.who)
    assert sorted(row["run"]["run_id"] for row in runs["runs"]) == sorted(
        [*sees.variants, *(f"a-{name}" for name in sees.variants)]
    )
    rows = await sidecar.get("/stateful-runtime/reliability?limit=1000", sees.who)
    for collection, key in COLLECTIONS.items():
        assert sorted(row[key] for row in rows[collection]) == sorted(sees.variants), collection


@own_callers
async def test_one_run_is_shown_or_absent(sidecar: Served, sees: Sees) -> None:
    """A run, its detail, events, snapshots, rows and plan are shown, or answered as those of a run that never was."""
    of_run = ("", "/events", "/snapshots", "/reliability", "/observability", "/resume-plan")
    never = await each(sidecar, [f"{RUNS}/never{end}" for end in of_run], sees.who)
    assert [answer.status for answer in never] == [404, 200, 200, 404, 404, 404]
    for name in sorted(ALL):
        answers = await each(sidecar, [f"{RUNS}/{name}{end}" for end in of_run], sees.who)
        if name not in sees.variants:
            assert [plain(one, name) for one in answers] == [plain(one, "never") for one in never], name
            continue
        assert [answer.status for answer in answers] == [200] * len(of_run), name
        detail, events, snapshots, rows, observed, _ = (answer.body for answer in answers)
        assert detail["run"]["run_id"] == rows["run"]["run_id"] == name
        assert [event["event_id"] for event in events["events"]] == [name]
        assert [event["event_id"] for event in detail["events"]] == [name]
        assert [snapshot["snapshot_id"] for snapshot in snapshots["snapshots"]] == [name]
        for collection, key in COLLECTIONS.items():
            assert [row[key] for row in rows[collection]] == [name]
        assert detail["current_wait"]["wait_id"] == name
        assert [wait["wait_id"] for wait in observed["waits"]] == [name]
        for collection, key in COLLECTIONS.items():
            assert [row[key] for row in observed["reliability"][collection]] == [name]


@own_callers
async def test_one_snapshot_is_shown_or_absent(sidecar: Served, sees: Sees) -> None:
    """A snapshot of a run is shown, or answered as one that never was."""
    names = sorted(ALL)
    [never] = await each(sidecar, [f"{RUNS}/never/snapshots/never"], sees.who)
    for name, answer in zip(
        names, await each(sidecar, [f"{RUNS}/{name}/snapshots/{name}" for name in names], sees.who), strict=True
    ):
        if name in sees.variants:
            assert answer.body["snapshot"]["snapshot_id"] == name
        else:
            assert plain(answer, name) == plain(never, "never")


async def test_audit_of_a_run_is_for_operators_auditors_and_who_acted(sidecar: Served) -> None:
    """Observability shows the decisions and audit events of the table; events of others are not even counted."""
    for sees in CALLERS.values():
        observed = await sidecar.get(f"{RUNS}/open/observability", sees.who)
        decisions = {row["decision_id"] for row in observed["policy_decisions"]}
        events = {row["event_id"] for row in observed["audit"]["protected_events"]}
        assert (decisions, events) == (sees.audit, sees.audit)
        assert observed["counts"]["protected_audit_events"] == len(sees.audit)


async def test_the_callers_differ(sidecar: Served) -> None:
    """The table is worth its length: some caller sees each record, and nearly each is hidden from somebody."""
    assert frozenset().union(*(sees.variants for sees in CALLERS.values())) == ALL
    always = frozenset.intersection(*(sees.variants for sees in CALLERS.values()))
    assert always == {"open"}
    assert Who(actor="nell") == CALLERS["no unit"].who
