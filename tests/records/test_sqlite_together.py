"""Several processes that open one file at the same time: whoever comes second waits, and goes on from what is there."""

import sqlite3
from pathlib import Path
from threading import Timer

from test_promote import NEW, OLD, accept, before, stored

from sidecar.records.kind import Kinds
from sidecar.records.sqlite import SqliteStore
from sidecar.records.sqlite.promote import _promote


async def test_a_file_that_another_process_is_opening_is_waited_for(tmp_path: Path) -> None:
    """While another process begins to write to a file that is new, turning on the log waits instead of failing."""
    other = sqlite3.connect(tmp_path / "s.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    leaving = Timer(0.3, other.rollback)
    leaving.start()
    store = SqliteStore(tmp_path / "s.db", Kinds({"note": OLD}), accept)
    leaving.join()
    assert store._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
    await store.close()


async def test_a_promotion_that_another_process_finished_is_finished(tmp_path: Path) -> None:
    """Two processes promote together, batch by batch; the one that finds nothing left is done, and nothing is lost."""
    first = SqliteStore(tmp_path / "s.db", Kinds({"note": OLD}), accept)
    await first.put([before("a"), before("b")])
    await first.close()
    second = SqliteStore(tmp_path / "s.db", Kinds({"note": NEW}), accept)
    _promote(second._writer, second.tables, accept, "note")
    assert await stored(second) == ["a", "b"]
    await second.close()
