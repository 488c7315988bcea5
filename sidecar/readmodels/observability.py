"""Everything that tells how one run is doing: its waits, decisions, rows, audit, log, and what blocks it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from sidecar.readmodels.blocking import Record, operator_summary, summary
from sidecar.readmodels.plan import Plan, View
from sidecar.readmodels.reliability import COLLECTIONS, RECOVERABLE
from sidecar.readmodels.run import RUN_KINDS, run_of, run_requests, shown_run
from sidecar.records.reading import Get, Is, Page, Read, Request, Row

Found = Mapping[str, Page]
"""What was read, each page under the name of what it holds."""

_ACTIVE = Is("active", (True,))
_RECOVERED = ("dead_letters", "compensations")
_EVENT = ("event_id", "seq", "event_type", "occurred_at_ms", "phase_id", "causation_id", "correlation_id")
_CORRELATION = ("event_id", "seq", "causation_id", "correlation_id")
_SNAPSHOT = ("snapshot_id", "seq", "status", "phase", "created_at_ms")
_DECISION = (
    *("decision_id", "run_id", "automation_id", "node_id", "tool", "decision", "reason_code", "risk_tier"),
    *("policy_id", "grant_id", "approval_id", "audit_event_id", "created_at_ms"),
)
_AUDIT = ("event_id", "event_type", "created_at_ms", "seq", "record_hash", "actor")


@dataclass(frozen=True, slots=True)
class ObservabilityQuery:
    """The run, and how many rows of each family are wanted at most."""

    run_id: str
    event_limit: int
    snapshot_limit: int
    reliability_limit: int
    audit_limit: int


def observability(query: ObservabilityQuery) -> Plan[View]:
    """How one run is doing. Raises Absent."""
    first = _first(query)
    found = dict(zip(first, (yield list(first.values())), strict=True))
    run = shown_run(run_of([found[kind] for kind in RUN_KINDS], query.run_id).record())
    second = _second(query, run, found)
    found |= dict(zip(second, (yield list(second.values())), strict=True))
    return _view(query, run, found)


def _first(query: ObservabilityQuery) -> dict[str, Request]:
    """The run, and everything that is known by the run's id."""
    within, rows = Is("run_id", (query.run_id,)), query.reliability_limit
    return {
        **dict(zip(RUN_KINDS, run_requests(query.run_id), strict=True)),
        "waits": Read("wait", rows, (within,)),
        "active_waits": Read("wait", rows, (within, _ACTIVE)),
        "policy_decisions": Read("policy_decision", rows, (within,)),
        **{name: Read(kind, rows, (within,)) for name, kind in COLLECTIONS.items()},
        **{f"open {name}": Read(COLLECTIONS[name], rows, (within, RECOVERABLE)) for name in _RECOVERED},
        "events": Read("event", query.event_limit, (within,), last=True),
        "snapshots": Read("snapshot", query.snapshot_limit, (within,), last=True),
    }


def _second(query: ObservabilityQuery, run: Record, found: Found) -> dict[str, Request]:
    """The audit events that mention the run or a decision told of, and the active wait that the run itself names.

    Whether an event mentions the run is read off its stored payload: of the payload only a digest is shown.
    """
    decisions = (row.position.key[0] for row in found["policy_decisions"].rows)
    mentioned = Is("payload", tuple(dict.fromkeys((query.run_id, *decisions))), stored=True)
    requests: dict[str, Request] = {
        "protected_events": Read("protected_audit_event", query.audit_limit, (mentioned,), last=True)
    }
    if run.get("active_wait_kind") is not None and run.get("active_wait_id") is not None:
        requests["named_wait"] = Get("wait", ((query.run_id, run["active_wait_id"]),), (_ACTIVE,))
    return requests


def _view(query: ObservabilityQuery, run: Record, found: Found) -> View:
    active = _records(found["active_waits"]) + _inferred(run, found)
    rows = {name: found[name] for name in COLLECTIONS}
    decisions = _records(found["policy_decisions"])
    evidence = {
        "active_waits": active,
        "policy_decisions": decisions,
        **{name: _records(found[name]) for name in COLLECTIONS if name not in _RECOVERED},
        **{name: _records(found[f"open {name}"]) for name in _RECOVERED},
    }
    return {
        "run_id": query.run_id,
        "source": "stateful_runtime_observability",
        "run": run,
        "current_wait": active[0] if active else None,
        "waits": found["waits"].shown,
        "policy_decisions": [summary(record, _DECISION) for record in decisions],
        "reliability": {name: page.shown for name, page in rows.items()},
        "audit": {
            "protected_events": [_audit(row) for row in found["protected_events"].rows],
            "payload_policy": "redacted_payload_digest_only",
        },
        "events": _events(found["events"]),
        "snapshots": _snapshots(found["snapshots"]),
        "operator_summary": operator_summary(run, evidence),
        "counts": _counts(found, len(active)),
        "limits": {
            "event_limit": query.event_limit,
            "snapshot_limit": query.snapshot_limit,
            "reliability_limit": query.reliability_limit,
            "audit_limit": query.audit_limit,
        },
    }


def _inferred(run: Record, found: Found) -> list[dict[str, Any]]:
    """The wait that the run says it is in, when no active wait is recorded under that id."""
    named = found.get("named_wait")
    if named is None or named.rows:
        return []
    phase = {"phase_id": run["current_phase_id"]} if "current_phase_id" in run else {}
    return [
        {
            "schema_version": 1,
            "wait_id": run["active_wait_id"],
            "run_id": run["run_id"],
            "wait_kind": run["active_wait_kind"],
            "status": "waiting",
            "scope": run["scope"],
            **phase,
            "reason": "run_level_active_wait",
            "created_at_ms": run["updated_at_ms"],
            "updated_at_ms": run["updated_at_ms"],
            "metadata": {"source": "run_record"},
        }
    ]


def _audit(row: Row) -> View:
    """An audit event without its payload, which is told by its digest alone."""
    stored = orjson.loads(row.stored)
    payload = orjson.dumps(stored["payload"], option=orjson.OPT_SORT_KEYS)
    digest = hashlib.sha256(payload + b"\0").hexdigest()  # the engines end each part of a digest with a NUL
    return {**summary(row.record(), _AUDIT), "payload_digest": f"sha256:{digest}"}


def _events(page: Page) -> View:
    records = _records(page)
    correlated = [record for record in records if "causation_id" in record or "correlation_id" in record]
    return {
        "latest": summary(records[-1], _EVENT) if records else None,
        "tail": page.shown,
        "correlation_ids": [summary(record, _CORRELATION) for record in correlated],
    }


def _snapshots(page: Page) -> View:
    latest = summary(page.rows[-1].record(), _SNAPSHOT) if page.rows else None
    return {"latest": latest, "items": page.shown}


def _counts(found: Found, active_waits: int) -> View:
    """How many rows of each family this answer holds."""
    listed = ("waits", "policy_decisions", *COLLECTIONS, "events", "snapshots")
    return {
        **{name: len(found[name].rows) for name in listed},
        "active_waits": active_waits,
        "protected_audit_events": len(found["protected_events"].rows),
    }


def _records(page: Page) -> list[dict[str, Any]]:
    return [row.record() for row in page.rows]
