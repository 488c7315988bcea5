"""The SQLite store's own: its file, its budget of steps and its threads."""

import asyncio
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from store_notes import NOTE, A, note, refuse, seen_by

from sidecar.errors import StoreError, StoreVersionError
from sidecar.records.kind import Kinds
from sidecar.records.reading import Contains, Read
from sidecar.records.sqlite import SqliteStore
from sidecar.records.sqlite.pages import Pages

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def written_by_a_newer_release(tmp_path: Path) -> Path:
    """A store file stamped by a later version."""
    path = tmp_path / "newer.db"
    SqliteStore(path, Kinds({}), refuse)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    return path


async def test_a_newer_store_is_refused(written_by_a_newer_release: Path) -> None:
    """A file of a newer release is refused, and so is a database of something else; to the byte they stay as they were."""
    with pytest.raises(StoreVersionError, match="version 99"):
        SqliteStore(written_by_a_newer_release, Kinds({}), refuse)
    other = written_by_a_newer_release.parent / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE something (x)")
    before = other.read_bytes()
    with pytest.raises(StoreError, match="something else"):
        SqliteStore(other, Kinds({}), refuse)
    assert other.read_bytes() == before


class Counted:
    """A pool that counts what is handed to it."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool
        self.handed = 0

    def submit(self, *work: Any) -> Any:
        self.handed += 1
        return self.pool.submit(*work)

    def shutdown(self) -> None:
        self.pool.shutdown()


async def test_only_reads_over_the_step_budget_leave_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often cheap reads are repeated none goes to a thread; a costly one does, and is answered all the same."""
    store = SqliteStore(tmp_path / "budget.db", Kinds({"note": NOTE}), refuse)
    counted = Counted(store._slow)
    monkeypatch.setattr(store, "_slow", counted)
    await store.put([note(A, f"n{number}", number, "u", f"r{number}") for number in range(20_000)])
    eyes = await seen_by(store, {"u"})
    async with store.snapshot(A) as snap:
        for _ in range(2_000):
            assert len((await snap.read([Read("note", 10)], eyes))[0].rows) == 10
        assert counted.handed == 0
        [page] = await snap.read([Read("note", 10, (Contains(("run_id",), "7777"),))], eyes)
        assert [row.position.key for row in page.rows] == [("n17777",), ("n7777",)]
        monkeypatch.setattr("sidecar.records.sqlite.store.STEP_BUDGET", 40_000)
        [page] = await snap.read([Read("note", 10, (Contains(("run_id",), "7777"),))], eyes)
        assert [row.position.key for row in page.rows] == [("n17777",), ("n7777",)]
        assert counted.handed == 1
    await store.close()


async def test_a_cancelled_read_gives_its_connection_back_idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a request gives up on a slow read, the read ends before anybody else gets the connection."""
    monkeypatch.setattr("sidecar.records.sqlite.store.STEP_BUDGET", 0)
    store = SqliteStore(tmp_path / "slow.db", Kinds({"note": NOTE}), refuse, read_connections=1)
    await store.put([note(A, f"n{number}", number, "u", "r") for number in range(5_000)])
    eyes = await seen_by(store, {"u"})
    slow = [Read("note", 1, (Contains(("run_id",), f"nowhere {number}"),)) for number in range(3_000)]
    answered: list[Any] = []
    answer = Pages.answer
    monkeypatch.setattr(Pages, "answer", lambda *given: answered.append(given) or answer(*given))
    async with store.snapshot(A) as snap:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await snap.read(slow, eyes)
        so_far = len(answered)
        await asyncio.sleep(0.1)
        assert len(answered) == so_far < len(slow)
    monkeypatch.setattr("sidecar.records.sqlite.store.STEP_BUDGET", 400_000)
    async with store.snapshot(A) as snap:
        [page] = await snap.read([Read("note", 1)], eyes)
        assert len(page.rows) == 1
    await store.close()


@pytest.mark.parametrize("cancelled", [1, 2, 3])
async def test_a_connection_is_given_back_when_no_thread_is_on_it(tmp_path: Path, cancelled: int) -> None:
    """However often a request is cancelled whose read has left the loop: what the read still does comes first."""
    store = SqliteStore(tmp_path / "slow.db", Kinds({"note": NOTE}), refuse)
    done: list[str] = []

    async def ask() -> None:
        async with store.snapshot(A) as snap:

            def read() -> None:
                if not done:
                    done.append("begun")
                    snap._connection.execute(ENDLESS).fetchall()
                time.sleep(0.3)
                done.append("ended")

            await snap._run(read)

    asking = asyncio.ensure_future(ask())
    for _ in range(cancelled):
        await asyncio.sleep(0.05)
        asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert done == ["begun", "ended"]
    await store.close()


async def test_the_records_of_one_write_lie_lane_by_lane(tmp_path: Path) -> None:
    """What one lane holds lies together in its order, however it came: a page of it then reads few pages of the file."""
    store = SqliteStore(tmp_path / "lanes.db", Kinds({"note": NOTE}), refuse)
    await store.put([note(A, f"n{number}", number * 7 % 10, f"u{number % 3}", "r") for number in range(10)])
    await store.close()
    with sqlite3.connect(tmp_path / "lanes.db") as connection:
        lying = connection.execute("SELECT _label, _o1, _k1 FROM record_note ORDER BY _row").fetchall()
    assert len({label for label, _, _ in lying}) == 3
    assert lying == sorted(lying)
