"""A small world in which every field of every answer has a value somewhere and is missing somewhere else.

``RECORDS`` are handed over as a client writes them, nulls and empty lists included. What must be served of them stands in
``small_world_served``; it was written by hand, and not taken from any answer.
"""

from typing import Any

from routes import RUNS
from serving import Who

Record = dict[str, Any]

RUN = f"{RUNS}/run-a"
"""The run of which everything is recorded."""

ANN = Who("acme", "main", "ann")
"""An operator: the tenant has no memberships, and the identity says nothing of units."""

TENANT = {"org_id": "acme", "workspace_id": "main", "actor_id": "ann", "source": "explicit"}
LEDGER = {"organization_id": "acme", "workspace_id": "main", "resource_kind": "repository", "resource_id": "ledger"}
OTHER = {**LEDGER, "resource_id": "other"}
OWNED: Record = {
    "owner_principal": {"kind": "automation", "id": "auto-1"},
    "owning_org_unit_id": "finance",
    "resource_scope": {"root": LEDGER},
    "data_classes": ["financial_record"],
    "risk_tier": "external_send",
    "policy_version_id": "pv-7",
    "delegation_grant_ids": ["g-1", "g-gone"],
}
SCOPE: Record = {"schema_version": 1, "tenant_context": TENANT, **OWNED}
BARE_SCOPE: Record = {"schema_version": 1, "tenant_context": TENANT}
ANNS = {"kind": "human_user", "id": "ann"}
FAILURE = {"node_id": "node-b", "reason": "boom", "failed_at_ms": 1_900}

AUTOMATION_RUN: Record = {
    "run_id": "run-a",
    "automation_id": "auto-1",
    "tenant_context": TENANT,
    "trigger_type": "webhook",
    "status": "awaiting_approval",
    "created_at_ms": 1_000,
    "updated_at_ms": 2_000,
    "started_at_ms": 1_100,
    "finished_at_ms": None,
    "active_session_ids": ["s-1"],
    "active_instance_ids": ["ctx-1"],
    "latest_session_id": "s-1",
    "checkpoint": {
        "completed_nodes": ["node-a"],
        "pending_nodes": ["approve-1"],
        "blocked_nodes": ["node-b"],
        "awaiting_gate": {"node_id": "approve-1", "title": "Approve the payment", "requested_at_ms": 1_950},
        "last_failure": FAILURE,
    },
    "automation_snapshot": {"metadata": {"enterprise_scope": OWNED}},
    "workflow_definition_version": "v-3",
    "workflow_definition_snapshot_hash": "sha256:definition",
    "trigger_reason": "push",
}
WORKFLOW_RUN: Record = {
    "run_id": "run-w",
    "workflow_id": "wf-1",
    "tenant_context": TENANT,
    "status": "dry_run",
    "created_at_ms": 1_000,
    "updated_at_ms": 1_500,
}
FULL_WORKFLOW_RUN: Record = {
    **WORKFLOW_RUN,
    "run_id": "run-f",
    "automation_id": "auto-2",
    "automation_run_id": "run-x",
    "binding_id": "bind-1",
    "trigger_event": "order.paid",
    "source_event_id": "src-1",
    "task_id": "task-1",
    "status": "failed",
    "updated_at_ms": 1_200,
    "finished_at_ms": 1_190,
    "source": {"kind": "pack", "pack_id": "pack-1"},
}

TRANSITION = {
    "event_id": "tr-1",
    "from_phase": "queued",
    "to_phase": "running_phase",
    "event_type": "stateful_runtime.phase.transition",
    "occurred_at_ms": 1_210,
    "phase_id": "ph",
    "reason": "started",
}
POLICY = {"timeout_at_ms": 800, "on_timeout": "escalate", "escalate_to": "lead", "remind_every_ms": 5}

WAITS: list[Record] = [
    {
        "wait_id": "w-1",
        "run_id": "run-a",
        "wait_kind": "timer",
        "status": "woken",
        "scope": SCOPE,
        "created_at_ms": 1_300,
        "updated_at_ms": 1_310,
        "wake_at_ms": 500,
        "completed_at_ms": 505,
        "reason": None,
    },
    {
        "wait_id": "w-2",
        "run_id": "run-a",
        "wait_kind": "webhook",
        "status": "claimed",
        "scope": SCOPE,
        "phase_id": "ph",
        "reason": "callback",
        "created_at_ms": 1_200,
        "updated_at_ms": 1_320,
        "wake_at_ms": 900,
        "timeout_policy": POLICY,
        "event_seq": 3,
        "wake_idempotency_key": "wake-1",
        "claimed_by": "worker",
        "claimed_at_ms": 1_315,
        "claim_expires_at_ms": 1_400,
        "metadata": {"webhook_match": {"path": "/hook", "none": None}},
    },
    {
        "wait_id": "w-3",
        "run_id": "run-a",
        "wait_kind": "approval",
        "status": "escalated",
        "scope": SCOPE,
        "created_at_ms": 1_100,
        "updated_at_ms": 1_330,
    },
]
EVENTS: list[Record] = [
    {
        "event_id": "e-1",
        "run_id": "run-a",
        "seq": 1,
        "event_type": "run.started",
        "occurred_at_ms": 1_201,
        "scope": SCOPE,
    },
    {
        "event_id": "e-2",
        "run_id": "run-a",
        "seq": 2,
        "event_type": "run.moved",
        "occurred_at_ms": 1_202,
        "scope": SCOPE,
        "actor": ANNS,
        "phase_id": "ph",
        "phase_transition": TRANSITION,
        "wait_kind": "timer",
        "causation_id": "cause",
        "correlation_id": None,
        "payload": {"b": 1, "a": [None]},
    },
]
SNAPSHOTS: list[Record] = [
    {
        "snapshot_id": "s-1",
        "run_id": "run-a",
        "seq": 1,
        "created_at_ms": 1_301,
        "scope": SCOPE,
        "status": "queued",
    },
    {
        "snapshot_id": "s-2",
        "run_id": "run-a",
        "seq": 4,
        "created_at_ms": 1_304,
        "scope": SCOPE,
        "status": "running",
        "phase": "running_phase",
        "phase_history": [TRANSITION],
        "allowed_next_phases": ["completed"],
        "phase_id": "ph",
        "source_record_kind": "automation_v2",
        "checkpoint": {"at": None},
        "payload_digest": "sha256:payload",
        "workflow_definition_version": "v-3",
        "workflow_definition_snapshot_hash": "sha256:definition",
        "metadata": {"kept": True},
    },
]
OUTBOX: list[Record] = [
    {
        "outbox_id": "o-1",
        "operation": "mail.send",
        "run_id": "run-a",
        "scope": SCOPE,
        "status": "pending",
        "created_at_ms": 10,
        "updated_at_ms": 40,
    },
    {
        "outbox_id": "o-2",
        "operation": "mail.send",
        "run_id": "run-a",
        "scope": SCOPE,
        "status": "dead_lettered",
        "source_kind": "automation_v2",
        "source_id": "node-a",
        "node_id": "node-a",
        "provider": "smtp",
        "tool": "mail",
        "target": "lead",
        "idempotency_key": "idem",
        "payload_digest": "sha256:mail",
        "policy_decision_id": "p-1",
        "context_assertion_id": "ca",
        "effect_id": "t-1",
        "receipt_id": "rc",
        "compensation_id": "c-1",
        "dead_letter_id": "d-1",
        "attempts": 3,
        "created_at_ms": 11,
        "updated_at_ms": 30,
        "claimed_by": "worker",
        "claimed_at_ms": 12,
        "claim_expires_at_ms": 13,
        "metadata": [1],
    },
]
EFFECTS: list[Record] = [
    {
        "effect_id": "t-1",
        "operation": "mail.send",
        "audit_hash": "h-1",
        "run_id": "run-a",
        "scope": SCOPE,
        "status": "failed",
        "compensation_id": "c-1",
        "created_at_ms": 20,
        "updated_at_ms": 60,
    },
    {
        "effect_id": "t-2",
        "operation": "mail.send",
        "audit_hash": "h-2",
        "outbox_id": "o-1",
        "action_id": "act",
        "run_id": "run-a",
        "scope": SCOPE,
        "status": "succeeded",
        "source_kind": "automation_v2",
        "source_id": "node-a",
        "node_id": "node-a",
        "provider": "smtp",
        "tool": "mail",
        "target": "lead",
        "policy_decision_id": "p-1",
        "context_assertion_id": "ca",
        "input_digest": "sha256:in",
        "output_digest": "sha256:out",
        "receipt_payload_digest": "sha256:rc",
        "receipt_pointer": "rc/1",
        "error": "none in the end",
        "external_resource": {"id": 7},
        "receipt_payload_redacted": {"to": "lead"},
        "redaction_tier": "safe_ui",
        "created_at_ms": 21,
        "updated_at_ms": 50,
        "metadata": {"m": None},
    },
]
SUPERSEDED = {"superseded_by_success": True, "superseded_by_effect_id": "t-2", "superseded_at_ms": 55}
DEAD_LETTERS: list[Record] = [
    {
        "dead_letter_id": "d-1",
        "source_type": "tool_effect",
        "source_id": "t-1",
        "reason": "boom",
        "run_id": "run-a",
        "scope": SCOPE,
        "status": "open",
        "created_at_ms": 30,
        "updated_at_ms": 80,
    },
    {
        "dead_letter_id": "d-2",
        "source_type": "stateful_wait",
        "source_id": "w-1",
        "reason": "late",
        "run_id": "run-a",
        "scope": SCOPE,
        "status": "retry_requested",
        "recovery_options": ["retry", "abandon"],
        "payload_pointer": "pp",
        "compensation_id": "c-1",
        "attempts": 4,
        "created_at_ms": 31,
        "updated_at_ms": 70,
        "operator_disposition": "reviewed",
        "disposition_reason": "looked at",
        "disposition_actor": ANNS,
        "disposition_at_ms": 65,
        "metadata": SUPERSEDED,
    },
]
COMPENSATIONS: list[Record] = [
    {
        "compensation_id": "c-1",
        "compensation_type": "undo",
        "run_id": "run-a",
        "scope": SCOPE,
        "status": "proposed",
        "target_effect_id": "t-1",
        "outbox_id": "o-1",
        "policy_decision_id": "p-1",
        "rollback_instruction": "call back",
        "forward_fix_instruction": "send again",
        "receipt_effect_id": "t-2",
        "approval_required": True,
        "attempts": 1,
        "created_at_ms": 40,
        "updated_at_ms": 100,
        "metadata": {"m": 1},
    },
    {
        "compensation_id": "c-2",
        "compensation_type": "undo",
        "run_id": "run-a",
        "scope": SCOPE,
        "status": "failed",
        "created_at_ms": 41,
        "updated_at_ms": 90,
        "metadata": SUPERSEDED,
    },
]
DECISIONS: list[Record] = [
    {
        "decision_id": "p-1",
        "reason_code": "needs_approval",
        "reason": "it costs",
        "tenant_context": TENANT,
        "actor_id": "bob",
        "run_id": "run-a",
        "automation_id": "auto-1",
        "node_id": "node-a",
        "tool": "mail",
        "risk_tier": "external_effect",
        "policy_id": "pol-1",
        "grant_id": "g-1",
        "approval_id": "ap-1",
        "audit_event_id": "a-2",
        "decision": "approval_required",
        "created_at_ms": 200,
    },
    {
        "decision_id": "p-2",
        "reason_code": "forbidden",
        "reason": "never",
        "tenant_context": TENANT,
        "run_id": "run-a",
        "decision": "deny",
        "created_at_ms": 100,
    },
]
AUDIT: list[Record] = [
    {
        "event_id": "a-1",
        "event_type": "run.read",
        "durability": "best_effort",
        "tenant_context": TENANT,
        "actor": "bob",
        "payload": {"z": {"deep": ["run-a"]}, "a": "é"},
        "created_at_ms": 300,
        "seq": 7,
        "prev_hash": None,
        "record_hash": "hash-1",
    },
    {
        "event_id": "a-2",
        "event_type": "decision.made",
        "durability": "durable_required",
        "tenant_context": TENANT,
        "payload": "p-1",
        "created_at_ms": 200,
    },
    {
        "event_id": "a-3",
        "event_type": "run.read",
        "durability": "durable_required",
        "tenant_context": TENANT,
        "payload": {"run-a": "as a key only", "near": "run-a2"},
        "created_at_ms": 100,
    },
]
UNIT: Record = {
    "unit_id": "finance",
    "tenant_context": TENANT,
    "display_name": "Finance",
    "kind": "department",
    "created_by": ANNS,
    "created_at_ms": 1,
    "updated_at_ms": 1,
}
GRANTS: list[Record] = [
    {
        "grant_id": "g-1",
        "tenant_context": TENANT,
        "unit": {"kind": "organization_unit", "id": "organization_unit/finance"},
        "resource": LEDGER,
        "permissions": ["read"],
        "created_at_ms": 1,
        "updated_at_ms": 1,
    },
    {
        "grant_id": "g-2",
        "tenant_context": TENANT,
        "unit": {"kind": "organization_unit", "id": "organization_unit/finance"},
        "resource": LEDGER,
        "permissions": ["read"],
        "created_at_ms": 1,
        "updated_at_ms": 1,
    },
]


def binding(name: str, resource: Record, **changed: Any) -> Record:
    """A source binding."""
    return {
        "binding_id": name,
        "connector_id": "drive",
        "source_type": "folder",
        "native_source_id": f"native-{name}",
        "tenant_context": TENANT,
        "resource_ref": resource,
        "data_class": "internal",
        "created_by": ANNS,
        "created_at_ms": 1,
        "updated_at_ms": 1,
        **changed,
    }


RECORDS: list[tuple[str, Record]] = [
    ("automation_run", AUTOMATION_RUN),
    ("workflow_run", WORKFLOW_RUN),
    ("workflow_run", FULL_WORKFLOW_RUN),
    *(("wait", record) for record in WAITS),
    *(("event", record) for record in EVENTS),
    *(("snapshot", record) for record in SNAPSHOTS),
    *(("outbox", record) for record in OUTBOX),
    *(("tool_effect", record) for record in EFFECTS),
    *(("dead_letter", record) for record in DEAD_LETTERS),
    *(("compensation", record) for record in COMPENSATIONS),
    *(("policy_decision", record) for record in DECISIONS),
    *(("protected_audit_event", record) for record in AUDIT),
    ("org_unit", UNIT),
    *(("org_unit_access_grant", record) for record in GRANTS),
    ("source_binding", binding("b-1", LEDGER, source_root_label="Ledger", credential_ref_id="secret")),
    ("source_binding", binding("b-2", OTHER)),
    ("source_binding", binding("b-3", LEDGER, state="quarantined")),
    ("source_binding", binding("b-4", LEDGER, ingestion_policy={"allow_prompt_context": False})),
]
