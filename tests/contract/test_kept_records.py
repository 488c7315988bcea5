"""What is kept of a record that is taken."""

import orjson
from acme_asking import FAY, OPERATOR, offered, run_ids
from acme_records import automation_run, dead_letter, scope, tenant
from routes import RUNS
from serving import Served


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


async def test_a_run_that_ends_keeps_its_scope(sidecar: Served) -> None:
    """An engine drops a run's definition when it ends; the run still belongs to whom it belonged."""
    held = {"owning_org_unit_id": "legal", "policy_version_id": "pv"}
    assert (await offered(sidecar, automation_run("run", 5, scope=held))).status == 200
    assert (await offered(sidecar, automation_run("run", 6, status="completed"))).status == 200
    found = await sidecar.get(f"{RUNS}/run", OPERATOR)
    assert (found["run"]["status"], found["enterprise_scope"]["owning_org_unit_id"]) == ("completed", "legal")
    assert found["enterprise_scope"]["policy_version_id"] == "pv"
    assert await run_ids(sidecar, FAY) == []
    assert await run_ids(sidecar, OPERATOR, "?org_unit_id=legal") == ["run"]
