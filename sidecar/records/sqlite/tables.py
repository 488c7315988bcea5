"""The tables and indexes of each kind in SQLite, derived from its schema's annotations."""

from collections.abc import Iterator

from sidecar.records.layout import Table, quoted

STORE_VERSION = 1
APPLICATION_ID = 0x51DECA12
PAGE_BYTES = 8_192
"""A file's pages. Records are a kilobyte or so: smaller pages are split and written more often."""

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


def statements(table: Table) -> Iterator[str]:
    """Everything that creates the kind's tables and indexes."""
    stem, place = table.stem, table.place
    texts = "".join(f"{name} TEXT NOT NULL, " for name in table.key)
    orders = "".join(f"{name} INTEGER NOT NULL, " for name in table.order)
    typed = "".join(f"{quoted(column.name)} {_SQL_TYPES[column.type]}, " for column in table.single)
    yield (
        f"CREATE TABLE {table.name} (_row INTEGER PRIMARY KEY, _tenant INTEGER NOT NULL, _label INTEGER NOT NULL, "
        f"{texts}{orders}{typed}_updated INTEGER, _doc BLOB NOT NULL, _source BLOB) STRICT"
    )
    yield f"CREATE UNIQUE INDEX {quoted(stem + ' key')} ON {table.name} (_tenant, {', '.join(table.key)})"
    yield f"CREATE INDEX {quoted(stem + ' label')} ON {table.name} (_label, {place})"
    yield f"CREATE INDEX {quoted(stem + ' tenant')} ON {table.name} (_tenant, {place}, _label)"
    for column in filter(table.indexed, table.single):
        name = quoted(column.name)
        yield (
            f"CREATE INDEX {quoted(f'{stem} by {column.name}')} ON {table.name} (_tenant, {name}, _label, {place}) "
            f"WHERE {name} IS NOT NULL"
        )
    for column in table.lists:
        listed = table.list_table(column.name)
        yield (
            f"CREATE TABLE {listed} (_tenant INTEGER NOT NULL, _value TEXT NOT NULL, _label INTEGER NOT NULL, "
            f"{texts}{orders}_row INTEGER NOT NULL, PRIMARY KEY (_tenant, _value, _label, {place})) "
            f"STRICT, WITHOUT ROWID"
        )
        yield f"CREATE INDEX {quoted(f'{stem} rows of {column.name}')} ON {listed} (_row)"
