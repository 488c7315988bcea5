"""Where tenants, run records and the enterprise scope are told otherwise than by the runtime whose answers we keep."""

import pytest
from acme_records import (
    FAY,
    LEA,
    NONA,
    OPERATOR,
    RELIABILITY,
    RUNS,
    Named,
    Record,
    automation_run,
    binding,
    decision,
    effect,
    event,
    grant,
    ids,
    outbox,
    person,
    repository,
    run_ids,
    scope,
    snapshot,
    tenant,
    unit,
    unit_principal,
    wait,
    workflow_run,
)
from serving import NOW_MS, Served, Who

LEDGER = repository("ledger")
FINANCE = unit_principal("organization_unit/finance")


async def test_local_is_a_tenant_like_any_other(sidecar: Served) -> None:
    """The tenant named local/local, also without an actor, sees its own rows and nobody else's."""
    local = tenant("local", "local")
    for of in (local, tenant()):
        name = f"of {of['org_id']}"
        inside = scope(of=of)
        await sidecar.take(workflow_run(name, of=of), outbox(name, in_scope=inside), event(name, "run", 1, inside))
    for who in (
        Who("local", "local", None),
        Who("local", "local", "ann"),
        Who("local", "local", "op", roles="auditor"),
    ):
        assert await run_ids(sidecar, who) == ["of local"]
        assert ids((await sidecar.get(RELIABILITY, who))["outbox"], "outbox_id") == ["of local"]
        assert ids((await sidecar.get(f"{RUNS}/run/events", who))["events"], "event_id") == ["of local"]
        assert (await sidecar.refused(f"{RUNS}/of%20acme", who))[0] == 404


@pytest.mark.parametrize("who", [Who("", "main"), Who("acme", " "), Who("", "")])
async def test_nobody_is_ever_implicit(sidecar: Served, who: Who) -> None:
    """Without an organisation and a workspace nobody is asked for, not even a local tenant."""
    status, body = await sidecar.refused(RUNS, who)
    assert (status, body["error"]) == (401, "unauthenticated")


async def test_one_id_in_two_tenants_is_two_records(sidecar: Served) -> None:
    """A record never replaces one of another organisation, workspace or deployment that has its id."""
    tenants = [tenant(), tenant("umbrella"), tenant(workspace="side"), tenant(deployment="eu")]
    for number, of in enumerate(tenants):
        inside = scope(of=of)
        await sidecar.take(
            workflow_run("run", of=of, task_id=f"task-{number}"),
            effect("same", in_scope=inside, error=f"error-{number}"),
            snapshot("same", "run", number, inside),
            wait("same", "run", "waiting", inside, reason=f"reason-{number}"),
            event("same", "run", number, inside),
            decision("same", "run", of=of, reason_code=f"code-{number}"),
        )
    for number, of in enumerate(tenants):
        who = Who(
            of["org_id"], of["workspace_id"], "op", deployment=of.get("deployment_id"), roles="workspace_operator"
        )
        found = await sidecar.get(f"{RUNS}/run/observability", who)
        assert found["run"]["task_id"] == f"task-{number}"
        assert ids(found["reliability"]["tool_effects"], "error") == [f"error-{number}"]
        assert ids(found["waits"], "reason") == [f"reason-{number}"]
        assert ids(found["events"]["tail"], "seq") == [number]
        assert ids(found["snapshots"]["items"], "seq") == [number]
        assert ids(found["policy_decisions"], "reason_code") == [f"code-{number}"]


@pytest.mark.parametrize(
    ("automation_at", "workflow_at", "wins"), [(9, 5, "automation_v2"), (5, 9, "workflow"), (7, 7, "workflow")]
)
async def test_the_record_updated_last_is_the_run_everywhere(
    sidecar: Served, automation_at: int, workflow_at: int, wins: str
) -> None:
    """Of two records of one run the one updated last is shown by every route, a tie being the workflow's."""
    await sidecar.take(automation_run("run", automation_at), workflow_run("run", workflow_at))
    for path in (f"{RUNS}/run", *(f"{RUNS}/run/{route}" for route in ("reliability", "observability", "resume-plan"))):
        assert (await sidecar.get(path, OPERATOR))["run"]["kind"] == wins, path
    [row] = (await sidecar.get(RUNS, OPERATOR))["runs"]
    assert row["run"]["kind"] == wins
    other = "workflow" if wins == "automation_v2" else "automation"
    assert await run_ids(sidecar, OPERATOR, f"?kind={other}") == []
    assert await run_ids(sidecar, OPERATOR, f"?kind={wins}") == ["run"]


async def test_a_hidden_record_is_no_run(sidecar: Served) -> None:
    """A newer record that the caller does not see plays no part in which one is shown."""
    await sidecar.take(automation_run("run", 5), workflow_run("run", 9, scope={"owning_org_unit_id": "legal"}))
    assert (await sidecar.get(f"{RUNS}/run", LEA))["run"]["kind"] == "workflow"
    for path in (f"{RUNS}/run", f"{RUNS}/run/observability", f"{RUNS}/run/resume-plan", f"{RUNS}/run/reliability"):
        assert (await sidecar.get(path, FAY))["run"]["kind"] == "automation_v2"
    assert await run_ids(sidecar, FAY, "?kind=automation") == ["run"]
    assert await run_ids(sidecar, LEA, "?kind=automation") == []


DELEGATED = {
    "owning_org_unit_id": "finance",
    "resource_scope": {"root": LEDGER},
    "delegation_grant_ids": ["g"],
}


async def authority(sidecar: Served, query: str = "?delegation_grant_id=g") -> tuple[str, list[str], list[str]]:
    """What an operator is told of the run's grants: status, missing ids, and the runs that the filter finds."""
    row = (await sidecar.get(f"{RUNS}/run", OPERATOR))["enterprise_scope"]["delegation_grant_authority"]
    return row["status"], row["missing_grant_ids"], await run_ids(sidecar, OPERATOR, query)


def deny(**more: object) -> Named:
    """A grant that denies the finance unit the ledger."""
    return grant("denial", **{"to": FINANCE, "resource": LEDGER, "effect": "deny", "permissions": [], **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("records", "counts"),
    [
        ([unit("finance")], True),
        ([], False),
        ([unit("finance", state="disabled")], False),
        ([unit("finance"), deny()], False),
        ([unit("finance"), deny(permissions=["edit", "read"])], False),
        ([unit("finance"), deny(data_classes=["public"], to=unit_principal("finance"))], False),
        ([unit("finance"), deny(permissions=["execute"])], True),
        ([unit("finance"), deny(resource=repository("other"))], True),
        ([unit("finance"), deny(expires_at_ms=NOW_MS)], True),
        ([unit("finance"), deny(expires_at_ms=NOW_MS + 1)], False),
        ([unit("finance"), deny(state="disabled")], True),
        ([unit("finance"), unit("legal"), deny(to=unit_principal("legal"))], True),
    ],
)
async def test_denies_and_disabled_units_take_grants_away(sidecar: Served, records: list[Named], counts: bool) -> None:
    """A grant counts while its unit is recorded and active, and no active denial of reading names the same."""
    await sidecar.take(*records, grant("g", FINANCE, LEDGER), workflow_run("run", scope=DELEGATED))
    assert await authority(sidecar) == (("active", [], ["run"]) if counts else ("invalid", ["g"], []))


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({}, True),
        ({"state": "disabled"}, False),
        ({"expires_at_ms": NOW_MS}, False),
        ({"expires_at_ms": NOW_MS + 1}, True),
        ({"effect": "deny"}, False),
        ({"created_at_ms": NOW_MS + 9}, True),
        ({"unit": unit_principal("finance")}, True),
        ({"unit": unit_principal("Organization_Unit/FINANCE")}, True),
        ({"unit": unit_principal("sub/finance")}, False),
        ({"unit": unit_principal("organization_unit/sub/finance")}, False),
        ({"unit": {"kind": "group", "id": "finance"}}, False),
        ({"resource": repository("other")}, False),
    ],
)
async def test_units_are_equal_never_by_their_ends(sidecar: Served, changed: Record, counts: bool) -> None:
    """A grant is of the owning unit when its id is that unit's, bare or with its taxonomy, and never by a suffix."""
    of_grant = {**dict([grant("g", FINANCE, LEDGER)])["org_unit_access_grant"], **changed}
    await sidecar.take(
        unit("finance"),
        unit("sub/finance"),
        ("org_unit_access_grant", of_grant),
        workflow_run("run", scope=DELEGATED),
    )
    assert await authority(sidecar) == (("active", [], ["run"]) if counts else ("invalid", ["g"], []))


async def test_grant_ids_are_compared_exactly(sidecar: Served) -> None:
    """The id that a run stores is a grant's when it is spelled alike; the filter alone is read loosely."""
    stored = {**DELEGATED, "delegation_grant_ids": ["Grant-1", "Grant-2"]}
    await sidecar.take(
        unit("finance"),
        grant("Grant-1", FINANCE, LEDGER),
        grant("grant_2", FINANCE, LEDGER),
        workflow_run("run", scope=stored),
    )
    assert await authority(sidecar, "?delegation_grant_id=%20GRANT_1") == ("invalid", ["Grant-2"], ["run"])
    assert await run_ids(sidecar, OPERATOR, "?delegation_grant_id=grant_2") == []


async def test_denies_do_not_touch_own_units(sidecar: Served) -> None:
    """What a unit owns it sees, whatever is denied to it; a person's denied grant opens nothing."""
    held = {**DELEGATED, "delegation_grant_ids": ["g", "p"]}
    await sidecar.take(
        unit("finance"),
        deny(),
        grant("g", FINANCE, LEDGER),
        grant("p", person("nona"), LEDGER),
        workflow_run("run", scope=held),
    )
    assert await run_ids(sidecar, FAY) == ["run"]
    assert await run_ids(sidecar, NONA) == ["run"]
    await sidecar.take(grant("against nona", person("nona"), LEDGER, effect="deny"))
    assert await run_ids(sidecar, FAY) == ["run"]
    assert await run_ids(sidecar, NONA) == []


@pytest.mark.parametrize(
    ("root", "prefix", "found"),
    [
        ("src/app", "src/app", True),
        ("src/app/web", "src/app", True),
        ("src/app", "src/app/", True),
        ("src/application", "src/app", False),
        ("src/application/web", "src/app", False),
        ("src", "src/app", True),
    ],
)
async def test_path_prefixes_end_at_a_segment(sidecar: Served, root: str, prefix: str, found: bool) -> None:
    """A path lies under another when whole segments of it do, on either side."""
    inside = {"resource_scope": {"root": repository("mono", path_prefix=root)}}
    await sidecar.take(binding("b", repository("mono", path_prefix=prefix)), workflow_run("run", scope=inside))
    assert await run_ids(sidecar, OPERATOR, "?source_binding_id=b") == (["run"] if found else [])


async def test_a_denied_resource_is_denied(sidecar: Served) -> None:
    """A resource that a scope denies is not in it, though it is the scope's root or contains it."""
    secret, workspace = repository("secret"), {**repository("main"), "resource_kind": "workspace"}
    inside = {"resource_scope": {"root": LEDGER, "allowed_resources": [secret], "denied_resources": [secret]}}
    whole = {"resource_scope": {"root": LEDGER, "denied_resources": [LEDGER]}, "delegation_grant_ids": ["g"]}
    most = {"resource_scope": {"root": workspace, "denied_resources": [secret]}}
    await sidecar.take(
        unit("finance"),
        binding("of ledger", LEDGER),
        binding("of secret", secret),
        binding("of workspace", workspace),
        grant("g", FINANCE, LEDGER),
        workflow_run("run", scope=inside),
        workflow_run("denied", scope=whole),
        workflow_run("most", scope=most),
    )
    shown = (await sidecar.get(f"{RUNS}/run", OPERATOR))["enterprise_scope"]["visible_knowledge_sources"]
    assert "of secret" not in ids(shown, "binding_id")
    assert "of ledger" in ids(shown, "binding_id")
    shown = (await sidecar.get(f"{RUNS}/most", OPERATOR))["enterprise_scope"]["visible_knowledge_sources"]
    assert ids(shown, "binding_id") == ["of ledger", "of workspace"]
    denied = (await sidecar.get(f"{RUNS}/denied", OPERATOR))["enterprise_scope"]
    assert denied["visible_knowledge_sources"] == []
    assert denied["org_unit_grants"] == []
    assert denied["delegation_grant_authority"] == {"status": "invalid", "missing_grant_ids": ["g"]}


async def test_a_knowledge_source_filters_though_it_is_not_shown(sidecar: Served) -> None:
    """Twelve sources are shown and counted; the filters look at all of them."""
    await sidecar.take(
        *(binding(f"b-{number:02}", LEDGER) for number in range(12)),
        binding("b-99", LEDGER, data_class="regulated"),
        workflow_run("run", scope={"resource_scope": {"root": LEDGER}}),
    )
    summary = (await sidecar.get(f"{RUNS}/run", OPERATOR))["enterprise_scope"]
    assert ids(summary["visible_knowledge_sources"], "binding_id") == [f"b-{number:02}" for number in range(12)]
    assert summary["summary"]["knowledge_source_count"] == 12
    for query in ("?source_binding_id=B_99", "?data_class=regulated"):
        assert await run_ids(sidecar, OPERATOR, query) == ["run"]
    assert await run_ids(sidecar, OPERATOR, "?data_class=customer_data") == []
