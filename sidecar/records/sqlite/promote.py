"""Promoting a kind's records to its changed schema: proven first, then set aside, then stored anew batch by batch."""

import sqlite3
from collections.abc import Iterable, Mapping

import orjson

from sidecar.errors import StoreError
from sidecar.records.layout import Table, quoted
from sidecar.records.promotion import BATCH, WHOSE, Accept, Mark, admitted, identity, mark_name, read_mark, same_key
from sidecar.records.sqlite import turns
from sidecar.records.sqlite.write import Interned, Writer
from sidecar.records.store import unlike


def set_aside(connection: sqlite3.Connection) -> list[str]:
    """The kinds whose records are not all stored anew yet."""
    found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 6) = 'aside_'")
    return [name.removeprefix("aside_") for (name,) in found]


def prove(connection: sqlite3.Connection, tables: Mapping[str, Table], accept: Accept, names: Iterable[str]) -> None:
    """Prove that the records of changed kinds can all be promoted, as they are at one moment. Nothing is changed.

    Others write meanwhile. Raises StoreError for the first record that is not valid or has the key of another one.
    """
    for name in names:
        connection.execute("BEGIN")
        try:
            _prove(connection, tables[name], accept)
        finally:
            connection.rollback()


def _prove(connection: sqlite3.Connection, table: Table, accept: Accept) -> None:
    kind = table.kind
    connection.execute("CREATE TEMP TABLE proof (identity BLOB NOT NULL, which TEXT NOT NULL) STRICT")
    stored = connection.execute(_stored(connection, table))
    while batch := stored.fetchmany(BATCH):
        proven = [(identity(admitted(accept, kind, which, document)), which) for which, document in batch]
        connection.executemany("INSERT INTO temp.proof VALUES (?, ?)", proven)
    twice = connection.execute(
        "SELECT min(which), max(which) FROM temp.proof GROUP BY identity HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    if twice:
        raise same_key(kind, *twice)


def put_aside(connection: sqlite3.Connection, table: Table) -> None:
    """Keep what was stored under another name and remove the kind's tables; labels start afresh.

    What lies aside already stays: of a promotion that did not end, it has every record as it was before.
    """
    name, stem = table.kind.name, table.stem
    if name not in set_aside(connection):
        aside, stored = _aside(name), _stored(connection, table)
        connection.execute(
            f"CREATE TABLE {aside} (_row INTEGER PRIMARY KEY, _which TEXT NOT NULL, _doc BLOB NOT NULL) STRICT"
        )
        connection.execute(f"INSERT INTO {aside} (_which, _doc) {stored}")
    connection.execute("DELETE FROM setting WHERE name = ?", (mark_name(name),))
    for (found,) in connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND (name = ? OR substr(name, 1, ?) = ?)",
        (stem, len(stem) + 1, stem + "."),
    ).fetchall():
        connection.execute(f"DROP TABLE {quoted(found)}")
    connection.execute("UPDATE label SET records = 0 WHERE kind = ?", (name,))


def promote(connection: sqlite3.Connection, tables: Mapping[str, Table], accept: Accept, name: str) -> int:
    """Store anew what was set aside, so that it can be interrupted; how many properties were left out.

    What lies aside goes when all of it is stored anew. Raises StoreError.
    """
    while True:
        turns.begin(connection)
        try:
            _require_still(connection, tables[name])
            if name not in set_aside(connection):
                return 0  # another process, promoting too, has stored the last of it, and tells
            mark = _mark(connection, name)
            further = _promote_batch(connection, tables, accept, name, mark)
            if not further:
                connection.execute(f"DROP TABLE {_aside(name)}")
                connection.execute("DELETE FROM setting WHERE name = ?", (mark_name(name),))
            connection.commit()
            if not further:
                return mark.dropped
        finally:
            connection.rollback()


def _promote_batch(
    connection: sqlite3.Connection, tables: Mapping[str, Table], accept: Accept, name: str, mark: Mark
) -> bool:
    """Store the records behind the mark and set it behind them; False when there is none left."""
    batch = connection.execute(
        f"SELECT _row, _which, _doc FROM {_aside(name)} WHERE _row > ? ORDER BY _row LIMIT ?", (mark.row, BATCH)
    ).fetchall()
    if not batch:
        return False
    records = [admitted(accept, tables[name].kind, which, document) for _, which, document in batch]
    Writer(connection, tables, Interned()).promote(name, records)
    further = Mark(batch[-1][0], mark.dropped + sum(record.dropped for record in records))
    connection.execute(
        "INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (mark_name(name), orjson.dumps([*further]).decode()),
    )
    return True


def _mark(connection: sqlite3.Connection, name: str) -> Mark:
    found = connection.execute("SELECT value FROM setting WHERE name = ?", (mark_name(name),)).fetchone()
    return read_mark(found and found[0])


def _aside(name: str) -> str:
    return quoted(f"aside_{name}")


def _stored(connection: sqlite3.Connection, table: Table) -> str:
    """The statement that reads which records are stored and the document of each, as it was accepted."""
    name = table.kind.name
    if name in set_aside(connection):
        return f"SELECT _which, _doc FROM {_aside(name)} ORDER BY _row"
    # how long the key was before the change, only the table knows
    key = connection.execute(
        "SELECT name FROM pragma_table_info(?) WHERE name GLOB '_k[0-9]*' ORDER BY cid", (table.stem,)
    ).fetchall()
    which = " || ' / ' || ".join(f"r.{part}" for (part,) in key)
    return (
        f"SELECT {which} || ' of ' || {WHOSE}, coalesce(r._source, r._doc) "
        f"FROM {table.name} AS r LEFT JOIN tenant AS t ON t.tenant_id = r._tenant ORDER BY r._row"
    )


def _require_still(connection: sqlite3.Connection, table: Table) -> None:
    """Raises StoreError when another process promotes to another schema: each would store what the other judges by."""
    found = connection.execute("SELECT digest FROM kind WHERE name = ?", (table.kind.name,)).fetchone()
    wrong = unlike([table.kind.name] if found != (table.kind.digest,) else [], [])
    if wrong:
        raise StoreError(wrong)
