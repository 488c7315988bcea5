"""Every field of reliability: whole bodies."""

from routes import RELIABILITY, RUNS
from serving import Served
from small_world import ANN
from small_world_served import COLLECTIONS, DEAD_LETTERS_SERVED, OUTBOX_SERVED, RUN_A

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
    assert await world.get(RELIABILITY, ANN) == {"source": "stateful_runtime_reliability", **PAGED}
    assert await world.get(f"{RUNS}/run-a/reliability", ANN) == {"run_id": "run-a", "run": RUN_A, **PAGED}


async def test_reliability_pages(world: Served) -> None:
    """A collection that goes on says where; the bound is named there when it was asked for, and only then."""
    short = await world.get(f"{RELIABILITY}?limit=1", ANN)
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
    bounded = await world.get(f"{RELIABILITY}?{asked}", ANN)
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
