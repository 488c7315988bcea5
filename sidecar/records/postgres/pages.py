"""Pages over visible labels: what a request finds, shown as the caller may see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from sidecar.records.layout import Table, page, single
from sidecar.records.postgres import sql
from sidecar.records.postgres.sql import Asked, Path
from sidecar.records.postgres.tables import compared
from sidecar.records.store import Edge, Get, Page, Position, Read, Request, Row, Visibility

Connection: TypeAlias = "PoolConnectionProxy[Record]"
Strategy = Literal["auto", "lanes", "tenant"]
Raw = tuple[Any, ...]

PATIENCE = 4
"""How many records of the tenant are looked at for each row that is wanted, before the labels' lanes are walked."""
MOST_AT_ONCE = 1_000
"""How many rows one statement fetches at most, beyond what a page holds."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where reads take place: a connection in its transaction, and the tenant that is bound into every statement.

    The tenant is 0, which is nobody's, when it has no records. Tests force a ``strategy``.
    """

    connection: Connection
    tenant_id: int
    strategy: Strategy = "auto"

    async def fetch(self, statement: sql.Statement) -> list[Record]:
        """The rows of a statement."""
        text, values = statement
        return await self.connection.fetch(text, *values)


class Pages:
    """Answers requests from one connection, for one tenant."""

    def __init__(self, at: Place, tables: Mapping[str, Table]) -> None:
        self._at = at
        self._tables = tables

    async def answer(self, request: Request, visible: Visibility) -> Page:
        """The page of one request, with what ``visible`` lets through."""
        if isinstance(request, Get):
            return await self._get(request, visible)
        if isinstance(request, Edge):
            return await self._edges(request, visible)
        return await self._read(request, visible)

    async def _get(self, request: Get, visible: Visibility) -> Page:
        table = self._tables[request.kind]
        fields = table.fields(request.where)
        labels = visible.lanes(request.kind, fields).among()
        if not labels or not request.keys:
            return Page(())
        found = await self._at.fetch(sql.keyed(table, self._at.tenant_id, [*labels], request))
        rows = (visible.show(table.row(tuple(raw)), fields) for raw in found)
        return Page(tuple(row for row in rows if row is not None))

    async def _read(self, request: Read, visible: Visibility) -> Page:
        table = self._tables[request.kind]
        fields = table.fields(request.where)
        lanes = visible.lanes(request.kind, fields)
        labels = lanes.among(request.within)
        shown: list[Row] = []
        wanted, after = request.limit + 1, request.after
        walk = _Walk(self._at, table, request, [*labels])
        while labels:
            found = await walk.rows(after, wanted)
            for raw in found:
                stored = table.row(tuple(raw))
                row = stored if stored.label_id in lanes.clean else visible.show(stored, fields)
                if row is not None:
                    if len(shown) == request.limit:
                        return page(shown, request, more=True)
                    shown.append(row)
            if len(found) < wanted:
                break
            wanted, after = min(2 * wanted, max(MOST_AT_ONCE, wanted)), _position(table, found[-1])
        return page(shown, request, more=False)

    async def _edges(self, request: Edge, visible: Visibility) -> Page:
        table = self._tables[request.kind]
        fields = table.fields(request.where)
        labels = visible.lanes(request.kind, fields).among()
        if not labels or not request.values:
            return Page(())
        path = Path(table, table.columns[request.column])
        values = {compared(table.columns[request.column], value): value for value in request.values}
        found = await self._at.fetch(sql.edges(path, self._at.tenant_id, [*labels], [*values], request))
        best = {values[value]: table.row(tuple(raw)) for value, *raw in found}
        rows: list[Row] = []
        for value in request.values:
            if value in best:
                shown = visible.show(best[value], fields)
                # judged record by record, and hidden: the next one of this value may be seen
                rows.extend((await self._read(single(request, value), visible)).rows if shown is None else (shown,))
        return Page(tuple(rows))


@dataclass(frozen=True, slots=True)
class _Walk:
    """One way through a kind's records: under some labels, in the direction of the request."""

    at: Place
    table: Table
    request: Read
    labels: Sequence[int]

    async def rows(self, after: Position | None, wanted: int) -> list[Record]:
        """The next rows behind a place; fewer than are wanted when there are no more."""
        leading = self.table.leading(self.request.where)
        if leading is not None:
            column = self.table.columns[leading.column]
            values = [compared(column, value) for value in leading.values]
            return await self.at.fetch(sql.along_lanes(self._asked(Path(self.table, column), after, wanted), values))
        asked = self._asked(Path(self.table), after, wanted)
        if self.at.strategy == "tenant":
            return await self.at.fetch(sql.along_tenant(asked, None))
        if self.at.strategy == "auto" and len(self.labels) > sql.FEW:
            return await self._tenant_first(asked)
        return await self._along_labels(asked)

    async def _tenant_first(self, asked: Asked) -> list[Record]:
        """Along the tenant's index while that finds enough, and along the labels from where it does not."""
        found = await self.at.fetch(sql.along_tenant(asked, PATIENCE * asked.rows))
        if len(found) == asked.rows:
            return found
        after = _position(self.table, found[-1]) if found else asked.after
        return found + await self._along_labels(self._asked(asked.path, after, asked.rows - len(found)))

    async def _along_labels(self, asked: Asked) -> list[Record]:
        few = len(self.labels) <= sql.FEW
        return await self.at.fetch(sql.along_few(asked) if few else sql.along_lanes(asked, ()))

    def _asked(self, path: Path, after: Position | None, wanted: int) -> Asked:
        return Asked(path, self.at.tenant_id, self.labels, self.request.where, after, self.request.last, wanted)


def _position(table: Table, raw: Record) -> Position:
    """Where a row as SQL gives it stands."""
    return table.position(tuple(raw)[2:])
