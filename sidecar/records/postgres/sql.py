"""The SQL of every read, built from registry names alone; values are always bound.

Reads walk *lanes*: contiguous stretches of an index in the kind's order, one for each label, or one for each value
under each label where an indexed equality leads. A page needs the first rows of each lane at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from sidecar.records.kind import Column
from sidecar.records.layout import EXACT, Lane, Table, padded, storable
from sidecar.records.postgres import tables
from sidecar.records.reading import Above, Below, Contains, Get, Is, Position, Where

_FIRST, _LAST = -(2**63), 2**63 - 1
_GREATEST_TEXT = "\U0010ffff" * 513
"""Above every key, which has 2,048 bytes at most."""
OUTRIGHT = 2_000
"""So many rows, of all lanes together, are walked at once, without asking first where they stand."""
Statement = tuple[str, list[Any]]


def sendable(text: str) -> str | None:
    """A text as it can be sent; None, which equals nothing, for one that no record can hold."""
    return text if storable(text) else None


@dataclass
class Bound:
    """The values of a statement, each named by its number when it is bound."""

    values: list[Any] = field(default_factory=list)

    def __call__(self, value: Any, kept: str) -> str:
        """Bind one value of an SQL type; what stands for it in the text."""
        if kept.startswith("text"):
            value = [*map(sendable, value)] if isinstance(value, list) else sendable(value)
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
        return "i._value" if self.column.many else f"i.{tables.named(self.column.name)}"

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


@lru_cache(4_096)
def path(table: Table, column: str | None = None) -> Path:
    """The path along a column, or along the labels; made once, with its texts."""
    return Path(table, None if column is None else table.columns[column])


@dataclass(frozen=True, slots=True)
class Asked:
    """One read as SQL needs it: the way, the tenant, what else must hold, from where, and how many rows."""

    path: Path
    tenant_id: int
    wheres: Sequence[Where]
    after: Position | None
    last: bool
    rows: int


def along_tenant(asked: Asked) -> Statement:
    """The first rows along the tenant's index, whoever may see them."""
    bound, path = Bound(), asked.path
    inside = f"i._tenant = {bound(asked.tenant_id, 'bigint')}{_beyond(asked, bound)}{_residual(asked, bound)}"
    text = (
        f"SELECT i._label, i._doc, {path.place()} FROM {path.source} WHERE {inside} "
        f"ORDER BY {path.sorted('i', asked.last)} LIMIT {bound(asked.rows, 'bigint')}"
    )
    return text, bound.values


def lanes(path: Path, tenant_id: int, values: Sequence[Any]) -> Statement:
    """The lanes that exist under some values: one seek a lane, however many records it holds.

    The next lane is the first one behind another in the order of values and labels, which only the values' own index
    has: by an equality alone, the labels' might be walked until the value comes.
    """
    bound = Bound()
    listed = f"unnest({bound(list(dict.fromkeys(values)), f'{path.type}[]')}) AS v(value)"
    tenant = bound(tenant_id, "bigint")

    def behind(value: str, label: str) -> str:
        inside = f"i._tenant = {tenant} AND ({path.value}, i._label) > ({value}, {label}) AND {path.value} <= {value}"
        return f"(SELECT i._label FROM {path.source} WHERE {inside} ORDER BY {path.value}, i._label LIMIT 1)"

    text = (
        f"WITH RECURSIVE found (value, label) AS (SELECT v.value, {behind('v.value', '0')} FROM {listed} "
        f"UNION ALL SELECT value, {behind('found.value', 'found.label')} FROM found "
        "WHERE label IS NOT NULL) SELECT value, label FROM found WHERE label IS NOT NULL"
    )
    return text, bound.values


def along_lanes(asked: Asked, lanes: Sequence[Lane]) -> Statement:
    """The first rows of all lanes together.

    A few lanes are merged by the database, which steps through each only as far as it is needed. Of many, a few rows of
    each show behind which place none can stand that belongs to the first rows of all; then only the lanes that begin
    before it are walked, and only so far.
    """
    bound, path = Bound(), asked.path
    doubled = path.column is not None and path.column.many  # a record stands under each of its values
    if len(lanes) <= EXACT and (not doubled or len({value for value, _ in lanes}) == 1):
        return _side_by_side(asked, lanes)
    rows, given = bound(asked.rows, "bigint"), _given(path, lanes, bound)
    inside = _inside(asked, bound)
    if len(lanes) * asked.rows <= OUTRIGHT:
        return _merged(asked, f"{given} AS lane", inside, rows), bound.values
    reach = asked.rows * (len({value for value, _ in lanes}) if doubled else 1)
    some = bound(reach // len(lanes) + 1, "bigint")
    end = "(SELECT " + ", ".join(_limit(asked, name, bound) for name in path.table.places) + ")"
    within = f"{inside} AND ({path.place()}) {'>=' if asked.last else '<='} {end}"
    order = path.sorted("i", asked.last)
    text = (
        f"WITH head AS MATERIALIZED (SELECT lane.value, lane.label, r.* FROM {given} AS lane CROSS JOIN LATERAL ("
        f"SELECT {path.place()} FROM {path.joined} WHERE {inside} ORDER BY {order} LIMIT {some}) AS r), "
        f"brim AS MATERIALIZED (SELECT {path.place('head')} FROM head "
        f"ORDER BY {path.sorted('head', asked.last)} OFFSET {bound(reach - 1, 'bigint')} LIMIT 1) "
        f"{_merged(asked, '(SELECT DISTINCT value, label FROM head) AS lane', within, rows)}"
    )
    return text, bound.values


def _side_by_side(asked: Asked, lanes: Sequence[Lane]) -> Statement:
    """The first rows of a few lanes, each a walk of its own; the database merges what is sorted already."""
    bound, path = Bound(), asked.path
    rows = bound(asked.rows, "bigint")
    common = f"i._tenant = {bound(asked.tenant_id, 'bigint')}{_beyond(asked, bound)}{_residual(asked, bound)}"
    walk = f"SELECT i._label, {path.record}._doc, {path.place()} FROM {path.joined} WHERE {common}"
    ending = f"ORDER BY {path.sorted('i', asked.last)} LIMIT {rows}"
    arms: list[str] = []
    for value, label in padded(lanes):
        same = "" if path.column is None else f" AND {path.value} = {bound(value, path.type)}"
        arms.append(f"({walk} AND i._label = {bound(label, 'bigint')}{same} {ending})")
    if len(arms) == 1:
        return arms[0], bound.values
    first = ", ".join(f"{name}{' DESC' if asked.last else ''}" for name in path.table.places)
    return f"{' UNION ALL '.join(arms)} ORDER BY {first} LIMIT {rows}", bound.values


def edges(asked: Asked, lanes: Sequence[Lane]) -> Statement:
    """The first record of each value among the lanes, with its value, or the last."""
    bound, path = Bound(), asked.path
    given, inside = _given(path, lanes, bound), _inside(asked, bound)
    text = (
        f"SELECT DISTINCT ON (lane.value) lane.value, r.* FROM {given} AS lane CROSS JOIN LATERAL "
        f"(SELECT i._label, {path.record}._doc, {path.place()} FROM {path.joined} WHERE {inside} "
        f"ORDER BY {path.sorted('i', asked.last)} LIMIT 1) AS r ORDER BY lane.value, {path.sorted('r', asked.last)}"
    )
    return text, bound.values


def keyed(table: Table, tenant_id: int, request: Get) -> Statement:
    """The records under keys, whoever may see them, in the order of the keys."""
    bound, walked = Bound(), path(table)
    asked = Asked(walked, tenant_id, request.where, None, False, len(request.keys))
    parts = ", ".join(bound(list(part), "text[]") for part in zip(*request.keys, strict=True))
    same = " AND ".join(f"i.{name} = k.{name}" for name in table.key)
    tenant = bound(tenant_id, "bigint")
    text = (
        f"SELECT r.* FROM unnest({parts}) WITH ORDINALITY AS k({', '.join(table.key)}, number) CROSS JOIN LATERAL ("
        f"SELECT i._label, i._doc, {walked.place()} FROM {walked.source} WHERE i._tenant = {tenant} "
        f"AND {same}{_residual(asked, bound)} OFFSET 0) AS r ORDER BY k.number"
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


def _given(path: Path, lanes: Sequence[Lane], bound: Bound) -> str:
    """The lanes as a table of value and label; where labels are the path, no value is compared."""
    labels = bound([label for _, label in lanes], "bigint[]")
    if path.column is None:
        return f"(SELECT NULL AS value, label FROM unnest({labels}) AS l(label))"
    return (
        f"(SELECT * FROM unnest({bound([value for value, _ in lanes], f'{path.type}[]')}, {labels}) AS l(value, label))"
    )


def _inside(asked: Asked, bound: Bound) -> str:
    """The condition that keeps a walk inside one lane, behind the place, with all that must hold."""
    same = "" if asked.path.column is None else f" AND {asked.path.value} = lane.value"
    lane = f"i._tenant = {bound(asked.tenant_id, 'bigint')} AND i._label = lane.label{same}"
    return lane + _beyond(asked, bound) + _residual(asked, bound)


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
            names = [f"strpos({path.record}.{tables.in_full(name)}, {text}) > 0" for name in where.columns]
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
    return f"{path.record}.{tables.named(column.name)} {'<' if below else '>'} {bound(where.value, 'bigint')}"


def _equality(asked: Asked, where: Is, bound: Bound) -> str:
    """The column holds one of the values."""
    path = asked.path
    column = path.table.columns[where.column]
    values = [tables.compared(column, value) for value in where.values]
    listed = bound(values, f"{tables.SQL_TYPES[column.type]}[]")
    if not column.many:
        return f"{path.record}.{tables.named(column.name)} = ANY({listed})"
    same = " AND ".join(f"o.{name} = {path.record}.{name}" for name in path.table.key)
    found = f"SELECT 1 FROM {tables.listed(path.table, column)} AS o WHERE o._tenant = {path.record}._tenant AND {same}"
    return f"EXISTS ({found} AND o._value = ANY({listed}))"
