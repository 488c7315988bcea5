"""Walking the lanes of many labels: merged group by group, each as lazily as it can be."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from test_sqlite_store import NOTE, A, Units, note, refuse

from sidecar.records.kind import Kinds
from sidecar.records.layout import Table
from sidecar.records.sqlite import SqliteStore, sql, walk
from sidecar.records.store import Is, Lanes, Prepared, Read, Row

MANY = 200


def notes() -> list[Prepared]:
    """Records of many units, several at the same time, most of them in few units."""
    return [
        note(A, f"n{number:04}", number * 7 % 90, f"u{number % MANY if number % 3 else number % 4}", f"r{number % 2}")
        for number in range(1_000)
    ]


async def eyes_of(store: SqliteStore, units: range) -> Units:
    """Sees the labels of some units."""
    async with store.snapshot(A) as snap:
        found = {orjson.loads(body)["unit"]: number for number, body in await snap.labels("note", 0)}
    return Units(frozenset(found[f"u{unit}"] for unit in units))


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
    naive = sorted(
        (record.order, record.key)
        for record in notes()
        if orjson.loads(record.doc)["unit"] in {f"u{unit}" for unit in units}
    )
    eyes = await eyes_of(store, units)
    walked: list[tuple[tuple[int, ...], tuple[str, ...]]] = []
    request = Read("note", 70, where, last=last)
    async with store.snapshot(A) as snap:
        while True:
            (page,) = await snap.read([request], eyes)
            places = [tuple(row.position) for row in page.rows]
            walked = [*places, *walked] if last else [*walked, *places]
            if not page.more:
                break
            request = Read("note", 70, where, page.rows[0 if last else -1].position, last)
    assert walked == naive
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
    eyes = await eyes_of(store, units)
    async with store.snapshot(A) as snap:
        (page,) = await snap.read([Read("note", 10)], eyes)
    assert len(page.rows) == 10
    assert len(lanes) == opened
    await store.close()


class Clean:
    """Sees some labels as they are stored, and must not be asked about any record."""

    def __init__(self, labels: frozenset[int]) -> None:
        self.labels = labels

    def lanes(self, kind: str, fields: object) -> Lanes:
        """All of them clean."""
        return Lanes(self.labels, frozenset(), self.labels)

    def show(self, row: Row, fields: object) -> Row | None:
        """Nobody asks."""
        raise AssertionError(row)


async def test_clean_records_need_no_second_word(tmp_path: Path) -> None:
    """Records of clean labels are shown as they are stored, and no other label's record comes with them."""
    store = SqliteStore(tmp_path / "s.db", Kinds({"note": NOTE}), refuse)
    await store.put(notes())
    eyes = Clean((await eyes_of(store, range(3))).visible)
    async with store.snapshot(A) as snap:
        (page,) = await snap.read([Read("note", 1_000)], eyes)
    expected = {record.doc for record in notes() if orjson.loads(record.doc)["unit"] in {"u0", "u1", "u2"}}
    assert {row.doc for row in page.rows} == expected
    assert all(row.label_id in eyes.labels for row in page.rows)
    await store.close()


@pytest.mark.parametrize("column", [None, "run_id", "words"])
@pytest.mark.parametrize("last", [False, True])
async def test_a_merge_sorts_nothing(tmp_path: Path, column: str | None, last: bool) -> None:
    """The lanes of a statement are walked along their indexes and merged; none is sorted or scanned."""
    await SqliteStore(tmp_path / "s.db", Kinds({"note": NOTE}), refuse).close()
    path = sql.path(Table(NOTE), column)
    statement = " UNION ALL ".join([path.arm] * 3) + f" ORDER BY {sql.ordinals(path, 3, last)}"
    with sqlite3.connect(tmp_path / "s.db") as connection:
        bound = (1,) * statement.count("?")
        plan = [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", bound)]
    assert "MERGE (UNION ALL)" in plan
    assert not [step for step in plan if "TEMP B-TREE" in step or step.startswith("SCAN")]
