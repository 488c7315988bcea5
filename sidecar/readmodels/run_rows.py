"""A run as the list and the detail show it: the run itself, what lies beside it, and what its scope comes to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.readmodels.plan import View
from sidecar.readmodels.run import shown_run
from sidecar.readmodels.scope import ScopeSummaries
from sidecar.readmodels.timeline import EVENT_AUTHORITY, EVENT_SOURCE
from sidecar.records.reading import Edge, Is, Page, Request, Row

PENDING = Is("pending", (True,))
"""A wait that has not ended."""

_WAIT = ("wait_id", "wait_kind", "status", "phase_id", "reason", "wake_at_ms", "timeout_policy", "event_seq")
_EVENT = ("event_id", "seq", "event_type", "occurred_at_ms", "phase_id", "wait_kind")
_SNAPSHOT = (
    *("snapshot_id", "seq", "created_at_ms", "status", "phase", "phase_id", "payload_digest"),
    *("workflow_definition_version", "workflow_definition_snapshot_hash"),
)


@dataclass(frozen=True, slots=True)
class Beside:
    """The rows beside one run that its own row tells of."""

    wait: Row | None = None
    first_event: Row | None = None
    last_event: Row | None = None
    snapshot: Row | None = None


def wait_requests(run_ids: Iterable[str]) -> list[Request]:
    """The current wait of each run: the first that has not ended, and the last of all in case there is none."""
    ids = tuple(run_ids)
    return [Edge("wait", "run_id", ids, where=(PENDING,)), Edge("wait", "run_id", ids, last=True)]


def beside_requests(run_ids: Iterable[str]) -> list[Request]:
    """What has to be read to show runs in a list."""
    ids = tuple(run_ids)
    return [
        *wait_requests(ids),
        Edge("event", "run_id", ids),
        Edge("event", "run_id", ids, last=True),
        Edge("snapshot", "run_id", ids, last=True),
    ]


def beside_of(pages: Sequence[Page], run_ids: Iterable[str]) -> Mapping[str, Beside]:
    """What lies beside each run, from the pages of ``beside_requests``."""
    pending, last, first_event, last_event, snapshot = (_by_run(page) for page in pages)
    return {
        run_id: Beside(
            pending.get(run_id) or last.get(run_id),
            first_event.get(run_id),
            last_event.get(run_id),
            snapshot.get(run_id),
        )
        for run_id in run_ids
    }


def _by_run(page: Page) -> dict[str, Row]:
    return {row.position.key[0]: row for row in page.rows}


def run_row(run: Row, beside: Beside, summaries: ScopeSummaries, detail_level: str) -> View:
    """The row of one run."""
    record = run.record()
    snapshot = _picked(beside.snapshot, _SNAPSHOT)
    event = _picked(beside.last_event, _EVENT)
    return {
        "run": shown_run(record, None if snapshot is None else snapshot["snapshot_id"]),
        "current_wait": _picked(beside.wait, _WAIT),
        "latest_event": None if event is None else {**event, "authoritative": True},
        "latest_snapshot": snapshot,
        "enterprise_scope": summaries.of(record["scope"]),
        "replay_boundaries": {
            "earliest_event_seq": _seq(beside.first_event),
            "latest_event_seq": _seq(beside.last_event),
            "latest_snapshot_id": None if snapshot is None else snapshot["snapshot_id"],
            "latest_snapshot_seq": _seq(beside.snapshot),
            "can_replay_from_event_log": event is not None,
            "can_replay_from_snapshot": snapshot is not None,
        },
        "event_source": EVENT_SOURCE,
        "event_authority": EVENT_AUTHORITY,
        "detail_level": detail_level,
    }


def _picked(row: Row | None, names: Iterable[str]) -> dict[str, Any] | None:
    """Some members of a record, each there, null where the record has none."""
    if row is None:
        return None
    record = row.record()
    return {name: record.get(name) for name in names}


def _seq(row: Row | None) -> int | None:
    return None if row is None else row.position.order[0]
