"""Every field of the resume plan and of a recorded choice: whole bodies, null regimes included."""

from typing import Any

import pytest
from routes import RUNS
from serving import NOW_MS, Served
from small_world import ANN, ANNS, FAILURE, SCOPE
from small_world_served import (
    COMPENSATIONS_SERVED,
    DEAD_LETTERS_SERVED,
    EFFECTS_SERVED,
    RUN_A,
    RUN_F,
    RUN_W,
)


def choice(name: str, mode: str) -> dict[str, Any]:
    """An operator choice as it is offered."""
    return {"choice": name, "enabled": True, "execution_mode": mode, "automatic_dispatch": False}


RECORD_ONLY = "operator_request_record_only"


async def test_resume_plan(world: Served) -> None:
    """The plan: what is done, what is in doubt, where it is safe to go on, and what may be chosen, in order."""
    assert await world.get(f"{RUNS}/run-a/resume-plan", ANN) == {
        "plan_id": "resume-plan-run-a",
        "run_id": "run-a",
        "generated_at_ms": NOW_MS,
        "run": RUN_A,
        "run_status": "awaiting_approval",
        "completed_nodes": ["node-a"],
        "pending_nodes": ["approve-1"],
        "blocked_nodes": ["node-b"],
        "last_failure": FAILURE,
        "completed_effects": EFFECTS_SERVED[1:],
        "uncertain_effects": EFFECTS_SERVED[:1],
        "dead_letters": DEAD_LETTERS_SERVED[:1],
        "pending_compensations": COMPENSATIONS_SERVED[:1],
        "safe_resume_points": [
            {"kind": "completed_node_boundary", "node_id": "node-a", "resume_after": True},
            {"kind": "pending_node", "node_id": "approve-1", "retry_safe": True},
            {"kind": "blocked_node", "node_id": "node-b", "requires_operator_review": True},
        ],
        "operator_choices": [
            choice("abandon_with_audit", "audit_disposition_only"),
            choice("resume_from_checkpoint", RECORD_ONLY),
            choice("retry_failed_effect", RECORD_ONLY),
            choice("reconcile_external_effect", RECORD_ONLY),
            choice("compensate_pending_effects", "operator_runbook_record_only"),
        ],
        "audit_summary": {
            "completed_effect_count": 1,
            "uncertain_effect_count": 1,
            "dead_letter_count": 1,
            "pending_compensation_count": 1,
            "requires_operator_review": True,
        },
    }


NO_PLAN: dict[str, Any] = {
    "completed_nodes": [],
    "pending_nodes": [],
    "blocked_nodes": [],
    "last_failure": None,
    "completed_effects": [],
    "uncertain_effects": [],
    "dead_letters": [],
    "pending_compensations": [],
    "audit_summary": {
        "completed_effect_count": 0,
        "uncertain_effect_count": 0,
        "dead_letter_count": 0,
        "pending_compensation_count": 0,
        "requires_operator_review": False,
    },
}


async def test_resume_plan_of_little(world: Served) -> None:
    """A run without nodes may be resumed at its own boundary when it failed, and only be abandoned when it is done."""
    failed = {
        "plan_id": "resume-plan-run-f",
        "run_id": "run-f",
        "generated_at_ms": NOW_MS,
        "run": RUN_F,
        "run_status": "failed",
        "safe_resume_points": [{"kind": "run_boundary", "requires_operator_review": True}],
        "operator_choices": [
            choice("abandon_with_audit", "audit_disposition_only"),
            choice("resume_from_checkpoint", RECORD_ONLY),
        ],
        **NO_PLAN,
    }
    assert await world.get(f"{RUNS}/run-f/resume-plan", ANN) == failed
    done = {
        **failed,
        "plan_id": "resume-plan-run-w",
        "run_id": "run-w",
        "run": RUN_W,
        "run_status": "dry_run",
        "safe_resume_points": [],
        "operator_choices": [choice("abandon_with_audit", "audit_disposition_only")],
    }
    assert await world.get(f"{RUNS}/run-w/resume-plan", ANN) == done


CHOSEN = {
    "choice": " Retry-Dead-Letter ",
    "reason": "try again",
    "dead_letter_id": "d-1",
    "compensation_id": "c-1",
    "target_effect_id": "t-1",
    "unknown": 1,
}


async def test_recovery_choice(world: Served) -> None:
    """A choice changes the rows it names, and is told in full to who made it."""
    answer = await world.post(f"{RUNS}/run-a/resume-plan", ANN, CHOSEN)
    dead_letter = {
        **DEAD_LETTERS_SERVED[0],
        "status": "retry_requested",
        "operator_disposition": "retry_requested",
        "disposition_reason": "try again",
        "disposition_actor": ANNS,
        "disposition_at_ms": NOW_MS,
        "updated_at_ms": NOW_MS,
    }
    compensation = {**COMPENSATIONS_SERVED[0], "status": "proposed", "updated_at_ms": NOW_MS}
    assert answer.status == 200, answer.raw
    assert answer.body == {
        "run_id": "run-a",
        "choice": "retry_dead_letter",
        "execution_mode": RECORD_ONLY,
        "automatic_dispatch": False,
        "recorded": True,
        "event_seq": 3,
        "disposition": {"previous": {"dead_letter": dead_letter}, "compensation": compensation},
    }
    stored = await world.get(f"{RUNS}/run-a/reliability", ANN)
    assert stored["dead_letters"][0] == dead_letter
    assert stored["compensations"][0] == compensation


async def test_the_event_of_a_choice(world: Served) -> None:
    """A choice leaves one event behind, which says of the run what the run says of itself."""
    assert (await world.post(f"{RUNS}/run-a/resume-plan", ANN, CHOSEN)).status == 200
    event = (await world.get(f"{RUNS}/run-a/events?after_seq=2", ANN))["events"][0]
    event_id = event.pop("event_id")
    assert event_id.startswith(f"recovery-choice-run-a-{NOW_MS}-")
    payload = event.pop("payload")
    assert event == {
        "schema_version": 1,
        "run_id": "run-a",
        "seq": 3,
        "event_type": "runtime.recovery_choice.recorded",
        "occurred_at_ms": NOW_MS,
        "scope": SCOPE,
        "actor": ANNS,
        "phase_id": "approve-1",
        "wait_kind": "approval",
        "causation_id": "d-1",
        "correlation_id": "t-1",
    }
    assert {name: value for name, value in payload.items() if name != "disposition"} == {
        "choice": "retry_dead_letter",
        "reason": "try again",
        "dead_letter_id": "d-1",
        "compensation_id": "c-1",
        "target_effect_id": "t-1",
        "execution_mode": RECORD_ONLY,
        "automatic_dispatch": False,
    }


async def test_recovery_choice_about_no_row(world: Served) -> None:
    """A choice that names no row is recorded for the run alone; what was not said is null in its event."""
    body = {"choice": "abandon_with_audit", "dead_letter_id": " ", "compensation_id": ""}
    answer = await world.post(f"{RUNS}/run-w/resume-plan", ANN, body)
    assert answer.body == {
        "run_id": "run-w",
        "choice": "abandon_with_audit",
        "execution_mode": "audit_disposition_only",
        "automatic_dispatch": False,
        "recorded": True,
        "event_seq": 1,
        "disposition": None,
    }
    [event] = (await world.get(f"{RUNS}/run-w/events", ANN))["events"]
    assert event["payload"] == {
        "choice": "abandon_with_audit",
        "reason": None,
        "dead_letter_id": None,
        "compensation_id": None,
        "target_effect_id": None,
        "execution_mode": "audit_disposition_only",
        "automatic_dispatch": False,
        "disposition": None,
    }
    assert not {"phase_id", "wait_kind", "causation_id", "correlation_id"} & set(event)


@pytest.mark.parametrize(
    ("chosen", "mode", "status", "label", "compensation"),
    [
        ("retry_failed_effect", RECORD_ONLY, "retry_requested", "retry_requested", "proposed"),
        ("retry_dead_letter", RECORD_ONLY, "retry_requested", "retry_requested", "proposed"),
        ("resume_from_checkpoint", RECORD_ONLY, "retry_requested", "retry_requested", "proposed"),
        ("reconcile_external_effect", RECORD_ONLY, "open", "reviewed", "proposed"),
        *[
            (
                *(name, "operator_runbook_record_only", "linked_to_compensation", "linked_to_compensation"),
                "awaiting_approval",
            )
            for name in ("compensate_pending_effects", "compensate")
        ],
        ("abandon_with_audit", "audit_disposition_only", "ignored", "ignored", "cancelled"),
        ("ignore_dead_letter", "audit_disposition_only", "ignored", "ignored", "proposed"),
    ],
)
async def test_every_choice(world: Served, chosen: str, mode: str, status: str, label: str, compensation: str) -> None:
    """Each of the eight choices leaves its rows in its own state."""
    named = {"choice": chosen, "dead_letter_id": "d-1", "compensation_id": "c-1"}
    body = (await world.post(f"{RUNS}/run-a/resume-plan", ANN, named)).body
    row = body["disposition"]["previous"]["dead_letter"]
    assert (body["execution_mode"], row["status"], row["operator_disposition"]) == (mode, status, label)
    assert "disposition_reason" not in row
    assert body["disposition"]["compensation"]["status"] == compensation
