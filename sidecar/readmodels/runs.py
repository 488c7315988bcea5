"""The runs of both engines as one list, and one run in detail."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice

from sidecar.policy.judge import Verdicts
from sidecar.readmodels.catalogue import SeenCatalogue
from sidecar.readmodels.plan import Plan, View
from sidecar.readmodels.run import RUN_KINDS, run_of, run_requests, winner
from sidecar.readmodels.run_filters import FILTERS, Selection, selections
from sidecar.readmodels.run_rows import Beside, beside_of, beside_requests, run_row, wait_requests
from sidecar.readmodels.scope import ScopeSummaries
from sidecar.records.reading import Edge, Get, Is, Page, Position, Read, Request, Row

KINDS = (*RUN_KINDS, "wait", "event", "snapshot")
"""The kinds that both read models show; the caller's catalogue is read beforehand."""
LARGEST_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class RunsQuery:
    """How many runs are asked for, and the filters as the client spelled them."""

    limit: int
    status: str | None = None
    phase: str | None = None
    trigger: str | None = None
    kind: str | None = None
    source: str | None = None
    org_id: str | None = None
    workspace_id: str | None = None
    deployment_id: str | None = None
    workflow_id: str | None = None
    automation_id: str | None = None
    org_unit_id: str | None = None
    owner_id: str | None = None
    owner_kind: str | None = None
    resource_kind: str | None = None
    resource_id: str | None = None
    policy_version_id: str | None = None
    data_class: str | None = None
    risk_tier: str | None = None
    delegation_grant_id: str | None = None
    source_binding_id: str | None = None

    @property
    def filters(self) -> dict[str, str | None]:
        """Every filter; ``source`` is the kind when no kind is given, not even an empty one."""
        given = {name: getattr(self, name) for name in FILTERS}
        return given if self.kind is not None else {**given, "kind": self.source}


@dataclass(frozen=True, slots=True)
class RunQuery:
    """One run, and how many of its newest events and snapshots are asked for."""

    run_id: str
    event_limit: int
    snapshot_limit: int


def runs(query: RunsQuery, verdicts: Verdicts, catalogue: SeenCatalogue) -> Plan[View]:
    """The visible runs that the filters keep, newest first."""
    summaries = ScopeSummaries(catalogue, verdicts.now_ms)
    filters = query.filters
    found, beside = yield from _newest(query.limit, selections(filters, verdicts, summaries))
    rows = [run_row(run, beside[_run_id(run)], summaries, "list") for run in found]
    return {
        "runs": rows,
        "count": len(rows),
        "limit": query.limit,
        "source": "stateful_runtime",
        "filters": filters,
    }


def run_detail(query: RunQuery, verdicts: Verdicts, catalogue: SeenCatalogue) -> Plan[View]:
    """One run with the ends of its event log and of its snapshots. Raises Absent."""
    own = (Is("run_id", (query.run_id,)),)
    *pages, pending, last, first, events, snapshots = yield [
        *run_requests(query.run_id),
        *wait_requests([query.run_id]),
        Edge("event", "run_id", (query.run_id,)),
        Read("event", query.event_limit, own, last=True),
        Read("snapshot", query.snapshot_limit, own, last=True),
    ]
    run = run_of(pages, query.run_id)
    beside = Beside(_last(pending) or _last(last), _last(first), _last(events), _last(snapshots))
    return {
        **run_row(run, beside, ScopeSummaries(catalogue, verdicts.now_ms), "detail"),
        "events": events.shown,
        "snapshots": snapshots.shown,
    }


@dataclass
class _Stream:
    """The records of one kind that the filters keep, read as far as they were needed."""

    selection: Selection
    rows: list[Row] = field(default_factory=list)
    after: Position | None = None
    more: bool = True

    def request(self, size: int) -> Read:
        """The next records; more of them where most may not be kept."""
        size = LARGEST_BATCH if self.selection.unsure else size
        return Read(self.selection.kind, size, self.selection.where, self.after, within=self.selection.within)

    def receive(self, page: Page) -> None:
        """Queue what is kept of a page."""
        self.rows += filter(self.selection.keeps, page.rows) if self.selection.unsure else page.rows
        self.more = page.more
        self.after = page.rows[-1].position if page.rows else self.after


def _newest(limit: int, chosen: Sequence[Selection]) -> Plan[tuple[list[Row], dict[str, Beside]]]:
    """The first runs of the merged kinds, and what lies beside them.

    Both engines may hold a record of one run. The filters apply to the one that wins, so a record that they found is
    compared with what the caller sees of the other kind; when it loses, the list goes on behind it. That takes two
    rounds, and more only when losers left the list short.
    """
    streams = [_Stream(selection) for selection in chosen]
    found: list[Row] = []
    beside: dict[str, Beside] = {}
    size = limit
    while len(found) < limit:
        while short := [stream for stream in streams if stream.more and len(stream.rows) < size]:
            for stream, page in zip(short, (yield [stream.request(size) for stream in short]), strict=True):
                stream.receive(page)
        candidates = _taken(streams, size)
        if not candidates:
            break
        run_ids = tuple(dict.fromkeys(_run_id(row) for row in candidates))
        *rivals, wait, last_wait, first, last, snapshot = yield [*_rivals(candidates), *beside_requests(run_ids)]
        found += _winning(candidates, rivals)
        beside |= beside_of([wait, last_wait, first, last, snapshot], run_ids)
        size = min(2 * size, LARGEST_BATCH)
    return found[:limit], beside


def _taken(streams: Sequence[_Stream], size: int) -> list[Row]:
    """The first rows of the merged streams, taken out of them. Each stream holds that many or all that it has."""
    taken = list(islice(merge(*(stream.rows for stream in streams), key=_place), size))
    for stream in streams:
        del stream.rows[: sum(row.kind == stream.selection.kind for row in taken)]
    return taken


def _rivals(candidates: Sequence[Row]) -> list[Request]:
    """What the caller sees, in the other kind, of the candidates' runs."""
    return [Get(other, tuple(row.position.key for row in candidates if row.kind != other)) for other in RUN_KINDS]


def _winning(candidates: Sequence[Row], rivals: Sequence[Page]) -> list[Row]:
    """The candidates that are the winning record of their run."""
    records: dict[str, list[Row]] = {}
    for row in (*candidates, *(row for page in rivals for row in page.rows)):
        records.setdefault(_run_id(row), []).append(row)
    return [row for row in candidates if winner(records[_run_id(row)]).kind == row.kind]


def _place(row: Row) -> tuple[tuple[int, ...], tuple[str, ...]]:
    return row.position.order, row.position.key


def _run_id(row: Row) -> str:
    return row.position.key[0]


def _last(page: Page) -> Row | None:
    return page.rows[-1] if page.rows else None
