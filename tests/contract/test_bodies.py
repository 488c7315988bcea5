"""Every field of every answer, its null regime included, over the small world: whole bodies, nothing left out."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from serving import NOW_MS, Served, served
from small_world import ANN, ANNS, AUTOMATION_RUN, FAILURE, RECORDS, SCOPE
from small_world_served import (
    AUTHORITY,
    COMPENSATIONS_SERVED,
    DEAD_LETTERS_SERVED,
    EFFECTS_SERVED,
    EVENTS_SERVED,
    NAMED_WAIT,
    OUTBOX_SERVED,
    ROW_A,
    RUN_A,
    RUN_F,
    RUN_W,
    SNAPSHOTS_SERVED,
    WAITS_SERVED,
    bare_row,
)

FILTERS = (
    *("status", "phase", "trigger", "kind", "org_id", "workspace_id", "deployment_id", "workflow_id"),
    *("automation_id", "org_unit_id", "owner_id", "owner_kind", "resource_kind", "resource_id"),
    *("policy_version_id", "data_class", "risk_tier", "delegation_grant_id", "source_binding_id"),
)
RUNS = "/stateful-runtime/runs"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Served]:
    """The small world, served."""
    async with served(tmp_path) as sidecar:
        await sidecar.take(*RECORDS)
        yield sidecar


async def test_runs(world: Served) -> None:
    """The list has a row for each run, newest first, and echoes the filters raw, ``source`` under ``kind``."""
    assert await world.get(RUNS, ANN) == {
        "runs": [{**row, "detail_level": "list"} for row in (ROW_A, bare_row(RUN_W), bare_row(RUN_F))],
        "count": 3,
        "limit": 250,
        "source": "stateful_runtime",
        "filters": dict.fromkeys(FILTERS),
    }
    filtered = await world.get(RUNS + "?source=Workflow&limit=1&status=&phase=ALL", ANN)
    assert filtered["filters"] == {**dict.fromkeys(FILTERS), "kind": "Workflow", "status": "", "phase": "ALL"}
    assert (filtered["count"], filtered["limit"]) == (1, 1)


async def test_run(world: Served) -> None:
    """The detail is the row itself with the last events and snapshots, ascending."""
    detail = {**ROW_A, "detail_level": "detail", "events": EVENTS_SERVED, "snapshots": SNAPSHOTS_SERVED}
    assert await world.get(f"{RUNS}/run-a", ANN) == detail
    short = await world.get(f"{RUNS}/run-a?event_limit=1&snapshot_limit=1", ANN)
    assert short == {**detail, "events": EVENTS_SERVED[1:], "snapshots": SNAPSHOTS_SERVED[1:]}
    bare = {**bare_row(RUN_F), "detail_level": "detail", "events": [], "snapshots": []}
    assert await world.get(f"{RUNS}/run-f", ANN) == bare


async def test_current_wait_is_the_last_when_all_are_terminal(world: Served) -> None:
    """Without an unfinished wait the current one is the last in wait order, nulls there; without any it is null."""
    await world.take(
        *[
            ("wait", {**wait, "run_id": "run-w", "status": status})
            for wait, status in zip(WAITS_SERVED[::2], ("woken", "escalated"), strict=True)
        ]
    )
    assert (await world.get(f"{RUNS}/run-w", ANN))["current_wait"] == {
        "wait_id": "w-3",
        "wait_kind": "approval",
        "status": "escalated",
        "phase_id": None,
        "reason": None,
        "wake_at_ms": None,
        "timeout_policy": None,
        "event_seq": None,
    }


async def test_latest_of_little(world: Served) -> None:
    """The summaries of an event and a snapshot that say little name every field all the same."""
    bare = {name: value for name, value in EVENTS_SERVED[0].items() if name != "run_id"}
    await world.take(
        ("event", {**bare, "run_id": "run-w"}),
        ("snapshot", {**SNAPSHOTS_SERVED[0], "run_id": "run-w"}),
    )
    row = await world.get(f"{RUNS}/run-w", ANN)
    assert row["latest_event"] == {
        "event_id": "e-1",
        "seq": 1,
        "event_type": "run.started",
        "occurred_at_ms": 1_201,
        "phase_id": None,
        "wait_kind": None,
        "authoritative": True,
    }
    assert row["latest_snapshot"] == {
        "snapshot_id": "s-1",
        "seq": 1,
        "created_at_ms": 1_301,
        "status": "queued",
        "phase": "queued",
        "phase_id": None,
        "payload_digest": None,
        "workflow_definition_version": None,
        "workflow_definition_snapshot_hash": None,
    }


async def test_events(world: Served) -> None:
    """A run's log: whole records, and what they say of the window."""
    named = {"run_id": "run-a", "sequence_scope": "stateful_runtime", **AUTHORITY}
    both = {**named, "events": EVENTS_SERVED, "count": 2, "last_seq": 2, "limit": 250}
    assert await world.get(f"{RUNS}/run-a/events", ANN) == both
    none = {**named, "run_id": "run-w", "events": [], "count": 0, "last_seq": None, "limit": 250}
    assert await world.get(f"{RUNS}/run-w/events", ANN) == none


async def test_event_windows(world: Served) -> None:
    """Bounds are exclusive, ``since_seq`` counts only without ``after_seq``, and ``tail`` takes the end of the range."""

    async def seqs(query: str) -> tuple[list[int], int]:
        body = await world.get(f"{RUNS}/run-a/events?{query}", ANN)
        return [event["seq"] for event in body["events"]], body["limit"]

    assert await seqs("after_seq=1") == ([2], 250)
    assert await seqs("before_seq=2") == ([1], 250)
    assert await seqs("since_seq=1") == ([2], 250)
    assert await seqs("after_seq=0&since_seq=1") == ([1, 2], 250)
    assert await seqs("limit=1") == ([1], 1)
    assert await seqs("tail=1&limit=9") == ([2], 1)
    assert await seqs("tail=0") == ([2], 1)
    assert await seqs("tail=1&before_seq=2") == ([1], 1)


async def test_snapshots(world: Served) -> None:
    """A run's newest snapshots, ascending, those of old times with the phase they lack; and one of them."""
    named = {"run_id": "run-a", "latest_seq": 4}
    both = {**named, "snapshots": SNAPSHOTS_SERVED, "count": 2, "limit": 250}
    assert await world.get(f"{RUNS}/run-a/snapshots", ANN) == both
    newest = {**named, "snapshots": SNAPSHOTS_SERVED[1:], "count": 1, "limit": 1}
    assert await world.get(f"{RUNS}/run-a/snapshots?limit=1", ANN) == newest
    none = {"run_id": "nothing", "snapshots": [], "count": 0, "latest_seq": None, "limit": 250}
    assert await world.get(f"{RUNS}/nothing/snapshots", ANN) == none
    assert await world.get(f"{RUNS}/run-a/snapshots/s-1", ANN) == {"snapshot": SNAPSHOTS_SERVED[0]}


COLLECTIONS = {
    "outbox": OUTBOX_SERVED,
    "tool_effects": EFFECTS_SERVED,
    "dead_letters": DEAD_LETTERS_SERVED,
    "compensations": COMPENSATIONS_SERVED,
}
PAGED = {
    **COLLECTIONS,
    "counts": dict.fromkeys(COLLECTIONS, 2),
    "limit": 250,
    "pagination": {
        "after_id": None,
        "after_collection": None,
        "before_created_at_ms": None,
        "next": dict.fromkeys(COLLECTIONS),
    },
}


async def test_reliability(world: Served) -> None:
    """The four collections of a tenant, whole records, last updated first; per run with the run instead of a source."""
    assert await world.get("/stateful-runtime/reliability", ANN) == {"source": "stateful_runtime_reliability", **PAGED}
    assert await world.get(f"{RUNS}/run-a/reliability", ANN) == {"run_id": "run-a", "run": RUN_A, **PAGED}


async def test_reliability_pages(world: Served) -> None:
    """A collection that goes on says where; the bound is named there when it was asked for, and only then."""
    short = await world.get("/stateful-runtime/reliability?limit=1", ANN)
    assert short["pagination"] == {
        "after_id": None,
        "after_collection": None,
        "before_created_at_ms": None,
        "next": {
            "outbox": {"after_id": "o-1", "after_collection": "outbox"},
            "tool_effects": {"after_id": "t-1", "after_collection": "tool_effects"},
            "dead_letters": {"after_id": "d-1", "after_collection": "dead_letters"},
            "compensations": {"after_id": "c-1", "after_collection": "compensations"},
        },
    }
    asked = "limit=1&after_id=%20o-1&after_kind=Outbox&before_created_at=31"
    bounded = await world.get(f"/stateful-runtime/reliability?{asked}", ANN)
    assert bounded["pagination"] == {
        "after_id": " o-1",
        "after_collection": "outbox",
        "before_created_at_ms": 31,
        "next": {
            "outbox": None,
            "tool_effects": {"after_id": "t-1", "after_collection": "tool_effects", "before_created_at_ms": 31},
            "dead_letters": None,
            "compensations": None,
        },
    }
    assert bounded["outbox"] == OUTBOX_SERVED[1:]
    assert bounded["dead_letters"] == DEAD_LETTERS_SERVED[:1]
    assert bounded["compensations"] == []
    assert bounded["counts"] == {"outbox": 1, "tool_effects": 1, "dead_letters": 1, "compensations": 0}


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


async def test_recovery_choice(world: Served) -> None:
    """A choice changes the rows it names, is told in full to who made it, and leaves one event behind."""
    body = {
        "choice": " Retry-Dead-Letter ",
        "reason": "try again",
        "dead_letter_id": "d-1",
        "compensation_id": "c-1",
        "target_effect_id": "t-1",
        "unknown": 1,
    }
    answer = await world.post(f"{RUNS}/run-a/resume-plan", ANN, body)
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


@pytest.mark.parametrize("route", ["", "/reliability", "/observability", "/resume-plan"])
async def test_no_such_run(world: Served, route: str) -> None:
    """A run that is not there is named in the answer."""
    status, body = await world.refused(f"{RUNS}/nothing%2Fhere{route}", ANN)
    assert status == 404
    assert set(body) == {"error", "message", "run_id"}
    assert (body["error"], body["run_id"]) == ("stateful_run_not_found", "nothing/here")


async def test_no_such_rows(world: Served) -> None:
    """A snapshot, a dead letter and a compensation that are not there are named in their answers."""
    status, body = await world.refused(f"{RUNS}/run-a/snapshots/s%209", ANN)
    assert status == 404
    assert set(body) == {"error", "message", "run_id", "snapshot_id"}
    assert (body["error"], body["run_id"], body["snapshot_id"]) == ("stateful_snapshot_not_found", "run-a", "s 9")
    for row in ("dead_letter", "compensation"):
        named = {"choice": "compensate", f"{row}_id": "gone"}
        answer = await world.post(f"{RUNS}/run-a/resume-plan", ANN, named)
        assert answer.status == 404
        assert set(answer.body) == {"error", "message", f"{row}_id"}
        assert (answer.body["error"], answer.body[f"{row}_id"]) == (f"stateful_{row}_not_found", "gone")


async def test_records(world: Served) -> None:
    """A page of any kind, and one record by its key."""
    page = await world.get("/v1/records/tool_effect?limit=1", ANN)
    cursor = page.pop("next")
    assert page == {"kind": "tool_effect", "records": EFFECTS_SERVED[:1], "count": 1, "limit": 1}
    assert await world.get(f"/v1/records/tool_effect?limit=1&cursor={cursor}", ANN) == {
        "kind": "tool_effect",
        "records": EFFECTS_SERVED[1:],
        "count": 1,
        "limit": 1,
        "next": None,
    }
    assert await world.get("/v1/records/wait/run-a/w-2", ANN) == {"record": WAITS_SERVED[1]}
    recovery = {
        "completed_nodes": ["node-a"],
        "pending_nodes": ["approve-1"],
        "blocked_nodes": ["node-b"],
        "last_failure": FAILURE,
    }
    assert await world.get("/v1/records/automation_run/run-a", ANN) == {"record": {**RUN_A, "recovery": recovery}}
    for path in ("tool_effect/gone", "tool_effect/run-a/t-1", "no_such_kind/t-1", "no_such_kind"):
        status, body = await world.refused(f"/v1/records/{path}", ANN)
        assert (status, body["error"], set(body)) == (404, "record_not_found", {"error", "message"})
