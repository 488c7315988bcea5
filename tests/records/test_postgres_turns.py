"""Who writes on PostgreSQL waits for the writers of the same tenant, and for nobody else's."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
import stores
from store_notes import KINDS, A, B, log, note, refuse, seen_by, walk

from sidecar.errors import StoreError
from sidecar.records.postgres import PostgresStore
from sidecar.records.postgres.store import WRITE_CONNECTIONS
from sidecar.records.postgres.turns import Turns
from sidecar.records.reading import Read
from sidecar.records.store import Outcome, Tenant

AWHILE_S, SOON_S = 0.2, 5.0

pytestmark = pytest.mark.usefixtures("on_postgres")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PostgresStore]:
    """A store that knows two tenants."""
    async with stores.opened(tmp_path / "s.db", KINDS, refuse) as opened:
        assert isinstance(opened, PostgresStore)
        await opened.put([note(A, "first", 1, "u"), note(B, "first", 1, "u")])
        yield opened


@asynccontextmanager
async def locked(tmp_path: Path, *tenants: Tenant) -> AsyncIterator[None]:
    """Another process is long at writing some tenants' records while the context lasts."""
    other = await asyncpg.connect(stores.url(tmp_path / "s.db"), server_settings={"search_path": "sidecar"})
    try:
        async with other.transaction():
            await other.execute("SELECT FROM tenant WHERE org_id = ANY($1) FOR UPDATE", [one.org_id for one in tenants])
            yield
    finally:
        await other.close()


def putting(store: PostgresStore, tenant: Tenant, names: Sequence[str]) -> list["asyncio.Task[Outcome]"]:
    """Writers, each of one note."""
    return [asyncio.create_task(store.put([note(tenant, name, 2, "u")])) for name in names]


async def test_writers_of_one_tenant_hold_up_no_other(store: PostgresStore, tmp_path: Path) -> None:
    """However many wait for another process to be done with their tenant, all others write and count as ever."""
    async with locked(tmp_path, A):
        writers = putting(store, A, [f"n{number}" for number in range(2 * WRITE_CONNECTIONS)])
        _, waiting = await asyncio.wait(writers, timeout=AWHILE_S)
        assert len(waiting) == len(writers)
        async with asyncio.timeout(SOON_S):
            await store.put([note(B, "second", 2, "u")])
            assert [count.records for count in await store.counts()] == [1, 2]
    await asyncio.gather(*writers)


async def test_reads_wait_for_no_writer(store: PostgresStore, tmp_path: Path) -> None:
    """Where writers of as many tenants as may write at once wait for another process, counting and leases do not."""
    tenants = [Tenant(f"org-{number}", "w") for number in range(WRITE_CONNECTIONS)]
    await store.put([note(tenant, "first", 1, "u") for tenant in tenants])
    async with locked(tmp_path, *tenants):
        writers = [task for tenant in tenants for task in putting(store, tenant, ["second"])]
        await asyncio.wait(writers, timeout=AWHILE_S)
        async with asyncio.timeout(SOON_S):
            assert sum(count.records for count in await store.counts()) == 2 + len(tenants)
            assert await store.conflicts([log("l", "new")]) == []
            assert await store.loaded("a load") == 0
            assert await store.setting("name", {"of": "nothing"}) == {"of": "nothing"}
            async with store.lease("name") as lease:
                assert await lease.take()
    await asyncio.gather(*writers)


async def test_writers_of_one_tenant_come_in_their_order(store: PostgresStore, tmp_path: Path) -> None:
    """First come, first served: nobody waits for whoever came later."""
    names, done = [f"n{number}" for number in range(8)], []
    async with locked(tmp_path, A):
        writers = putting(store, A, names)
        for writer, name in zip(writers, names, strict=True):
            writer.add_done_callback(lambda _, name=name: done.append(name))
        await asyncio.wait(writers, timeout=AWHILE_S)
    await asyncio.gather(*writers)
    assert done == names


async def test_a_writer_that_is_told_to_stop_leaves_the_turn_to_the_next(store: PostgresStore, tmp_path: Path) -> None:
    """Wherever it stands in the line, those behind it write when it is their turn, and nothing of it is left."""
    async with locked(tmp_path, A):
        writers = putting(store, A, [f"n{number}" for number in range(6)])
        await asyncio.wait(writers, timeout=AWHILE_S)
        for stopped in (writers[3], writers[0], writers[1], writers[5]):
            stopped.cancel()
        await asyncio.wait([writers[number] for number in (0, 1, 3, 5)], timeout=SOON_S)
    await asyncio.wait(writers, timeout=SOON_S)
    assert [writer.cancelled() for writer in writers] == [True, True, False, True, False, True]
    assert {*await walk(store, Read("note", 10), await seen_by(store, ["u"]))} == {"first", "n2", "n4"}
    del writers, stopped
    gc.collect()  # until then what stopped them holds what they waited for
    assert not store._turns._locks
    assert store._writes.get_idle_size() == store._writes.get_size()


async def test_who_waits_too_long_for_other_writers_is_told() -> None:
    """It is the store's error, and whoever comes later waits for the others alone."""
    turns = Turns()
    async with asyncio.timeout(SOON_S), turns.of([A], SOON_S):
        with pytest.raises(StoreError, match="other writers of the same tenant"):
            async with turns.of([B, A], AWHILE_S / 4):
                raise AssertionError("it was nobody's turn")
        async with turns.of([B], AWHILE_S / 4):
            pass
    async with turns.of([A], AWHILE_S / 4):
        pass


async def test_writers_of_the_same_tenants_never_wait_in_a_circle() -> None:
    """In whatever order two of them name the tenants, each has its turn."""
    turns, begun = Turns(), time.monotonic()

    async def write(*tenants: Tenant) -> None:
        async with turns.of(tenants, SOON_S):
            await asyncio.sleep(0)

    async with turns.of([A], SOON_S):
        writers = [asyncio.create_task(write(A, B)), asyncio.create_task(write(B, A))]
        await asyncio.wait(writers, timeout=AWHILE_S / 4)
    await asyncio.gather(*writers)
    assert time.monotonic() - begun < SOON_S
