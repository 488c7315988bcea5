"""Every field of a page of records of any kind, and of one record: whole bodies."""

from serving import Served
from small_world import ANN, FAILURE
from small_world_served import EFFECTS_SERVED, RUN_A, WAITS_SERVED


async def test_pages(world: Served) -> None:
    """A page of a kind has whole records, says how many, and leads to the next while there is one."""
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


async def test_one_record(world: Served) -> None:
    """One record is told whole by its key, that of a run with what its recovery rests on."""
    assert await world.get("/v1/records/wait/run-a/w-2", ANN) == {"record": WAITS_SERVED[1]}
    recovery = {
        "completed_nodes": ["node-a"],
        "pending_nodes": ["approve-1"],
        "blocked_nodes": ["node-b"],
        "last_failure": FAILURE,
    }
    assert await world.get("/v1/records/automation_run/run-a", ANN) == {"record": {**RUN_A, "recovery": recovery}}
