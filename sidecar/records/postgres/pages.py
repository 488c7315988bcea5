"""Pages over visible labels: what a request finds, shown as the caller may see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from sidecar.records.layout import Lane, Strategy, Table, page, plain_page, single
from sidecar.records.postgres import sql
from sidecar.records.postgres.sql import Asked, Path
from sidecar.records.postgres.tables import compared
from sidecar.records.reading import Edge, Get, Is, Page, Position, Read, Request, Row, Visibility

Connection: TypeAlias = "PoolConnectionProxy[Record]"
Raw = tuple[Any, ...]

PROBED = 64
"""So many lanes are tried, whether anything is in them or not; of more it is found out first which there are."""
OUTRIGHT = 16
"""Labels whose walks are merged at once. Beyond them the tenant's own index is tried first: it gives a page at once to
whoever sees most of it.
"""
SPARE = 16
"""Records that are read along the tenant's index beyond those wanted, or a quarter of those if that is more: some are
hidden, and to ask once more costs more than to step over them.
"""
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
        found = await self._at.fetch(sql.keyed(table, self._at.tenant_id, request))
        rows = (visible.show(table.row(tuple(raw)), fields) for raw in found if raw[0] in labels)
        return Page(tuple(row for row in rows if row is not None))

    async def _read(self, request: Read, visible: Visibility) -> Page:
        table = self._tables[request.kind]
        fields = table.fields(request.where)
        lanes = visible.lanes(request.kind, fields)
        labels = lanes.among(request.within)
        shown: list[Row] = []
        wanted, after = request.limit + 1, request.after
        walk = _Walk(self._at, table, request, labels)
        while labels:
            found = [tuple(record) for record in await walk.rows(after, wanted)]
            if not shown and lanes.as_stored(found):
                return plain_page(table, found, request)
            for raw in found:
                stored = table.row(raw)
                row = stored if raw[0] in lanes.clean else visible.show(stored, fields)
                if row is not None:
                    if len(shown) == request.limit:
                        return page(shown, request, more=True)
                    shown.append(row)
            if len(found) < wanted:
                break
            wanted, after = min(2 * wanted, max(MOST_AT_ONCE, wanted)), table.position(found[-1][2:])
        return page(shown, request, more=False)

    async def _edges(self, request: Edge, visible: Visibility) -> Page:
        table = self._tables[request.kind]
        fields = table.fields(request.where)
        labels = visible.lanes(request.kind, fields).among()
        if not labels or not request.values:
            return Page(())
        path = sql.path(table, request.column)
        values = {compared(table.columns[request.column], value): value for value in request.values}
        lanes = await existing(self._at, path, [*values], labels)
        asked = Asked(path, self._at.tenant_id, request.where, None, request.last, 1)
        found = await self._at.fetch(sql.edges(asked, lanes)) if lanes else ()
        best = {values[value]: table.row(tuple(raw)) for value, *raw in found}
        rows: list[Row] = []
        for value in request.values:
            if value in best:
                shown = visible.show(best[value], fields)
                # judged record by record, and hidden: the next one of this value may be seen
                rows.extend((await self._read(single(request, value), visible)).rows if shown is None else (shown,))
        return Page(tuple(rows))


async def existing(at: Place, path: Path, values: Sequence[Any], labels: frozenset[int]) -> list[Lane]:
    """The lanes under some values and labels: all that might be there where those are few, else all that are."""
    if len(values) * len(labels) <= PROBED:
        return [(value, label) for value in dict.fromkeys(values) for label in labels]
    found = await at.fetch(sql.lanes(path, at.tenant_id, values))
    return [(value, label) for value, label in found if label in labels]


@dataclass
class _Walk:
    """One way through a kind's records: under some labels, in the direction of the request."""

    at: Place
    table: Table
    request: Read
    labels: frozenset[int]
    _lanes: list[Lane] | None = None

    async def rows(self, after: Position | None, wanted: int) -> Sequence[Record]:
        """The next rows behind a place; fewer than are wanted when there are no more."""
        leading = self.table.leading(self.request.where)
        if leading is None and self._tenant_may_do():
            return await self._tenant_first(after, wanted)
        path = sql.path(self.table, None if leading is None else leading.column)
        return await self._along_lanes(path, leading, after, wanted)

    def _tenant_may_do(self) -> bool:
        """Whether the tenant's own index is tried: what a condition leaves out there would not be noticed."""
        if self.at.strategy == "auto":
            return len(self.labels) > OUTRIGHT and not self.request.where
        return self.at.strategy == "tenant"

    async def _tenant_first(self, after: Position | None, wanted: int) -> Sequence[Record]:
        """Along the tenant's index, and along the labels once too many hidden records came."""
        found: list[Record] = []
        looked, patience = 0, len(self.labels)
        while True:
            missing = wanted - len(found)
            share = looked / len(found) if found else 1
            asked = self._asked(sql.path(self.table), after, int(missing * share) + max(SPARE, missing // 4))
            batch = await self.at.fetch(sql.along_tenant(asked))
            found += [raw for raw in batch if raw[0] in self.labels]
            if len(found) >= wanted or len(batch) < asked.rows:
                return found[:wanted]
            looked, after = looked + len(batch), _position(self.table, batch[-1])
            if self.at.strategy == "auto" and (not found or looked - len(found) > patience):
                return [*found, *(await self._along_lanes(asked.path, None, after, wanted - len(found)))]

    async def _along_lanes(
        self, path: Path, leading: Is | None, after: Position | None, wanted: int
    ) -> Sequence[Record]:
        if self._lanes is None:
            if leading is None:
                self._lanes = [(None, label) for label in self.labels]
            else:
                values = [compared(self.table.columns[leading.column], value) for value in leading.values]
                self._lanes = await existing(self.at, path, values, self.labels)
        if not self._lanes:
            return ()
        return await self.at.fetch(sql.along_lanes(self._asked(path, after, wanted), self._lanes))

    def _asked(self, path: Path, after: Position | None, rows: int) -> Asked:
        return Asked(path, self.at.tenant_id, self.request.where, after, self.request.last, rows)


def _position(table: Table, raw: Record) -> Position:
    """Where a row as SQL gives it stands."""
    return table.position(tuple(raw)[2:])
