"""Every field of a run's events and snapshots: whole bodies, and the windows on them."""

from routes import RUNS
from serving import Served
from small_world import ANN, Record
from small_world_served import AUTHORITY, EVENTS_SERVED, SNAPSHOTS_SERVED


async def test_events(world: Served) -> None:
    """A run's log: whole records, and what they say of the window."""
    named = {"run_id": "run-a", "sequence_scope": "stateful_runtime", **AUTHORITY}
    both = {**named, "events": EVENTS_SERVED, "count": 2, "last_seq": 2, "limit": 250}
    assert await world.get(f"{RUNS}/run-a/events", ANN) == both
    none: Record = {**named, "run_id": "run-w", "events": [], "count": 0, "last_seq": None, "limit": 250}
    assert await world.get(f"{RUNS}/run-w/events", ANN) == none


async def test_event_windows(world: Served) -> None:
    """Bounds are exclusive, ``since_seq`` counts only without ``after_seq``, and ``tail`` takes the end of the range."""

    async def seqs(query: str) -> tuple[list[int], int]:
        body = await world.get(f"{RUNS}/run-a/events?{query}", ANN)
        return [event["seq"] for event in body["events"]], body["limit"]

    assert await seqs("after_seq=1") == ([2], 250)
    assert await seqs("before_seq=2") == ([1], 250)
    assert await seqs("since_seq=1") == ([2], 250)
    assert await seqs("after_seq=0&since_seq=1") == ([1, 2], 250)
    assert await seqs("limit=1") == ([1], 1)
    assert await seqs("tail=1&limit=9") == ([2], 1)
    assert await seqs("tail=0") == ([2], 1)
    assert await seqs("tail=1&before_seq=2") == ([1], 1)


async def test_snapshots(world: Served) -> None:
    """A run's newest snapshots, ascending, those of old times with the phase they lack; and one of them."""
    named = {"run_id": "run-a", "latest_seq": 4}
    both = {**named, "snapshots": SNAPSHOTS_SERVED, "count": 2, "limit": 250}
    assert await world.get(f"{RUNS}/run-a/snapshots", ANN) == both
    newest = {**named, "snapshots": SNAPSHOTS_SERVED[1:], "count": 1, "limit": 1}
    assert await world.get(f"{RUNS}/run-a/snapshots?limit=1", ANN) == newest
    none = {"run_id": "nothing", "snapshots": [], "count": 0, "latest_seq": None, "limit": 250}
    assert await world.get(f"{RUNS}/nothing/snapshots", ANN) == none
    assert await world.get(f"{RUNS}/run-a/snapshots/s-1", ANN) == {"snapshot": SNAPSHOTS_SERVED[0]}
