"""The tables and indexes of each kind, derived from its schema's annotations.

A kind has one table. ``_tenant`` and ``_label`` are interned ids, ``_k1…`` the key, ``_o1…`` the order values
(descending ones negated, so that every order is ascending), then one typed column per filterable property and mark,
then the document. A list column is a table of its own that is also its index.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sidecar.records.kind import Column, Kind
from sidecar.records.store import Position

STORE_VERSION = 1
APPLICATION_ID = 0x51DECA12

BASE = """
CREATE TABLE tenant (
  tenant_id INTEGER PRIMARY KEY,
  org_id TEXT NOT NULL, workspace_id TEXT NOT NULL, deployment_id TEXT NOT NULL,
  authority_version INTEGER NOT NULL DEFAULT 0,
  managed INTEGER NOT NULL DEFAULT 0,
  UNIQUE (org_id, workspace_id, deployment_id)
) STRICT;
CREATE TABLE label (
  label_id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL, kind TEXT NOT NULL,
  digest BLOB NOT NULL, body BLOB NOT NULL, records INTEGER NOT NULL DEFAULT 0,
  UNIQUE (tenant_id, kind, digest)
) STRICT;
CREATE INDEX label_of_kind ON label (tenant_id, kind, label_id);
CREATE TABLE kind (name TEXT PRIMARY KEY, digest TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE load (
  load_id TEXT PRIMARY KEY, lines INTEGER NOT NULL, finished INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
"""

_SQL_TYPES = {"text": "TEXT", "integer": "INTEGER", "boolean": "INTEGER"}


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
        return quoted(f"record_{self.kind.name}")

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The key's columns."""
        return tuple(f"_k{number}" for number, _ in enumerate(self.kind.id, 1))

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The order's columns."""
        return tuple(f"_o{number}" for number, _ in enumerate(self.kind.order, 1))

    @cached_property
    def place(self) -> str:
        """Order and key together: the total order, as an SQL list."""
        return ", ".join(self.order + self.key)

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

    def list_table(self, column: str) -> str:
        """The table of a list column."""
        return quoted(f"record_{self.kind.name}.{column}")

    def indexed(self, column: Column) -> bool:
        """Whether an equality on the column has an index of its own: texts and marks do, numbers only bound."""
        return column.many or column.type != "integer"

    def statements(self) -> Iterator[str]:
        """Everything that creates the kind's tables and indexes."""
        stem, place = f"record_{self.kind.name}", self.place
        texts = "".join(f"{name} TEXT NOT NULL, " for name in self.key)
        orders = "".join(f"{name} INTEGER NOT NULL, " for name in self.order)
        typed = "".join(f"{quoted(column.name)} {_SQL_TYPES[column.type]}, " for column in self.single)
        yield (
            f"CREATE TABLE {self.name} (_row INTEGER PRIMARY KEY, _tenant INTEGER NOT NULL, _label INTEGER NOT NULL, "
            f"{texts}{orders}{typed}_updated INTEGER, _doc BLOB NOT NULL, _source BLOB) STRICT"
        )
        yield f"CREATE UNIQUE INDEX {quoted(stem + ' key')} ON {self.name} (_tenant, {', '.join(self.key)})"
        yield f"CREATE INDEX {quoted(stem + ' label')} ON {self.name} (_label, {place})"
        yield f"CREATE INDEX {quoted(stem + ' tenant')} ON {self.name} (_tenant, {place}, _label)"
        for column in filter(self.indexed, self.single):
            name = quoted(column.name)
            yield (
                f"CREATE INDEX {quoted(f'{stem} by {column.name}')} ON {self.name} (_tenant, {name}, _label, {place}) "
                f"WHERE {name} IS NOT NULL"
            )
        for column in self.lists:
            table = self.list_table(column.name)
            yield (
                f"CREATE TABLE {table} (_tenant INTEGER NOT NULL, _value TEXT NOT NULL, _label INTEGER NOT NULL, "
                f"{texts}{orders}_row INTEGER NOT NULL, PRIMARY KEY (_tenant, _value, _label, {place})) "
                f"STRICT, WITHOUT ROWID"
            )
            yield f"CREATE INDEX {quoted(f'{stem} rows of {column.name}')} ON {table} (_row)"
