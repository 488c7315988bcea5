"""Walking the lanes of many labels: merged group by group, each as lazily as it can be."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from store_notes import MANY, NOTE, A, naive, notes, places, refuse, seen_by

from sidecar.records.kind import Kinds
from sidecar.records.layout import Table
from sidecar.records.reading import Is, Read
from sidecar.records.sqlite import SqliteStore, sql, walk


@pytest.mark.parametrize("group", [1, 3, 64, 500])
@pytest.mark.parametrize("where", [(), (Is("run_id", ("r0", "r1")),)])
@pytest.mark.parametrize("last", [False, True])
async def test_many_lanes_are_one_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int, where: tuple[Is, ...], last: bool
) -> None:
    """Whatever many lanes are merged at once, pages from either end are those of the sorted visible records."""
    monkeypatch.setattr("sidecar.records.sqlite.walk.GROUP", group)
    store = SqliteStore(tmp_path / "s.db", Kinds({"note": NOTE}), refuse, strategy="lanes")
    await store.put(notes())
    units = range(20, MANY)
    assert await places(store, units, where, last) == naive(units)
    await store.close()


@pytest.mark.parametrize(("units", "opened"), [(range(4, MANY), 0), (range(195, MANY), 1)])
async def test_lanes_are_opened_only_behind_hidden_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, units: range, opened: int
) -> None:
    """Who sees most of a tenant reads along its own index; the labels' lanes are for who would step over too much."""
    lanes: list[object] = []
    really = walk._Walk.along

    def counted(self: walk._Walk, *rest: Any) -> Iterator[walk.Raw]:
        lanes.append(rest)
        return really(self, *rest)

    monkeypatch.setattr(walk._Walk, "along", counted)
    store = SqliteStore(tmp_path / "s.db", Kinds({"note": NOTE}), refuse)
    await store.put(notes())
    eyes = await seen_by(store, {f"u{unit}" for unit in units})
    async with store.snapshot(A) as snap:
        (page,) = await snap.read([Read("note", 10)], eyes)
    assert len(page.rows) == 10
    assert len(lanes) == opened
    await store.close()


@pytest.mark.parametrize("column", [None, "run_id", "words"])
@pytest.mark.parametrize("last", [False, True])
async def test_a_merge_sorts_nothing(tmp_path: Path, column: str | None, last: bool) -> None:
    """The lanes of a statement are walked along their indexes and merged; none is sorted or scanned."""
    await SqliteStore(tmp_path / "s.db", Kinds({"note": NOTE}), refuse).close()
    path = sql.path(Table(NOTE), column)
    statement = sql.merged(path, "", 3, last)
    with sqlite3.connect(tmp_path / "s.db") as connection:
        bound = (1,) * statement.count("?")
        plan = [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", bound)]
    assert "MERGE (UNION ALL)" in plan
    assert not [step for step in plan if "TEMP B-TREE" in step or step.startswith("SCAN")]
