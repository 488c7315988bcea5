"""What keeps a run from going on, and what an operator may do about it. Pure over records as their caller sees them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.readmodels.plan import View
from sidecar.readmodels.run import RESUMABLE

Record = Mapping[str, Any]
Evidence = Mapping[str, Sequence[Record]]
"""What is known beside the run: ``active_waits``, ``policy_decisions``, ``outbox``, ``tool_effects``, and the
``dead_letters`` and ``compensations`` that may still be acted on."""


@dataclass(frozen=True, slots=True)
class _Reason:
    """Records of one collection that block when a field of theirs has one of the values, and what is told of them."""

    kind: str
    collection: str
    field: str
    values: tuple[str, ...]
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Action:
    """What may be done while records of one collection have one of the values; ``ids`` names them, the first it has."""

    action: str
    collection: str
    field: str
    values: tuple[str, ...]
    named: str
    ids: tuple[str, ...]


ACTIVE_WAIT = ("waiting", "claimed", "escalated")
"""The statuses of a wait that somebody may still have to act on."""
_UNSURE = ("failed", "unknown")

_REASONS = (
    _Reason(
        *("active_wait", "active_waits", "status", ACTIVE_WAIT),
        ("wait_id", "wait_kind", "status", "phase_id", "reason"),
    ),
    _Reason(
        *("policy_decision", "policy_decisions", "decision", ("deny", "approval_required")),
        ("decision_id", "decision", "reason_code", "tool", "approval_id"),
    ),
    _Reason(
        *("outbox", "outbox", "status", ("pending", "failed", "dead_lettered")),
        ("outbox_id", "status", "operation", "dead_letter_id"),
    ),
    _Reason(
        *("tool_effect", "tool_effects", "status", _UNSURE),
        ("effect_id", "status", "operation", "compensation_id"),
    ),
    _Reason(
        *("dead_letter", "dead_letters", "status", ("open",)),
        ("dead_letter_id", "source_type", "reason"),
    ),
    _Reason(
        *("compensation", "compensations", "status", ("proposed", "awaiting_approval", "failed")),
        ("compensation_id", "status", "target_effect_id", "approval_required"),
    ),
)

_ACTIONS = (
    _Action("review_wait", "active_waits", "status", ACTIVE_WAIT, "wait_ids", ("wait_id",)),
    _Action(
        *("approve_or_deny_policy_decision", "policy_decisions", "decision", ("approval_required",)),
        *("approval_refs", ("approval_id", "decision_id")),
    ),
    _Action("retry_or_reconcile_effect", "tool_effects", "status", _UNSURE, "effect_ids", ("effect_id",)),
    _Action("resolve_dead_letter", "dead_letters", "status", ("open",), "dead_letter_ids", ("dead_letter_id",)),
    _Action(
        *("run_or_cancel_compensation", "compensations", "status", ("proposed", "awaiting_approval")),
        *("compensation_ids", ("compensation_id",)),
    ),
)


def summary(record: Record, names: Sequence[str]) -> View:
    """Some fields of a record, each there: null where the record has none."""
    return {name: record.get(name) for name in names}


def operator_summary(run: Record, evidence: Evidence) -> View:
    """Whether the run is blocked, by what, and what may be done."""
    reasons = list(_reasons(run, evidence))
    return {
        "is_blocked": bool(reasons),
        "blocking_reasons": reasons,
        "allowed_actions": list(_actions(run, evidence)),
    }


def _reasons(run: Record, evidence: Evidence) -> Iterator[View]:
    if run["status"] in RESUMABLE:
        yield {"kind": "run_status", "status": run["status"], "phase_id": run.get("current_phase_id")}
    for reason in _REASONS:
        for record in evidence[reason.collection]:
            if record.get(reason.field) in reason.values:
                yield {"kind": reason.kind, **summary(record, reason.told)}


def _actions(run: Record, evidence: Evidence) -> Iterator[View]:
    if run["status"] in RESUMABLE:
        yield {"action": "resume_from_checkpoint", "requires_status": list(RESUMABLE)}
    for action in _ACTIONS:
        about = [record for record in evidence[action.collection] if record.get(action.field) in action.values]
        if about:
            yield {"action": action.action, action.named: [_id(record, action.ids) for record in about]}


def _id(record: Record, names: Sequence[str]) -> Any:
    """The first of the fields that the record has."""
    return next(value for value in map(record.get, names) if value is not None)
