"""The records of the ten scenarios, as the runtime builds them: the same ids, values and times.

Every builder gives what the runtime would write of such a record: defaults are there, optional nulls are left out.
"""

from typing import Any

Record = dict[str, Any]


def tenant(org_id: str, workspace_id: str, actor_id: str) -> Record:
    """An explicit tenant without a deployment."""
    return {"org_id": org_id, "workspace_id": workspace_id, "actor_id": actor_id, "source": "explicit"}


def repository(org_id: str, workspace_id: str, resource_id: str) -> Record:
    """A reference to a repository."""
    return {
        "organization_id": org_id,
        "workspace_id": workspace_id,
        "resource_kind": "repository",
        "resource_id": resource_id,
    }


def enterprise_scope(org_id: str, workspace_id: str, unit: str, resource_id: str, grant_id: str) -> Record:
    """The scope that a workflow run carries."""
    return {
        "owner_principal": {"kind": "automation", "id": "automation-hardening"},
        "owning_org_unit_id": unit,
        "resource_scope": {"root": repository(org_id, workspace_id, resource_id)},
        "data_classes": ["financial_record"],
        "risk_tier": "financial_record_access",
        "policy_version_id": f"policy-{unit}",
        "delegation_grant_ids": [grant_id],
    }


def scoped_runtime(of: Record, unit: str, resource_id: str, grant_id: str) -> Record:
    """The scope that every other record of a run carries."""
    scope = enterprise_scope(of["org_id"], of["workspace_id"], unit, resource_id, grant_id)
    return {"schema_version": 1, "tenant_context": of, **scope}


def runtime_delegation_grant(of: Record, unit: str, resource_id: str, grant_id: str) -> list[tuple[str, Record]]:
    """An active unit and its active grant to read financial records of a repository."""
    org_unit = {
        "unit_id": unit,
        "tenant_context": of,
        "taxonomy_id": "organization_unit",
        "display_name": f"{unit} Ops",
        "kind": "department",
        "state": "active",
        "created_by": {"kind": "human_user", "id": of["actor_id"]},
        "created_at_ms": 1,
        "updated_at_ms": 1,
    }
    grant = {
        "grant_id": grant_id,
        "tenant_context": of,
        "unit": {"kind": "organization_unit", "id": f"organization_unit/{unit}"},
        "resource": repository(of["org_id"], of["workspace_id"], resource_id),
        "effect": "allow",
        "permissions": ["read"],
        "data_classes": ["financial_record"],
        "state": "active",
        "created_at_ms": 1,
        "updated_at_ms": 1,
    }
    return [("org_unit", org_unit), ("org_unit_access_grant", grant)]


def workflow_run(run_id: str, of: Record, scope: Record) -> Record:
    """A running workflow run."""
    return {
        "run_id": run_id,
        "workflow_id": "workflow-hardening",
        "tenant_context": of,
        "automation_id": "automation-hardening",
        "trigger_event": "manual",
        "enterprise_scope": scope,
        "status": "running",
        "created_at_ms": 1_000,
        "updated_at_ms": 2_000,
        "actions": [],
    }


def automation_run(run_id: str, of: Record) -> Record:
    """A failed automation run with one node of each fate, without its definition."""
    return {
        "run_id": run_id,
        "automation_id": "automation-hardening",
        "tenant_context": of,
        "trigger_type": "webhook",
        "status": "failed",
        "created_at_ms": 1_000,
        "updated_at_ms": 2_000,
        "started_at_ms": 1_050,
        "active_session_ids": [],
        "active_instance_ids": [],
        "checkpoint": {
            "completed_nodes": ["node-sent"],
            "pending_nodes": ["node-retry"],
            "node_outputs": {},
            "node_attempts": {},
            "node_attempt_verdicts": {},
            "blocked_nodes": ["node-failed"],
            "gate_history": [],
            "lifecycle_history": [],
        },
        "workflow_definition_version": "v-hardening",
        "workflow_definition_snapshot_hash": "sha256:hardening",
        "execution_claim_epoch": 0,
        "detail": "partial failure hardening fixture",
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "total_tokens": 0,
        "estimated_cost_usd": 0.0,
        "effective_execution_profile": "strict",
    }


def wait(wait_id: str, run_id: str, scope: Record) -> Record:
    """A wait for an approval."""
    return {
        "schema_version": 1,
        "wait_id": wait_id,
        "run_id": run_id,
        "wait_kind": "approval",
        "status": "waiting",
        "scope": scope,
        "phase_id": "phase-review",
        "reason": wait_id,
        "created_at_ms": 1_100,
        "updated_at_ms": 1_200,
    }


def event(event_id: str, run_id: str, seq: int, scope: Record) -> Record:
    """An event whose type is its id."""
    return {
        "schema_version": 1,
        "event_id": event_id,
        "run_id": run_id,
        "seq": seq,
        "event_type": event_id,
        "occurred_at_ms": 1_250 + seq,
        "scope": scope,
        "phase_id": "phase-review",
        "wait_kind": "approval",
        "payload": {"run_id": run_id, "event_id": event_id},
    }


def snapshot(snapshot_id: str, run_id: str, seq: int, scope: Record) -> Record:
    """A snapshot of a failed run, of phase ``created`` and without a history."""
    return {
        "schema_version": 1,
        "snapshot_id": snapshot_id,
        "run_id": run_id,
        "seq": seq,
        "created_at_ms": 1_300 + seq,
        "scope": scope,
        "status": "failed",
        "phase": "created",
        "phase_history": [],
        "allowed_next_phases": [],
        "phase_id": "phase-review",
        "checkpoint": {"snapshot_id": snapshot_id},
        "payload_digest": f"sha256:{snapshot_id}",
        "workflow_definition_version": "v-hardening",
        "workflow_definition_snapshot_hash": "sha256:hardening",
    }


def outbox(outbox_id: str, run_id: str, scope: Record) -> Record:
    """A failed message to the outside."""
    return {
        "schema_version": 1,
        "outbox_id": outbox_id,
        "run_id": run_id,
        "scope": scope,
        "operation": "github.comment",
        "status": "failed",
        "source_kind": "automation_v2",
        "source_id": "node-effect",
        "node_id": "node-effect",
        "provider": "github",
        "tool": "github.comment",
        "target": "repo",
        "idempotency_key": f"idem-{outbox_id}",
        "payload_digest": "sha256:payload",
        "effect_id": outbox_id.replace("outbox", "effect"),
        "compensation_id": outbox_id.replace("outbox", "comp"),
        "dead_letter_id": outbox_id.replace("outbox", "dead"),
        "attempts": 2,
        "created_at_ms": 1_350,
        "updated_at_ms": 1_450,
    }


def tool_effect(effect_id: str, run_id: str, scope: Record) -> Record:
    """A failed effect."""
    return {
        "schema_version": 1,
        "effect_id": effect_id,
        "outbox_id": effect_id.replace("effect", "outbox"),
        "action_id": f"action-{effect_id}",
        "run_id": run_id,
        "scope": scope,
        "status": "failed",
        "operation": "github.comment",
        "source_kind": "automation_v2",
        "source_id": "node-effect",
        "node_id": "node-effect",
        "provider": "github",
        "tool": "github.comment",
        "target": "repo",
        "input_digest": "sha256:input",
        "redaction_tier": "metadata_only",
        "audit_hash": "sha256:audit",
        "error": "provider timeout",
        "compensation_id": effect_id.replace("effect", "comp"),
        "created_at_ms": 1_350,
        "updated_at_ms": 1_450,
    }


def succeeded_effect(effect_id: str, run_id: str, scope: Record) -> Record:
    """The same effect when it succeeded: no error, nothing to compensate."""
    failed = tool_effect(effect_id, run_id, scope)
    kept = {name: value for name, value in failed.items() if name not in ("error", "compensation_id")}
    return {**kept, "status": "succeeded"}


def dead_letter(dead_letter_id: str, run_id: str, scope: Record, **changed: Any) -> Record:
    """An open dead letter of an effect."""
    return {
        "schema_version": 1,
        "dead_letter_id": dead_letter_id,
        "source_type": "tool_effect",
        "source_id": dead_letter_id.replace("dead", "effect"),
        "run_id": run_id,
        "scope": scope,
        "reason": "provider timeout",
        "status": "open",
        "recovery_options": ["retry", "compensate"],
        "compensation_id": dead_letter_id.replace("dead", "comp"),
        "attempts": 2,
        "created_at_ms": 1_450,
        "updated_at_ms": 1_460,
        **changed,
    }


def compensation(compensation_id: str, target_effect_id: str, run_id: str, scope: Record, **changed: Any) -> Record:
    """A compensation that awaits its approval."""
    return {
        "schema_version": 1,
        "compensation_id": compensation_id,
        "run_id": run_id,
        "scope": scope,
        "status": "awaiting_approval",
        "compensation_type": "operator_review",
        "target_effect_id": target_effect_id,
        "outbox_id": target_effect_id.replace("effect", "outbox"),
        "approval_required": True,
        "rollback_instruction": "skip duplicate external mutation",
        "forward_fix_instruction": "retry after provider recovery",
        "attempts": 0,
        "created_at_ms": 1_460,
        "updated_at_ms": 1_470,
        **changed,
    }


def policy_decision(decision_id: str, of: Record, run_id: str) -> Record:
    """A decision that asks for an approval. Its risk tier is a free text."""
    return {
        "decision_id": decision_id,
        "tenant_context": of,
        "actor_id": "operator-a",
        "run_id": run_id,
        "automation_id": "automation-hardening",
        "node_id": "node-effect",
        "tool": "github.comment",
        "data_classes": ["financial_record"],
        "risk_tier": "external_effect",
        "decision": "approval_required",
        "reason_code": "approval_required_external_effect",
        "reason": "external effect requires approval",
        "policy_id": "policy-hardening",
        "approval_id": f"approval-{decision_id}",
        "created_at_ms": 1_340,
        "metadata": {"hardening_fixture": True},
    }


def superseded(effect_id: str) -> Record:
    """What is changed in a row that a later success superseded."""
    marker = {"superseded_by_success": True, "superseded_by_effect_id": effect_id, "superseded_at_ms": 3_000}
    return {"metadata": marker}


def at(ms: int) -> Record:
    """What is changed in a row that was created at a time and never updated."""
    return {"created_at_ms": ms, "updated_at_ms": ms}
