"""However a write ends: nothing stays open, and no id that was taken back is remembered."""

import asyncio
import resource
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from threading import Event, Timer

import pytest
import stores
from store_notes import KINDS, A, B, note, refuse

from sidecar.errors import StoreError
from sidecar.records.sqlite import SqliteStore
from sidecar.records.store import Tenant

Write = Callable[[SqliteStore], Awaitable[object]]


async def _put(store: SqliteStore) -> None:
    await store.put([note(A, "one", 1, "u")])


async def _change(store: SqliteStore) -> None:
    async with store.change(A) as change:
        await change.put([note(A, "one", 1, "u")])


async def _mirror(store: SqliteStore) -> None:
    async with store.mirror() as mirror:
        await mirror.put([note(A, "one", 1, "u")])


async def _erase(store: SqliteStore) -> None:
    await store.erase(A)


@pytest.mark.parametrize("write", [_put, _change, _mirror, _erase])
@pytest.mark.parametrize("cancelled", [1, 2, 3])
async def test_a_write_that_is_cancelled_before_its_turn_leaves_the_turn_to_others(
    tmp_path: Path, write: Write, cancelled: int
) -> None:
    """When the turn comes after all, nobody has it: this process writes again, and so does any other."""
    store = SqliteStore(tmp_path / "s.db", KINDS, refuse)
    other = sqlite3.connect(tmp_path / "s.db", isolation_level=None, check_same_thread=False, timeout=0)
    other.execute("BEGIN IMMEDIATE")
    leaving = Timer(0.2, other.rollback)
    leaving.start()
    waiting = asyncio.ensure_future(write(store))
    for _ in range(cancelled):
        await asyncio.sleep(0.02)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    leaving.join()
    await store.put([note(A, "two", 2, "u")])
    with closing(other):
        other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT _k1 FROM record_note").fetchall() == [("two",)]
    await store.close()


LOST = note(A, "one", 1, "secret", words=["long"])._replace(doc=b"x" * 100_000)
"""A record that is not stored, of a label that is new."""
STORED = (
    "SELECT t.org_id, o.org_id, l.body, l.records, r._k1 FROM record_note AS r "
    "JOIN tenant AS t ON t.tenant_id = r._tenant JOIN label AS l ON l.label_id = r._label "
    "JOIN tenant AS o ON o.tenant_id = l.tenant_id ORDER BY r._k1"
)
"""Of each record whose it is, whose its label is, what the label is, how many records it counts, and the name."""


async def _committed_on_a_full_disk(store: SqliteStore) -> None:
    """No file may grow: all of it is written, and then it cannot be committed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = store._file.path.with_name("s.db-wal")
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    try:
        with pytest.raises(StoreError):
            await store.put([LOST])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def _written_on_a_full_disk(store: SqliteStore) -> None:
    """The file may not have another page: a statement fails in the midst of it."""
    [pages] = store._writer.execute("PRAGMA page_count").fetchone()
    store._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError):
        await store.put([LOST])
    store._writer.execute("PRAGMA max_page_count = 1000000")


async def _changed(store: SqliteStore, then: Callable[[], Awaitable[object]]) -> None:
    async with store.change(A) as change:
        await change.put([LOST])
        await then()


async def _given_up(store: SqliteStore) -> None:
    """Whoever asked for it goes away in the midst of it."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_changed(store, lambda: asyncio.sleep(10)), 0.05)


async def _failed(store: SqliteStore) -> None:
    """Something else goes wrong in the midst of it."""
    with pytest.raises(ZeroDivisionError):
        await _changed(store, lambda: 1 / 0)  # type: ignore[arg-type,return-value]


async def _carried_on(store: SqliteStore) -> None:
    """SQLite undoes it by itself, nobody cares, and it is to be committed all the same."""
    with pytest.raises(StoreError, match="no transaction is active"):
        await _changed(store, lambda: asyncio.to_thread(store._writer.rollback))


@pytest.mark.parametrize("end", [_committed_on_a_full_disk, _written_on_a_full_disk, _given_up, _failed, _carried_on])
@pytest.mark.parametrize("other", [A, B])
async def test_what_was_not_stored_leaves_no_id_behind(tmp_path: Path, end: Write, other: Tenant) -> None:
    """Ids that were taken back go to the next tenant or label, and what comes later of the first has ids of its own."""
    store = SqliteStore(tmp_path / "s.db", KINDS, refuse)
    if other == A:
        await store.put([note(A, "zero", 0, "known")])
    await end(store)
    await store.put([note(other, "two", 2, "open")])
    await store.put([note(A, "one", 3, "secret")])
    await store.close()
    found = stores.rows(tmp_path / "s.db", STORED)
    assert [row for row in found if row[-1] != "zero"] == [
        (A.org_id, A.org_id, b'{"unit":"secret"}', 1, "one"),
        (other.org_id, other.org_id, b'{"unit":"open"}', 1, "two"),
    ]


@pytest.mark.parametrize("cancelled", [1, 2, 3])
async def test_a_write_that_is_cancelled_while_it_is_committed_is_whole(tmp_path: Path, cancelled: int) -> None:
    """It is stored, although nobody hears of it, and its ids hold for what comes later."""
    store = SqliteStore(tmp_path / "s.db", KINDS, refuse)
    go_on = Event()

    async def write() -> None:
        async with store.change(A) as change:
            await change.put([note(A, "one", 1, "u")])
            store._writes.submit(go_on.wait)

    writing = asyncio.ensure_future(write())
    await asyncio.sleep(0.1)
    for _ in range(cancelled):
        writing.cancel()
        await asyncio.sleep(0.02)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await store.put([note(A, "two", 2, "u")])
    await store.close()
    owner = (A.org_id, A.org_id, b'{"unit":"u"}', 2)
    assert stores.rows(tmp_path / "s.db", STORED) == [(*owner, "one"), (*owner, "two")]
