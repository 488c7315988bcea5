"""The SQLite store: pages over visible labels, behind the tenant wall."""

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from sidecar.errors import RecordConflict, StoreError, StoreVersionError
from sidecar.records.kind import Column, Kind, Kinds, Order
from sidecar.records.sqlite import SqliteStore
from sidecar.records.sqlite.pages import Pages
from sidecar.records.sqlite.walk import Strategy
from sidecar.records.store import Contains, Edge, Get, Is, Lanes, Position, Prepared, Read, Row, Tenant

A, B = Tenant("org-a", "w"), Tenant("org-b", "w")
NOTE = Kind(
    *("note", {}, {}, ("/id",), "/tenant", (Order(("/at",), True),), ("/unit",)),
    (
        Column("run_id", "/run_id", "text", False, False, None, ("run_id",)),
        Column("words", "/words/*", "text", True, False, None, ("words",)),
    ),
    *("upsert", {}, None, None, "/at", "digest-1"),
)
LOG = Kind("log", {}, {}, ("/id",), "/tenant", (), (), (), "append_only", {}, None, None, None, "digest-2")


def refuse(kind: str, record: object) -> Prepared:
    """Nothing is promoted in these tests."""
    raise AssertionError((kind, record))


def note(tenant: Tenant, name: str, at: int, unit: str, run: str = "r", words: Sequence[str] = ()) -> Prepared:
    """A small record of unit ``unit``, newest first."""
    doc = orjson.dumps({"id": name, "at": at, "unit": unit, "run": run})
    label = orjson.dumps({"unit": unit})
    return Prepared("note", tenant, (name,), (-at,), label, (run,), (tuple(words),), doc, updated_at_ms=at)


def log(name: str, text: str) -> Prepared:
    """An append-only record."""
    return Prepared("log", A, (name,), (), b"{}", (), (), orjson.dumps({"id": name, "text": text}))


@dataclass
class Units:
    """Sees the labels of some units; of the doubtful ones only records with an even ``at``."""

    visible: frozenset[int]
    depends: frozenset[int] = frozenset()

    def lanes(self, kind: str, fields: Sequence[str]) -> Lanes:
        """The same lanes for every kind."""
        return Lanes(self.visible, self.depends)

    def show(self, row: Row, fields: Sequence[str]) -> Row | None:
        """The row, when this caller sees it."""
        if row.label_id in self.visible:
            return row
        return row if row.label_id in self.depends and row.record()["at"] % 2 == 0 else None


@pytest.fixture(params=["auto", "lanes", "tenant"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> SqliteStore:
    """A fresh store under each paging strategy."""
    strategy: Strategy = request.param
    return SqliteStore(tmp_path / "s.db", Kinds({"note": NOTE, "log": LOG}), refuse, strategy=strategy)


async def seen_by(store: SqliteStore, visible: set[str], depends: set[str] = frozenset()) -> Units:  # type: ignore[assignment]
    """The visibility of a caller of some units of tenant A."""
    async with store.snapshot(A) as snap:
        units = {orjson.loads(body).get("unit"): number for number, body in await snap.labels("note", 0)}
    return Units(
        frozenset(units[unit] for unit in visible if unit in units),
        frozenset(units[unit] for unit in depends if unit in units),
    )


async def walk(store: SqliteStore, request: Read, eyes: Units) -> list[str]:
    """Every page of a read, by position."""
    names: list[str] = []
    async with store.snapshot(A) as snap:
        while True:
            (page,) = await snap.read([request], eyes)
            names += [row.position.key[0] for row in page.rows]
            if not page.more:
                return names
            assert len(page.rows) == request.limit
            request = Read(request.kind, request.limit, request.where, page.rows[-1].position)


def company(seed: int) -> list[Prepared]:
    """Random records of two tenants, with many ties."""
    dice = random.Random(seed)
    return [
        note(
            dice.choice((A, A, A, B)),
            f"n{number:03}",
            dice.randrange(40),
            f"u{dice.randrange(30)}",
            f"r{dice.randrange(5)}",
            dice.sample(["x", "y", "z"], dice.randrange(3)),
        )
        for number in range(400)
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limit", [1, 7, 100])
@pytest.mark.parametrize("where", [(), (Is("run_id", ("r1", "r3")),), (Is("words", ("x", "y")), Is("run_id", ("r2",)))])
async def test_pages_are_the_sorted_visible_records(
    store: SqliteStore, seed: int, limit: int, where: tuple[Is, ...]
) -> None:
    """Walking all pages gives exactly the visible records of the tenant in order, whatever index is walked."""
    records = company(seed)
    await store.put(records)
    sees, doubts = {f"u{n}" for n in range(12)}, {f"u{n}" for n in range(12, 20)}
    naive = []
    for record in records:
        value = orjson.loads(record.doc)
        held = {"run_id": {value["run"]}, "words": set(record.lists[0])}
        visible = value["unit"] in sees or (value["unit"] in doubts and value["at"] % 2 == 0)
        if record.tenant == A and visible and all(held[w.column] & set(w.values) for w in where):
            naive.append((record.order, record.key[0]))
    assert await walk(store, Read("note", limit, where), await seen_by(store, sees, doubts)) == [
        name for _, name in sorted(naive)
    ]


async def test_last_page_and_edges(store: SqliteStore) -> None:
    """The last page is the end of the order, ascending; an edge is the first or last visible record of a value."""
    await store.put([note(A, f"n{n}", 100 - n, "u" if n % 2 else "v", f"r{n % 3}") for n in range(30)])
    eyes = await seen_by(store, {"u"})
    async with store.snapshot(A) as snap:
        tail, firsts, lasts = await snap.read(
            [
                Read("note", 2, (Is("run_id", ("r1",)),), last=True),
                Edge("note", "run_id", ("r0", "r1", "none")),
                Edge("note", "run_id", ("r1",), last=True),
            ],
            eyes,
        )
    assert [row.position.key[0] for row in tail.rows] == ["n19", "n25"]
    assert tail.more
    assert [row.position.key[0] for row in firsts.rows] == ["n3", "n1"]
    assert [row.position.key[0] for row in lasts.rows] == ["n25"]


async def test_get_hides_what_is_hidden_foreign_or_absent(store: SqliteStore) -> None:
    """A hidden, a foreign and an absent record are the same empty page."""
    await store.put([note(A, "mine", 1, "u"), note(A, "hidden", 1, "v"), note(B, "foreign", 1, "u")])
    eyes = await seen_by(store, {"u"})
    async with store.snapshot(A) as snap:
        pages = await snap.read([Get("note", ((name,),)) for name in ("mine", "hidden", "foreign", "absent")], eyes)
    assert [len(page.rows) for page in pages] == [1, 0, 0, 0]


async def test_an_older_record_is_stale(store: SqliteStore) -> None:
    """An older record never replaces a newer one; an equal one does; counts follow the labels."""
    await store.put([note(A, "n", 5, "u")])
    assert (await store.put([note(A, "n", 4, "v")])).stale == 1
    assert (await store.put([note(A, "n", 5, "v"), note(A, "n", 6, "w", words=["x"])])).stale == 0
    eyes = await seen_by(store, {"w"})
    assert await walk(store, Read("note", 5, (Is("words", ("x",)),)), eyes) == ["n"]
    async with store.snapshot(A) as snap:
        counts = dict(snap._connection.execute("SELECT body, records FROM label").fetchall())
    assert {body: count for body, count in counts.items() if count} == {b'{"unit":"w"}': 1}


async def test_append_only_conflict_stores_nothing(store: SqliteStore) -> None:
    """An append-only key with the same content is accepted again; with other content the whole input is refused."""
    assert (await store.put([log("a", "one"), log("a", "one")])).accepted == 2
    with pytest.raises(RecordConflict):
        await store.put([log("b", "new"), log("a", "two")])
    async with store.snapshot(A) as snap:
        (label, _), *_ = await snap.labels("log", 0)
        pages = await snap.read([Get("log", (("a",),)), Get("log", (("b",),))], Units(frozenset({label})))
    assert [[row.record()["text"] for row in page.rows] for page in pages] == [["one"], []]


async def test_a_failed_change_leaves_nothing(store: SqliteStore) -> None:
    """A change that ends with an error stores nothing, and what it interned is forgotten."""

    async def fail() -> None:
        async with store.change(A) as change:
            await change.put([note(A, "n", 1, "new")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await store.put([note(A, "m", 1, "new")])
    assert await walk(store, Read("note", 5), await seen_by(store, {"new"})) == ["m"]


async def test_a_snapshot_does_not_move(store: SqliteStore) -> None:
    """What is committed while a snapshot is open is not seen through it."""
    await store.put([note(A, "n", 1, "u")])
    eyes = await seen_by(store, {"u"})
    async with store.snapshot(A) as snap:
        await store.put([note(A, "m", 2, "u")])
        (page,) = await snap.read([Read("note", 9)], eyes)
    assert len(page.rows) == 1
    assert page.rows[0].position == Position((-1,), ("n",))


@pytest.fixture
def written_by_a_newer_release(tmp_path: Path) -> Path:
    """A store file stamped by a later version."""
    path = tmp_path / "newer.db"
    SqliteStore(path, Kinds({}), refuse)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    return path


async def test_a_newer_store_is_refused(written_by_a_newer_release: Path) -> None:
    """A file of a newer release is refused, and so is a database of something else."""
    with pytest.raises(StoreVersionError, match="version 99"):
        SqliteStore(written_by_a_newer_release, Kinds({}), refuse)
    other = written_by_a_newer_release.parent / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE something (x)")
    with pytest.raises(StoreError, match="something else"):
        SqliteStore(other, Kinds({}), refuse)


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
