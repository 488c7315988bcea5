"""A process that follows a runtime loses its lease while it works: what it read is older than what its successor stored."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import stores
from followed import Files, event, follower_of, held, opened
from record_samples import LEAST

from sidecar.errors import StoreError
from sidecar.records.follow.follower import LEASE
from sidecar.records.store import Mirror, Store

pytestmark = pytest.mark.usefixtures("on_postgres")

GRANTS = "data/enterprise/org_unit_access_grants.json"
EVENTS = "data/runtime/stateful_events.jsonl"


@dataclass
class Late:
    """A store whose next change of what is followed begins only when it is let go."""

    store: Store
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    @asynccontextmanager
    async def mirror(self) -> AsyncIterator[Mirror]:
        self.reached.set()
        await self.released.wait()
        async with self.store.mirror() as mirror:
            yield mirror


@pytest.mark.parametrize(
    ("place", "first_text", "meanwhile"),
    [
        (GRANTS, "{}", json.dumps({"g": LEAST["org_unit_access_grant"]})),
        (EVENTS, event("e1"), event("e1") + event("e2")),
    ],
)
async def test_what_a_successor_saw_withdrawn_is_not_stored_after_it(
    tmp_path: Path, place: str, first_text: str, meanwhile: str
) -> None:
    """The connection of the lease is ended between look and change; the successor compares; the old change comes to nothing.

    That holds for a grant, and for the line that a log grew by before it was cut off again.
    """
    files = Files(tmp_path / "state")
    files.text(place, first_text)
    async with opened(tmp_path / "s") as store, opened(tmp_path / "s") as other:
        first, second = follower_of(store, files.folder), follower_of(other, files.folder)
        async with other.lease(LEASE) as free:
            with pytest.raises(StoreError):  # noqa: PT012 - the end of the lease is told when it is left
                async with store.lease(LEASE) as lost:
                    first._lease, second._lease = lost, free
                    await lost.take()
                    await first.turn()
                    before = await held(store)
                    first.store = first._keeper.store = late = Late(store)  # type: ignore[union-attr, assignment]
                    files.text(place, meanwhile, torn=True)
                    changing = asyncio.create_task(first.turn())
                    await late.reached.wait()
                    stores.rows(tmp_path / "s", f"SELECT pg_terminate_backend({lost._connection.get_server_pid()})")
                    files.text(place, first_text, torn=True)
                    async with asyncio.timeout(20):
                        while not await free.take():  # noqa: ASYNC110 - the server tells nobody
                            await asyncio.sleep(0.05)
                    compared = await second.turn()
                    late.released.set()
                    changed = await changing
                    await lost.take()
        assert (compared, changed) == (True, False)
        assert await held(other) == before
