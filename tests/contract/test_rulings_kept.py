"""What is kept of a record, and by whom it is seen, over HTTP."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from acme_records import (
    FAY,
    NONA,
    OPERATOR,
    RUNS,
    audit,
    automation_run,
    dead_letter,
    grant,
    ids,
    membership,
    offered,
    person,
    repository,
    run_ids,
    scope,
    tenant,
    unit,
    unit_principal,
    wait,
    workflow_run,
)
from runtime_layout import HARNESS, load_runtime, write_runtime
from serving import Served, Who, served

LEGAL = {"owning_org_unit_id": "legal"}


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
        Who(actor="fay", units=" FINANCE"),
        Who(actor="x", units="organization_unit/finance"),
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
        found = await sidecar.get("/v1/records/dead_letter", Who(actor="fay", units=units))
        assert ids(found["records"], "dead_letter_id") == seen


async def test_a_blank_unit_is_nobodys(sidecar: Served) -> None:
    """A blank owning unit matches no caller, not one whose claim is blank either, and opens nothing."""
    await sidecar.take(
        unit("finance"),
        membership("m", " ", person("nona")),
        grant("g", unit_principal(" "), repository("ledger")),
        *(dead_letter(f"d{name}", in_scope=scope(name)) for name in (" ", "\t")),
    )
    for who in (FAY, NONA, Who(actor="nona", units=" , ,"), Who(actor=None, units=" ")):
        assert (await sidecar.get("/v1/records/dead_letter", who))["count"] == 0


async def test_memberships_and_paths_of_the_runtime(tmp_path: Path) -> None:
    """Memberships beside the runtime's catalogue count, and a store may lie where the configuration says."""
    state = tmp_path / "state"
    write_runtime(state, HARNESS, [unit("finance"), dead_letter("d", in_scope=scope("finance"))])
    (state / "enterprise").mkdir()
    members = {"m": membership("m", "finance", person("mia"))[1]}
    (state / "enterprise" / "org_unit_memberships.json").write_text(json.dumps(members), encoding="utf-8")
    (state / "elsewhere").mkdir()
    waits = [wait("w", "run", "waiting", scope("finance"))[1]]
    (state / "elsewhere" / "waits.json").write_text(json.dumps(waits), encoding="utf-8")
    config = tmp_path / "sidecar.yaml"
    config.write_text("runtime:\n  paths:\n    waits: elsewhere/waits.json\n", encoding="utf-8")
    assert await load_runtime(tmp_path / "sidecar.db", state, "--config", str(config)) == 0
    async with served(tmp_path) as sidecar:
        for who, count in ((Who(actor="mia"), 1), (Who(actor="zoe"), 0)):
            assert (await sidecar.get("/v1/records/dead_letter", who))["count"] == count
            assert (await sidecar.get("/v1/records/wait", who))["count"] == count
