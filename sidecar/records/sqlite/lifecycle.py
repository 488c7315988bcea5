"""What becomes of records in SQLite: loaded so far, counted, weighed, and erased with their tenant without a trace."""

import sqlite3
from collections.abc import Mapping, Sequence

from sidecar.errors import StoreError
from sidecar.records.layout import Table
from sidecar.records.sqlite.write import scopes_go
from sidecar.records.store import FORGET_LOADS, Count, LoadMark, Tenant, undescribed
from sidecar.records.upsert import scope_goes

_ERASURES = "erasures"
"""The setting that counts erasures, over all tenants."""
_OF_TENANT = "t.org_id = ? AND t.workspace_id = ? AND t.deployment_id = ?"


def counts(connection: sqlite3.Connection, tenant: Tenant | None) -> Sequence[Count]:
    """What is stored, of one tenant or of all, as the labels count it."""
    found = connection.execute(
        "SELECT t.org_id, t.workspace_id, t.deployment_id, l.kind, count(*), sum(l.records) "
        f"FROM tenant AS t JOIN label AS l USING (tenant_id) WHERE l.records > 0 AND {_chosen(tenant)} "
        "GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
        _named(tenant),
    )
    return [Count(Tenant(*triple), kind, labels, records) for *triple, kind, labels, records in found]


def weight(connection: sqlite3.Connection, table: Table, tenant: Tenant | None) -> int:
    """The bytes of a kind's documents."""
    joined = f"{table.name} AS r JOIN tenant AS t ON t.tenant_id = r._tenant"
    statement = f"SELECT coalesce(sum(length(r._doc)), 0) FROM {joined} WHERE {_chosen(tenant)}"
    found: tuple[int] = connection.execute(statement, _named(tenant)).fetchone()
    return found[0]


def mark(connection: sqlite3.Connection, how_far: LoadMark) -> None:
    """Write how far a load has come."""
    values = {"load_id": how_far.load_id, "lines": how_far.lines, "finished": int(how_far.finished)}
    if how_far.behind:
        goes_on = "UPDATE load SET lines = :lines, finished = :finished WHERE load_id = :load_id AND lines = :behind"
        connection.execute(f"{goes_on} AND NOT finished", {**values, "behind": how_far.behind})
    else:
        connection.execute(
            "INSERT INTO load (load_id, lines, finished) VALUES (:load_id, :lines, :finished) "
            "ON CONFLICT (load_id) DO UPDATE SET lines = excluded.lines, finished = excluded.finished",
            values,
        )


def erasures(connection: sqlite3.Connection) -> int:
    """How many erasures there were in this file."""
    found = connection.execute("SELECT value FROM setting WHERE name = ?", (_ERASURES,)).fetchone()
    return int(found[0]) if found else 0


def catalogue_version(connection: sqlite3.Connection) -> int:
    """What grows with each change of any tenant's catalogue, and with each erasure."""
    found: tuple[int] = connection.execute("SELECT coalesce(sum(authority_version), 0) FROM tenant").fetchone()
    return found[0]


def erase(connection: sqlite3.Connection, tables: Mapping[str, Table], tenant: Tenant) -> dict[str, int]:
    """Remove all records of a tenant, inside a write transaction; how many of each kind. Raises StoreError."""
    _require_all_described(connection, tables)
    statement = f"SELECT t.tenant_id FROM tenant AS t WHERE {_OF_TENANT}"
    found: tuple[int] | None = connection.execute(statement, _named(tenant)).fetchone()
    if found is None:
        return {}
    erased = {count.kind: count.records for count in counts(connection, tenant)}
    if any(name in erased for name, table in tables.items() if scope_goes(table.kind)):
        scopes_go(connection, found[0])
    for table in tables.values():
        for name in (*(table.list_table(column.name) for column in table.lists), table.name):
            connection.execute(f"DELETE FROM {name} WHERE _tenant = ?", found)
    connection.execute("DELETE FROM label WHERE tenant_id = ?", found)
    connection.execute(FORGET_LOADS)
    connection.execute("UPDATE tenant SET authority_version = authority_version + 1 WHERE tenant_id = ?", found)
    connection.execute(
        "INSERT INTO setting VALUES (?, '1') "
        "ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)",
        (_ERASURES,),
    )
    return erased


def purge(connection: sqlite3.Connection) -> None:
    """Write the file anew from what is stored, and empty its log. Raises StoreError.

    Overwriting what was deleted would not do: pages keep remains of records that were replaced, or moved elsewhere.
    """
    try:
        connection.execute("VACUUM")
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error as error:
        raise StoreError(f"{_TRACES}: {error}") from error
    if busy:
        raise StoreError(f"{_TRACES}: another process went on reading what was there before")


_TRACES = "the records are erased, but traces of them may be left in the file until the erasure is run again"


def _require_all_described(connection: sqlite3.Connection, tables: Mapping[str, Table]) -> None:
    """Raises StoreError when kinds are stored of which no table is given."""
    others = [name for (name,) in connection.execute("SELECT name FROM kind ORDER BY name") if name not in tables]
    if others:
        raise StoreError(undescribed(others))


def _chosen(tenant: Tenant | None) -> str:
    return "1" if tenant is None else _OF_TENANT


def _named(tenant: Tenant | None) -> tuple[str, ...]:
    return () if tenant is None else (tenant.org_id, tenant.workspace_id, tenant.deployment_id)
