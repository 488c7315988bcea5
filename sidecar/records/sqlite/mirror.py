"""The SQLite store made to follow whoever owns the truth of some kinds: all tenants, one transaction."""

import sqlite3
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from sidecar.records.layout import Table
from sidecar.records.sqlite import lifecycle
from sidecar.records.sqlite.snapshot import Run
from sidecar.records.sqlite.write import Writer
from sidecar.records.store import Held, Prepared, Tenant, content_digest

BATCH = 1_000


class SqliteMirror:
    """One write transaction's work over all tenants. The store begins, commits and rolls back."""

    def __init__(
        self, connection: sqlite3.Connection, tables: Mapping[str, Table], run: Run[Any], writer: Writer
    ) -> None:
        self._connection = connection
        self._tables = tables
        self._writer = writer
        self._run = run

    async def catalogue_version(self) -> int:
        """What grows with each change of any tenant's catalogue, and with each erasure."""
        found: int = await self._run(lambda: lifecycle.catalogue_version(self._connection))
        return found

    async def held(self, kind: str) -> AsyncIterator[Held]:
        """Every stored record of a kind, batch by batch."""
        last = 0
        while batch := await self._run(lambda: self._batch(self._tables[kind], last)):  # noqa: B023 - run at once
            for row, held in batch:
                last = row
                yield held

    async def put(self, records: Sequence[Prepared]) -> None:
        """Insert by key or replace, even what is newer or append-only."""
        await self._run(lambda: self._writer.put(records, overrule=True))

    async def delete(self, kind: str, tenant: Tenant, keys: Sequence[tuple[str, ...]]) -> None:
        """Remove records, append-only ones too."""
        await self._run(lambda: self._writer.delete(tenant, kind, keys))

    async def manage(self, tenants: Collection[Tenant]) -> None:
        """Have it stand that tenants had a membership."""
        await self._run(lambda: self._writer.manage(tenants))

    def _batch(self, table: Table, after: int) -> list[tuple[int, Held]]:
        """The next records in the order of their rows. They are digested here, so that no document is kept."""
        columns = ", ".join(("r._row, t.org_id, t.workspace_id, t.deployment_id, r._doc, r._source", *table.key))
        found = self._connection.execute(
            f"SELECT {columns} FROM {table.name} AS r CROSS JOIN tenant AS t ON t.tenant_id = r._tenant "
            f"WHERE r._row > ? ORDER BY r._row LIMIT ?",
            (after, BATCH),
        )
        return [
            (row, Held(Tenant(org, workspace, deployment), tuple(key), content_digest(doc, source)))
            for row, org, workspace, deployment, doc, source, *key in found
        ]
