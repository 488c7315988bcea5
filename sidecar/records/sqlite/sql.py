"""The SQL of every read, built from registry names alone; values are always bound."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import orjson

from sidecar.records.kind import Column
from sidecar.records.layout import Table, filter_form, quoted, storable
from sidecar.records.reading import Above, Below, Contains, Is, Position, Where

Values = tuple[str | int, ...]
MOST_MERGED = 512
"""Texts of merges that are kept, of up to some ten kilobytes each."""
PLACE = 3
"""The number of the result column at which a record's place begins, behind its label and document."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a WHERE with what it binds. The empty text is always true."""

    text: str = ""
    values: Values = ()

    def __add__(self, other: "Clause") -> "Clause":
        return Clause(self.text + other.text, self.values + other.values) if other.text else self


ALWAYS = Clause()


@dataclass(frozen=True, eq=False)
class Path:
    """The index a read walks: the labels' own, or that of the first indexed equality of the request.

    A *lane* is one contiguous stretch of it, in the kind's order: one label, or one value under one label.
    """

    table: Table
    column: Column | None = None

    @cached_property
    def source(self) -> str:
        """The table or list table as ``i``, the index named so that the plan cannot drift."""
        stem = self.table.stem
        if self.column is None:
            return f"{self.table.name} AS i INDEXED BY {quoted(stem + ' label')}"
        if self.column.many:
            return f"{self.table.list_table(self.column.name)} AS i"
        return f"{self.table.name} AS i INDEXED BY {quoted(f'{stem} by {self.column.name}')}"

    @cached_property
    def of_tenant(self) -> str:
        """All records of the tenant as ``i``, in order, along the tenant's own index."""
        return f"{self.table.name} AS i INDEXED BY {quoted(f'{self.table.stem} tenant')}"

    @cached_property
    def joined(self) -> str:
        """The source with the record's own table as ``t``."""
        if self.column is not None and self.column.many:
            return f"{self.source} CROSS JOIN {self.table.name} AS t ON t._row = i._row"
        return self.source

    @cached_property
    def record(self) -> str:
        """The alias under which the record's own columns are found."""
        return "t" if self.column is not None and self.column.many else "i"

    @cached_property
    def value(self) -> str:
        """The column that the lanes' values are compared with."""
        assert self.column is not None
        return "i._value" if self.column.many else f"i.{quoted(self.column.name)}"

    @cached_property
    def arm(self) -> str:
        """All records of one lane with label, document and place. Binds the lane."""
        columns = f"i._label, {self.record}._doc, {self.place}"
        return f"SELECT {columns} FROM {self.joined} WHERE {self.lane('?', '?', '?')}"

    def lane(self, label: str, value: str, tenant: str) -> str:
        """The condition that keeps the walk inside one lane, over SQL expressions."""
        if self.column is None:
            return f"i._label = {label}"
        return f"i._tenant = {tenant} AND {self.value} = {value} AND i._label = {label}"

    @cached_property
    def place(self) -> str:
        """Order and key columns of the walked index."""
        return ", ".join(f"i.{name}" for name in self.table.places)

    @cached_property
    def first(self) -> str:
        """The leading column of the order."""
        return f"i.{self.table.places[0]}"

    def sorted(self, last: bool) -> str:
        """ORDER BY along the index, from its start or from its end."""
        direction = " DESC" if last else ""
        return ", ".join(f"i.{name}{direction}" for name in self.table.places)

    def beyond(self, after: Position | None, last: bool) -> Clause:
        """Only what comes behind the position, in walking direction."""
        if after is None:
            return ALWAYS
        marks = ", ".join("?" * (len(after.order) + len(after.key)))
        return Clause(f" AND ({self.place}) {'<' if last else '>'} ({marks})", after.order + after.key)


@lru_cache(4_096)
def path(table: Table, column: str | None = None) -> Path:
    """The path along a column, or along the labels; made once, with its texts."""
    return Path(table, None if column is None else table.columns[column])


def comparable(column: Column, value: str | int | bool) -> str | int:
    """A value as the column stores it."""
    return int(value) if isinstance(value, bool) else filter_form(column, value)


def bound(path: Path, where: Below | Above) -> Clause:
    """An integer bound; on the leading order column it becomes a bound of the walked index."""
    column = path.table.columns[where.column]
    below = isinstance(where, Below)
    if path.table.leads(column):
        descending = path.table.kind.order[0].descending
        value = -where.value if descending else where.value
        return Clause(f" AND {path.first} {'<' if below != descending else '>'} ?", (value,))
    return Clause(f" AND {path.record}.{quoted(column.name)} {'<' if below else '>'} ?", (where.value,))


def equality(path: Path, tenant_id: int, where: Is) -> Clause:
    """The column holds one of the values."""
    column = path.table.columns[where.column]
    values = tuple(comparable(column, value) for value in where.values)
    marks = ", ".join("?" * len(values)) or "NULL"  # nothing equals; over an empty list SQLite forgets other conditions
    if column.many:
        table = path.table.list_table(column.name)
        chosen = f"SELECT _row FROM {table} WHERE _tenant = ? AND _value IN ({marks})"
        return Clause(f" AND {path.record}._row IN ({chosen})", (tenant_id, *values))
    return Clause(f" AND {path.record}.{quoted(column.name)} IN ({marks})", values)


def residual(path: Path, tenant_id: int, wheres: Sequence[Where]) -> Clause:
    """Every condition that the lanes do not already hold."""
    clause = ALWAYS
    for where in wheres:
        if isinstance(where, Contains):
            names = [f"instr({path.record}.{quoted(name)}, ?) > 0" for name in where.columns]
            clause += Clause(f" AND ({' OR '.join(names)})", (where.text,) * len(names))
        elif isinstance(where, Is):
            if path.column is None or where.column != path.column.name:
                clause += equality(path, tenant_id, where)
        else:
            clause += bound(path, where)
    return clause


def choose(table: Table, wheres: Sequence[Where]) -> tuple[Path, Is | None]:
    """The path of a request: the first indexed equality, else the labels."""
    leading = table.leading(wheres)
    return path(table, None if leading is None else leading.column), leading


def keyed(table: Table) -> str:
    """The records as ``i`` under keys, one seek a key. Binds the keys as JSON, then the tenant."""
    same = " AND ".join(f"i.{name} = k.value ->> {place}" for place, name in enumerate(table.key))
    index = quoted(f"{table.stem} key")
    return f"json_each(?) AS k CROSS JOIN {table.name} AS i INDEXED BY {index} ON i._tenant = ? AND {same}"


def bound_keys(keys: Iterable[tuple[str, ...]]) -> str:
    """Keys as JSON, as they are bound; without those that no record can have."""
    return orjson.dumps([key for key in keys if all(map(storable, key))]).decode()


def skip_scan(path: Path) -> str:
    """The lanes that exist under some values: one seek a lane, however many records it holds. Binds tenant, values."""
    return f"{_lanes(path)} SELECT value, label FROM lane WHERE label IS NOT NULL"


def lane_heads(path: Path, condition: Clause, last: bool) -> str:
    """The first record of each lane under some values, with its value. Binds tenant, values, and the condition's."""
    inside = path.lane("lane.label", "lane.value", "?1")
    place = ", ".join(f"r.{name}" for name in path.table.places)
    return (
        f"{_lanes(path)} SELECT lane.value, r._label, r._doc, {place} FROM lane "
        f"CROSS JOIN {path.table.name} AS r ON r._row = (SELECT {path.record}._row FROM {path.joined} "
        f"WHERE {inside}{numbered(condition, 3)} ORDER BY {path.sorted(last)} LIMIT 1) WHERE lane.label IS NOT NULL"
    )


def heads(path: Path, condition: Clause) -> str:
    """The number of each of some lanes and the leading column of its first record, in order; null for an empty lane.

    Like ``first_places`` it binds the tenant, the lanes as JSON (where labels are the path, a lane is its label), and
    the condition's values.
    """
    head = _first(path, condition, path.first, last=False)
    return f"SELECT l.key, ({head}) AS head FROM json_each(?2) AS l WHERE ?1 IS NOT NULL ORDER BY head"


def first_places(path: Path, condition: Clause, last: bool) -> str:
    """The number of each of some lanes that hold something, and the whole place of its first record, in order."""
    row = _first(path, condition, f"{path.record}._row", last)
    names, direction = path.table.places, " DESC" if last else ""
    return (
        f"SELECT l.key, {', '.join(f'r.{name}' for name in names)} FROM json_each(?2) AS l "
        f"CROSS JOIN {path.table.name} AS r ON r._row = ({row}) "
        f"WHERE ?1 IS NOT NULL ORDER BY {', '.join(f'r.{name}{direction}' for name in names)}"
    )


def _first(path: Path, condition: Clause, column: str, last: bool) -> str:
    """One column of the first record of the lane ``l``."""
    label, value = ("l.value", "NULL") if path.column is None else ("l.value ->> 1", "l.value ->> 0")
    inside = path.lane(label, value, "?1") + numbered(condition, 3)
    return f"SELECT {column} FROM {path.joined} WHERE {inside} ORDER BY {path.sorted(last)} LIMIT 1"


def _lanes(path: Path) -> str:
    least = f"SELECT min(i._label) FROM {path.source} WHERE i._tenant = ?1 AND {path.value} ="
    return (
        f"WITH RECURSIVE lane (value, label) AS (SELECT v.value, ({least} v.value) FROM json_each(?2) AS v "
        f"UNION ALL SELECT value, ({least} lane.value AND i._label > lane.label) FROM lane WHERE label IS NOT NULL)"
    )


def numbered(condition: Clause, first: int) -> str:
    """The condition with its places to bind numbered, for statements that use a value more than once."""
    return condition.text.replace("?", "?%d") % tuple(range(first, first + len(condition.values)))


@lru_cache(MOST_MERGED)
def merged(path: Path, condition: str, lanes: int, last: bool, number: int = 0) -> str:
    """The records of so many lanes in one order. Binds for each lane what ``arm`` binds, and the condition's values.

    Statements that are open at once have another ``number``: of one text only one is kept compiled.
    """
    direction = " DESC" if last else ""
    width = len(path.table.places)
    order = ", ".join(f"{column}{direction}" for column in range(PLACE, PLACE + width))
    return f"/* {number} */ {' UNION ALL '.join([path.arm + condition] * lanes)} ORDER BY {order}"


@lru_cache(4_096)
def along(path: Path, condition: str, last: bool) -> str:
    """All records of the tenant in order. Binds the tenant, and the condition's values."""
    return (
        f"SELECT i._label, i._doc, {path.place} FROM {path.of_tenant} WHERE i._tenant = ?{condition} "
        f"ORDER BY {path.sorted(last)}"
    )


def stored_values(path: Path, values: Sequence[str | int | bool]) -> list[str | int]:
    """The values as the path's column stores them."""
    assert path.column is not None
    return [comparable(path.column, value) for value in values if storable(value)]
