"""The records behind a run: which of two is shown, what of it, and what is recorded under it."""

import pytest
from acme_asking import FAY, LEA, NONA, OPERATOR, run_ids
from acme_records import automation_run, event, ids, scope, workflow_run
from routes import RUNS
from serving import Served


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


async def test_a_run_shows_its_recovery_as_a_record_only(sidecar: Served) -> None:
    """What recovery rests on is part of the run as a record, and not of the run that read models show."""
    await sidecar.take(automation_run("run", checkpoint={"completed_nodes": ["n"]}), workflow_run("other"))
    for kind, name, nodes in (("automation_run", "run", ["n"]), ("workflow_run", "other", [])):
        record = (await sidecar.get(f"/v1/records/{kind}/{name}", OPERATOR))["record"]
        assert record["recovery"]["completed_nodes"] == nodes
        for path in ("", "/reliability", "/observability", "/resume-plan"):
            assert "recovery" not in (await sidecar.get(f"{RUNS}/{name}{path}", OPERATOR))["run"]
    assert all("recovery" not in row["run"] for row in (await sidecar.get(RUNS, OPERATOR))["runs"])


async def test_each_record_is_judged_by_its_own_scope(sidecar: Served) -> None:
    """A child without a scope is open though its run is not, and a child of a unit is closed though its run is open."""
    await sidecar.take(
        workflow_run("closed", scope={"owning_org_unit_id": "finance"}),
        event("open child", "closed", 1),
        workflow_run("open"),
        event("closed child", "open", 1, scope("finance")),
    )
    assert (await sidecar.refused(f"{RUNS}/closed", NONA))[0] == 404
    assert ids((await sidecar.get(f"{RUNS}/closed/events", NONA))["events"], "event_id") == ["open child"]
    assert (await sidecar.get(f"{RUNS}/open", NONA))["events"] == []
    assert (await sidecar.get(f"{RUNS}/open", NONA))["latest_event"] is None
    assert ids((await sidecar.get(f"{RUNS}/open", FAY))["events"], "event_id") == ["closed child"]
