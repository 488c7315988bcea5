"""What a transaction of the SQLite store shows of one tenant, and what it changes of it."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sidecar.records.layout import Strategy, Table
from sidecar.records.reading import Page, Request, Visibility
from sidecar.records.sqlite.pages import Pages
from sidecar.records.sqlite.walk import Place
from sidecar.records.sqlite.write import Writer
from sidecar.records.store import Outcome, Prepared, Tenant

T = TypeVar("T")
Run = Callable[[Callable[[], T]], Awaitable[T]]
"""How work on a connection is done, wherever it belongs."""


class SqliteSnapshot:
    """One read transaction of one tenant."""

    committed = True
    history = ""

    def __init__(
        self,
        connection: sqlite3.Connection,
        tenant: Tenant,
        tables: Mapping[str, Table],
        run: Run[Any],
        strategy: Strategy,
    ) -> None:
        self.tenant = tenant
        self._connection = connection
        self._tables = tables
        self._run = run
        found = connection.execute(
            "SELECT tenant_id, authority_version, managed, (SELECT max(label_id) FROM label) FROM tenant "
            "WHERE org_id = ? AND workspace_id = ? AND deployment_id = ?",
            (tenant.org_id, tenant.workspace_id, tenant.deployment_id),
        ).fetchone() or (0, 0, 0, 0)
        self._tenant_id: int = found[0]
        self.authority_version: int = found[1]
        self.managed = bool(found[2])
        self.newest_label: int = found[3] or 0
        self._pages = Pages(Place(connection, self._tenant_id, strategy), tables)

    async def labels(self, kind: str, after: int) -> Sequence[tuple[int, bytes]]:
        """The kind's labels with an id above ``after``, ascending, each with its pruned record."""
        statement = (
            "SELECT label_id, body FROM label WHERE tenant_id = ? AND kind = ? AND label_id > ? ORDER BY label_id"
        )
        found: list[tuple[int, bytes]] = await self._run(
            lambda: self._connection.execute(statement, (self._tenant_id, kind, after)).fetchall()
        )
        return found

    async def sharing(self, label_id: int) -> int:
        """How many records of the tenant share a label."""
        statement = "SELECT records FROM label WHERE tenant_id = ? AND label_id = ?"
        found: tuple[int] | None = await self._run(
            lambda: self._connection.execute(statement, (self._tenant_id, label_id)).fetchone()
        )
        return found[0] if found else 0

    async def shared(self, kind: str) -> Mapping[int, int]:
        """How many records share each label of a kind that has any."""
        statement = "SELECT label_id, records FROM label WHERE tenant_id = ? AND kind = ? AND records > 0"
        found: list[tuple[int, int]] = await self._run(
            lambda: self._connection.execute(statement, (self._tenant_id, kind)).fetchall()
        )
        return dict(found)

    async def authority(self, kind: str) -> Sequence[bytes]:
        """Every record of a catalogue kind, unjudged."""
        table = self._tables[kind]
        statement = f"SELECT _doc FROM {table.name} WHERE _tenant = ? ORDER BY {', '.join(table.key)}"
        found: list[bytes] = await self._run(
            lambda: [doc for (doc,) in self._connection.execute(statement, (self._tenant_id,))]
        )
        return found

    async def read(self, requests: Sequence[Request], visible: Visibility) -> list[Page]:
        """Answer all requests from this snapshot."""
        pages: list[Page] = await self._run(lambda: [self._pages.answer(request, visible) for request in requests])
        return pages


class SqliteChange(SqliteSnapshot):
    """A write transaction of one tenant: what it reads includes what it put."""

    committed = False

    def __init__(
        self,
        connection: sqlite3.Connection,
        tenant: Tenant,
        tables: Mapping[str, Table],
        run: Run[Any],
        strategy: Strategy,
        writer: Writer,
    ) -> None:
        super().__init__(connection, tenant, tables, run, strategy)
        self._writer = writer

    async def put(self, records: Iterable[Prepared]) -> Outcome:
        """Insert or replace by key."""
        outcome: Outcome = await self._run(lambda: self._writer.put(records))
        return outcome

    async def delete(self, kind: str, key: tuple[str, ...]) -> bool:
        """Remove one record; whether it was there."""
        return await self.clear(kind, [key]) > 0

    async def clear(self, kind: str, keys: Sequence[tuple[str, ...]]) -> int:
        """Remove records, append-only ones too; how many there were."""
        removed: int = await self._run(lambda: self._writer.delete(self.tenant, kind, keys))
        return removed
