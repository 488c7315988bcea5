"""The SQL of every read, built from registry names alone; values are always bound.

Reads walk *lanes*: contiguous stretches of an index in the kind's order, one for each label, or one for each value
under each label where an indexed equality leads. A page needs the first rows of each lane at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sidecar.records.kind import Column
from sidecar.records.layout import Table, quoted
from sidecar.records.postgres import tables
from sidecar.records.store import Above, Below, Contains, Edge, Get, Is, Position, Where

_FIRST, _LAST = -(2**63), 2**63 - 1
_GREATEST_TEXT = "\U0010ffff" * 513
"""Above every key, which has 2,048 bytes at most."""
FEW = 4
"""So many labels are walked at once, without asking first where their rows stand."""
PROBED = 64
"""So many lanes are tried, whether anything is in them or not; of more it is found out first which there are."""

Statement = tuple[str, list[Any]]


def storable(text: str) -> str | None:
    """A text as it can be sent; None, which equals nothing, for one that no record can hold."""
    return None if "\0" in text else text


@dataclass
class Bound:
    """The values of a statement, each named by its number when it is bound."""

    values: list[Any] = field(default_factory=list)

    def __call__(self, value: Any, kept: str) -> str:
        """Bind one value of an SQL type; what stands for it in the text."""
        if kept.startswith("text"):
            value = [*map(storable, value)] if isinstance(value, list) else storable(value)
        self.values.append(value)
        return f"${len(self.values)}::{kept}"


@dataclass(frozen=True, eq=False)
class Path:
    """The index a read walks: the labels' own, or that of an indexed equality."""

    table: Table
    column: Column | None = None

    @cached_property
    def source(self) -> str:
        """The walked table as ``i``."""
        listed = self.column is not None and self.column.many
        return f"{tables.listed(self.table, self.column) if listed and self.column else tables.record(self.table)} AS i"

    @cached_property
    def joined(self) -> str:
        """The walked table, and the record's own as the alias ``record``."""
        if self.record == "i":
            return self.source
        same = " AND ".join(f"t.{name} = i.{name}" for name in self.table.key)
        return f"{self.source} JOIN {tables.record(self.table)} AS t ON t._tenant = i._tenant AND {same}"

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
    def type(self) -> str:
        """The SQL type of the lanes' values."""
        assert self.column is not None
        return tables.SQL_TYPES[self.column.type]

    def place(self, alias: str = "i") -> str:
        """Order and key columns."""
        return ", ".join(f"{alias}.{name}" for name in self.table.places)

    def sorted(self, alias: str, last: bool) -> str:
        """ORDER BY the place, from its start or from its end."""
        return ", ".join(f"{alias}.{name}{' DESC' if last else ''}" for name in self.table.places)


@dataclass(frozen=True, slots=True)
class Asked:
    """One read as SQL needs it: the way, the tenant, the labels, what else must hold, and how many rows."""

    path: Path
    tenant_id: int
    labels: Sequence[int]
    wheres: Sequence[Where]
    after: Position | None
    last: bool
    rows: int


def along_tenant(asked: Asked, patience: int | None) -> Statement:
    """The first rows along the tenant's index, of the first ``patience`` records behind the place."""
    bound, path = Bound(), asked.path
    inside = f"i._tenant = {bound(asked.tenant_id, 'bigint')}{_beyond(asked, bound)}"
    order = path.sorted("i", asked.last)
    source = path.source
    if patience is not None:
        limit = bound(patience, "bigint")
        source = f"(SELECT * FROM {path.source} WHERE {inside} ORDER BY {order} LIMIT {limit}) AS i"
    seen = f"i._label = ANY({bound(asked.labels, 'bigint[]')}){_residual(asked, bound)}"
    condition = seen if patience is not None else f"{inside} AND {seen}"
    text = (
        f"SELECT i._label, i._doc, {path.place()} FROM {source} WHERE {condition} "
        f"ORDER BY {order} LIMIT {bound(asked.rows, 'bigint')}"
    )
    return text, bound.values


def along_few(asked: Asked) -> Statement:
    """The first rows of a few labels, each walked on its own."""
    bound = Bound()
    tenant, rows = bound(asked.tenant_id, "bigint"), bound(asked.rows, "bigint")
    lanes = f"unnest({bound(asked.labels, 'bigint[]')}) AS lane(label)"
    inside = f"i._tenant = {tenant} AND i._label = lane.label{_beyond(asked, bound)}{_residual(asked, bound)}"
    return f"{_merged(asked, lanes, inside, rows)}", bound.values


def along_lanes(asked: Asked, values: Sequence[Any]) -> Statement:
    """The first rows of many lanes.

    A few rows of each lane show behind which place none can stand that belongs to the first rows of all; then only the
    lanes that begin before it are walked, and only so far.
    """
    bound, path = Bound(), asked.path
    tenant, rows = bound(asked.tenant_id, "bigint"), bound(asked.rows, "bigint")
    lanes = _lanes(asked, tenant, values, bound)
    inside = f"i._tenant = {tenant} AND i._label = lane.label" + (f" AND {path.value} = lane.value" if values else "")
    inside += _beyond(asked, bound) + _residual(asked, bound)
    key, share = ("lane.value, lane.label", "value, label") if values else ("lane.label", "label")
    order = path.sorted("i", asked.last)
    doubled = path.column is not None and path.column.many  # a record stands under each of its values
    reach = bound(asked.rows * len(values), "bigint") if doubled else rows
    some = f"{reach} / (SELECT greatest(count(*), 1) FROM lane) + 1"
    end = "(SELECT " + ", ".join(_limit(asked, name, bound) for name in path.table.places) + ")"
    within = f"{inside} AND ({path.place()}) {'>=' if asked.last else '<='} {end}"
    begun = f"(SELECT DISTINCT {share} FROM head) AS lane"
    text = (
        f"WITH RECURSIVE {lanes}, "
        f"head AS MATERIALIZED (SELECT {key}, r.* FROM lane CROSS JOIN LATERAL ("
        f"SELECT {path.place()} FROM {path.joined} WHERE {inside} ORDER BY {order} LIMIT {some}) AS r), "
        f"brim AS MATERIALIZED (SELECT {path.place('head')} FROM head "
        f"ORDER BY {path.sorted('head', asked.last)} OFFSET {reach} - 1 LIMIT 1) "
        f"{_merged(asked, begun, within, rows)}"
    )
    return text, bound.values


def edges(path: Path, tenant_id: int, labels: Sequence[int], values: Sequence[Any], request: Edge) -> Statement:
    """The first record of each value under the labels, with its value, or the last."""
    bound = Bound()
    asked = Asked(path, tenant_id, labels, request.where, None, request.last, 1)
    tenant = bound(tenant_id, "bigint")
    lanes = _lanes(asked, tenant, values, bound)
    inside = f"i._tenant = {tenant} AND i._label = lane.label AND {path.value} = lane.value{_residual(asked, bound)}"
    order = path.sorted("i", request.last)
    text = (
        f"WITH RECURSIVE {lanes} SELECT DISTINCT ON (lane.value) lane.value, r.* FROM lane CROSS JOIN LATERAL "
        f"(SELECT i._label, {path.record}._doc, {path.place()} FROM {path.joined} WHERE {inside} "
        f"ORDER BY {order} LIMIT 1) AS r ORDER BY lane.value, {path.sorted('r', request.last)}"
    )
    return text, bound.values


def keyed(table: Table, tenant_id: int, labels: Sequence[int], request: Get) -> Statement:
    """The records under keys, in the order of the keys."""
    bound, path = Bound(), Path(table)
    asked = Asked(path, tenant_id, labels, request.where, None, False, len(request.keys))
    parts = ", ".join(bound(list(part), "text[]") for part in zip(*request.keys, strict=True))
    same = " AND ".join(f"i.{name} = k.{name}" for name in table.key)
    text = (
        f"SELECT i._label, i._doc, {path.place()} "
        f"FROM unnest({parts}) WITH ORDINALITY AS k({', '.join(table.key)}, number) "
        f"JOIN {path.source} ON i._tenant = {bound(tenant_id, 'bigint')} AND {same} "
        f"WHERE i._label = ANY({bound(labels, 'bigint[]')}){_residual(asked, bound)} ORDER BY k.number"
    )
    return text, bound.values


def _merged(asked: Asked, lanes: str, inside: str, rows: str) -> str:
    """The first rows of all lanes, walked one by one and put in order; each record once."""
    path = asked.path
    doubled = path.column is not None and path.column.many
    distinct = f"DISTINCT ON ({path.place('r')}) " if doubled else ""
    return (
        f"SELECT {distinct}r.* FROM {lanes} CROSS JOIN LATERAL (SELECT i._label, {path.record}._doc, {path.place()} "
        f"FROM {path.joined} WHERE {inside} ORDER BY {path.sorted('i', asked.last)} LIMIT {rows}) AS r "
        f"ORDER BY {path.sorted('r', asked.last)} LIMIT {rows}"
    )


def _lanes(asked: Asked, tenant: str, values: Sequence[Any], bound: Bound) -> str:
    """The lanes: the labels; or every label under every value; or, where those are many, what is found of them."""
    path, labels = asked.path, bound(asked.labels, "bigint[]")
    if not values:
        return f"lane AS MATERIALIZED (SELECT label FROM unnest({labels}) AS l(label))"
    listed = f"unnest({bound(list(dict.fromkeys(values)), f'{path.type}[]')}) AS v(value)"
    if len(values) * len(asked.labels) <= PROBED:
        return f"lane AS MATERIALIZED (SELECT v.value, l.label FROM {listed} CROSS JOIN unnest({labels}) AS l(label))"
    least = f"SELECT min(i._label) FROM {path.source} WHERE i._tenant = {tenant} AND {path.value} ="
    return (
        f"found (value, label) AS (SELECT v.value, ({least} v.value) FROM {listed} "
        f"UNION ALL SELECT value, ({least} found.value AND i._label > found.label) FROM found "
        f"WHERE label IS NOT NULL), "
        f"lane AS MATERIALIZED (SELECT value, label FROM found WHERE label = ANY({labels}))"
    )


def _limit(asked: Asked, name: str, bound: Bound) -> str:
    """One column of the place behind which nothing is needed; without one, what nothing stands behind."""
    text = name in asked.path.table.key
    none = ("" if asked.last else _GREATEST_TEXT) if text else (_FIRST if asked.last else _LAST)
    return f"coalesce((SELECT brim.{name} FROM brim), {bound(none, 'text' if text else 'bigint')})"


def _beyond(asked: Asked, bound: Bound) -> str:
    """Only what comes behind the place, in walking direction."""
    if asked.after is None:
        return ""
    marks = [bound(value, "bigint") for value in asked.after.order] + [bound(part, "text") for part in asked.after.key]
    return f" AND ({asked.path.place()}) {'<' if asked.last else '>'} ({', '.join(marks)})"


def _residual(asked: Asked, bound: Bound) -> str:
    """Every condition that the lanes do not already hold."""
    path, texts = asked.path, []
    for where in asked.wheres:
        if isinstance(where, Contains):
            text = bound(where.text, "text")
            names = [f"strpos({path.record}.{quoted(name + tables.FULL)}, {text}) > 0" for name in where.columns]
            texts.append(f"({' OR '.join(names)})")
        elif not isinstance(where, Is):
            texts.append(_limited(path, where, bound))
        elif path.column is None or where.column != path.column.name:
            texts.append(_equality(asked, where, bound))
    return "".join(f" AND {text}" for text in texts)


def _limited(path: Path, where: Below | Above, bound: Bound) -> str:
    """An integer bound; on the leading order column it becomes a bound of the walked index."""
    column, below = path.table.columns[where.column], isinstance(where, Below)
    if path.table.leads(column):
        descending = path.table.kind.order[0].descending
        value = -where.value if descending else where.value
        return f"i.{path.table.order[0]} {'<' if below != descending else '>'} {bound(value, 'bigint')}"
    return f"{path.record}.{quoted(column.name)} {'<' if below else '>'} {bound(where.value, 'bigint')}"


def _equality(asked: Asked, where: Is, bound: Bound) -> str:
    """The column holds one of the values."""
    path = asked.path
    column = path.table.columns[where.column]
    values = [tables.compared(column, value) for value in where.values]
    listed = bound(values, f"{tables.SQL_TYPES[column.type]}[]")
    if not column.many:
        return f"{path.record}.{quoted(column.name)} = ANY({listed})"
    same = " AND ".join(f"o.{name} = {path.record}.{name}" for name in path.table.key)
    found = f"SELECT 1 FROM {tables.listed(path.table, column)} AS o WHERE o._tenant = {path.record}._tenant AND {same}"
    return f"EXISTS ({found} AND o._value = ANY({listed}))"
