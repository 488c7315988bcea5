"""Opening a store: create it, refuse a newer one, and bring records of a changed kind to its new form."""

import sqlite3
from collections.abc import Mapping

from sidecar.errors import StoreError, StoreVersionError
from sidecar.records.layout import Table, quoted
from sidecar.records.promotion import BATCH, Accept, admitted
from sidecar.records.sqlite import turns
from sidecar.records.sqlite.tables import APPLICATION_ID, BASE, STORE_VERSION, statements
from sidecar.records.sqlite.write import Interned, Writer
from sidecar.records.store import NOT_MIGRATED, Migrated, unlike


def prepare(
    connection: sqlite3.Connection, tables: Mapping[str, Table], accept: Accept, *, allowed: bool = True
) -> Migrated:
    """Make the file ready for these kinds; an interrupted promotion goes on. Raises StoreError, StoreVersionError.

    Unless it is ``allowed``, a file that is not ready is refused as it is.
    """
    turns.begin(connection)
    try:
        stamped = _is_stamped(connection)
        known = dict(connection.execute("SELECT name, digest FROM kind").fetchall()) if stamped else {}
        created = [name for name in tables if name not in known]
        changed = [name for name in tables if name in known and known[name] != tables[name].kind.digest]
        unfinished = [name for name in set_aside(connection) if name in tables]
        if (created or changed or unfinished) and not allowed:
            raise StoreError(f"the store {NOT_MIGRATED}")
        if not stamped:
            _stamp(connection)
        for name in created:
            _create(connection, tables[name])
        for name in changed:
            _set_aside(connection, tables[name])
        connection.commit()
    finally:
        connection.rollback()
    promoted = sorted({*changed, *unfinished})
    for name in promoted:
        _promote(connection, tables, accept, name)
    return Migrated(tuple(created), tuple(promoted))


def _is_stamped(connection: sqlite3.Connection) -> bool:
    """Whether the file is a store; False when it is empty. Raises StoreError, StoreVersionError."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if version > STORE_VERSION and application == APPLICATION_ID:
        raise StoreVersionError(
            f"the store is of version {version}, this program knows {STORE_VERSION}: run the newer release, "
            f"or restore a backup of version {STORE_VERSION}"
        )
    if version == STORE_VERSION and application == APPLICATION_ID:
        return True
    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        raise StoreError("the file is an SQLite database of something else; name another file")
    return False


def _stamp(connection: sqlite3.Connection) -> None:
    for statement in BASE.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {STORE_VERSION}")


def _create(connection: sqlite3.Connection, table: Table) -> None:
    for statement in statements(table):
        connection.execute(statement)
    connection.execute("INSERT OR REPLACE INTO kind VALUES (?, ?)", (table.kind.name, table.kind.digest))


def _aside(name: str) -> str:
    return f"aside_{name}"


def _set_aside(connection: sqlite3.Connection, table: Table) -> None:
    """Keep the old documents under another name and create the kind's tables anew; labels start afresh."""
    stem = table.stem
    aside = quoted(_aside(table.kind.name))
    connection.execute(f"CREATE TABLE IF NOT EXISTS {aside} (_row INTEGER PRIMARY KEY, _doc BLOB NOT NULL) STRICT")
    connection.execute(f"INSERT INTO {aside} (_doc) SELECT coalesce(_source, _doc) FROM {table.name} ORDER BY _row")
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND (name = ? OR substr(name, 1, ?) = ?)",
        (stem, len(stem) + 1, stem + "."),
    ).fetchall():
        connection.execute(f"DROP TABLE {quoted(name)}")
    connection.execute("UPDATE label SET records = 0 WHERE kind = ?", (table.kind.name,))
    _create(connection, table)


def set_aside(connection: sqlite3.Connection) -> list[str]:
    """The kinds whose records are not all stored anew yet."""
    found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 6) = 'aside_'")
    return [name.removeprefix("aside_") for (name,) in found]


def _promote(connection: sqlite3.Connection, tables: Mapping[str, Table], accept: Accept, name: str) -> None:
    """Validate and store again what was set aside, batch by batch, so that it can be interrupted."""
    aside = quoted(_aside(name))
    while True:
        turns.begin(connection)
        try:
            _require_still(connection, tables[name])
            if name not in set_aside(connection):
                return  # another process, promoting too, has stored the last of it
            batch = connection.execute(f"SELECT _row, _doc FROM {aside} ORDER BY _row LIMIT ?", (BATCH,)).fetchall()
            if not batch:
                connection.execute(f"DROP TABLE {aside}")
                connection.commit()
                return
            records = [admitted(accept, name, document) for _, document in batch]
            Writer(connection, tables, Interned()).promote(name, records)
            connection.execute(f"DELETE FROM {aside} WHERE _row <= ?", (batch[-1][0],))
            connection.commit()
        finally:
            connection.rollback()


def _require_still(connection: sqlite3.Connection, table: Table) -> None:
    """Raises StoreError when another process promotes to another schema: each would store what the other judges by."""
    found = connection.execute("SELECT digest FROM kind WHERE name = ?", (table.kind.name,)).fetchone()
    wrong = unlike([table.kind.name] if found != (table.kind.digest,) else [], [])
    if wrong:
        raise StoreError(wrong)
