"""Every field of a page of records of any kind, and of one record: whole bodies."""

from serving import Served
from small_world import ANN, FAILURE
from small_world_served import EFFECTS_SERVED, RUN_A, WAITS_SERVED


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
