"""Several processes that open one file at the same time: whoever comes second waits, and goes on from what is there."""

import sqlite3
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Timer

import pytest
import stores
from test_promote import NEW, OLD, Stubborn, accept, before, stored

from sidecar.errors import StoreError
from sidecar.records.kind import Kinds
from sidecar.records.sqlite import SqliteStore, turns
from sidecar.records.sqlite.promote import promote
from sidecar.records.store import Prepared


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
    promote(second._writer, second._tables, accept, "note")
    assert await stored(second) == ["a", "b"]
    await second.close()


@pytest.mark.parametrize("whole", [True, False])
async def test_of_two_releases_that_promote_at_once_the_later_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """The other stops between two batches, whether or not the later one came to its end: no label is of its schema."""
    names = [f"n{number:04}" for number in range(2_500)]
    path, later = tmp_path / "s.db", Kinds({"note": replace(NEW, digest="later")})
    first = SqliteStore(path, Kinds({"note": OLD}), accept)
    await first.put([before(name) for name in names])
    await first.close()
    begin, begun = turns.begin, count(1)

    def meanwhile(connection: sqlite3.Connection) -> None:
        if next(begun) == 3:  # to set them aside, for one batch, and now for the next
            with suppress(StoreError):
                SqliteStore(path, later, of_later if whole else Stubborn("n0000", admits=1))
        begin(connection)

    monkeypatch.setattr(turns, "begin", meanwhile)
    with pytest.raises(StoreError, match="the schema of note was changed by another process"):
        SqliteStore(path, Kinds({"note": NEW}), accept)
    store = SqliteStore(path, later, of_later)
    assert await stored(store) == names
    await store.close()
    labels = "SELECT body, records FROM label WHERE label_id IN (SELECT _label FROM record_note)"
    assert stores.rows(path, labels) == [(b'{"later":1}', len(names))]


def of_later(kind: str, record: object) -> Prepared:
    """A record with the label that a later schema has."""
    return accept(kind, record)._replace(label=b'{"later":1}')


def test_a_turn_is_waited_for_as_long_as_is_set_and_no_longer(tmp_path: Path) -> None:
    """A transaction begins once the other one ends, or fails when it does not; what is set stays as it was."""
    ours, other = (sqlite3.connect(tmp_path / "s.db", isolation_level=None, check_same_thread=False) for _ in range(2))
    turns.write_ahead(other)
    other.execute("BEGIN IMMEDIATE")
    ours.execute("PRAGMA busy_timeout = 50")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        turns.begin(ours)
    assert ours.execute("PRAGMA busy_timeout").fetchone() == (50,)
    ours.execute("PRAGMA busy_timeout = 10000")
    leaving = Timer(0.2, other.rollback)
    leaving.start()
    turns.begin(ours)
    assert ours.in_transaction
    assert ours.execute("PRAGMA busy_timeout").fetchone() == (10_000,)
    leaving.join()
    ours.close()
    other.close()
