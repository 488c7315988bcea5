"""What must be served of the small world: whole records, runs and summaries."""

from phase_history import phase_observed
from small_world import (
    BARE_SCOPE,
    COMPENSATIONS,
    DEAD_LETTERS,
    EFFECTS,
    EVENTS,
    LEDGER,
    OTHER,
    OUTBOX,
    OWNED,
    POLICY,
    SCOPE,
    SNAPSHOTS,
    TENANT,
    TRANSITION,
    WAITS,
    Record,
)

ALWAYS: dict[str, Record] = {
    "wait": {"schema_version": 1},
    "event": {"schema_version": 1, "payload": None},
    "outbox": {"schema_version": 1, "attempts": 0},
    "tool_effect": {"schema_version": 1, "redaction_tier": ""},
    "dead_letter": {"schema_version": 1, "recovery_options": [], "attempts": 0},
    "compensation": {"schema_version": 1, "approval_required": False, "attempts": 0},
}
"""What a record of each kind has also when nobody wrote it."""


def whole(kind: str, records: list[Record]) -> list[Record]:
    """Records as they are embedded: defaults there, nulls left out."""
    given = [{name: value for name, value in record.items() if value is not None} for record in records]
    return [{**ALWAYS[kind], **record} for record in given]


WAITS_SERVED = whole("wait", WAITS)
EVENTS_SERVED = whole("event", EVENTS)
EVENTS_SERVED[1]["phase_transition"] = {"schema_version": 1, **TRANSITION}
OUTBOX_SERVED = whole("outbox", OUTBOX)
EFFECTS_SERVED = whole("tool_effect", EFFECTS)
DEAD_LETTERS_SERVED = whole("dead_letter", DEAD_LETTERS)
COMPENSATIONS_SERVED = whole("compensation", COMPENSATIONS)
COLLECTIONS = {
    "outbox": OUTBOX_SERVED,
    "tool_effects": EFFECTS_SERVED,
    "dead_letters": DEAD_LETTERS_SERVED,
    "compensations": COMPENSATIONS_SERVED,
}
"""The four collections of reliability rows."""
SNAPSHOTS_SERVED: list[Record] = [
    {
        **SNAPSHOTS[0],
        "schema_version": 1,
        "phase": "queued",
        "phase_history": phase_observed("run-a", "queued", "queued", 1_301),
        "allowed_next_phases": ["running_phase", "paused_attention_required", "cancelled"],
    },
    {**SNAPSHOTS[1], "schema_version": 1, "phase_history": [{"schema_version": 1, **TRANSITION}]},
]

RUN_A: Record = {
    "schema_version": 1,
    "run_id": "run-a",
    "kind": "automation_v2",
    "automation_id": "auto-1",
    "automation_run_id": "run-a",
    "scope": SCOPE,
    "status": "awaiting_approval",
    "phase": "awaiting_approval",
    "phase_history": phase_observed("run-a", "awaiting_approval", "awaiting_approval", 2_000, phase_id="approve-1"),
    "allowed_next_phases": ["running_phase", "paused_attention_required", "failed", "cancelled"],
    "trigger_type": "webhook",
    "current_phase_id": "approve-1",
    "active_wait_kind": "approval",
    "active_wait_id": "approve-1",
    "workflow_definition_version": "v-3",
    "workflow_definition_snapshot_hash": "sha256:definition",
    "created_at_ms": 1_000,
    "updated_at_ms": 2_000,
    "started_at_ms": 1_100,
    "related_context_run_ids": ["ctx-1"],
    "metadata": {
        "active_session_ids": ["s-1"],
        "latest_session_id": "s-1",
        "stop_kind": None,
        "trigger_reason": "push",
        "consumed_handoff_id": None,
    },
}
RUN_W: Record = {
    "schema_version": 1,
    "run_id": "run-w",
    "kind": "workflow",
    "workflow_id": "wf-1",
    "scope": BARE_SCOPE,
    "status": "dry_run",
    "phase": "completed",
    "phase_history": phase_observed("run-w", "completed", "dry_run", 1_500),
    "allowed_next_phases": [],
    "created_at_ms": 1_000,
    "updated_at_ms": 1_500,
}
RUN_F: Record = {
    "schema_version": 1,
    "run_id": "run-f",
    "kind": "workflow",
    "workflow_id": "wf-1",
    "automation_id": "auto-2",
    "automation_run_id": "run-x",
    "scope": BARE_SCOPE,
    "status": "failed",
    "phase": "failed",
    "phase_history": phase_observed("run-f", "failed", "failed", 1_200),
    "allowed_next_phases": [],
    "trigger_event": "order.paid",
    "source_event_id": "src-1",
    "task_id": "task-1",
    "created_at_ms": 1_000,
    "updated_at_ms": 1_200,
    "finished_at_ms": 1_190,
    "metadata": {"binding_id": "bind-1", "source": {"kind": "pack", "pack_id": "pack-1"}},
}

POLICY_DEFAULTS = {"allow_indexing": True, "allow_prompt_context": True, "require_review": False}


def source(name: str, resource: Record, label: str | None) -> Record:
    """A knowledge source as it is summarised."""
    return {
        "binding_id": name,
        "connector_id": "drive",
        "source_type": "folder",
        "native_source_id": f"native-{name}",
        "source_root_label": label,
        "resource_ref": resource,
        "data_class": "internal",
        "state": "enabled",
        "ingestion_policy": POLICY_DEFAULTS,
    }


LEDGER_SOURCE, OTHER_SOURCE = source("b-1", LEDGER, "Ledger"), source("b-2", OTHER, None)

SCOPE_A: Record = {
    "tenant_context": TENANT,
    **OWNED,
    "owning_org_unit": {
        "unit_id": "finance",
        "taxonomy_id": "organization_unit",
        "display_name": "Finance",
        "kind": "department",
        "parent_unit_id": None,
        "state": "active",
        "labels": [],
    },
    "resource_kind": "repository",
    "resource_id": "ledger",
    "delegation_grant_authority": {"status": "invalid", "missing_grant_ids": ["g-gone"]},
    "org_unit_grants": [
        {
            "grant_id": "g-1",
            "unit": {"kind": "organization_unit", "id": "organization_unit/finance"},
            "resource": LEDGER,
            "effect": "allow",
            "permissions": ["read"],
            "data_classes": [],
            "tool_patterns": [],
            "state": "active",
            "expires_at_ms": None,
        }
    ],
    "visible_knowledge_sources": [LEDGER_SOURCE],
    "summary": {
        "org_unit": "Finance",
        "resource": "repository:ledger",
        "knowledge_source_count": 1,
        "org_unit_grant_count": 1,
        "data_class_count": 1,
        "delegation_grant_count": 2,
    },
}
BARE: Record = {
    "tenant_context": TENANT,
    "owning_org_unit_id": None,
    "owning_org_unit": None,
    "owner_principal": None,
    "resource_scope": None,
    "resource_kind": None,
    "resource_id": None,
    "data_classes": [],
    "risk_tier": None,
    "policy_version_id": None,
    "delegation_grant_ids": [],
    "delegation_grant_authority": {"status": "not_required", "missing_grant_ids": []},
    "org_unit_grants": [],
    "visible_knowledge_sources": [LEDGER_SOURCE, OTHER_SOURCE],
    "summary": {
        "org_unit": None,
        "resource": None,
        "knowledge_source_count": 2,
        "org_unit_grant_count": 0,
        "data_class_count": 0,
        "delegation_grant_count": 0,
    },
}
AUTHORITY = {"event_source": "stateful_runtime", "event_authority": "authoritative_runtime_log"}
ROW_A: Record = {
    "run": {**RUN_A, "latest_snapshot_id": "s-2"},
    "current_wait": {
        "wait_id": "w-2",
        "wait_kind": "webhook",
        "status": "claimed",
        "phase_id": "ph",
        "reason": "callback",
        "wake_at_ms": 900,
        "timeout_policy": POLICY,
        "event_seq": 3,
    },
    "latest_event": {
        "event_id": "e-2",
        "seq": 2,
        "event_type": "run.moved",
        "occurred_at_ms": 1_202,
        "phase_id": "ph",
        "wait_kind": "timer",
        "authoritative": True,
    },
    "latest_snapshot": {
        "snapshot_id": "s-2",
        "seq": 4,
        "created_at_ms": 1_304,
        "status": "running",
        "phase": "running_phase",
        "phase_id": "ph",
        "payload_digest": "sha256:payload",
        "workflow_definition_version": "v-3",
        "workflow_definition_snapshot_hash": "sha256:definition",
    },
    "enterprise_scope": SCOPE_A,
    "replay_boundaries": {
        "earliest_event_seq": 1,
        "latest_event_seq": 2,
        "latest_snapshot_id": "s-2",
        "latest_snapshot_seq": 4,
        "can_replay_from_event_log": True,
        "can_replay_from_snapshot": True,
    },
    **AUTHORITY,
}


def bare_row(run: Record) -> Record:
    """The row of a run that nothing was recorded of, but itself."""
    return {
        "run": run,
        "current_wait": None,
        "latest_event": None,
        "latest_snapshot": None,
        "enterprise_scope": BARE,
        "replay_boundaries": {
            "earliest_event_seq": None,
            "latest_event_seq": None,
            "latest_snapshot_id": None,
            "latest_snapshot_seq": None,
            "can_replay_from_event_log": False,
            "can_replay_from_snapshot": False,
        },
        **AUTHORITY,
    }


NAMED_WAIT: Record = {
    "schema_version": 1,
    "wait_id": "approve-1",
    "run_id": "run-a",
    "wait_kind": "approval",
    "status": "waiting",
    "scope": SCOPE,
    "phase_id": "approve-1",
    "reason": "run_level_active_wait",
    "created_at_ms": 2_000,
    "updated_at_ms": 2_000,
    "metadata": {"source": "run_record"},
}
"""The wait that the run itself speaks of."""
