"""Opening a store: create it, refuse a newer one, and bring records of a changed kind to its new form."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sidecar.errors import StoreError, StoreVersionError
from sidecar.records.layout import Table
from sidecar.records.promotion import Accept
from sidecar.records.sqlite import turns
from sidecar.records.sqlite.promote import promote, prove, put_aside, set_aside
from sidecar.records.sqlite.tables import APPLICATION_ID, BASE, STORE_VERSION, statements
from sidecar.records.store import NOT_MIGRATED, Migrated


@dataclass(frozen=True, slots=True)
class _State:
    """What a file lacks for some kinds: those without tables, those of another schema, those half promoted."""

    stamped: bool
    created: Sequence[str] = field(default_factory=list)
    changed: Sequence[str] = field(default_factory=list)
    unfinished: Sequence[str] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.created or self.changed or self.unfinished)


def prepare(
    connection: sqlite3.Connection, tables: Mapping[str, Table], accept: Accept, *, allowed: bool = True
) -> Migrated:
    """Make the file ready for these kinds; an interrupted promotion goes on. Raises StoreError, StoreVersionError.

    What is no store is left as it is, and so is a file that is not ready, unless it is ``allowed``.
    """
    before = _state(connection, tables)
    if not before.fits and not allowed:
        raise StoreError(f"the store {NOT_MIGRATED}")
    turns.write_ahead(connection)
    prove(connection, tables, accept, before.changed)
    state = _change(connection, tables)
    promoted = sorted({*state.changed, *state.unfinished})
    dropped = {name: promote(connection, tables, accept, name) for name in promoted}
    return Migrated(tuple(state.created), tuple(promoted), {name: number for name, number in dropped.items() if number})


def _state(connection: sqlite3.Connection, tables: Mapping[str, Table]) -> _State:
    """What the file lacks. Raises StoreError, StoreVersionError."""
    if not _is_stamped(connection):
        return _State(stamped=False, created=list(tables))
    known = dict(connection.execute("SELECT name, digest FROM kind").fetchall())
    return _State(
        stamped=True,
        created=[name for name in tables if name not in known],
        changed=[name for name in tables if name in known and known[name] != tables[name].kind.digest],
        unfinished=[name for name in set_aside(connection) if name in tables],
    )


def _change(connection: sqlite3.Connection, tables: Mapping[str, Table]) -> _State:
    """Create what is missing and set aside the records of changed kinds, all of it or nothing; what was lacking."""
    turns.begin(connection)
    try:
        state = _state(connection, tables)
        if not state.stamped:
            _stamp(connection)
        for name in state.changed:
            put_aside(connection, tables[name])
        for name in (*state.created, *state.changed):
            _create(connection, tables[name])
        connection.commit()
    finally:
        connection.rollback()
    return state


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
