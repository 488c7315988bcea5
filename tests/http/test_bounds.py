"""Bounds in a URL: numbers greater than any that a record holds."""

import pytest
from offered import OPERATOR, event, scope
from serving import Served

pytestmark = pytest.mark.usefixtures("store_name")

GREATEST = 2**63 - 1


async def test_every_record_is_below_what_none_holds(served: Served) -> None:
    """A record with the greatest integer is before each greater number, and none is after one."""
    outbox = {"outbox_id": "o", "operation": "send", "scope": scope(), "status": "pending"}
    await served.take(
        ("event", event(seq=GREATEST)), ("outbox", {**outbox, "created_at_ms": GREATEST, "updated_at_ms": GREATEST})
    )

    async def events(query: str) -> int:
        count: int = (await served.get(f"/stateful-runtime/runs/r/events?{query}", OPERATOR))["count"]
        return count

    async def rows(query: str) -> int:
        count: int = (await served.get(f"/stateful-runtime/reliability?{query}", OPERATOR))["counts"]["outbox"]
        return count

    for greater in (GREATEST + 1, 2**64 - 1):
        assert await events(f"before_seq={greater}") == 1
        assert await rows(f"before_created_at_ms={greater}") == 1
        assert await events(f"after_seq={greater}") == 0
    assert await events(f"before_seq={GREATEST}") == 0
    assert await rows(f"before_created_at_ms={GREATEST}") == 0
    assert await events(f"after_seq={GREATEST - 1}") == 1
