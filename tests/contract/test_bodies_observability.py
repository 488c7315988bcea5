"""Every field of observability: whole bodies, null regimes included."""

import hashlib
from typing import Any

from routes import RUNS
from serving import Served
from small_world import ANN, AUTOMATION_RUN
from small_world_served import (
    COLLECTIONS,
    EVENTS_SERVED,
    NAMED_WAIT,
    RUN_A,
    RUN_F,
    SNAPSHOTS_SERVED,
    WAITS_SERVED,
)


def digest(payload: bytes) -> str:
    """The digest of an audit payload: its compact JSON, then one NUL."""
    return "sha256:" + hashlib.sha256(payload + b"\0").hexdigest()


OBSERVED: dict[str, Any] = {
    "run_id": "run-a",
    "source": "stateful_runtime_observability",
    "run": RUN_A,
    "current_wait": WAITS_SERVED[1],
    "waits": WAITS_SERVED,
    "policy_decisions": [
        {
            "decision_id": "p-1",
            "run_id": "run-a",
            "automation_id": "auto-1",
            "node_id": "node-a",
            "tool": "mail",
            "decision": "approval_required",
            "reason_code": "needs_approval",
            "risk_tier": "external_effect",
            "policy_id": "pol-1",
            "grant_id": "g-1",
            "approval_id": "ap-1",
            "audit_event_id": "a-2",
            "created_at_ms": 200,
        },
        {
            "decision_id": "p-2",
            "run_id": "run-a",
            "automation_id": None,
            "node_id": None,
            "tool": None,
            "decision": "deny",
            "reason_code": "forbidden",
            "risk_tier": None,
            "policy_id": None,
            "grant_id": None,
            "approval_id": None,
            "audit_event_id": None,
            "created_at_ms": 100,
        },
    ],
    "reliability": COLLECTIONS,
    "audit": {
        "protected_events": [
            {
                "event_id": "a-2",
                "event_type": "decision.made",
                "created_at_ms": 200,
                "seq": 0,
                "record_hash": "",
                "actor": None,
                "payload_digest": digest(b'"p-1"'),
            },
            {
                "event_id": "a-1",
                "event_type": "run.read",
                "created_at_ms": 300,
                "seq": 7,
                "record_hash": "hash-1",
                "actor": "bob",
                "payload_digest": digest('{"a":"é","z":{"deep":["run-a"]}}'.encode()),
            },
        ],
        "payload_policy": "redacted_payload_digest_only",
    },
    "events": {
        "latest": {
            "event_id": "e-2",
            "seq": 2,
            "event_type": "run.moved",
            "occurred_at_ms": 1_202,
            "phase_id": "ph",
            "causation_id": "cause",
            "correlation_id": None,
        },
        "tail": EVENTS_SERVED,
        "correlation_ids": [{"event_id": "e-2", "seq": 2, "causation_id": "cause", "correlation_id": None}],
    },
    "snapshots": {
        "latest": {
            "snapshot_id": "s-2",
            "seq": 4,
            "status": "running",
            "phase": "running_phase",
            "created_at_ms": 1_304,
        },
        "items": SNAPSHOTS_SERVED,
    },
    "operator_summary": {
        "is_blocked": True,
        "blocking_reasons": [
            {
                "kind": "active_wait",
                "wait_id": "w-2",
                "wait_kind": "webhook",
                "status": "claimed",
                "phase_id": "ph",
                "reason": "callback",
            },
            {
                "kind": "active_wait",
                "wait_id": "w-3",
                "wait_kind": "approval",
                "status": "escalated",
                "phase_id": None,
                "reason": None,
            },
            {
                "kind": "active_wait",
                "wait_id": "approve-1",
                "wait_kind": "approval",
                "status": "waiting",
                "phase_id": "approve-1",
                "reason": "run_level_active_wait",
            },
            {
                "kind": "policy_decision",
                "decision_id": "p-1",
                "decision": "approval_required",
                "reason_code": "needs_approval",
                "tool": "mail",
                "approval_id": "ap-1",
            },
            {
                "kind": "policy_decision",
                "decision_id": "p-2",
                "decision": "deny",
                "reason_code": "forbidden",
                "tool": None,
                "approval_id": None,
            },
            {
                "kind": "outbox",
                "outbox_id": "o-1",
                "status": "pending",
                "operation": "mail.send",
                "dead_letter_id": None,
            },
            {
                "kind": "outbox",
                "outbox_id": "o-2",
                "status": "dead_lettered",
                "operation": "mail.send",
                "dead_letter_id": "d-1",
            },
            {
                "kind": "tool_effect",
                "effect_id": "t-1",
                "status": "failed",
                "operation": "mail.send",
                "compensation_id": "c-1",
            },
            {"kind": "dead_letter", "dead_letter_id": "d-1", "source_type": "tool_effect", "reason": "boom"},
            {
                "kind": "compensation",
                "compensation_id": "c-1",
                "status": "proposed",
                "target_effect_id": "t-1",
                "approval_required": True,
            },
        ],
        "allowed_actions": [
            {"action": "review_wait", "wait_ids": ["w-2", "w-3", "approve-1"]},
            {"action": "approve_or_deny_policy_decision", "approval_refs": ["ap-1"]},
            {"action": "retry_or_reconcile_effect", "effect_ids": ["t-1"]},
            {"action": "resolve_dead_letter", "dead_letter_ids": ["d-1"]},
            {"action": "run_or_cancel_compensation", "compensation_ids": ["c-1"]},
        ],
    },
    "counts": {
        "waits": 3,
        "active_waits": 3,
        "policy_decisions": 2,
        "outbox": 2,
        "tool_effects": 2,
        "dead_letters": 2,
        "compensations": 2,
        "protected_audit_events": 2,
        "events": 2,
        "snapshots": 2,
    },
    "limits": {"event_limit": 100, "snapshot_limit": 100, "reliability_limit": 100, "audit_limit": 100},
}


async def test_observability(world: Served) -> None:
    """Everything that is told of one run, whole records and summaries, what blocks it and what may be done."""
    assert await world.get(f"{RUNS}/run-a/observability", ANN) == OBSERVED


async def test_observability_of_little(world: Served) -> None:
    """Of a run that failed and of which nothing is recorded, the same members are there, empty."""
    found = await world.get(f"{RUNS}/run-f/observability?audit_limit=9", ANN)
    assert found == {
        "run_id": "run-f",
        "source": "stateful_runtime_observability",
        "run": RUN_F,
        "current_wait": None,
        "waits": [],
        "policy_decisions": [],
        "reliability": {name: [] for name in COLLECTIONS},
        "audit": {"protected_events": [], "payload_policy": "redacted_payload_digest_only"},
        "events": {"latest": None, "tail": [], "correlation_ids": []},
        "snapshots": {"latest": None, "items": []},
        "operator_summary": {
            "is_blocked": True,
            "blocking_reasons": [{"kind": "run_status", "status": "failed", "phase_id": None}],
            "allowed_actions": [
                {
                    "action": "resume_from_checkpoint",
                    "requires_status": ["paused", "blocked", "failed", "dead_lettered", "retrying"],
                }
            ],
        },
        "counts": dict.fromkeys(OBSERVED["counts"], 0),
        "limits": {**OBSERVED["limits"], "audit_limit": 9},
    }
    idle = await world.get(f"{RUNS}/run-w/observability", ANN)
    assert idle["operator_summary"] == {"is_blocked": False, "blocking_reasons": [], "allowed_actions": []}


async def test_inferred_wait(world: Served) -> None:
    """A run that says it is waiting is in that wait as long as no active one is recorded under its id."""
    alone = {**AUTOMATION_RUN, "run_id": "run-alone"}
    await world.take(("automation_run", alone))
    found = await world.get(f"{RUNS}/run-alone/observability", ANN)
    assert found["current_wait"] == {**NAMED_WAIT, "run_id": "run-alone"}
    assert (found["counts"]["waits"], found["counts"]["active_waits"]) == (0, 1)
    await world.take(("wait", {**NAMED_WAIT, "run_id": "run-alone", "metadata": None}))
    found = await world.get(f"{RUNS}/run-alone/observability", ANN)
    stored = {name: value for name, value in NAMED_WAIT.items() if name != "metadata"}
    assert found["current_wait"] == {**stored, "run_id": "run-alone"}
    assert (found["counts"]["waits"], found["counts"]["active_waits"]) == (1, 1)
