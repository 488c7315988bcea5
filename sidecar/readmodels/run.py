"""The run that a path names: of the visible records under its id, the one that wins."""

from collections.abc import Iterable, Sequence
from typing import Any

from sidecar.errors import Absent
from sidecar.readmodels.plan import Plan
from sidecar.records.reading import Get, Page, Request, Row

RUN_KINDS = ("automation_run", "workflow_run")
RESUMABLE = ("paused", "blocked", "failed", "dead_lettered", "retrying")
"""The run statuses from which an operator may resume."""


def run_requests(run_id: str) -> list[Request]:
    """What has to be read to find a run: one record of each engine, at most."""
    return [Get(kind, ((run_id,),)) for kind in RUN_KINDS]


def winner(rows: Iterable[Row]) -> Row:
    """Of the records of one run the one updated last; a tie goes to the workflow's."""
    return min(rows, key=lambda row: (row.position.order, row.kind != "workflow_run"))


def run_of(pages: Sequence[Page], run_id: str) -> Row:
    """The run among the pages of ``run_requests``. Raises Absent."""
    rows = [row for page in pages for row in page.rows]
    if not rows:
        raise Absent("stateful_run_not_found", "there is no such run, or it is not yours to see", run_id=run_id)
    return winner(rows)


def shown_run(record: dict[str, Any], latest_snapshot_id: str | None = None) -> dict[str, Any]:
    """The run as read models show it: without its recovery part, and with its newest snapshot where that is known."""
    shown = {name: value for name, value in record.items() if name != "recovery"}
    return shown if latest_snapshot_id is None else {**shown, "latest_snapshot_id": latest_snapshot_id}


def find_run(run_id: str) -> Plan[Row]:
    """The run as a round of its own. Raises Absent."""
    return run_of((yield run_requests(run_id)), run_id)
