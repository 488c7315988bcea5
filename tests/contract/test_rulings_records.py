"""Where taking records in, and what is kept of them, is ruled otherwise than in the runtime whose answers we keep."""

import json
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from acme_records import (
    FAY,
    NONA,
    OPERATOR,
    RUNS,
    Named,
    Record,
    audit,
    automation_run,
    dead_letter,
    event,
    grant,
    ids,
    membership,
    offered,
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
from runtime_layout import HARNESS, load_runtime, write_runtime
from serving import Served, served

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


async def test_a_run_that_ends_keeps_its_scope(sidecar: Served) -> None:
    """An engine drops a run's definition when it ends; the run still belongs to whom it belonged."""
    held = {**LEGAL, "policy_version_id": "pv"}
    assert (await offered(sidecar, automation_run("run", 5, scope=held))).status == 200
    assert (await offered(sidecar, automation_run("run", 6, status="completed"))).status == 200
    found = await sidecar.get(f"{RUNS}/run", OPERATOR)
    assert (found["run"]["status"], found["enterprise_scope"]["owning_org_unit_id"]) == ("completed", "legal")
    assert found["enterprise_scope"]["policy_version_id"] == "pv"
    assert await run_ids(sidecar, FAY) == []
    assert await run_ids(sidecar, OPERATOR, "?org_unit_id=legal") == ["run"]


@pytest.mark.parametrize("assumed", [False, True])
async def test_a_finished_run_first_seen_without_its_definition(tmp_path: Path, assumed: bool) -> None:
    """Nobody knows whose it was, so operators see it and nobody else, unless the configuration says otherwise."""
    running = automation_run("running")
    write_runtime(tmp_path / "state", HARNESS, [automation_run("ended", status="failed"), running])
    config = tmp_path / "sidecar.yaml"
    config.write_text(f"runtime:\n  assume_unscoped: {str(assumed).lower()}\n", encoding="utf-8")
    assert await load_runtime(tmp_path / "sidecar.db", tmp_path / "state", "--config", str(config)) == 0
    async with served(tmp_path) as sidecar:
        assert await run_ids(sidecar, OPERATOR) == ["ended", "running"]
        for who in (FAY, NONA):
            assert await run_ids(sidecar, who) == (["ended", "running"] if assumed else ["running"])


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
    with sqlite3.connect(tmp_path / "sidecar.db") as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        [table] = [name for name in tables if name.endswith("workflow_run")]
        connection.execute(f"DROP TABLE {table}")
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
        local = await loaded.get("/v1/records/dead_letter", OPERATOR.__class__("local", "local", "ann"))
        assert local["records"][0]["scope"]["tenant_context"] == {
            "org_id": "local",
            "workspace_id": "local",
            "source": "local_implicit",
        }
        assert (await loaded.get("/v1/records/dead_letter", OPERATOR))["count"] == 0


async def test_what_is_kept_of_a_record(sidecar: Served) -> None:
    """Declared members are kept, in canonical form; free values are kept whole; what nobody declared is dropped."""
    given = {
        **dead_letter("d")[1],
        "run_id": None,
        "made_up": 1,
        "metadata": {"z": None, "a": {"made_up": [None, {}]}},
        "scope": {**scope(), "delegation_grant_ids": [], "owning_org_unit_id": None, "made_up": 2},
    }
    assert (await offered(sidecar, ("dead_letter", given))).status == 200
    answer = await sidecar.ask("GET", "/v1/records/dead_letter/d", OPERATOR)
    assert answer.body["record"] == {
        "schema_version": 1,
        "dead_letter_id": "d",
        "source_type": "tool_effect",
        "source_id": "e",
        "reason": "late",
        "status": "open",
        "recovery_options": [],
        "attempts": 0,
        "created_at_ms": 10,
        "updated_at_ms": 10,
        "metadata": {"z": None, "a": {"made_up": [None, {}]}},
        "scope": {"schema_version": 1, "tenant_context": tenant()},
    }
    assert answer.raw == orjson.dumps(answer.body, option=orjson.OPT_SORT_KEYS)


async def test_the_audit_chain_is_not_judged(sidecar: Served) -> None:
    """An audit event is taken with whatever hashes it brings: they are shown for others to prove."""
    broken = audit("a", {"run": "run"}, seq=9, prev_hash="no hash", record_hash="neither")
    assert (await offered(sidecar, workflow_run("run"), broken)).status == 200
    found = await sidecar.get(f"{RUNS}/run/observability", OPERATOR)
    assert [(row["seq"], row["record_hash"]) for row in found["audit"]["protected_events"]] == [(9, "neither")]


async def test_audit_events_that_mention_a_run(sidecar: Served) -> None:
    """Some text anywhere in the payload, a member's name apart, is exactly the run's id or that of a told decision."""
    payloads: dict[str, Any] = {
        "text": "run",
        "deep": {"a": [{"b": ["x", "run"]}]},
        "key": {"run": "x"},
        "part": "the run",
        "case": "RUN",
        "number": [1, True, None],
    }
    await sidecar.take(workflow_run("run"), *(audit(name, payload) for name, payload in payloads.items()))
    found = await sidecar.get(f"{RUNS}/run/observability", OPERATOR)
    assert ids(found["audit"]["protected_events"], "event_id") == ["deep", "text"]


async def test_a_run_shows_its_recovery_as_a_record_only(sidecar: Served) -> None:
    """What recovery rests on is part of the run as a record, and not of the run that read models show."""
    await sidecar.take(automation_run("run", checkpoint={"completed_nodes": ["n"]}), workflow_run("other"))
    for kind, name, nodes in (("automation_run", "run", ["n"]), ("workflow_run", "other", [])):
        record = (await sidecar.get(f"/v1/records/{kind}/{name}", OPERATOR))["record"]
        assert record["recovery"]["completed_nodes"] == nodes
        for path in ("", "/reliability", "/observability", "/resume-plan"):
            assert "recovery" not in (await sidecar.get(f"{RUNS}/{name}{path}", OPERATOR))["run"]
    assert all("recovery" not in row["run"] for row in (await sidecar.get(RUNS, OPERATOR))["runs"])


async def test_a_unit_is_known_by_any_of_its_spellings(sidecar: Served) -> None:
    """A record's unit is compared in canonical form, bare or with its taxonomy, and shown as it was written."""
    spelled = ["finance", " Finance ", "FINANCE", "organization_unit/finance", "Organization_Unit/Finance"]
    others = ["sub/finance", "finance/sub", "fin-ance", "fin_ance", "organization_unit/sub/finance"]
    await sidecar.take(
        unit("Finance"),
        *(dead_letter(f"d-{name}", in_scope=scope(name)) for name in (*spelled, *others)),
    )
    for who in (
        FAY,
        FAY.__class__(actor="fay", units=" FINANCE"),
        FAY.__class__(actor="x", units="organization_unit/finance"),
    ):
        found = (await sidecar.get("/v1/records/dead_letter", who))["records"]
        assert sorted(row["scope"]["owning_org_unit_id"] for row in found) == sorted(spelled)


async def test_a_bare_id_of_two_units_is_neither(sidecar: Served) -> None:
    """When two taxonomies have a unit of one id, the id alone names no unit; with its taxonomy it does."""
    await sidecar.take(
        unit("finance"),
        unit("finance", taxonomy_id="cost"),
        *(dead_letter(name, in_scope=scope(name)) for name in ("finance", "cost/finance", "organization_unit/finance")),
    )
    for units, seen in (("finance", []), ("cost/finance", ["cost/finance"])):
        found = await sidecar.get("/v1/records/dead_letter", FAY.__class__(actor="fay", units=units))
        assert ids(found["records"], "dead_letter_id") == seen


async def test_a_blank_unit_is_nobodys(sidecar: Served) -> None:
    """A blank owning unit matches no caller, not one whose claim is blank either, and opens nothing."""
    await sidecar.take(
        unit("finance"),
        membership("m", " ", person("nona")),
        grant("g", unit_principal(" "), repository("ledger")),
        *(dead_letter(f"d{name}", in_scope=scope(name)) for name in (" ", "\t")),
    )
    for who in (FAY, NONA, FAY.__class__(actor="nona", units=" , ,"), FAY.__class__(actor=None, units=" ")):
        assert (await sidecar.get("/v1/records/dead_letter", who))["count"] == 0
