"""The records of one read in order: along the lanes that a caller may see, merged by SQLite itself."""

import heapq
import sqlite3
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import orjson

from sidecar.records.layout import Lane, Strategy, Table, padded
from sidecar.records.reading import Position, Read
from sidecar.records.sqlite import sql
from sidecar.records.sqlite.sql import Clause, Path

Raw = tuple[Any, ...]
"""A record as SQL gives it: its label, its document, then its order and key."""
Headed = tuple[Lane, Sequence[Any]]
"""A lane with the place of its first record, or with as much of it as tells lanes apart."""

MANY_LANES = 5_000
"""Above it, the tenant's own index is tried first even where a condition has to hold as well."""
GROUP = 64
"""Lanes that one statement merges. More are merged group by group, each opened only when its first record is due."""
OUTRIGHT = 16
"""Lanes that are merged at once. Beyond them the tenant's own index is tried first: it gives whoever sees most of the
tenant a page without finding the head of each lane.
"""
AT_FIRST, FOR_LABELS, FOR_SHOWN = 8, 32, 4
"""How many hidden records are stepped over there: some at first, one more for so many labels, and one more for so many
records that are shown. It costs a fraction of what the lanes' heads cost.
"""
LEAST_FETCHED, MOST_FETCHED = 4, 32
"""How many records are looked at together there."""
_DOCUMENT = 1
_place = itemgetter(slice(_DOCUMENT + 1, None))


class Walked(Protocol):
    """Records on their way out of an open statement. Whoever takes them closes it."""

    def __iter__(self) -> Iterator[Raw]: ...

    def __next__(self) -> Raw: ...

    def close(self) -> None:
        """End the statement."""


class Place(NamedTuple):
    """Where reads take place: a connection, and the interned tenant that is bound into every statement.

    The tenant is 0, which is nobody's, when it has no records. Tests force a ``strategy``.
    """

    connection: sqlite3.Connection
    tenant_id: int
    strategy: Strategy = "auto"


def records(at: Place, table: Table, request: Read, labels: frozenset[int]) -> Walked:
    """The records of a read under some labels, in walking direction, each once."""
    path, equality = sql.choose(table, request.where)
    walk = _Walk(at, path, sql.residual(path, at.tenant_id, request.where), request.last, request.limit + 1)
    if equality is None:
        return walk.under(labels, request.after)
    found = walk.along(_lanes(at, path, equality.values, labels), request.after)
    return _once(found) if path.column is not None and path.column.many and len(equality.values) > 1 else found


def _lanes(at: Place, path: Path, values: Sequence[Any], labels: frozenset[int]) -> list[Lane]:
    """The lanes of a path that hold something and that are among the labels."""
    stored = orjson.dumps(sql.stored_values(path, values)).decode()
    found = at.connection.execute(sql.skip_scan(path), (at.tenant_id, stored))
    return [(value, label) for value, label in found if label in labels]


def _once(found: Iterator[Raw]) -> Generator[Raw, None, None]:
    """Records that several lanes hold come one behind the other: each but once."""
    before: Raw | None = None
    for raw in found:
        if before is None or _place(raw) != _place(before):
            yield raw
        before = raw


class _Walk(NamedTuple):
    """One way through a kind's records: an index, what else must hold, the direction, and how many are needed."""

    at: Place
    path: Path
    condition: Clause
    last: bool
    wanted: int

    def under(self, labels: frozenset[int], after: Position | None) -> Walked:
        """The records of the labels: each label is a lane, unless there are so many that the tenant's index may do."""
        strategy = self.at.strategy
        # what a condition leaves out is not counted as hidden, however much it is
        most = MANY_LANES if self.condition.text else OUTRIGHT
        if strategy == "lanes" or (strategy == "auto" and len(labels) <= most):
            return self.along(_as_lanes(labels), after)
        patience = None if strategy == "tenant" else AT_FIRST + len(labels) // FOR_LABELS
        return self._tenant_first(labels, after, patience)

    def along(self, lanes: Sequence[Lane], after: Position | None) -> Walked:
        """The records of all lanes."""
        condition = self.condition + self.path.beyond(after, self.last)
        if len(lanes) <= GROUP:
            return self._merged(lanes, condition)
        headed = self._headed(lanes, condition)
        groups = [
            self._due(headed[start : start + GROUP], condition, number)
            for number, start in enumerate(range(0, len(headed), GROUP))
        ]
        return (raw for raw in heapq.merge(*groups, key=_place, reverse=self.last) if raw[0] is not None)

    def _due(self, headed: Sequence[Headed], condition: Clause, number: int) -> Iterator[Raw]:
        """The records of a group behind a mark where the first one stands, so that merging opens it no sooner."""
        _, first = headed[0]
        yield (None, None, *first)
        yield from self._merged([lane for lane, _ in headed], condition, number)

    def _merged(self, lanes: Sequence[Lane], condition: Clause, number: int = 0) -> Walked:
        """The records of a few lanes from one statement, which steps only as far as it is read."""
        if not lanes:
            return _once(iter(()))
        tenant, lanes = self.at.tenant_id, padded(lanes)
        if self.path.column is None:
            bound = [part for _, label in lanes for part in (label, *condition.values)]
        else:
            bound = [part for value, label in lanes for part in (tenant, value, label, *condition.values)]
        return self.at.connection.execute(sql.merged(self.path, condition.text, len(lanes), self.last, number), bound)

    def _headed(self, lanes: Sequence[Lane], condition: Clause) -> list[Headed]:
        """The lanes that hold something, in the order of their first records.

        The leading column tells that order soonest, but not where many lanes begin alike, as runs do with event 1:
        then all of them would be due at once.
        """
        if not self.last:
            headed = self._found(sql.heads(self.path, condition), lanes, condition)
            if max(Counter(place for _, place in headed).values(), default=0) <= GROUP:
                return headed
        return self._found(sql.first_places(self.path, condition, self.last), lanes, condition)

    def _found(self, statement: str, lanes: Sequence[Lane], condition: Clause) -> list[Headed]:
        keys: Sequence[Any] = [label for _, label in lanes] if self.path.column is None else lanes
        bound = (self.at.tenant_id, orjson.dumps(keys).decode(), *condition.values)
        found = self.at.connection.execute(statement, bound)
        return [(lanes[key], tuple(place)) for key, *place in found if place[0] is not None]

    def _tenant_first(
        self, labels: frozenset[int], after: Position | None, patience: int | None
    ) -> Generator[Raw, None, None]:
        """Along the tenant's index, and along the lanes once too many hidden records came."""
        after, ended = yield from self._along_tenant(labels, after, patience)
        if not ended:
            yield from self.along(_as_lanes(labels), after)

    def _along_tenant(
        self, labels: frozenset[int], after: Position | None, patience: int | None
    ) -> Generator[Raw, None, tuple[Position | None, bool]]:
        """Walk the tenant's index past hidden records; ends behind a place when too many of them came.

        Returns that place, and whether there is nothing behind it.
        """
        path = self.path
        condition = self.condition + path.beyond(after, self.last)
        statement = sql.along(path, condition.text, self.last)
        cursor = self.at.connection.execute(statement, (self.at.tenant_id, *condition.values))
        shown = looked = 0
        while found := cursor.fetchmany(min(max(self.wanted - shown, LEAST_FETCHED), MOST_FETCHED)):
            seen = [raw for raw in found if raw[0] in labels]
            yield from seen
            shown, looked = shown + len(seen), looked + len(found)
            if patience is not None and looked - shown > patience + shown // FOR_SHOWN:
                # lanes are walked faster from their heads than from behind a place
                return path.table.position(found[-1][_DOCUMENT + 1 :]) if shown else after, False
        return None, True


def _as_lanes(labels: frozenset[int]) -> list[Lane]:
    return [(None, label) for label in sorted(labels)]
