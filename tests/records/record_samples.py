"""The least record of each kind that is accepted, and the means to change one place of it."""

import copy
from typing import Any

from shipped_kinds import intake

from sidecar.records.store import Prepared

ABSENT = object()

TENANT = {"org_id": "acme", "workspace_id": "main"}
SCOPE = {"tenant_context": TENANT}
PRINCIPAL = {"kind": "human_user", "id": "ana"}
RESOURCE = {"organization_id": "acme", "workspace_id": "main", "resource_kind": "repository", "resource_id": "repo"}
TIMES = {"created_at_ms": 10, "updated_at_ms": 20}

LEAST: dict[str, dict[str, Any]] = {
    "automation_run": {
        "run_id": "r",
        "automation_id": "a",
        "trigger_type": "manual",
        "status": "running",
        "checkpoint": {},
        **TIMES,
        "tenant_context": TENANT,
    },
    "workflow_run": {"run_id": "r", "workflow_id": "w", "status": "running", **TIMES, "tenant_context": TENANT},
    "wait": {"wait_id": "w", "run_id": "r", "wait_kind": "timer", "status": "waiting", "scope": SCOPE, **TIMES},
    "event": {"event_id": "e", "run_id": "r", "event_type": "started", "seq": 1, "occurred_at_ms": 5, "scope": SCOPE},
    "snapshot": {
        "snapshot_id": "s",
        "run_id": "r",
        "seq": 1,
        "created_at_ms": 10,
        "status": "running",
        "scope": SCOPE,
        "phase": "created",
    },
    "outbox": {"outbox_id": "o", "operation": "send", "status": "pending", "scope": SCOPE, **TIMES},
    "tool_effect": {
        "effect_id": "e",
        "operation": "send",
        "audit_hash": "h",
        "status": "succeeded",
        "scope": SCOPE,
        **TIMES,
    },
    "dead_letter": {
        "dead_letter_id": "d",
        "source_type": "tool_effect",
        "source_id": "e",
        "reason": "late",
        "status": "open",
        "scope": SCOPE,
        **TIMES,
    },
    "compensation": {
        "compensation_id": "c",
        "compensation_type": "undo",
        "status": "proposed",
        "scope": SCOPE,
        **TIMES,
    },
    "policy_decision": {
        "decision_id": "p",
        "reason_code": "ok",
        "reason": "fine",
        "decision": "allow",
        "created_at_ms": 10,
        "tenant_context": TENANT,
    },
    "protected_audit_event": {
        "event_id": "e",
        "event_type": "login",
        "durability": "durable_required",
        "payload": {},
        "created_at_ms": 10,
        "tenant_context": TENANT,
    },
    "org_unit": {
        "unit_id": "finance",
        "display_name": "Finance",
        "created_by": PRINCIPAL,
        **TIMES,
        "tenant_context": TENANT,
    },
    "org_unit_membership": {
        "membership_id": "m",
        "unit": {"kind": "organization_unit", "id": "organization_unit/finance"},
        "member": PRINCIPAL,
        "created_at_ms": 10,
        "tenant_context": TENANT,
    },
    "org_unit_access_grant": {
        "grant_id": "g",
        "unit": PRINCIPAL,
        "resource": RESOURCE,
        **TIMES,
        "tenant_context": TENANT,
    },
    "source_binding": {
        "binding_id": "b",
        "connector_id": "c",
        "source_type": "drive",
        "native_source_id": "n",
        "resource_ref": RESOURCE,
        "data_class": "internal",
        "created_by": PRINCIPAL,
        **TIMES,
        "tenant_context": TENANT,
    },
}


def with_value(record: Any, pointer: str, value: Any) -> Any:
    """A copy of the record with another value at a pointer; ``ABSENT`` takes the member out."""
    changed = copy.deepcopy(record)
    node = changed
    *parents, last = [int(part) if part.isdigit() else part for part in pointer.split("/")[1:]]
    for part in parents:
        node = node[part]
    if value is ABSENT:
        node.pop(last, None)
    else:
        node[last] = value
    return changed


def accepted(kind: str, record: Any, **options: Any) -> Prepared:
    """The prepared record; the test fails when it is refused."""
    result = intake().accept(kind, record, **options)
    assert isinstance(result, Prepared), result
    return result


def refused(kind: str, record: Any) -> list[tuple[str, str]]:
    """Pointers and sentences of a refusal; the test fails when the record is accepted."""
    result = intake().accept(kind, record)
    assert isinstance(result, list), result
    return [(reject.pointer, reject.message) for reject in result]
