"""How one kind is kept in tables, whatever the database: the names of its columns, and what a request asks of them.

A kind has one table. ``_tenant`` and ``_label`` are interned ids, ``_k1…`` the key, ``_o1…`` the order values
(descending ones negated, so that every order is ascending), then one typed column per filterable property and mark,
then the document. A list column is a table of its own that is also its index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from sidecar.records.forms import folded
from sidecar.records.kind import Column, Kind
from sidecar.records.reading import Contains, Edge, Is, Page, Position, Read, Row, Unmasked, Where

Lane = tuple[Any, int]
"""A value of the column that a walk goes along (None where it goes along the labels), and a label."""
NO_LANE: Lane = (None, -1)
Strategy = Literal["auto", "lanes", "tenant"]
"""How records are walked that no condition's index leads to: along labels, along the tenant's index, or as is best."""
EXACT = 16
"""Lanes that a statement is written for exactly; beyond in powers of two. So few are compiled."""


def padded(lanes: Sequence[Lane]) -> Sequence[Lane]:
    """As many lanes as a statement is written for that merges these, the others empty."""
    if len(lanes) <= EXACT:
        return lanes
    arms = 1 << (len(lanes) - 1).bit_length()
    return [*lanes, *[NO_LANE] * (arms - len(lanes))]


def quoted(name: str) -> str:
    """A name of the registry (``[a-z0-9_.]`` only) as an SQL identifier; quoting keeps its dots."""
    return f'"{name}"'


@dataclass(frozen=True, eq=False)
class Table:
    """The names under which one kind is kept."""

    kind: Kind

    @cached_property
    def name(self) -> str:
        """The kind's table."""
        return quoted(self.stem)

    @cached_property
    def stem(self) -> str:
        """What the names of its tables and indexes begin with."""
        return f"record_{self.kind.name}"

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The key's columns."""
        return tuple(f"_k{number}" for number, _ in enumerate(self.kind.id, 1))

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The order's columns."""
        return tuple(f"_o{number}" for number, _ in enumerate(self.kind.order, 1))

    @cached_property
    def places(self) -> tuple[str, ...]:
        """Order and key together: the total order."""
        return self.order + self.key

    @cached_property
    def place(self) -> str:
        """The total order, as an SQL list."""
        return ", ".join(self.places)

    @cached_property
    def single(self) -> tuple[Column, ...]:
        """Columns that hold one value a record."""
        return tuple(column for column in self.kind.columns if not column.many)

    @cached_property
    def lists(self) -> tuple[Column, ...]:
        """Columns that hold many values a record; each is a table."""
        return tuple(column for column in self.kind.columns if column.many)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Every column by its name."""
        return {column.name: column for column in self.kind.columns}

    def position(self, place: Sequence[Any]) -> Position:
        """A position from the order and key columns in one sequence."""
        split = len(self.order)
        return Position(tuple(place[:split]), tuple(place[split:]))

    def row(self, raw: tuple[Any, ...]) -> Row:
        """A record as SQL gives it: label, document, order and key."""
        return Row(self.kind.name, len(self.order), raw)

    def list_table(self, column: str) -> str:
        """The table of a list column."""
        return quoted(f"{self.stem}.{column}")

    def indexed(self, column: Column) -> bool:
        """Whether an equality on the column has an index of its own: texts and marks do, numbers only bound."""
        return column.many or column.type != "integer"

    def leading(self, wheres: Sequence[Where]) -> Is | None:
        """The condition whose index a read walks: the first indexed equality in the kind's own column order.

        Of two on one column neither leads, for the walk would hold only one of them.
        """
        equalities = [where for where in wheres if isinstance(where, Is)]
        for column in self.kind.columns if equalities else ():
            of_column = [where for where in equalities if where.column == column.name]
            if len(of_column) == 1 and self.indexed(column):
                return of_column[0]
        return None

    def leads(self, column: Column) -> bool:
        """Whether the column's value is the leading order value, so that its bounds are bounds of every index."""
        order = self.kind.order
        return bool(order) and order[0].pointers == (column.pointer,)

    def fields(self, wheres: Sequence[Where]) -> tuple[str, ...]:
        """The record's fields that clients' conditions read: a masked one matches nothing."""
        names: list[str] = []
        for where in wheres:
            if isinstance(where, Is) and where.stored:
                continue
            names.extend(where.columns if isinstance(where, Contains) else (where.column,))
        return tuple(field for name in names for field in self.columns[name].fields)


def storable(text: object) -> bool:
    """Whether a record can hold a value: no text that is stored has a NUL, at which databases end texts or fail."""
    return not isinstance(text, str) or "\0" not in text


def filter_form(column: Column, value: str | int | bool) -> str | int | bool:
    """A value in the form in which the column keeps it."""
    return folded(value) if column.folded and isinstance(value, str) else value


def page(rows: list[Row], request: Read, *, more: bool) -> Page:
    """The rows of a walk as a page: from the end of the order they come turned round."""
    return Page(tuple(reversed(rows) if request.last else rows), more)


def plain_page(table: Table, found: list[tuple[Any, ...]], request: Read) -> Page:
    """The page made of records that are shown as they are stored; one more than it holds tells that there are more."""
    more = len(found) > request.limit
    del found[request.limit :]
    if request.last:
        found.reverse()
    return Page(Unmasked(request.kind, len(table.order), found), more)


def single(request: Edge, value: str) -> Read:
    """The read that finds the first visible record of one value of an edge."""
    return Read(request.kind, 1, (Is(request.column, (value,)), *request.where), last=request.last)
