"""A backup that is copied over the open file of a store: what is remembered of ids is not used for another's."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import stores
from store_notes import KINDS, A, note, refuse

from sidecar.errors import StoreError
from sidecar.records.sqlite import SqliteStore, lineage
from sidecar.records.sqlite.backup import copy
from sidecar.records.sqlite.file import LOOK_S

COPIED = "was copied over"


def opened(path: Path) -> SqliteStore:
    """The store as one more process has it open."""
    return SqliteStore(path, KINDS, refuse)


async def put(store: SqliteStore, *units: str) -> None:
    """One write for each unit, of a note that has its name."""
    for unit in units:
        await store.put([note(A, unit, 1, unit)])


def laid_down(path: Path, how: str) -> None:
    """Bring what is in the log to the file itself, as any process does at times."""
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA wal_checkpoint({how})").fetchall()


async def backed_up(path: Path, backup: Path, saved: Callable[[Path, Path], object] = shutil.copyfile) -> SqliteStore:
    """A store that goes on after its backup: what it wrote since is of a label that the backup does not know."""
    store = opened(path)
    await put(store, "public")
    laid_down(path, "TRUNCATE")
    saved(path, backup)
    await put(store, "secret")
    return store


async def refused(store: SqliteStore) -> None:
    """Neither read nor written, again and again."""
    await asyncio.sleep(LOOK_S)
    for _ in range(2):
        with pytest.raises(StoreError, match=COPIED):
            await store.ready()
        with pytest.raises(StoreError, match=COPIED):
            await put(store, "secret")


def emptied(path: Path) -> None:
    """All of the log is in the file, and the log is empty."""
    laid_down(path, "TRUNCATE")


def kept(path: Path) -> None:
    """All of the log is in the file, and the log is as it was."""
    laid_down(path, "PASSIVE")


@pytest.mark.parametrize("whole", [emptied, kept])
@pytest.mark.parametrize("saved", [copy, shutil.copyfile])
async def test_a_file_that_was_copied_over_is_neither_read_nor_written(
    tmp_path: Path, whole: Callable[[Path], None], saved: Callable[[Path, Path], object]
) -> None:
    """A label's id that was learnt after the backup goes to no record: the backup stays as it is, for a restart."""
    path, backup = tmp_path / "s.db", tmp_path / "backup.db"
    store = await backed_up(path, backup, saved)
    whole(path)
    shutil.copyfile(backup, path)
    await refused(store)
    await store.close()
    assert stores.rows(path, "SELECT _k1 FROM record_note") == [("public",)]


async def test_a_file_that_was_copied_under_its_log_is_refused(tmp_path: Path) -> None:
    """What the log still holds does not make a whole of it: the pages below are those of the backup."""
    path, backup = tmp_path / "s.db", tmp_path / "backup.db"
    store = await backed_up(path, backup)
    laid_down(path, "TRUNCATE")
    await put(store, "other")
    shutil.copyfile(backup, path)
    await refused(store)
    await store.close()


async def test_a_file_that_others_wrote_on_after_it_was_taken_back_is_refused(tmp_path: Path) -> None:
    """That it holds more writes than were seen proves nothing: they are not those that were seen."""
    path, backup = tmp_path / "s.db", tmp_path / "backup.db"
    store = await backed_up(path, backup)
    laid_down(path, "TRUNCATE")
    shutil.copyfile(backup, path)
    other = opened(path)
    await put(other, "one", "two", "three")
    await refused(store)
    await put(other, "four")
    for one in (store, other):
        await one.close()


async def test_a_file_that_is_put_back_is_taken_up_again(tmp_path: Path) -> None:
    """Once the store itself is copied back, all goes on in it."""
    path, aside, backup = tmp_path / "s.db", tmp_path / "aside.db", tmp_path / "backup.db"
    store = await backed_up(path, backup)
    laid_down(path, "TRUNCATE")
    shutil.copyfile(path, aside)
    shutil.copyfile(backup, path)
    await refused(store)
    shutil.copyfile(aside, path)
    await put(store, "other")
    await store.close()
    assert stores.rows(path, "SELECT _k1 FROM record_note ORDER BY 1") == [("other",), ("public",), ("secret",)]


async def test_processes_that_take_turns_are_never_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes, whoever has not looked for long, and however the file is written anew meanwhile."""
    monkeypatch.setattr(lineage, "TURNS", 3)
    path = tmp_path / "s.db"
    first, second, idle = (opened(path) for _ in range(3))
    await put(idle, "known")
    for number in range(6):
        await put(first, f"a{number}", f"b{number}")
        await put(second, f"c{number}")
        if number % 2:
            laid_down(path, "PASSIVE")
        if number == 3:
            await second.erase(A)
        await asyncio.sleep(LOOK_S)
        for store in (first, second):
            await store.ready()
    await idle.ready()
    await put(idle, "more")
    assert len(stores.rows(path, "SELECT name FROM setting WHERE name LIKE 'turn %'")) == lineage.TURNS
    for store in (first, second, idle):
        await store.close()


async def test_a_write_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    """A transaction without a change, as of a follower that found nothing new, leaves the log as it is."""
    path = tmp_path / "s.db"
    store = opened(path)
    await put(store, "public")
    log = path.with_name("s.db-wal").read_bytes()
    async with store.change(A), store.snapshot(A):
        pass
    assert path.with_name("s.db-wal").read_bytes() == log
    await store.close()
