"""What blocks a run and what may be done: one table over every status that the schemas know."""

from typing import Any

import pytest
from shipped_kinds import kinds

from sidecar.readmodels.blocking import operator_summary

CALM = {"status": "running"}
NOTHING: dict[str, list[Any]] = {
    name: [] for name in ("active_waits", "policy_decisions", "outbox", "tool_effects", "dead_letters", "compensations")
}
RESUMABLE = ["paused", "blocked", "failed", "dead_lettered", "retrying"]

ROWS = {
    "active_waits": (
        *("wait", "active_wait", {"waiting", "claimed", "escalated"}),
        {"wait_id": "w", "wait_kind": "timer", "status": "?", "phase_id": "p", "reason": "r"},
        ("review_wait", {"waiting", "claimed", "escalated"}, "wait_ids", "w"),
    ),
    "policy_decisions": (
        *("policy_decision", "policy_decision", {"deny", "approval_required"}),
        {"decision_id": "p", "decision": "?", "reason_code": "c", "tool": "t", "approval_id": "a"},
        ("approve_or_deny_policy_decision", {"approval_required"}, "approval_refs", "a"),
    ),
    "outbox": (
        *("outbox", "outbox", {"pending", "failed", "dead_lettered"}),
        {"outbox_id": "o", "status": "?", "operation": "send", "dead_letter_id": "d"},
        None,
    ),
    "tool_effects": (
        *("tool_effect", "tool_effect", {"failed", "unknown"}),
        {"effect_id": "e", "status": "?", "operation": "send", "compensation_id": "c"},
        ("retry_or_reconcile_effect", {"failed", "unknown"}, "effect_ids", "e"),
    ),
    "dead_letters": (
        *("dead_letter", "dead_letter", {"open"}),
        {"dead_letter_id": "d", "source_type": "tool_effect", "reason": "late"},
        ("resolve_dead_letter", {"open"}, "dead_letter_ids", "d"),
    ),
    "compensations": (
        *("compensation", "compensation", {"proposed", "awaiting_approval", "failed"}),
        {"compensation_id": "c", "status": "?", "target_effect_id": "e", "approval_required": True},
        ("run_or_cancel_compensation", {"proposed", "awaiting_approval"}, "compensation_ids", "c"),
    ),
}


def values(kind: str, field: str) -> list[str]:
    """Every value that a kind's schema allows a field."""
    found: list[str] = kinds()[kind].schema["properties"][field]["enum"]
    return found


CASES = [
    (collection, value)
    for collection, (kind, *_) in ROWS.items()
    for value in values(kind, "decision" if collection == "policy_decisions" else "status")
]


@pytest.mark.parametrize(("collection", "value"), CASES)
def test_each_status_blocks_and_asks_as_the_table_says(collection: str, value: str) -> None:
    """A row is a reason with exactly its fields, and asks for its action, in exactly the statuses of the table."""
    _, kind, blocking, told, action = ROWS[collection]
    field = "decision" if collection == "policy_decisions" else "status"
    full = {name: value if given == "?" else given for name, given in told.items()}
    summary = operator_summary(CALM, {**NOTHING, collection: [{**full, field: value, "unrelated": 1}]})
    blocks = value in blocking
    asked = [{"action": action[0], action[2]: [action[3]]}] if action and value in action[1] else []
    assert summary == {
        "is_blocked": blocks,
        "blocking_reasons": [{"kind": kind, **full}] if blocks else [],
        "allowed_actions": asked,
    }


@pytest.mark.parametrize("collection", ROWS)
def test_reasons_keep_their_nulls(collection: str) -> None:
    """A reason has every key of its kind, null where the row has no value."""
    _, kind, blocking, told, _ = ROWS[collection]
    field = "decision" if collection == "policy_decisions" else "status"
    first = next(iter(told))
    row = {first: "id", field: next(iter(sorted(blocking)))}
    [reason] = operator_summary(CALM, {**NOTHING, collection: [row]})["blocking_reasons"]
    assert reason == {"kind": kind, **{name: row.get(name) for name in told}}


@pytest.mark.parametrize("status", kinds()["snapshot"].schema["properties"]["status"]["enum"])
def test_a_stopped_run_blocks_and_may_be_resumed(status: str) -> None:
    """A run is a reason, and resuming it is offered, in exactly the statuses from which it can be resumed."""
    stopped = status in RESUMABLE
    for phase in ({"current_phase_id": "p"}, {}):
        assert operator_summary({"status": status, **phase}, NOTHING) == {
            "is_blocked": stopped,
            "blocking_reasons": [{"kind": "run_status", "status": status, "phase_id": phase.get("current_phase_id")}]
            if stopped
            else [],
            "allowed_actions": [{"action": "resume_from_checkpoint", "requires_status": RESUMABLE}] if stopped else [],
        }


def test_reasons_and_actions_have_one_order_and_each_action_comes_once() -> None:
    """Reasons are told kind by kind in the table's order; an action names all its rows at once."""
    rows = {
        "active_waits": [{"wait_id": "w1", "status": "waiting"}, {"wait_id": "w2", "status": "claimed"}],
        "policy_decisions": [
            {"decision_id": "p1", "decision": "approval_required", "approval_id": "ok"},
            {"decision_id": "p2", "decision": "approval_required"},
            {"decision_id": "p3", "decision": "deny"},
        ],
        "outbox": [{"outbox_id": "o", "status": "failed"}],
        "tool_effects": [{"effect_id": "e1", "status": "unknown"}, {"effect_id": "e2", "status": "failed"}],
        "dead_letters": [{"dead_letter_id": "d", "status": "open"}],
        "compensations": [{"compensation_id": "c", "status": "proposed"}, {"compensation_id": "f", "status": "failed"}],
    }
    summary = operator_summary({"status": "failed"}, rows)
    assert [reason["kind"] for reason in summary["blocking_reasons"]] == [
        *("run_status", "active_wait", "active_wait", "policy_decision", "policy_decision", "policy_decision"),
        *("outbox", "tool_effect", "tool_effect", "dead_letter", "compensation", "compensation"),
    ]
    assert summary["allowed_actions"][1:] == [
        {"action": "review_wait", "wait_ids": ["w1", "w2"]},
        {"action": "approve_or_deny_policy_decision", "approval_refs": ["ok", "p2"]},
        {"action": "retry_or_reconcile_effect", "effect_ids": ["e1", "e2"]},
        {"action": "resolve_dead_letter", "dead_letter_ids": ["d"]},
        {"action": "run_or_cancel_compensation", "compensation_ids": ["c"]},
    ]
