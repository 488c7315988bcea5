"""Every field of reliability, of records of any kind, and of what is not there: whole bodies."""

import pytest
from serving import Served
from small_world import ANN, FAILURE
from small_world_served import (
    COMPENSATIONS_SERVED,
    DEAD_LETTERS_SERVED,
    EFFECTS_SERVED,
    OUTBOX_SERVED,
    RUN_A,
    WAITS_SERVED,
)

RUNS = "/stateful-runtime/runs"
COLLECTIONS = {
    "outbox": OUTBOX_SERVED,
    "tool_effects": EFFECTS_SERVED,
    "dead_letters": DEAD_LETTERS_SERVED,
    "compensations": COMPENSATIONS_SERVED,
}
PAGED = {
    **COLLECTIONS,
    "counts": dict.fromkeys(COLLECTIONS, 2),
    "limit": 250,
    "pagination": {
        "after_id": None,
        "after_collection": None,
        "before_created_at_ms": None,
        "next": dict.fromkeys(COLLECTIONS),
    },
}


async def test_reliability(world: Served) -> None:
    """The four collections of a tenant, whole records, last updated first; per run with the run instead of a source."""
    assert await world.get("/stateful-runtime/reliability", ANN) == {"source": "stateful_runtime_reliability", **PAGED}
    assert await world.get(f"{RUNS}/run-a/reliability", ANN) == {"run_id": "run-a", "run": RUN_A, **PAGED}


async def test_reliability_pages(world: Served) -> None:
    """A collection that goes on says where; the bound is named there when it was asked for, and only then."""
    short = await world.get("/stateful-runtime/reliability?limit=1", ANN)
    assert short["pagination"] == {
        "after_id": None,
        "after_collection": None,
        "before_created_at_ms": None,
        "next": {
            "outbox": {"after_id": "o-1", "after_collection": "outbox"},
            "tool_effects": {"after_id": "t-1", "after_collection": "tool_effects"},
            "dead_letters": {"after_id": "d-1", "after_collection": "dead_letters"},
            "compensations": {"after_id": "c-1", "after_collection": "compensations"},
        },
    }
    asked = "limit=1&after_id=%20o-1&after_kind=Outbox&before_created_at=31"
    bounded = await world.get(f"/stateful-runtime/reliability?{asked}", ANN)
    assert bounded["pagination"] == {
        "after_id": " o-1",
        "after_collection": "outbox",
        "before_created_at_ms": 31,
        "next": {
            "outbox": None,
            "tool_effects": {"after_id": "t-1", "after_collection": "tool_effects", "before_created_at_ms": 31},
            "dead_letters": None,
            "compensations": None,
        },
    }
    assert bounded["outbox"] == OUTBOX_SERVED[1:]
    assert bounded["dead_letters"] == DEAD_LETTERS_SERVED[:1]
    assert bounded["compensations"] == []
    assert bounded["counts"] == {"outbox": 1, "tool_effects": 1, "dead_letters": 1, "compensations": 0}


@pytest.mark.parametrize("route", ["", "/reliability", "/observability", "/resume-plan"])
async def test_no_such_run(world: Served, route: str) -> None:
    """A run that is not there is named in the answer."""
    status, body = await world.refused(f"{RUNS}/nothing%2Fhere{route}", ANN)
    assert status == 404
    assert set(body) == {"error", "message", "run_id"}
    assert (body["error"], body["run_id"]) == ("stateful_run_not_found", "nothing/here")


async def test_no_such_rows(world: Served) -> None:
    """A snapshot, a dead letter and a compensation that are not there are named in their answers."""
    status, body = await world.refused(f"{RUNS}/run-a/snapshots/s%209", ANN)
    assert status == 404
    assert set(body) == {"error", "message", "run_id", "snapshot_id"}
    assert (body["error"], body["run_id"], body["snapshot_id"]) == ("stateful_snapshot_not_found", "run-a", "s 9")
    for row in ("dead_letter", "compensation"):
        named = {"choice": "compensate", f"{row}_id": "gone"}
        answer = await world.post(f"{RUNS}/run-a/resume-plan", ANN, named)
        assert answer.status == 404
        assert set(answer.body) == {"error", "message", f"{row}_id"}
        assert (answer.body["error"], answer.body[f"{row}_id"]) == (f"stateful_{row}_not_found", "gone")


async def test_records(world: Served) -> None:
    """A page of any kind, and one record by its key."""
    page = await world.get("/v1/records/tool_effect?limit=1", ANN)
    cursor = page.pop("next")
    assert page == {"kind": "tool_effect", "records": EFFECTS_SERVED[:1], "count": 1, "limit": 1}
    assert await world.get(f"/v1/records/tool_effect?limit=1&cursor={cursor}", ANN) == {
        "kind": "tool_effect",
        "records": EFFECTS_SERVED[1:],
        "count": 1,
        "limit": 1,
        "next": None,
    }
    assert await world.get("/v1/records/wait/run-a/w-2", ANN) == {"record": WAITS_SERVED[1]}
    recovery = {
        "completed_nodes": ["node-a"],
        "pending_nodes": ["approve-1"],
        "blocked_nodes": ["node-b"],
        "last_failure": FAILURE,
    }
    assert await world.get("/v1/records/automation_run/run-a", ANN) == {"record": {**RUN_A, "recovery": recovery}}
    for path in ("tool_effect/gone", "tool_effect/run-a/t-1", "no_such_kind/t-1", "no_such_kind"):
        status, body = await world.refused(f"/v1/records/{path}", ANN)
        assert (status, body["error"], set(body)) == (404, "record_not_found", {"error", "message"})
