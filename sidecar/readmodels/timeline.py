"""A run's events and snapshots, as recorded. The run itself is not asked for: its rows speak for themselves."""

from dataclasses import dataclass

from sidecar.errors import Absent
from sidecar.readmodels.plan import Plan, View
from sidecar.records.reading import Get, Is, Read, between

EVENT_SOURCE = "stateful_runtime"
EVENT_AUTHORITY = "authoritative_runtime_log"


@dataclass(frozen=True, slots=True)
class EventsQuery:
    """The part of a run's log that is asked for. ``tail`` takes the window from the end of the matching range."""

    limit: int
    after_seq: int | None = None
    since_seq: int | None = None
    before_seq: int | None = None
    tail: int | None = None


@dataclass(frozen=True, slots=True)
class SnapshotsQuery:
    """How many of a run's newest snapshots are asked for."""

    limit: int


def events(run_id: str, query: EventsQuery) -> Plan[View]:
    """The run's visible events, ascending."""
    window = query.limit if query.tail is None else query.tail
    after = query.since_seq if query.after_seq is None else query.after_seq
    where = (Is("run_id", (run_id,)), *between("seq", after, query.before_seq))
    [page] = yield [Read("event", window, where, last=query.tail is not None)]
    return {
        "run_id": run_id,
        "events": page.shown,
        "count": len(page.rows),
        "last_seq": page.rows[-1].position.order[0] if page.rows else None,
        "limit": window,
        "sequence_scope": EVENT_SOURCE,
        "event_source": EVENT_SOURCE,
        "event_authority": EVENT_AUTHORITY,
    }


def snapshots(run_id: str, query: SnapshotsQuery) -> Plan[View]:
    """The run's newest visible snapshots, ascending."""
    [page] = yield [Read("snapshot", query.limit, (Is("run_id", (run_id,)),), last=True)]
    return {
        "run_id": run_id,
        "snapshots": page.shown,
        "count": len(page.rows),
        "latest_seq": page.rows[-1].position.order[0] if page.rows else None,
        "limit": query.limit,
    }


def snapshot(run_id: str, snapshot_id: str) -> Plan[View]:
    """One snapshot. Raises Absent."""
    [page] = yield [Get("snapshot", ((run_id, snapshot_id),))]
    if not page.rows:
        sentence = "there is no such snapshot, or it is not yours to see"
        raise Absent("stateful_snapshot_not_found", sentence, run_id=run_id, snapshot_id=snapshot_id)
    return {"snapshot": page.rows[0].shown}
