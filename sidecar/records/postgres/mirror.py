"""The PostgreSQL store made to follow whoever owns the truth of some kinds: all tenants, one transaction."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from sidecar.records.layout import Table
from sidecar.records.postgres import lifecycle
from sidecar.records.postgres import tables as ddl
from sidecar.records.postgres.pages import Connection
from sidecar.records.postgres.write import Writer
from sidecar.records.store import Held, Prepared, Tenant, content_digest

BATCH = 1_000


class PostgresMirror:
    """One write transaction's work over all tenants. The store begins, commits and rolls back."""

    def __init__(self, connection: Connection, tables: Mapping[str, Table], writer: Writer) -> None:
        self._connection = connection
        self._tables = tables
        self._writer = writer

    async def catalogue_version(self) -> int:
        """What grows with each change of any tenant's catalogue, and with each erasure."""
        return await lifecycle.catalogue_version(self._connection)

    async def held(self, kind: str) -> AsyncIterator[Held]:
        """Every stored record of a kind, batch by batch. No document is kept."""
        table = self._tables[kind]
        after: Sequence[Any] = (0, *("" for _ in table.key))
        while batch := await self._connection.fetch(_statement(table), *after):
            for tenant_id, org, workspace, deployment, doc, source, *key in batch:
                after = (tenant_id, *key)
                yield Held(Tenant(org, workspace, deployment), tuple(key), content_digest(doc, source))

    async def put(self, records: Sequence[Prepared]) -> None:
        """Insert by key or replace, even what is newer or append-only."""
        await self._writer.put(records, overrule=True)

    async def delete(self, kind: str, tenant: Tenant, keys: Sequence[tuple[str, ...]]) -> None:
        """Remove records, append-only ones too."""
        await self._writer.delete(tenant, kind, keys)

    async def manage(self, tenants: Collection[Tenant]) -> None:
        """Have it stand that tenants had a membership."""
        await self._writer.manage(tenants)


def _statement(table: Table) -> str:
    """The next records in the order of their keys."""
    place = ", ".join(f"r.{name}" for name in ("_tenant", *table.key))
    marks = ", ".join(("$1::bigint", *(f"${number}::text" for number, _ in enumerate(table.key, 2))))
    keys = ", ".join(f"r.{name}" for name in table.key)
    return (
        f"SELECT r._tenant, t.org_id, t.workspace_id, t.deployment_id, r._doc, r._source, {keys} "
        f"FROM {ddl.record(table)} AS r JOIN tenant AS t ON t.tenant_id = r._tenant "
        f"WHERE ({place}) > ({marks}) ORDER BY {place} LIMIT {BATCH}"
    )
