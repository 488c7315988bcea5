"""Two small kinds, records of them, whoever sees some of their labels, and the pages that they walk."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import orjson

from sidecar.records.kind import Column, Kind, Kinds, Order
from sidecar.records.reading import Lanes, Position, Read, Row, Where
from sidecar.records.store import Prepared, Store, Tenant

MANY = 200
"""Units of many notes."""
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
KINDS = Kinds({"note": NOTE, "log": LOG})


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


def notes() -> list[Prepared]:
    """Records of many units, several at the same time, most of them in few units."""
    return [
        note(A, f"n{number:04}", number * 7 % 90, f"u{number % MANY if number % 3 else number % 4}", f"r{number % 2}")
        for number in range(1_000)
    ]


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


async def seen_by(store: Store, visible: Collection[str], depends: Collection[str] = ()) -> Units:
    """The visibility of a caller of some units of tenant A."""
    async with store.snapshot(A) as snap:
        units = {orjson.loads(body).get("unit"): number for number, body in await snap.labels("note", 0)}
    return Units(
        frozenset(units[unit] for unit in visible if unit in units),
        frozenset(units[unit] for unit in depends if unit in units),
    )


async def walk(store: Store, request: Read, eyes: Units) -> list[str]:
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


def naive(units: range) -> list[Position]:
    """Where the notes of some units stand, in order."""
    seen = {f"u{unit}" for unit in units}
    return sorted(Position(one.order, one.key) for one in notes() if orjson.loads(one.doc)["unit"] in seen)


async def places(store: Store, units: range, where: tuple[Where, ...], last: bool) -> list[Position]:
    """Where the records stand that pages from one end show to who sees some units, in order."""
    eyes = await seen_by(store, {f"u{unit}" for unit in units})
    walked: list[Position] = []
    request = Read("note", 70, where, last=last)
    async with store.snapshot(A) as snap:
        while True:
            (page,) = await snap.read([request], eyes)
            found = [row.position for row in page.rows]
            walked = [*found, *walked] if last else [*walked, *found]
            if not page.more:
                return walked
            request = Read("note", 70, where, found[0 if last else -1], last)
