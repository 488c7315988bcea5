"""Pages over visible labels: the walk along the lanes that a caller may see."""

import heapq
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import orjson

from sidecar.records.sqlite import sql
from sidecar.records.sqlite.sql import Path
from sidecar.records.sqlite.tables import Table
from sidecar.records.store import Contains, Edge, Get, Is, Lanes, Page, Position, Read, Request, Row, Visibility, Where

Strategy = Literal["auto", "lanes", "tenant"]
Lane = tuple[Any, int]
Place = tuple[Any, ...]
Found = tuple[Place, int, int]
"""One record found in an index: its place, label and row number."""

MANY_LANES = 5_000
"""Above it, the tenant's own index is tried first: finding each lane's head would cost more than a page."""
FIRST_CHUNK = 8
LARGEST_BATCH = 1_000


class Pages:
    """Answers requests from one connection, for one tenant."""

    def __init__(
        self, connection: sqlite3.Connection, tenant_id: int, tables: Mapping[str, Table], strategy: Strategy
    ) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._tables = tables
        self._strategy = strategy

    def answer(self, request: Request, visible: Visibility) -> Page:
        """The page of one request, with what ``visible`` lets through."""
        if isinstance(request, Get):
            return self._get(request, visible)
        if isinstance(request, Edge):
            return self._edges(request, visible)
        return self._read(request, visible)

    def _get(self, request: Get, visible: Visibility) -> Page:
        table = self._tables[request.kind]
        path, fields = Path(table), _fields(table, request.where)
        condition = sql.residual(path, self._tenant_id, request.where)
        found = self._connection.execute(
            f"SELECT i._label, i._doc, {path.place} FROM {sql.keyed(table)}{condition.text} ORDER BY k.key",
            (orjson.dumps(request.keys).decode(), self._tenant_id, *condition.values),
        ).fetchall()
        labels = _labels(visible.lanes(request.kind, fields), None)
        rows = (
            visible.show(self._row(table, place, label, document), fields)
            for label, document, *place in found
            if label in labels
        )
        return Page(tuple(row for row in rows if row is not None))

    def _read(self, request: Read, visible: Visibility) -> Page:
        table = self._tables[request.kind]
        fields = _fields(table, request.where)
        labels = _labels(visible.lanes(request.kind, fields), request.within)
        walk = _Walk(self, table, request, labels)
        wanted, size, after = request.limit + 1, request.limit + 1, request.after
        shown: list[Row] = []
        while labels:
            batch = walk.batch(after, size)
            rows = (visible.show(row, fields) for row in self._documents(table, batch))
            shown.extend(row for row in rows if row is not None)
            if len(shown) >= wanted or len(batch) < size:
                break
            after, size = _position(table, batch[-1][0]), min(size * 2, max(LARGEST_BATCH, wanted))
        more = len(shown) >= wanted
        rows_shown = shown[: request.limit]
        return Page(tuple(reversed(rows_shown) if request.last else rows_shown), more)

    def _edges(self, request: Edge, visible: Visibility) -> Page:
        table = self._tables[request.kind]
        fields = _fields(table, request.where)
        path = Path(table, table.columns[request.column])
        lanes = visible.lanes(request.kind, fields)
        best: dict[str, Found] = {}
        for lane, found in self._heads(path, request, self.lanes(path, request.values, _labels(lanes, None))):
            value = lane[0]
            if value not in best or (found[0] > best[value][0] if request.last else found[0] < best[value][0]):
                best[value] = found
        rows: list[Row] = []
        chosen = [best[value] for value in request.values if value in best]
        for value, row in zip([v for v in request.values if v in best], self._documents(table, chosen), strict=True):
            shown = visible.show(row, fields)
            if shown is None:  # judged record by record, and hidden: the next one of this value may be seen
                rows.extend(self._read(_single(request, value), visible).rows)
            else:
                rows.append(shown)
        return Page(tuple(rows))

    def _heads(self, path: Path, request: Edge, lanes: Sequence[Lane]) -> Iterator[tuple[Lane, Found]]:
        condition = sql.residual(path, self._tenant_id, request.where)
        inside = path.lane("l.value ->> 1", "l.value ->> 0", "?1")
        numbered = condition.text.replace("?", "?%d")
        marks = tuple(range(3, 3 + len(condition.values)))
        head = (
            f"SELECT {path.record}._row FROM {path.joined} WHERE {inside}{numbered % marks} "
            f"ORDER BY {path.sorted(request.last)} LIMIT 1"
        )
        place = ", ".join(f"r.{name}" for name in path.table.order + path.table.key)
        found = self._connection.execute(
            f"SELECT l.key, r._label, r._row, {place} FROM json_each(?2) AS l "
            f"CROSS JOIN {path.table.name} AS r ON r._row = ({head})",
            (self._tenant_id, orjson.dumps(lanes).decode(), *condition.values),
        )
        for index, label, number, *at in found:
            yield lanes[index], (tuple(at), label, number)

    def lanes(self, path: Path, values: Sequence[Any], labels: frozenset[int]) -> list[Lane]:
        """The lanes of a path that hold something and that are among the labels."""
        assert path.column is not None
        stored = [sql.comparable(path.column, value) for value in values]
        found = self._connection.execute(sql.skip_scan(path), (self._tenant_id, orjson.dumps(stored).decode()))
        return [(value, label) for value, label in found if label in labels]

    def _documents(self, table: Table, found: Sequence[Found]) -> Iterator[Row]:
        if not found:
            return
        numbers = orjson.dumps([number for _, _, number in found]).decode()
        documents = dict(
            self._connection.execute(
                f"SELECT _row, _doc FROM {table.name} WHERE _row IN (SELECT value FROM json_each(?))", (numbers,)
            ).fetchall()
        )
        for place, label, number in found:
            yield self._row(table, place, label, documents[number])

    def _row(self, table: Table, place: Sequence[Any], label: int, document: bytes) -> Row:
        return Row(table.kind.name, label, _position(table, place), document)

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of the snapshot."""
        return self._connection

    @property
    def tenant_id(self) -> int:
        """The interned tenant; 0, which is nobody's, when the tenant has no records."""
        return self._tenant_id

    @property
    def strategy(self) -> Strategy:
        """How pages without an indexed equality are walked; tests force one."""
        return self._strategy


class _Walk:
    """The records of one read in order, batch by batch, along the lanes of its labels."""

    def __init__(self, pages: Pages, table: Table, request: Read, labels: frozenset[int]) -> None:
        self._pages = pages
        self._request = request
        self._labels = labels
        self._path, equality = sql.choose(table, request.where)
        self._condition = sql.residual(self._path, pages.tenant_id, request.where)
        self._lanes: list[Lane] | None = None
        if equality is not None:
            self._lanes = pages.lanes(self._path, equality.values, labels) if labels else []

    def batch(self, after: Position | None, size: int) -> list[Found]:
        """The next records behind a position, at most ``size``; fewer only when there are no more."""
        if self._lanes is None and self._tenant_first():
            found = self._along_tenant(after, size)
            if found is not None:
                return found
        if self._lanes is None:
            self._lanes = [(None, label) for label in sorted(self._labels)]
        if len(self._lanes) == 1:
            return self._chunk(self._lanes[0], after, size)
        if self._request.last:
            every = {found for lane in self._lanes for found in self._chunk(lane, after, size)}
            return sorted(every, reverse=True)[:size]
        return self._merged(self._lanes, after, size)

    def _tenant_first(self) -> bool:
        strategy = self._pages.strategy
        return strategy == "tenant" or (strategy == "auto" and len(self._labels) > MANY_LANES)

    def _along_tenant(self, after: Position | None, size: int) -> list[Found] | None:
        """Walk the tenant's index past hidden records; None when that costs more than finding every lane's head."""
        path, last = self._path, self._request.last
        condition = self._condition + path.beyond(after, last)
        index = path.source.replace(' label"', ' tenant"')
        cursor = self._pages.connection.execute(
            f"SELECT i._label, i._row, {path.place} FROM {index} WHERE i._tenant = ?{condition.text} "
            f"ORDER BY {path.sorted(last)}",
            (self._pages.tenant_id, *condition.values),
        )
        found: list[Found] = []
        patience = None if self._pages.strategy == "tenant" else 2 * len(self._labels)
        for passed, (label, number, *place) in enumerate(cursor):
            if label in self._labels:
                found.append((tuple(place), label, number))
            if len(found) == size:
                break
            if patience is not None and passed > patience:
                return None
        return found

    def _chunk(self, lane: Lane, after: Position | None, size: int) -> list[Found]:
        """The next records of one lane."""
        path, last = self._path, self._request.last
        keyed: tuple[Any, ...] = (lane[1],)
        if path.column is not None:
            keyed = (self._pages.tenant_id, lane[0], lane[1])
        condition = self._condition + path.beyond(after, last)
        found = self._pages.connection.execute(
            f"SELECT i._label, i._row, {path.place} FROM {path.joined} WHERE {path.lane('?', '?', '?')}"
            f"{condition.text} ORDER BY {path.sorted(last)} LIMIT ?",
            (*keyed, *condition.values, size),
        )
        return [(tuple(place), label, number) for label, number, *place in found]

    def _merged(self, lanes: list[Lane], after: Position | None, size: int) -> list[Found]:
        """A k-way merge that opens a lane only when its head is due, so a page opens at most as many as it has rows."""
        heap: list[tuple[Any, ...]] = [
            ((head,), index, 0, None) for index, head in self._first_places(lanes, after) if head is not None
        ]
        heapq.heapify(heap)
        merged: list[Found] = []
        while heap and len(merged) < size:
            entry = heapq.heappop(heap)
            index = entry[1]
            at, chunk = entry[2], entry[3]
            if chunk is None:  # a lane not opened yet, known by its leading column only
                chunk = self._chunk(lanes[index], after, FIRST_CHUNK)
                heapq.heappush(heap, (chunk[0][0], index, 0, chunk))
                continue
            if not merged or merged[-1][2] != chunk[at][2]:
                merged.append(chunk[at])
            following = self._following(lanes[index], chunk, at)
            if following is not None:
                heapq.heappush(heap, (following[1][following[0]][0], index, *following))
        return merged

    def _following(self, lane: Lane, chunk: list[Found], at: int) -> tuple[int, list[Found]] | None:
        if at + 1 < len(chunk):
            return at + 1, chunk
        if len(chunk) < FIRST_CHUNK:
            return None
        further = self._chunk(lane, _position(self._path.table, chunk[at][0]), 2 * len(chunk))
        return (0, further) if further else None

    def _first_places(self, lanes: list[Lane], after: Position | None) -> Iterator[tuple[int, Any]]:
        """The leading column of each lane's first record, in one statement: one seek a lane."""
        path = self._path
        condition = self._condition + path.beyond(after, last=False)
        marks = tuple(range(3, 3 + len(condition.values)))
        inside = path.lane("l.value ->> 1", "l.value ->> 0", "?1")
        head = (
            f"SELECT {path.first} FROM {path.joined} WHERE {inside}{condition.text.replace('?', '?%d') % marks} "
            f"ORDER BY {path.sorted(last=False)} LIMIT 1"
        )
        yield from self._pages.connection.execute(
            f"SELECT l.key, ({head}) FROM json_each(?2) AS l WHERE ?1 IS NOT NULL",
            (self._pages.tenant_id, orjson.dumps(lanes).decode(), *condition.values),
        )


def _fields(table: Table, wheres: Sequence[Where]) -> tuple[str, ...]:
    """The record's fields that clients' conditions read: a masked one matches nothing."""
    names: list[str] = []
    for where in wheres:
        if isinstance(where, Is) and where.stored:
            continue
        names.extend(where.columns if isinstance(where, Contains) else (where.column,))
    return tuple(field for name in names for field in table.columns[name].fields)


def _labels(lanes: Lanes, within: frozenset[int] | None) -> frozenset[int]:
    every = lanes.visible | lanes.depends if lanes.depends else lanes.visible
    return every if within is None else every & within


def _position(table: Table, place: Sequence[Any]) -> Position:
    split = len(table.order)
    return Position(tuple(place[:split]), tuple(place[split:]))


def _single(request: Edge, value: str) -> Read:
    return Read(request.kind, 1, (Is(request.column, (value,)), *request.where), last=request.last)
