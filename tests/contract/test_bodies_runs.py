"""Every field of the run list and of one run: whole bodies, null regimes included."""

from routes import RUNS
from serving import Served
from small_world import ANN
from small_world_served import EVENTS_SERVED, ROW_A, RUN_F, RUN_W, SNAPSHOTS_SERVED, WAITS_SERVED, bare_row

FILTERS = (
    *("status", "phase", "trigger", "kind", "org_id", "workspace_id", "deployment_id", "workflow_id"),
    *("automation_id", "org_unit_id", "owner_id", "owner_kind", "resource_kind", "resource_id"),
    *("policy_version_id", "data_class", "risk_tier", "delegation_grant_id", "source_binding_id"),
)


async def test_runs(world: Served) -> None:
    """The list has a row for each run, newest first, and echoes the filters raw, ``source`` under ``kind``."""
    assert await world.get(RUNS, ANN) == {
        "runs": [{**row, "detail_level": "list"} for row in (ROW_A, bare_row(RUN_W), bare_row(RUN_F))],
        "count": 3,
        "limit": 250,
        "source": "stateful_runtime",
        "filters": dict.fromkeys(FILTERS),
    }
    filtered = await world.get(RUNS + "?source=Workflow&limit=1&status=&phase=ALL", ANN)
    assert filtered["filters"] == {**dict.fromkeys(FILTERS), "kind": "Workflow", "status": "", "phase": "ALL"}
    assert (filtered["count"], filtered["limit"]) == (1, 1)


async def test_run(world: Served) -> None:
    """The detail is the row itself with the last events and snapshots, ascending."""
    detail = {**ROW_A, "detail_level": "detail", "events": EVENTS_SERVED, "snapshots": SNAPSHOTS_SERVED}
    assert await world.get(f"{RUNS}/run-a", ANN) == detail
    short = await world.get(f"{RUNS}/run-a?event_limit=1&snapshot_limit=1", ANN)
    assert short == {**detail, "events": EVENTS_SERVED[1:], "snapshots": SNAPSHOTS_SERVED[1:]}
    bare = {**bare_row(RUN_F), "detail_level": "detail", "events": [], "snapshots": []}
    assert await world.get(f"{RUNS}/run-f", ANN) == bare


async def test_current_wait_is_the_last_when_all_are_terminal(world: Served) -> None:
    """Without an unfinished wait the current one is the last in wait order, nulls there; without any it is null."""
    await world.take(
        *[
            ("wait", {**wait, "run_id": "run-w", "status": status})
            for wait, status in zip(WAITS_SERVED[::2], ("woken", "escalated"), strict=True)
        ]
    )
    assert (await world.get(f"{RUNS}/run-w", ANN))["current_wait"] == {
        "wait_id": "w-3",
        "wait_kind": "approval",
        "status": "escalated",
        "phase_id": None,
        "reason": None,
        "wake_at_ms": None,
        "timeout_policy": None,
        "event_seq": None,
    }


async def test_latest_of_little(world: Served) -> None:
    """The summaries of an event and a snapshot that say little name every field all the same."""
    bare = {name: value for name, value in EVENTS_SERVED[0].items() if name != "run_id"}
    await world.take(
        ("event", {**bare, "run_id": "run-w"}),
        ("snapshot", {**SNAPSHOTS_SERVED[0], "run_id": "run-w"}),
    )
    row = await world.get(f"{RUNS}/run-w", ANN)
    assert row["latest_event"] == {
        "event_id": "e-1",
        "seq": 1,
        "event_type": "run.started",
        "occurred_at_ms": 1_201,
        "phase_id": None,
        "wait_kind": None,
        "authoritative": True,
    }
    assert row["latest_snapshot"] == {
        "snapshot_id": "s-1",
        "seq": 1,
        "created_at_ms": 1_301,
        "status": "queued",
        "phase": "queued",
        "phase_id": None,
        "payload_digest": None,
        "workflow_definition_version": None,
        "workflow_definition_snapshot_hash": None,
    }
