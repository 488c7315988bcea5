"""How PostgreSQL keeps what SQLite keeps otherwise: long texts in bounded indexes, labels seen in the order of their ids."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import stores
from store_notes import NOTE, A, B, note, refuse, seen_by

from sidecar.records.kind import Column, Kind, Kinds
from sidecar.records.postgres.tables import short
from sidecar.records.reading import Contains, Edge, Is, Read, Where
from sidecar.records.store import Prepared, Store

LONG = "ä" * 3_000
NOTED = Kind(**{name: getattr(NOTE, name) for name in NOTE.__dataclass_fields__} | {
    "columns": (*NOTE.columns, Column("trigger", "/trigger", "text", many=False, folded=True, mark=None, fields=("trigger",))),
    "digest": "digest-long",
})  # fmt: skip


@pytest.fixture(autouse=True)
def _on_every_store(store_name: str) -> None:
    """The laws are every store's."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with stores.opened(tmp_path / "s.db", Kinds({"note": NOTED}), refuse) as opened:
        yield opened


@pytest.fixture
async def beside(store: Store, tmp_path: Path) -> AsyncIterator[Store]:
    """The same store as another process has it."""
    async with stores.opened(tmp_path / "s.db", Kinds({"note": NOTED}), refuse) as opened:
        yield opened


def noted(name: str, at: int, run: str, trigger: str, words: tuple[str, ...] = ()) -> Prepared:
    doc = orjson.dumps({"id": name, "at": at})
    return Prepared("note", A, (name,), (-at,), b'{"unit":"u"}', (run, trigger), (words,), doc, updated_at_ms=at)


async def found(store: Store, *wheres: Where) -> list[str]:
    visible = await seen_by(store, {"u"})
    async with store.snapshot(A) as snap:
        (page,) = await snap.read([Read("note", 100, wheres)], visible)
    return [row.position.key[0] for row in page.rows]


async def test_long_texts_are_found_by_the_whole_of_them(store: Store) -> None:
    """Texts longer than any index entry are told apart by their ends, as values, elements, and in edges."""
    await store.put(
        [
            noted("a", 3, LONG + "a", LONG + "needle" + LONG, (LONG + "x",)),
            noted("b", 2, LONG + "b", LONG + LONG, (LONG + "y", LONG + "x")),
            noted("c", 1, LONG, "needle"),
        ]
    )
    assert await found(store, Is("run_id", (LONG + "a",))) == ["a"]
    assert await found(store, Is("run_id", (LONG + "b", LONG))) == ["b", "c"]
    assert await found(store, Is("words", (LONG + "x",))) == ["a", "b"]
    assert await found(store, Is("words", (LONG + "y",))) == ["b"]
    assert await found(store, Contains(("trigger",), "needle")) == ["a", "c"]
    assert await found(store, Is("trigger", (LONG + LONG,))) == ["b"]
    visible = await seen_by(store, {"u"})
    async with store.snapshot(A) as snap:
        (page,) = await snap.read([Edge("note", "run_id", (LONG, LONG + "a", LONG[:-1]))], visible)
    assert [row.position.key[0] for row in page.rows] == ["c", "a"]


async def test_a_text_that_looks_like_what_stands_for_a_long_one_is_not_taken_for_it(store: Store) -> None:
    """Whoever writes down what an index keeps of a long text does not come under that text's filter."""
    await store.put([noted("long", 2, LONG, "t"), noted("forged", 1, short(LONG), "t")])
    assert await found(store, Is("run_id", (LONG,))) == ["long"]
    assert await found(store, Is("run_id", (short(LONG),))) == ["forged"]


async def test_texts_that_no_record_holds_match_nothing(store: Store) -> None:
    """A NUL, which no stored text has, in a filter, a key or an element finds nothing and fails nothing."""
    await store.put([noted("a", 1, "r", "t", ("w",))])
    for where in (
        Is("run_id", ("r\0",)),
        Is("words", ("\0",)),
        Contains(("trigger",), "\0"),
        Is("trigger", ("\0", "x")),
    ):
        assert await found(store, where) == []


async def test_whoever_knows_a_label_knows_every_lesser_one(store: Store, beside: Store) -> None:
    """While many in two processes write new labels of one tenant, asking for those above the last one seen misses none."""
    writers = [
        asyncio.create_task(_write((store, beside)[number % 3 % 2], number, tenant))
        for number in range(6)
        for tenant in ((A, B) if number % 2 else (A,))
    ]
    seen: dict[int, bytes] = {}
    while True:
        await asyncio.sleep(0)
        ended = all(writer.done() for writer in writers)
        async with store.snapshot(A) as snap:
            fresh = await snap.labels("note", max(seen, default=0))
            assert not fresh or snap.newest_label >= fresh[-1][0]
        seen |= dict(fresh)
        if ended:
            break
    for writer in writers:
        writer.result()
    async with store.snapshot(A) as snap:
        assert dict(await snap.labels("note", 0)) == seen
    assert len(seen) == 6 * 15


async def _write(store: Store, number: int, tenant: object) -> None:
    for turn in range(15):
        made = note(tenant, f"n{number}-{turn}", turn, f"u{number}-{turn}")  # type: ignore[arg-type]
        await store.put([made._replace(columns=("r", "t"))])
