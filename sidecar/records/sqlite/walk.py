"""The records of one read in order: along the lanes that a caller may see, merged by SQLite itself."""

import heapq
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Literal

import orjson

from sidecar.records.sqlite import sql
from sidecar.records.sqlite.sql import Clause, Path
from sidecar.records.sqlite.tables import Table
from sidecar.records.store import Position, Read

Strategy = Literal["auto", "lanes", "tenant"]
Lane = tuple[Any, int]
Raw = tuple[Any, ...]
"""A record as SQL gives it: its label, its document, then its order and key."""
Headed = tuple[Lane, Any]
"""A lane with the leading column of its first record, if it was looked for."""

MANY_LANES = 5_000
"""Above it, the tenant's own index is tried first: finding each lane's head would cost more than a page."""
GROUP = 64
"""Lanes that one statement merges. More are merged group by group, each opened only when its first record is due."""
FEW = 4
NO_LANE: Lane = (None, -1)
_DOCUMENT = 1
_place = itemgetter(slice(_DOCUMENT + 1, None))


@dataclass(frozen=True, slots=True)
class Place:
    """Where reads take place: a connection, and the interned tenant that is bound into every statement.

    The tenant is 0, which is nobody's, when it has no records. Tests force a ``strategy``.
    """

    connection: sqlite3.Connection
    tenant_id: int
    strategy: Strategy = "auto"


def records(at: Place, table: Table, request: Read, labels: frozenset[int]) -> Iterator[Raw]:
    """The records of a read under some labels, in walking direction, each once."""
    path, equality = sql.choose(table, request.where)
    walk = _Walk(at, path, sql.residual(path, at.tenant_id, request.where), request.last)
    if equality is None:
        return walk.under(labels, request.after)
    found = walk.along(_lanes(at, path, equality.values, labels), request.after)
    return _once(found) if path.column is not None and path.column.many and len(equality.values) > 1 else found


def _lanes(at: Place, path: Path, values: Sequence[Any], labels: frozenset[int]) -> list[Lane]:
    """The lanes of a path that hold something and that are among the labels."""
    stored = orjson.dumps(sql.stored_values(path, values)).decode()
    found = at.connection.execute(sql.skip_scan(path), (at.tenant_id, stored))
    return [(value, label) for value, label in found if label in labels]


def _once(found: Iterator[Raw]) -> Iterator[Raw]:
    """Records that several lanes hold come one behind the other: each but once."""
    before: Raw | None = None
    for raw in found:
        if before is None or _place(raw) != _place(before):
            yield raw
        before = raw


@dataclass(frozen=True, slots=True)
class _Walk:
    """One way through a kind's records: an index, what else must hold, and the direction."""

    at: Place
    path: Path
    condition: Clause
    last: bool

    def under(self, labels: frozenset[int], after: Position | None) -> Iterator[Raw]:
        """The records of the labels: each label is a lane, unless there are so many that the tenant's index may do."""
        strategy = self.at.strategy
        if strategy == "lanes" or (strategy == "auto" and len(labels) <= MANY_LANES):
            return self.along(_as_lanes(labels), after)
        return self._tenant_first(labels, after, None if strategy == "tenant" else 2 * len(labels))

    def along(self, lanes: Sequence[Lane], after: Position | None) -> Iterator[Raw]:
        """The records of all lanes."""
        condition = self.condition + self.path.beyond(after, self.last)
        if len(lanes) <= GROUP:
            return self._merged(lanes, condition)
        headed = [(lane, None) for lane in lanes] if self.last else self._by_head(lanes, condition)
        groups = [
            self._due(headed[start : start + GROUP], condition, number)
            for number, start in enumerate(range(0, len(headed), GROUP))
        ]
        return (raw for raw in heapq.merge(*groups, key=_place, reverse=self.last) if raw[0] is not None)

    def _due(self, headed: Sequence[Headed], condition: Clause, number: int) -> Iterator[Raw]:
        """The records of a group behind a mark that sorts before them, so that merging opens it no sooner than then."""
        first = headed[0][1]
        if first is not None:
            yield (None, None, first)
        yield from self._merged([lane for lane, _ in headed], condition, number)

    def _merged(self, lanes: Sequence[Lane], condition: Clause, number: int = 0) -> Iterator[Raw]:
        """The records of a few lanes from one statement, which steps only as far as it is read.

        Statements that are open at once have another ``number``: of one text only one is kept compiled.
        """
        if not lanes:
            return iter(())
        path, tenant = self.path, self.at.tenant_id
        arms = _arms(len(lanes))
        lanes = [*lanes, *[NO_LANE] * (arms - len(lanes))]
        arm = path.arm + condition.text
        keyed = [(label,) if path.column is None else (tenant, value, label) for value, label in lanes]
        order = sql.ordinals(path, _DOCUMENT + 2, self.last)
        return self.at.connection.execute(
            f"/* {number} */ {' UNION ALL '.join([arm] * arms)} ORDER BY {order}",
            [bound for key in keyed for bound in (*key, *condition.values)],
        )

    def _by_head(self, lanes: Sequence[Lane], condition: Clause) -> list[Headed]:
        """The lanes that hold something, in the order of their first records."""
        path = self.path
        keys: Sequence[Any] = [label for _, label in lanes] if path.column is None else lanes
        label, value = ("l.value", "NULL") if path.column is None else ("l.value ->> 1", "l.value ->> 0")
        inside = path.lane(label, value, "?1")
        head = f"SELECT {path.first} FROM {path.joined} WHERE {inside}{sql.numbered(condition, 3)} "
        found = self.at.connection.execute(
            f"SELECT l.key, ({head} ORDER BY {path.sorted(last=False)} LIMIT 1) AS head FROM json_each(?2) AS l "
            f"WHERE ?1 IS NOT NULL ORDER BY head",
            (self.at.tenant_id, orjson.dumps(keys).decode(), *condition.values),
        )
        return [(lanes[key], head) for key, head in found if head is not None]

    def _tenant_first(self, labels: frozenset[int], after: Position | None, patience: int | None) -> Iterator[Raw]:
        """Along the tenant's index, and along the lanes once too many hidden records came in a row."""
        after, ended = yield from self._along_tenant(labels, after, patience)
        if not ended:
            yield from self.along(_as_lanes(labels), after)

    def _along_tenant(
        self, labels: frozenset[int], after: Position | None, patience: int | None
    ) -> Generator[Raw, None, tuple[Position | None, bool]]:
        """Walk the tenant's index past hidden records; ends behind a place when too many of them came in a row.

        Returns that place, and whether there is nothing behind it.
        """
        path, connection = self.path, self.at.connection
        condition = self.condition + path.beyond(after, self.last)
        cursor = connection.execute(
            f"SELECT i._label, i._row, {path.place} FROM {path.of_tenant} WHERE i._tenant = ?{condition.text} "
            f"ORDER BY {path.sorted(self.last)}",
            (self.at.tenant_id, *condition.values),
        )
        document = f"SELECT _doc FROM {path.table.name} WHERE _row = ?"
        hidden = 0
        for label, row, *place in cursor:
            if label in labels:
                hidden = 0
                yield (label, connection.execute(document, (row,)).fetchone()[0], *place)
                continue
            hidden += 1
            if patience is not None and hidden > patience:
                return path.table.position(place), False
        return None, True


def _arms(lanes: int) -> int:
    """How many lanes a statement is written for: few numbers, so that few statements are compiled."""
    return lanes if lanes <= FEW else 1 << (lanes - 1).bit_length()


def _as_lanes(labels: frozenset[int]) -> list[Lane]:
    return [(None, label) for label in sorted(labels)]
