"""Snapshots and changes on PostgreSQL: one transaction of one tenant each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sidecar.errors import StoreError
from sidecar.records.layout import Table
from sidecar.records.postgres import tables as ddl
from sidecar.records.postgres.pages import Connection, Pages, Place
from sidecar.records.postgres.sql import sendable
from sidecar.records.postgres.write import Writer, announced
from sidecar.records.reading import Page, Request, Visibility
from sidecar.records.store import Outcome, Prepared, Tenant

_OPEN = """
SELECT s.id, s.history, s.generation, s.beat, t.tenant_id, t.authority_version, t.managed, t.newest
FROM (SELECT id, history, generation, beat, set_config('sidecar.tenants', $1, true) AS told FROM store OFFSET 0) AS s
LEFT JOIN LATERAL (
  SELECT tenant_id, authority_version, managed,
    (SELECT max(label_id) FROM label AS l WHERE l.tenant_id = tenant.tenant_id) AS newest
  FROM tenant WHERE org_id = $2 AND workspace_id = $3 AND deployment_id = $4 AND s.told IS NOT NULL
) AS t ON true
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What the first look of a transaction finds. The tenant is 0, which is nobody's, when it has no records."""

    store: UUID
    history: UUID
    generation: int
    beat: int
    tenant_id: int
    authority_version: int
    managed: bool
    newest_label: int


async def look(connection: Connection, tenant: Tenant) -> Look:
    """Look once at the store and a tenant, and announce that one. Raises StoreError when the store holds nothing."""
    triple = map(sendable, (tenant.org_id, tenant.workspace_id, tenant.deployment_id))
    found = await connection.fetchrow(_OPEN, announced([tenant]), *triple)
    if found is None:
        raise StoreError("the store holds no version; it was not made by this program")
    store, history, generation, beat, tenant_id, version, managed, newest = found
    return Look(store, history, generation, beat, tenant_id or 0, version or 0, bool(managed), newest or 0)


class PostgresSnapshot:
    """One read transaction of one tenant."""

    committed = True

    def __init__(self, at: Place, tenant: Tenant, found: Look, tables: Mapping[str, Table]) -> None:
        self.tenant = tenant
        self.history = found.history.hex
        self.authority_version = found.authority_version
        self.managed = found.managed
        self.newest_label = found.newest_label
        self._at = at
        self._tables = tables
        self._pages = Pages(at, tables)

    async def labels(self, kind: str, after: int) -> Sequence[tuple[int, bytes]]:
        """The kind's labels with an id above ``after``, ascending, each with its pruned record."""
        statement = (
            "SELECT label_id, body FROM label WHERE tenant_id = $1 AND kind = $2 AND label_id > $3 ORDER BY label_id"
        )
        return [(number, body) for number, body in await self._at.fetch((statement, [self._at.tenant_id, kind, after]))]

    async def sharing(self, label_id: int) -> int:
        """How many records of the tenant share a label."""
        statement = "SELECT records FROM label WHERE tenant_id = $1 AND label_id = $2"
        found = await self._at.fetch((statement, [self._at.tenant_id, label_id]))
        return int(found[0][0]) if found else 0

    async def shared(self, kind: str) -> Mapping[int, int]:
        """How many records share each label of a kind that has any."""
        statement = "SELECT label_id, records FROM label WHERE tenant_id = $1 AND kind = $2 AND records > 0"
        found = await self._at.fetch((statement, [self._at.tenant_id, kind]))
        return {row["label_id"]: row["records"] for row in found}

    async def authority(self, kind: str) -> Sequence[bytes]:
        """Every record of a catalogue kind, unjudged."""
        table = self._tables[kind]
        statement = f"SELECT _doc FROM {ddl.record(table)} WHERE _tenant = $1 ORDER BY {', '.join(table.key)}"
        return [doc for (doc,) in await self._at.fetch((statement, [self._at.tenant_id]))]

    async def read(self, requests: Sequence[Request], visible: Visibility) -> list[Page]:
        """Answer all requests from this snapshot."""
        return [await self._pages.answer(request, visible) for request in requests]


class PostgresChange(PostgresSnapshot):
    """A write transaction of one tenant: what it reads includes what it put."""

    committed = False

    def __init__(self, at: Place, tenant: Tenant, found: Look, tables: Mapping[str, Table], writer: Writer) -> None:
        super().__init__(at, tenant, found, tables)
        self._writer = writer

    async def put(self, records: Iterable[Prepared]) -> Outcome:
        """Insert or replace by key."""
        return await self._writer.put(records)

    async def delete(self, kind: str, key: tuple[str, ...]) -> bool:
        """Remove one record; whether it was there."""
        return await self._writer.delete(self.tenant, kind, [key]) > 0

    async def clear(self, kind: str, keys: Sequence[tuple[str, ...]]) -> int:
        """Remove records, append-only ones too; how many there were."""
        return await self._writer.delete(self.tenant, kind, keys)
