"""Pages over visible labels: what a request finds, shown as the caller may see it."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from itertools import chain, islice
from typing import Any

import orjson

from sidecar.records.layout import Table, page, plain_page, single
from sidecar.records.reading import Edge, Get, Lanes, Page, Read, Request, Row, Visibility
from sidecar.records.sqlite import sql
from sidecar.records.sqlite.sql import Path
from sidecar.records.sqlite.walk import Place, Walked, records


class Pages:
    """Answers requests from one connection, for one tenant."""

    def __init__(self, at: Place, tables: Mapping[str, Table]) -> None:
        self._at = at
        self._tables = tables

    def answer(self, request: Request, visible: Visibility) -> Page:
        """The page of one request, with what ``visible`` lets through."""
        if isinstance(request, Get):
            return self._get(request, visible)
        if isinstance(request, Edge):
            return self._edges(request, visible)
        return self._read(request, visible)

    def _get(self, request: Get, visible: Visibility) -> Page:
        table = self._tables[request.kind]
        path, fields = sql.path(table), table.fields(request.where)
        condition = sql.residual(path, self._at.tenant_id, request.where)
        found = self._at.connection.execute(
            f"SELECT i._label, i._doc, {path.place} FROM {sql.keyed(table)}{condition.text} ORDER BY k.key",
            (sql.bound_keys(request.keys), self._at.tenant_id, *condition.values),
        ).fetchall()
        labels = visible.lanes(request.kind, fields).among()
        rows = (visible.show(table.row(raw), fields) for raw in found if raw[0] in labels)
        return Page(tuple(row for row in rows if row is not None))

    def _read(self, request: Read, visible: Visibility) -> Page:
        table = self._tables[request.kind]
        fields = table.fields(request.where)
        lanes = visible.lanes(request.kind, fields)
        labels = lanes.among(request.within)
        if not labels:
            return page([], request, more=False)
        # closed here and now: as long as a statement is open somewhere, the connection goes on seeing the old state
        with closing(records(self._at, table, request, labels)) as found:
            return _shown(table, request, found, lanes, lambda row: visible.show(row, fields))

    def _edges(self, request: Edge, visible: Visibility) -> Page:
        table = self._tables[request.kind]
        fields = table.fields(request.where)
        labels = visible.lanes(request.kind, fields).among()
        best: dict[Any, Row] = {}
        for value, *raw in self._heads(sql.path(table, request.column), request):
            if raw[0] in labels:
                row, known = table.row(tuple(raw)), best.get(value)
                if known is None or (row.position > known.position) == request.last:
                    best[value] = row
        rows: list[Row] = []
        for value in request.values:
            if value in best:
                shown = visible.show(best[value], fields)
                # judged record by record, and hidden: the next one of this value may be seen
                rows.extend(self._read(single(request, value), visible).rows if shown is None else (shown,))
        return Page(tuple(rows))

    def _heads(self, path: Path, request: Edge) -> Iterable[tuple[Any, ...]]:
        """The value and the first record of every lane under the values, whoever may see it."""
        condition = sql.residual(path, self._at.tenant_id, request.where)
        values = orjson.dumps(sql.stored_values(path, request.values)).decode()
        return self._at.connection.execute(
            sql.lane_heads(path, condition, request.last), (self._at.tenant_id, values, *condition.values)
        )


def _shown(table: Table, request: Read, found: Walked, lanes: Lanes, show: Callable[[Row], Row | None]) -> Page:
    """The page of what is found, as it may be shown."""
    first = list(islice(found, request.limit + 1))
    if lanes.as_stored(first):
        return plain_page(table, first, request)
    shown: list[Row] = []
    for raw in chain(first, found):
        stored = table.row(raw)
        row = stored if raw[0] in lanes.clean else show(stored)
        if row is not None:
            if len(shown) == request.limit:
                return page(shown, request, more=True)
            shown.append(row)
    return page(shown, request, more=False)
