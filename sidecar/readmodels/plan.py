"""How a read model asks: it yields requests, is sent their pages, and returns its view. It never touches a store."""

from collections.abc import Generator, Sequence
from typing import Any, TypeVar

from sidecar.records.reading import Page, Request, Visibility
from sidecar.records.store import Snapshot

T = TypeVar("T")
Plan = Generator[Sequence[Request], list[Page], T]
"""A read model under way. All requests of one round are answered by one call, from one snapshot."""

View = dict[str, Any]
"""A response body: JSON values, with stored records as ``orjson.Fragment``."""


async def carried_out(plan: Plan[T], snap: Snapshot, visible: Visibility) -> T:
    """Answer every round of a plan from one snapshot. Raises what the plan raises, and StoreError."""
    try:
        requests = next(plan)
        while True:
            requests = plan.send(await snap.read(requests, visible))
    except StopIteration as end:
        found: T = end.value
        return found
