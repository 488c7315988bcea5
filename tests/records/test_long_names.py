"""Kinds and filters with names that are longer than a database keeps: told apart all the same, and promoted."""

from dataclasses import replace
from itertools import chain
from pathlib import Path

import orjson
import pytest
import stores
from test_load_again import All

from sidecar.records.kind import Column, Kind, Kinds
from sidecar.records.reading import Contains, Is, Read
from sidecar.records.store import Prepared, Store, Tenant

pytestmark = pytest.mark.usefixtures("store_name")

T = Tenant("org", "main")
LONG = "a_name_that_is_as_long_as_the_name_of_a_kind_may_be_and_no_less"
KINDS = tuple(f"{LONG[:-1]}{last}" for last in "xy")
FILTERS = tuple(f"scope.{LONG}.{last}" for last in "xy")
"""Names that differ in their last letter only."""


def kind(name: str, digest: str) -> Kind:
    """A kind with two texts, both of which are also searched in, and two lists."""
    columns = [Column(one, "/text", "text", False, True, None, (one,)) for one in FILTERS]
    columns += [Column(f"{one}.all", "/list/*", "text", True, False, None, (one,)) for one in FILTERS]
    return Kind(name, {}, {}, ("/id",), "/t", (), (), tuple(columns), "upsert", {}, None, None, None, digest)


def record(of: str) -> Prepared:
    """A record whose filters hold the last letter of their own names and of their kind's."""
    values = tuple(of[-1] + one[-1] for one in FILTERS)
    lists = tuple((f"{value} listed",) for value in values)
    return Prepared(of, T, ("n",), (), b"{}", values, lists, orjson.dumps(of))


def accept(of: str, document: object) -> Prepared:
    """What is stored, once more."""
    assert document == of
    return record(of)


async def found(store: Store, of: str) -> list[int]:
    """How many records each filter finds by its value, each by the other's, and how many a search finds."""
    own = record(of)
    values = [*own.columns, *chain.from_iterable(own.lists)]
    names = [*FILTERS, *(f"{one}.all" for one in FILTERS)]
    asked = [Read(of, 9, (Is(name, (str(value),)),)) for name, value in zip(names, values, strict=True)]
    asked += [Read(of, 9, (Is(names[0], (str(values[1]),)),)), Read(of, 9, (Contains(FILTERS, str(values[1])),))]
    async with store.snapshot(T) as snap:
        eyes = All(frozenset(label for label, _ in await snap.labels(of, 0)))
        return [len(page.rows) for page in await snap.read(asked, eyes)]


async def test_names_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    """Records of two kinds are stored, found by each filter, promoted to a changed schema, and found again."""
    for digest in ("old", "new"):
        kinds = Kinds({name: kind(name, digest) for name in KINDS})
        async with stores.opened(tmp_path / "s.db", kinds, accept) as store:
            if digest == "old":
                await store.put([record(name) for name in KINDS])
            assert [await found(store, name) for name in KINDS] == [[1, 1, 1, 1, 0, 1]] * 2
            assert store.migrated.promoted == (() if digest == "old" else KINDS)


async def test_a_changed_kind_takes_nothing_of_one_that_begins_alike(tmp_path: Path) -> None:
    """While one kind is promoted, the other's tables stay."""
    kinds = {name: kind(name, "old") for name in KINDS}
    async with stores.opened(tmp_path / "s.db", Kinds(kinds), accept) as store:
        await store.put([record(name) for name in KINDS])
    changed = Kinds({**kinds, KINDS[0]: replace(kinds[KINDS[0]], digest="new")})
    async with stores.opened(tmp_path / "s.db", changed, accept) as store:
        assert store.migrated.promoted == KINDS[:1]
        assert [await found(store, name) for name in KINDS] == [[1, 1, 1, 1, 0, 1]] * 2
