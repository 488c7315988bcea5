"""However a write ends: nothing stays open, and no id that was taken back is remembered."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest
from store_notes import KINDS, A, note, refuse

from sidecar.records.sqlite import SqliteStore

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
