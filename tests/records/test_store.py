"""Every store: pages over visible labels, behind the tenant wall."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import stores
from store_notes import KINDS, MANY, A, B, Clean, Units, log, naive, note, notes, places, refuse, seen_by, walk

from sidecar.errors import RecordConflict
from sidecar.records.reading import Edge, Get, Is, Position, Read
from sidecar.records.store import Prepared, Store


@pytest.fixture(params=["auto", "lanes", "tenant"])
async def store(request: pytest.FixtureRequest, store_name: str, tmp_path: Path) -> AsyncIterator[Store]:
    """A fresh store under each paging strategy."""
    async with stores.opened(tmp_path / "s.db", KINDS, refuse, strategy=request.param) as opened:
        yield opened


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
async def test_pages_are_the_sorted_visible_records(store: Store, seed: int, limit: int, where: tuple[Is, ...]) -> None:
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


async def test_last_page_and_edges(store: Store) -> None:
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


async def test_get_hides_what_is_hidden_foreign_or_absent(store: Store) -> None:
    """A hidden, a foreign and an absent record are the same empty page."""
    await store.put([note(A, "mine", 1, "u"), note(A, "hidden", 1, "v"), note(B, "foreign", 1, "u")])
    eyes = await seen_by(store, {"u"})
    async with store.snapshot(A) as snap:
        pages = await snap.read([Get("note", ((name,),)) for name in ("mine", "hidden", "foreign", "absent")], eyes)
    assert [len(page.rows) for page in pages] == [1, 0, 0, 0]


async def test_an_older_record_is_stale(store: Store) -> None:
    """An older record never replaces a newer one; an equal one does; counts follow the labels."""
    await store.put([note(A, "n", 5, "u")])
    assert (await store.put([note(A, "n", 4, "v")])).stale == 1
    assert (await store.put([note(A, "n", 5, "v"), note(A, "n", 6, "w", words=["x"])])).stale == 0
    eyes = await seen_by(store, {"w"})
    assert await walk(store, Read("note", 5, (Is("words", ("x",)),)), eyes) == ["n"]
    async with store.snapshot(A) as snap:
        counts = {body: await snap.sharing(number) for number, body in await snap.labels("note", 0)}
    assert {body: count for body, count in counts.items() if count} == {b'{"unit":"w"}': 1}


async def test_append_only_conflict_stores_nothing(store: Store) -> None:
    """An append-only key with the same content is accepted again; with other content the whole input is refused."""
    assert (await store.put([log("a", "one"), log("a", "one")])).accepted == 2
    with pytest.raises(RecordConflict):
        await store.put([log("b", "new"), log("a", "two")])
    async with store.snapshot(A) as snap:
        (label, _), *_ = await snap.labels("log", 0)
        pages = await snap.read([Get("log", (("a",),)), Get("log", (("b",),))], Units(frozenset({label})))
    assert [[row.record()["text"] for row in page.rows] for page in pages] == [["one"], []]


async def test_a_failed_change_leaves_nothing(store: Store) -> None:
    """A change that ends with an error stores nothing, and what it interned is forgotten."""

    async def fail() -> None:
        async with store.change(A) as change:
            await change.put([note(A, "n", 1, "new")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await store.put([note(A, "m", 1, "new")])
    assert await walk(store, Read("note", 5), await seen_by(store, {"new"})) == ["m"]


async def test_a_snapshot_does_not_move(store: Store) -> None:
    """What is committed while a snapshot is open is not seen through it."""
    await store.put([note(A, "n", 1, "u")])
    eyes = await seen_by(store, {"u"})
    async with store.snapshot(A) as snap:
        await store.put([note(A, "m", 2, "u")])
        (page,) = await snap.read([Read("note", 9)], eyes)
    assert len(page.rows) == 1
    assert page.rows[0].position == Position((-1,), ("n",))


@pytest.mark.parametrize("units", [range(20, MANY), range(3), range(MANY)])
@pytest.mark.parametrize("where", [(), (Is("run_id", ("r0", "r1")),)])
@pytest.mark.parametrize("last", [False, True])
async def test_many_lanes_are_one_order(store: Store, units: range, where: tuple[Is, ...], last: bool) -> None:
    """However many labels somebody sees, pages from either end are those of the sorted visible records."""
    await store.put(notes())
    assert await places(store, units, where, last) == naive(units)


async def test_clean_records_need_no_second_word(store: Store) -> None:
    """Records of clean labels are shown as they are stored, and no other label's record comes with them."""
    await store.put(notes())
    eyes = Clean((await seen_by(store, {"u0", "u1", "u2"})).visible)
    async with store.snapshot(A) as snap:
        (page,) = await snap.read([Read("note", 1_000)], eyes)
    expected = {record.doc for record in notes() if orjson.loads(record.doc)["unit"] in {"u0", "u1", "u2"}}
    assert {row.doc for row in page.rows} == expected
    assert all(row.label_id in eyes.labels for row in page.rows)
