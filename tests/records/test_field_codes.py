"""Every field of every kind keeps its regime: required, optional, list that is left out, default, null that is shown.

The tables are written from the record descriptions, not from the schemas.
"""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from record_samples import ABSENT, LEAST, PRINCIPAL, RESOURCE, TENANT, accepted, refused, with_value
from shipped_kinds import kinds

LOCAL = {"org_id": "local", "workspace_id": "local", "source": "local_implicit"}
GATE = {"node_id": "n", "title": "t", "requested_at_ms": 1}
PHASE_STEP = {"event_id": "p", "to_phase": "queued", "event_type": "x", "occurred_at_ms": 1}

# kind, pointer of an object in its least record (which is put there), its least form, then the fields of each code.
FIELDS: list[tuple[str, str, Any, str, str, str, dict[str, Any]]] = [
    (
        "automation_run",
        "",
        None,
        "run_id automation_id trigger_type status created_at_ms updated_at_ms checkpoint",
        (
            "started_at_ms finished_at_ms latest_session_id automation_snapshot workflow_definition_version"
            " workflow_definition_snapshot_hash stop_kind trigger_reason consumed_handoff_id runtime_context scheduler"
            " learning_summary execution_claim pause_reason resume_reason detail stop_reason"
            " requested_execution_profile"
        ),
        "",
        {
            "active_session_ids": [],
            "active_instance_ids": [],
            "execution_claim_epoch": 0,
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "total_tokens": 0,
            "estimated_cost_usd": 0,
            "effective_execution_profile": "strict",
        },
    ),
    (
        "automation_run",
        "/checkpoint",
        {},
        "",
        "awaiting_gate last_failure",
        "",
        {
            "completed_nodes": [],
            "pending_nodes": [],
            "blocked_nodes": [],
            "node_outputs": {},
            "node_attempts": {},
            "node_attempt_verdicts": {},
            "gate_history": [],
            "lifecycle_history": [],
        },
    ),
    (
        "automation_run",
        "/checkpoint/awaiting_gate",
        GATE,
        "node_id title requested_at_ms",
        "instructions metadata expiry_policy",
        "",
        {"decisions": [], "rework_targets": [], "upstream_node_ids": []},
    ),
    (
        "automation_run",
        "/checkpoint/last_failure",
        {"node_id": "n", "reason": "r", "failed_at_ms": 1},
        "node_id reason failed_at_ms",
        "failure_kind metadata",
        "",
        {},
    ),
    (
        "workflow_run",
        "",
        None,
        "run_id workflow_id status created_at_ms updated_at_ms",
        (
            "automation_id automation_run_id binding_id trigger_event source_event_id task_id enterprise_scope"
            " finished_at_ms awaiting_gate source"
        ),
        "gate_history",
        {"actions": []},
    ),
    (
        "wait",
        "",
        None,
        "wait_id run_id wait_kind status scope created_at_ms updated_at_ms",
        (
            "phase_id reason wake_at_ms timeout_policy event_seq wake_idempotency_key claimed_by claimed_at_ms"
            " claim_expires_at_ms completed_at_ms metadata"
        ),
        "",
        {"schema_version": 1},
    ),
    (
        "wait",
        "/timeout_policy",
        {"timeout_at_ms": 1, "on_timeout": "cancel"},
        "timeout_at_ms on_timeout",
        "escalate_to remind_every_ms metadata",
        "",
        {},
    ),
    (
        "wait",
        "/scope",
        {"tenant_context": TENANT},
        "",
        "owning_org_unit_id owner_principal resource_scope risk_tier policy_version_id",
        "data_classes delegation_grant_ids",
        {"schema_version": 1},
    ),
    (
        "wait",
        "/scope/tenant_context",
        TENANT,
        "org_id workspace_id",
        "deployment_id actor_id",
        "",
        {"source": LOCAL["source"]},
    ),
    ("wait", "/scope/owner_principal", PRINCIPAL, "kind id", "tenant_actor_id issuer subject", "", {}),
    (
        "wait",
        "/scope/resource_scope",
        {"root": RESOURCE},
        "root",
        "max_depth",
        "allowed_resources denied_resources",
        {},
    ),
    (
        "event",
        "",
        None,
        "event_id run_id event_type seq occurred_at_ms scope",
        "actor phase_id causation_id correlation_id phase_transition wait_kind",
        "",
        {"schema_version": 1},
    ),
    (
        "event",
        "/phase_transition",
        PHASE_STEP,
        "event_id to_phase event_type occurred_at_ms",
        "from_phase phase_id reason",
        "",
        {"schema_version": 1},
    ),
    (
        "snapshot",
        "",
        None,
        "snapshot_id run_id seq created_at_ms scope status",
        (
            "phase_id source_record_kind checkpoint metadata payload_digest workflow_definition_version"
            " workflow_definition_snapshot_hash"
        ),
        "",
        {"schema_version": 1, "phase_history": [], "allowed_next_phases": ["queued", "cancelled"]},
    ),
    (
        "outbox",
        "",
        None,
        "outbox_id operation scope status created_at_ms updated_at_ms",
        (
            "run_id source_kind source_id node_id provider tool target idempotency_key payload_digest"
            " policy_decision_id context_assertion_id effect_id receipt_id compensation_id dead_letter_id claimed_by"
            " claimed_at_ms claim_expires_at_ms metadata"
        ),
        "",
        {"schema_version": 1, "attempts": 0},
    ),
    (
        "tool_effect",
        "",
        None,
        "effect_id operation audit_hash scope status created_at_ms updated_at_ms",
        (
            "outbox_id action_id run_id source_kind source_id node_id provider tool target policy_decision_id"
            " context_assertion_id input_digest output_digest receipt_payload_digest receipt_pointer error"
            " compensation_id external_resource receipt_payload_redacted metadata"
        ),
        "",
        {"schema_version": 1, "redaction_tier": ""},
    ),
    (
        "dead_letter",
        "",
        None,
        "dead_letter_id source_type source_id reason scope status created_at_ms updated_at_ms",
        (
            "run_id payload_pointer compensation_id operator_disposition disposition_reason disposition_actor"
            " disposition_at_ms metadata"
        ),
        "",
        {"schema_version": 1, "recovery_options": [], "attempts": 0},
    ),
    (
        "compensation",
        "",
        None,
        "compensation_id compensation_type scope status created_at_ms updated_at_ms",
        (
            "run_id target_effect_id outbox_id policy_decision_id rollback_instruction forward_fix_instruction"
            " receipt_effect_id metadata"
        ),
        "",
        {"schema_version": 1, "approval_required": False, "attempts": 0},
    ),
    (
        "policy_decision",
        "",
        None,
        "decision_id reason_code reason tenant_context decision created_at_ms",
        (
            "actor_id session_id message_id run_id automation_id node_id tool risk_tier policy_id grant_id approval_id"
            " audit_event_id resource metadata"
        ),
        "data_classes",
        {},
    ),
    (
        "policy_decision",
        "/resource",
        RESOURCE,
        "organization_id workspace_id resource_kind resource_id",
        "project_id branch_id path_prefix",
        "parent_path",
        {},
    ),
    (
        "protected_audit_event",
        "",
        None,
        "event_id event_type durability payload created_at_ms",
        "actor",
        "",
        {"seq": 0, "record_hash": ""},
    ),
    (
        "org_unit",
        "",
        None,
        "unit_id tenant_context display_name created_by created_at_ms updated_at_ms",
        "parent_unit_id description",
        "labels",
        {"taxonomy_id": "organization_unit", "kind": "unspecified", "state": "active"},
    ),
    (
        "org_unit_membership",
        "",
        None,
        "membership_id tenant_context unit member created_at_ms",
        "expires_at_ms",
        "",
        {"source": "direct", "state": "active"},
    ),
    (
        "org_unit_access_grant",
        "",
        None,
        "grant_id tenant_context unit resource created_at_ms updated_at_ms",
        "expires_at_ms",
        "permissions data_classes tool_patterns",
        {"effect": "allow", "state": "active"},
    ),
    (
        "source_binding",
        "",
        None,
        (
            "binding_id connector_id source_type native_source_id tenant_context resource_ref data_class created_by"
            " created_at_ms updated_at_ms"
        ),
        "source_root_label credential_ref_id",
        "",
        {
            "state": "enabled",
            "ingestion_policy": {"allow_indexing": True, "allow_prompt_context": True, "require_review": False},
        },
    ),
    (
        "source_binding",
        "/ingestion_policy",
        {},
        "",
        "max_depth",
        "",
        {"allow_indexing": True, "allow_prompt_context": True, "require_review": False},
    ),
]


def _records() -> Iterator[tuple[str, dict[str, Any], str, tuple[str, str, str, dict[str, Any]]]]:
    for kind, pointer, least, *codes in FIELDS:
        record = LEAST[kind]
        if pointer:
            record = with_value(record, pointer, least)
        yield kind, record, pointer, tuple(codes)  # type: ignore[misc]


def _fields(place: int) -> list[Any]:
    found = []
    for kind, record, pointer, codes in _records():
        for name in codes[place].split() if isinstance(codes[place], str) else codes[place].items():
            label = name if isinstance(name, str) else name[0]
            found.append(pytest.param(kind, record, pointer, name, id=f"{kind}{pointer}/{label}"))
    return found


def _kept(kind: str, record: Any, pointer: str) -> dict[str, Any]:
    """The object at a pointer of what is kept of a record: of a run, its source."""
    prepared = accepted(kind, record)
    node = orjson.loads(prepared.source or prepared.doc)
    for part in pointer.split("/")[1:]:
        node = node[part]
    return node


@pytest.mark.parametrize(("kind", "record", "pointer", "name"), _fields(0))
def test_a_required_field_that_is_absent_refuses_the_record_at_its_pointer(
    kind: Any, record: Any, pointer: Any, name: Any
) -> None:
    """A required field that is absent refuses the record, and the pointer is that of the field."""
    faults = refused(kind, with_value(record, f"{pointer}/{name}", ABSENT))
    assert f"{pointer}/{name}" in [found for found, _ in faults]


@pytest.mark.parametrize(("kind", "record", "pointer", "name"), _fields(1))
def test_an_optional_field_that_is_null_is_left_out(kind: Any, record: Any, pointer: Any, name: Any) -> None:
    """An optional field may be null, which is the same as absent: it is left out."""
    assert name not in _kept(kind, with_value(record, f"{pointer}/{name}", None), pointer)
    assert name not in _kept(kind, record, pointer)


@pytest.mark.parametrize(("kind", "record", "pointer", "name"), _fields(2))
def test_an_empty_list_is_left_out_and_a_null_one_refused(kind: Any, record: Any, pointer: Any, name: Any) -> None:
    """A list that may be absent is left out when empty, and null is no list."""
    assert name not in _kept(kind, with_value(record, f"{pointer}/{name}", []), pointer)
    assert name not in _kept(kind, record, pointer)
    assert refused(kind, with_value(record, f"{pointer}/{name}", None))[0][0] == f"{pointer}/{name}"


@pytest.mark.parametrize(("kind", "record", "pointer", "name"), _fields(3))
def test_a_default_is_filled_in_and_null_refused(kind: Any, record: Any, pointer: Any, name: Any) -> None:
    """A field with a default is always there, and null is not its default."""
    name, default = name
    assert _kept(kind, with_value(record, f"{pointer}/{name}", ABSENT), pointer)[name] == default
    assert refused(kind, with_value(record, f"{pointer}/{name}", None))[0][0] == f"{pointer}/{name}"


@pytest.mark.parametrize(("kind", "name"), [("event", "payload"), ("protected_audit_event", "prev_hash")])
def test_a_null_that_is_shown_stays(kind: Any, name: Any) -> None:
    """A field that is null when there is none is kept as null, whether it was absent or null."""
    assert _kept(kind, LEAST[kind], "")[name] is None
    assert _kept(kind, with_value(LEAST[kind], f"/{name}", None), "")[name] is None


def test_the_tables_name_every_field_of_every_kind() -> None:
    """No field of a kind is missing from the tables of this file, the tenant and the phase of a snapshot aside."""
    special = {"tenant_context", "payload", "prev_hash", "phase", "scope_unknown"}
    for kind, pointer, _, required, optional, lists, defaults in FIELDS:
        if not pointer:
            listed = {*required.split(), *optional.split(), *lists.split(), *defaults}
            assert set(kinds()[kind].source_schema["properties"]) - special == listed - special, kind


ENUMS: list[tuple[str, str, str]] = [
    ("automation_run", "/status", "queued running pausing paused awaiting_approval completed blocked failed cancelled"),
    (
        "automation_run",
        "/stop_kind",
        "cancelled operator_stopped guardrail_stopped panic shutdown server_restart stale_reaped",
    ),
    ("automation_run", "/effective_execution_profile", "strict guided yolo"),
    ("workflow_run", "/status", "queued running awaiting_approval completed failed cancelled dry_run"),
    ("wait", "/wait_kind", "timer webhook approval external_condition retry_backoff"),
    ("wait", "/status", "waiting claimed woken timed_out escalated cancelled"),
    (
        "snapshot",
        "/status",
        (
            "queued running sleeping awaiting_webhook awaiting_approval pausing paused retrying blocked completed"
            " failed cancelled dead_lettered dry_run"
        ),
    ),
    (
        "snapshot",
        "/phase",
        (
            "created queued running_phase sleeping waiting_webhook awaiting_approval retrying paused_attention_required"
            " failed completed cancelled"
        ),
    ),
    ("snapshot", "/source_record_kind", "automation_v2 workflow context_run unknown"),
    ("outbox", "/status", "pending claimed sent failed dead_lettered cancelled"),
    ("tool_effect", "/status", "pending succeeded failed unknown"),
    ("dead_letter", "/status", "open retry_requested ignored linked_to_compensation resolved"),
    ("compensation", "/status", "proposed awaiting_approval approved running completed failed cancelled"),
    ("policy_decision", "/decision", "allow deny approval_required"),
    ("protected_audit_event", "/durability", "best_effort durable_required"),
    ("wait", "/scope/tenant_context/source", "local_implicit explicit"),
    (
        "wait",
        "/scope/risk_tier",
        (
            "read_discover internal_write external_draft external_send customer_data_access source_code_mutation"
            " financial_record_access credential_admin destructive_delete money_movement_contract"
        ),
    ),
    (
        "source_binding",
        "/data_class",
        (
            "public internal confidential restricted executive credential regulated customer_data source_code"
            " financial_record"
        ),
    ),
    (
        "org_unit_access_grant",
        "/unit/kind",
        (
            "human_user organization_unit group department agent_worker automation service_account external_delegate"
            " support_operator"
        ),
    ),
    (
        "org_unit_access_grant",
        "/resource/resource_kind",
        (
            "organization workspace organization_unit department group project data_room shared_drive"
            " document_collection data_store dataset document repository directory file artifact memory_space"
            " knowledge_space secret_provider_credential automation run approval audit_export mcp_server mcp_tool"
            " connector_instance source_binding source_object ingestion_job external_integration_account"
        ),
    ),
    ("org_unit_access_grant", "/effect", "allow deny"),
    ("org_unit_access_grant", "/state", "active disabled"),
    (
        "org_unit",
        "/kind",
        (
            "department team role_domain contractor_group executive_group clinical_group operational_group custom"
            " unspecified"
        ),
    ),
    ("org_unit_membership", "/source", "direct hosted_control_plane scim google_workspace okta manual_import"),
    ("source_binding", "/state", "enabled disabled quarantined"),
]


@pytest.mark.parametrize(("kind", "pointer", "words"), ENUMS, ids=lambda value: str(value)[:40])
def test_an_enumeration_takes_its_spellings_and_no_other(kind: Any, pointer: Any, words: Any) -> None:
    """Every spelling of an enumeration is accepted, any other and any other case refused at its pointer."""
    for word in words.split():
        accepted(kind, with_value(LEAST[kind], pointer, word))
    for other in ("", words.split()[0].upper(), words.split()[0] + " ", "nonsense"):
        assert refused(kind, with_value(LEAST[kind], pointer, other))[0][0] == pointer


@pytest.mark.parametrize("word", ["view", "read", "edit", "execute", "delegate", "admin"])
def test_every_permission_is_accepted(word: Any) -> None:
    """Every permission of a grant is accepted, and an unknown one refused at its place in the list."""
    accepted("org_unit_access_grant", {**LEAST["org_unit_access_grant"], "permissions": [word]})
    faults = refused("org_unit_access_grant", {**LEAST["org_unit_access_grant"], "permissions": ["read", word + "s"]})
    assert faults[0][0] == "/permissions/1"
