"""What becomes of records in PostgreSQL: loaded so far, counted, weighed, and erased with their tenant."""

from collections.abc import Mapping, Sequence

from sidecar.errors import StoreError
from sidecar.records.layout import Table
from sidecar.records.postgres import tables as ddl
from sidecar.records.postgres.migrate import read_state
from sidecar.records.postgres.pages import Connection
from sidecar.records.postgres.pool import Pool
from sidecar.records.postgres.sql import sendable
from sidecar.records.postgres.write import scopes_go
from sidecar.records.store import FORGET_LOADS, Count, LoadMark, Tenant, undescribed
from sidecar.records.upsert import scope_goes

_OF_TENANT = "t.org_id = $1 AND t.workspace_id = $2 AND t.deployment_id = $3"


async def unhurried(connection: Connection) -> None:
    """Let the statements of this transaction take as long as they need."""
    await connection.execute("SET LOCAL statement_timeout = 0")


async def counts(connection: Connection, tenant: Tenant | None) -> Sequence[Count]:
    """What is stored, of one tenant or of all, as the labels count it."""
    found = await connection.fetch(
        "SELECT t.org_id, t.workspace_id, t.deployment_id, l.kind, count(*), sum(l.records)::bigint "
        f"FROM tenant AS t JOIN label AS l USING (tenant_id) WHERE l.records > 0 AND {_chosen(tenant)} "
        "GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
        *_named(tenant),
    )
    return [Count(Tenant(*triple), kind, labels, records) for *triple, kind, labels, records in found]


async def weight(connection: Connection, table: Table, tenant: Tenant | None) -> int:
    """The bytes of a kind's documents."""
    joined = f"{ddl.record(table)} AS r JOIN tenant AS t ON t.tenant_id = r._tenant"
    statement = f"SELECT coalesce(sum(length(r._doc)), 0)::bigint FROM {joined} WHERE {_chosen(tenant)}"
    return int(await connection.fetchval(statement, *_named(tenant)))


async def mark(connection: Connection, how_far: LoadMark) -> None:
    """Write how far a load has come."""
    values = (how_far.load_id, how_far.lines, how_far.finished)
    if how_far.behind:
        goes_on = "UPDATE load SET lines = $2, finished = $3 WHERE load_id = $1 AND lines = $4 AND NOT finished"
        await connection.execute(goes_on, *values, how_far.behind)
    else:
        await connection.execute(
            "INSERT INTO load (load_id, lines, finished) VALUES ($1, $2, $3) "
            "ON CONFLICT (load_id) DO UPDATE SET lines = excluded.lines, finished = excluded.finished",
            *values,
        )


async def catalogue_version(connection: "Connection | Pool") -> int:
    """What grows with each change of any tenant's catalogue, and with each erasure."""
    return int(await connection.fetchval("SELECT coalesce(sum(authority_version), 0)::bigint FROM tenant"))


async def erase(
    connection: Connection, tables: Mapping[str, Table], tenant: Tenant, tenant_id: int | None
) -> dict[str, int]:
    """Remove all records of a tenant whose row is locked; how many of each kind. Raises StoreError.

    Without an id there was nothing of it when its row was to be locked. What others store from then on stays.
    """
    others = [name for name in sorted((await read_state(connection)).digests) if name not in tables]
    if others:
        raise StoreError(undescribed(others))
    if tenant_id is None:
        return {}
    await unhurried(connection)
    erased = {count.kind: count.records for count in await counts(connection, tenant)}
    if any(name in erased for name, table in tables.items() if scope_goes(table.kind)):
        await scopes_go(connection, tenant_id)
    for name in (name for table in tables.values() for name in ddl.names(table)):
        await connection.execute(f"DELETE FROM {name} WHERE _tenant = $1", tenant_id)
    await connection.execute("DELETE FROM label WHERE tenant_id = $1", tenant_id)
    await connection.execute(FORGET_LOADS)
    await connection.execute(
        "UPDATE tenant SET authority_version = authority_version + 1, erasures = erasures + 1 WHERE tenant_id = $1",
        tenant_id,
    )
    return erased


def _chosen(tenant: Tenant | None) -> str:
    return "true" if tenant is None else _OF_TENANT


def _named(tenant: Tenant | None) -> tuple[str | None, ...]:
    return () if tenant is None else tuple(map(sendable, (tenant.org_id, tenant.workspace_id, tenant.deployment_id)))
