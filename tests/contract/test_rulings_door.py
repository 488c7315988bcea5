"""Which records are taken in, and under which keys they are found, over HTTP."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
import stores
from acme_records import (
    OPERATOR,
    RUNS,
    Named,
    Record,
    automation_run,
    dead_letter,
    event,
    ids,
    offered,
    run_ids,
    scope,
    snapshot,
    tenant,
    unit,
    wait,
    workflow_run,
)
from runtime_layout import HARNESS, load_runtime, write_runtime
from serving import Served, Who, served

GREATEST = 2**63 - 1
LEGAL = {"owning_org_unit_id": "legal"}


async def rejected(sidecar: Served, *records: Named) -> list[Record]:
    """What the admin side says is wrong; it must refuse."""
    answer = await offered(sidecar, *records)
    assert (answer.status, answer.body["error"]) == (422, "invalid_records")
    found: list[Record] = answer.body["rejected"]
    return found


@pytest.mark.parametrize(
    ("record", "pointer"),
    [
        (workflow_run("run", scope={**LEGAL, "risk_tier": "reckless"}), "/enterprise_scope/risk_tier"),
        (workflow_run("run", scope={**LEGAL, "data_classes": "public"}), "/enterprise_scope/data_classes"),
        (workflow_run("run", scope="legal"), "/enterprise_scope"),
        (
            automation_run("run", scope={**LEGAL, "dataClasses": ["gossip"]}),
            "/automation_snapshot/metadata/enterprise_scope/dataClasses",
        ),
        (
            automation_run("run", automation_snapshot={"metadata": {"resource_access": {"owner_principal": 7}}}),
            "/automation_snapshot/metadata/resource_access/owner_principal",
        ),
    ],
)
async def test_a_scope_that_does_not_parse_is_refused(sidecar: Served, record: Named, pointer: str) -> None:
    """A run whose scope cannot be read is refused at its place, and not taken as one that is open to all."""
    [reject] = await rejected(sidecar, record)
    assert reject["pointer"].startswith(pointer)
    assert (reject["line"], reject["kind"]) == (1, record[0])
    assert await run_ids(sidecar, OPERATOR) == []


@pytest.mark.parametrize("kind", ["wait", "dead_letter"])
async def test_damage_is_refused_and_takes_nothing_with_it(sidecar: Served, kind: str) -> None:
    """One bad record is refused at the door with its place, and what is stored already is still there."""
    make = wait if kind == "wait" else dead_letter
    good = make("good", "run", "waiting") if kind == "wait" else make("good")
    assert (await offered(sidecar, workflow_run("run"), good)).status == 200
    bad = {**good[1], "status": "no such status"}
    [reject] = await rejected(sidecar, (kind, {**good[1], f"{kind}_id": "other"}), (kind, bad))
    assert (reject["line"], reject["kind"], reject["pointer"]) == (2, kind, "/status")
    found = await sidecar.get(f"/v1/records/{kind}", OPERATOR)
    assert ids(found["records"], f"{kind}_id") == ["good"]


async def test_unreadable_storage_is_no_empty_answer(sidecar: Served, tmp_path: Path) -> None:
    """When the store cannot be read the answer is 503, and says nothing of the inside."""
    await sidecar.take(workflow_run("run"))
    table = "record_workflow_run"
    stores.damage(tmp_path / "sidecar.db", f"DROP TABLE {table}")
    for path in (RUNS, f"{RUNS}/run", f"{RUNS}/run/resume-plan"):
        status, body = await sidecar.refused(path, OPERATOR)
        assert (status, body["error"], set(body)) == (503, "store_unavailable", {"error", "message"})
        assert table not in json.dumps(body)


async def test_integers_up_to_the_greatest(sidecar: Served) -> None:
    """The greatest integer is kept exactly, at any depth; one more is refused, at any depth."""
    kept = dead_letter("d", attempts=2**32 - 1, metadata={"deep": [GREATEST, -GREATEST]}, disposition_at_ms=GREATEST)
    last = event("e", "run", GREATEST)
    assert (await offered(sidecar, kept, last)).status == 200
    found = (await sidecar.get("/v1/records/dead_letter/d", OPERATOR))["record"]
    assert (found["disposition_at_ms"], found["metadata"]) == (GREATEST, {"deep": [GREATEST, -GREATEST]})
    assert (await sidecar.get(f"{RUNS}/run/events", OPERATOR))["last_seq"] == GREATEST
    for changed, pointer in (
        ({"disposition_at_ms": GREATEST + 1}, "/disposition_at_ms"),
        ({"disposition_at_ms": 2**64}, "/disposition_at_ms"),
        ({"metadata": {"deep": [GREATEST + 1]}}, "/metadata/deep/0"),
        ({"disposition_at_ms": -1}, "/disposition_at_ms"),
        ({"disposition_at_ms": 5.0}, "/disposition_at_ms"),
        ({"disposition_at_ms": True}, "/disposition_at_ms"),
        ({"attempts": 2**32}, "/attempts"),
    ):
        [reject] = await rejected(sidecar, dead_letter("d", **changed))
        assert reject["pointer"] == pointer, changed
        assert reject["message"]


async def test_keys(sidecar: Served) -> None:
    """A record is found under the parts of its key, each encoded, and a key's parts keep records of one id apart."""
    await sidecar.take(
        wait("w", "run/1", "waiting"),
        wait("w", "run", "waiting"),
        event("e%", "run", 1),
        event("e%", "run/1", 2),
        snapshot("s", "run", 1),
        snapshot("s", "run/1", 2),
        unit("finance"),
        unit("finance", taxonomy_id="cost"),
        dead_letter("a/b é"),
    )
    for kind, key in (
        ("wait", ("run/1", "w")),
        ("wait", ("run", "w")),
        ("event", ("run", "e%")),
        ("event", ("run/1", "e%")),
        ("snapshot", ("run/1", "s")),
        ("org_unit", ("cost", "finance")),
        ("org_unit", ("organization_unit", "finance")),
        ("dead_letter", ("a/b é",)),
    ):
        path = "/".join(quote(part, safe="") for part in key)
        record = (await sidecar.get(f"/v1/records/{kind}/{path}", OPERATOR))["record"]
        assert set(key) <= {value for value in record.values() if isinstance(value, str)}
    for path in ("wait/w", "wait/run/1/w", "org_unit/finance", "dead_letter/a/b%20%C3%A9", "event/run/e"):
        assert (await sidecar.refused(f"/v1/records/{path}", OPERATOR))[0] == 404, path


async def test_a_key_fits_in_a_cursor(sidecar: Served) -> None:
    """The longest key that is taken can be paged past and asked for; a longer one is refused at its longest part."""
    longest = '"' * ((2_048 - len('["run",""]')) // 2)
    rows = [wait(name, "run", "waiting") for name in ("!", longest, "~")]
    assert (await offered(sidecar, *rows)).status == 200
    page = await sidecar.get("/v1/records/wait?limit=2&status=waiting&run_id=run", OPERATOR)
    assert ids(page["records"], "wait_id") == ["!", longest]
    page = await sidecar.get(f"/v1/records/wait?limit=2&status=waiting&run_id=run&cursor={page['next']}", OPERATOR)
    assert ids(page["records"], "wait_id") == ["~"]
    assert (await sidecar.get(f"/v1/records/wait/run/{quote(longest)}", OPERATOR))["record"]["wait_id"] == longest
    [reject] = await rejected(sidecar, wait(longest + "x", "run", "waiting"))
    assert reject["pointer"] == "/wait_id"


@pytest.mark.parametrize("blank", ["", " ", "\t\u3000"])
async def test_blank_names_are_refused(sidecar: Served, blank: str) -> None:
    """An organisation, a workspace, a deployment that is named, and every part of a key say something."""
    for of, pointer in (
        (tenant(org=blank), "/org_id"),
        (tenant(workspace=blank), "/workspace_id"),
        (tenant(deployment=blank), "/deployment_id"),
    ):
        [reject] = await rejected(sidecar, dead_letter("d", in_scope=scope(of=of)))
        assert reject["pointer"] == f"/scope/tenant_context{pointer}"
    for record, pointer in (
        (dead_letter(blank), "/dead_letter_id"),
        (wait("w", blank, "waiting"), "/run_id"),
        (wait(blank, "run", "waiting"), "/wait_id"),
        (workflow_run(blank), "/run_id"),
        (unit("u", taxonomy_id=blank), "/taxonomy_id"),
    ):
        [reject] = await rejected(sidecar, record)
        assert reject["pointer"] == pointer


async def test_a_record_says_whose_it_is(sidecar: Served, tmp_path: Path) -> None:
    """Without a tenant a record is refused; only what the runtime itself wrote belongs to the local one then."""
    ownerless = {"schema_version": 1}
    [reject] = await rejected(sidecar, dead_letter("d", in_scope=ownerless))
    assert reject["pointer"] == "/scope/tenant_context"
    [reject] = await rejected(sidecar, (workflow_run("run")[0], {**workflow_run("run")[1], "tenant_context": None}))
    assert reject["pointer"] == "/tenant_context"
    write_runtime(tmp_path / "state", HARNESS, [dead_letter("d", in_scope=ownerless)])
    assert await load_runtime(tmp_path / "loaded.db", tmp_path / "state") == 0
    async with served(tmp_path, store="loaded.db") as loaded:
        local = await loaded.get("/v1/records/dead_letter", Who("local", "local", "ann"))
        assert local["records"][0]["scope"]["tenant_context"] == {
            "org_id": "local",
            "workspace_id": "local",
            "source": "local_implicit",
        }
        assert (await loaded.get("/v1/records/dead_letter", OPERATOR))["count"] == 0


@pytest.mark.parametrize(
    ("sent", "run_id"),
    [("a%2Fb", "a/b"), ("a+b", "a+b"), ("a%20b", "a b"), ("%C3%A9", "é"), ("a%252Fb", "a%2Fb"), ("%2e%2e", "..")],
)
async def test_ids_in_paths(sidecar: Served, sent: str, run_id: str) -> None:
    """A segment is decoded once, after its route was found: an id may hold a slash, and a plus stays one."""
    await sidecar.take(workflow_run(run_id), wait(run_id, run_id, "waiting"))
    assert (await sidecar.get(f"{RUNS}/{sent}", OPERATOR))["run"]["run_id"] == run_id
    assert (await sidecar.get(f"{RUNS}/{sent}/events", OPERATOR))["run_id"] == run_id
    assert (await sidecar.get(f"/v1/records/wait/{sent}/{sent}", OPERATOR))["record"]["wait_id"] == run_id
