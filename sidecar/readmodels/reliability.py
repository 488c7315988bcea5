"""Outbox, tool effects, dead letters and compensations: four collections, each paged behind an anchor row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sidecar.readmodels.plan import Plan, View
from sidecar.readmodels.run import run_of, run_requests, shown_run
from sidecar.records.forms import WHITE_SPACE, filter_value, folded
from sidecar.records.reading import Get, Is, Page, Position, Read, Request, Where, between

COLLECTIONS: Mapping[str, str] = {
    "outbox": "outbox",
    "tool_effects": "tool_effect",
    "dead_letters": "dead_letter",
    "compensations": "compensation",
}
"""Each collection and the kind of its rows."""

RECOVERABLE = Is("recoverable", (True,))
"""Neither settled nor superseded by a later success: what an operator may still act on."""

_SOURCE = {"tool_effects": "source_kind", "dead_letters": "source_type"}
_RECOVERED = ("dead_letters", "compensations")
_SPELLINGS = {name: name for name in COLLECTIONS} | {kind: name for name, kind in COLLECTIONS.items()}


@dataclass(frozen=True, slots=True)
class ReliabilityQuery:
    """What is asked of the four collections. ``run_id`` is a filter; the path of a run's own route is given apart."""

    limit: int
    run_id: str | None = None
    status: str | None = None
    source_type: str | None = None
    after_id: str | None = None
    after_collection: str | None = None
    before_created_at_ms: int | None = None
    active_recovery_only: bool = False


@dataclass(frozen=True, slots=True)
class _Anchor:
    """Where paging goes on: in one collection, behind a row; without a collection nowhere."""

    collection: str | None
    position: Position | None


@dataclass(frozen=True)
class _Asked:
    """A query with the run it is about, if any, and the filters that decide."""

    query: ReliabilityQuery
    run_id: str | None
    within: tuple[Where, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "within", () if self.run_id is None else (Is("run_id", (self.run_id,)),))

    @property
    def after_ids(self) -> tuple[str, ...]:
        """The id of the row to go on behind, as it was sent and trimmed: a stored one may begin or end with a blank."""
        sent = self.query.after_id or ""
        trimmed = sent.strip(WHITE_SPACE)
        return tuple(dict.fromkeys((sent, trimmed))) if trimmed else ()

    @property
    def collection(self) -> str | None:
        """The collection that the client names, if it is one."""
        return _SPELLINGS.get(folded(self.query.after_collection or ""))

    def anchors(self) -> list[Request]:
        """The reads that find the anchor: in the collection that is named, else in all. No query filter hides it."""
        if not self.after_ids:
            return []
        named = COLLECTIONS if self.collection is None else (self.collection,)
        keys = tuple((name,) for name in self.after_ids)
        return [Get(COLLECTIONS[name], keys, self.within) for name in named]

    def anchor(self, pages: Sequence[Page]) -> _Anchor | None:
        """The anchor among the pages of ``anchors``; None when none was asked for."""
        if not self.after_ids:
            return None
        rows = [row for page in pages for row in page.rows]
        found = [row for row in rows if row.position.key[0] == self.query.after_id] or rows
        if self.collection is not None:
            return _Anchor(self.collection, found[0].position if found else None)
        if len(found) != 1:  # stale, hidden, made up or ambiguous
            return _Anchor(None, None)
        return _Anchor(_SPELLINGS[found[0].kind], found[0].position)

    def page(self, name: str, anchor: _Anchor | None) -> Request | None:
        """The read of one collection; None when nothing can follow the anchor."""
        after: Position | None = None
        if anchor is not None:
            if anchor.collection is None:
                return None
            if anchor.collection == name:
                if anchor.position is None:
                    return None
                after = anchor.position
        return Read(COLLECTIONS[name], self.query.limit, self._where(name), after)

    def _where(self, name: str) -> tuple[Where, ...]:
        query, where = self.query, list(self.within)
        status, source = filter_value(query.status), filter_value(query.source_type)
        if status is not None:
            where.append(Is("status", (status,)))
        if source is not None and name in _SOURCE:
            where.append(Is(_SOURCE[name], (source,)))
        if query.active_recovery_only and name in _RECOVERED:
            where.append(RECOVERABLE)
        return (*where, *between("created_at_ms", None, query.before_created_at_ms))


def reliability(query: ReliabilityQuery) -> Plan[View]:
    """The collections of the whole tenant, or of the run that the query filters by."""
    asked = _Asked(query, filter_run(query.run_id))
    anchor = asked.anchor((yield asked.anchors())) if asked.after_ids else None
    view = yield from _collections(asked, anchor)
    return {"source": "stateful_runtime_reliability", **view}


def run_reliability(run_id: str, query: ReliabilityQuery) -> Plan[View]:
    """The collections of one run. Raises Absent."""
    asked = _Asked(query, run_id)
    first = yield [*run_requests(run_id), *asked.anchors()]
    run = run_of(first[:2], run_id)
    view = yield from _collections(asked, asked.anchor(first[2:]))
    return {"run_id": run_id, "run": shown_run(run.record()), **view}


def filter_run(run_id: str | None) -> str | None:
    """The run that a filter names, exactly; empty or ``all`` names none."""
    return run_id if filter_value(run_id) is not None else None


def _collections(asked: _Asked, anchor: _Anchor | None) -> Plan[View]:
    requests = {name: asked.page(name, anchor) for name in COLLECTIONS}
    pages = yield [request for request in requests.values() if request is not None]
    answered = iter(pages)
    found = {name: Page(()) if request is None else next(answered) for name, request in requests.items()}
    query = asked.query
    return {
        **{name: page.shown for name, page in found.items()},
        "counts": {name: len(page.rows) for name, page in found.items()},
        "limit": query.limit,
        "pagination": {
            "after_id": query.after_id,
            "after_collection": None if anchor is None else anchor.collection,
            "before_created_at_ms": query.before_created_at_ms,
            "next": {name: _next(name, page, query) for name, page in found.items()},
        },
    }


def _next(name: str, page: Page, query: ReliabilityQuery) -> View | None:
    """Where the next page of a collection begins; None on its last, also when that is exactly full."""
    if not page.more:
        return None
    bound = {} if query.before_created_at_ms is None else {"before_created_at_ms": query.before_created_at_ms}
    return {"after_id": page.rows[-1].position.key[0], "after_collection": name, **bound}
