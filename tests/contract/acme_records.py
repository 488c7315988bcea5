"""Small records of one organisation, acme, for tests that change one thing at a time."""

from typing import Any

Record = dict[str, Any]
Named = tuple[str, Record]


def tenant(org: str = "acme", workspace: str = "main", deployment: str | None = None) -> Record:
    """A tenant."""
    named = {"org_id": org, "workspace_id": workspace, "source": "explicit"}
    return named if deployment is None else {**named, "deployment_id": deployment}


def repository(name: str, **more: Any) -> Record:
    """A reference to a repository of acme."""
    return {
        "organization_id": "acme",
        "workspace_id": "main",
        "resource_kind": "repository",
        "resource_id": name,
        **more,
    }


def scope(unit: str | None = None, grants: tuple[str, ...] = (), *, of: Record | None = None, **more: Any) -> Record:
    """A scope: of a unit when one is named, opened by grants when some are."""
    fields: Record = {"tenant_context": of or tenant(), **more}
    if unit is not None:
        fields["owning_org_unit_id"] = unit
    if grants:
        fields["delegation_grant_ids"] = list(grants)
    return fields


def workflow_run(run_id: str, at: int = 10, *, of: Record | None = None, scope: Any = None, **more: Any) -> Named:
    """A running workflow run, last updated at a time."""
    record = {
        "run_id": run_id,
        "workflow_id": "wf",
        "tenant_context": of or tenant(),
        "status": "running",
        "created_at_ms": 1,
        "updated_at_ms": at,
        **({} if scope is None else {"enterprise_scope": scope}),
        **more,
    }
    return "workflow_run", record


def automation_run(run_id: str, at: int = 10, *, of: Record | None = None, scope: Any = None, **more: Any) -> Named:
    """A running automation run, with its definition when it has a scope."""
    record = {
        "run_id": run_id,
        "automation_id": "auto",
        "trigger_type": "manual",
        "tenant_context": of or tenant(),
        "status": "running",
        "created_at_ms": 1,
        "updated_at_ms": at,
        "checkpoint": {},
        **({} if scope is None else {"automation_snapshot": {"metadata": {"enterprise_scope": scope}}}),
        **more,
    }
    return "automation_run", record


def event(name: str, run_id: str, seq: int, in_scope: Record | None = None, **more: Any) -> Named:
    """An event."""
    named = {"event_id": name, "run_id": run_id, "seq": seq, "event_type": "moved", "occurred_at_ms": 5}
    return "event", {**named, "scope": in_scope or scope(), **more}


def snapshot(name: str, run_id: str, seq: int, in_scope: Record | None = None, **more: Any) -> Named:
    """A snapshot."""
    named = {"snapshot_id": name, "run_id": run_id, "seq": seq, "created_at_ms": 5, "status": "running"}
    return "snapshot", {**named, "scope": in_scope or scope(), **more}


def wait(name: str, run_id: str, status: str, in_scope: Record | None = None, **more: Any) -> Named:
    """A wait for a time."""
    named = {"wait_id": name, "run_id": run_id, "wait_kind": "timer", "status": status, "scope": in_scope or scope()}
    return "wait", {**named, "created_at_ms": 1, "updated_at_ms": 1, **more}


def outbox(name: str, run_id: str = "run", at: int = 10, in_scope: Record | None = None, **more: Any) -> Named:
    """A message that was sent."""
    named = {"outbox_id": name, "run_id": run_id, "operation": "send", "status": "sent", "scope": in_scope or scope()}
    return "outbox", {**named, "created_at_ms": at, "updated_at_ms": at, **more}


def effect(name: str, run_id: str = "run", at: int = 10, in_scope: Record | None = None, **more: Any) -> Named:
    """A failed effect."""
    named = {"effect_id": name, "run_id": run_id, "operation": "send", "audit_hash": "h", "status": "failed"}
    return "tool_effect", {**named, "scope": in_scope or scope(), "created_at_ms": at, "updated_at_ms": at, **more}


def dead_letter(name: str, run_id: str = "run", at: int = 10, in_scope: Record | None = None, **more: Any) -> Named:
    """An open dead letter."""
    named = {"dead_letter_id": name, "source_type": "tool_effect", "source_id": "e", "reason": "late", "run_id": run_id}
    times = {"created_at_ms": at, "updated_at_ms": at}
    return "dead_letter", {**named, "status": "open", "scope": in_scope or scope(), **times, **more}


def compensation(name: str, run_id: str = "run", at: int = 10, in_scope: Record | None = None, **more: Any) -> Named:
    """A proposed compensation."""
    named = {"compensation_id": name, "compensation_type": "undo", "run_id": run_id, "status": "proposed"}
    return "compensation", {**named, "scope": in_scope or scope(), "created_at_ms": at, "updated_at_ms": at, **more}


def decision(name: str, run_id: str, at: int = 10, *, of: Record | None = None, **more: Any) -> Named:
    """A decision that allowed something."""
    named = {"decision_id": name, "run_id": run_id, "reason_code": "ok", "reason": "fine", "decision": "allow"}
    return "policy_decision", {**named, "tenant_context": of or tenant(), "created_at_ms": at, **more}


def audit(name: str, payload: Any, at: int = 10, *, of: Record | None = None, **more: Any) -> Named:
    """A protected audit event."""
    named = {"event_id": name, "event_type": "seen", "durability": "durable_required", "payload": payload}
    return "protected_audit_event", {**named, "tenant_context": of or tenant(), "created_at_ms": at, **more}


def unit(name: str, **more: Any) -> Named:
    """An active unit."""
    named = {"unit_id": name, "display_name": name, "tenant_context": tenant(), "created_by": person("ann")}
    return "org_unit", {**named, "created_at_ms": 1, "updated_at_ms": 1, **more}


def person(name: str) -> Record:
    """A person."""
    return {"kind": "human_user", "id": name}


def unit_principal(name: str) -> Record:
    """A unit as grants and memberships name it."""
    return {"kind": "organization_unit", "id": name}


def grant(name: str, to: Record, resource: Record, **more: Any) -> Named:
    """An active grant to read."""
    named = {"grant_id": name, "tenant_context": tenant(), "unit": to, "resource": resource, "permissions": ["read"]}
    return "org_unit_access_grant", {**named, "created_at_ms": 1, "updated_at_ms": 1, **more}


def membership(name: str, in_unit: str, member: Record, **more: Any) -> Named:
    """An active membership."""
    named = {"membership_id": name, "tenant_context": tenant(), "unit": unit_principal(in_unit), "member": member}
    return "org_unit_membership", {**named, "created_at_ms": 1, **more}


def binding(name: str, resource: Record, **more: Any) -> Named:
    """An enabled source binding."""
    named = {"binding_id": name, "connector_id": "c", "source_type": "drive", "native_source_id": "n"}
    rest = {"resource_ref": resource, "data_class": "internal", "created_by": person("ann"), "tenant_context": tenant()}
    return "source_binding", {**named, **rest, "created_at_ms": 1, "updated_at_ms": 1, **more}


LEDGER = repository("ledger")
FINANCE = unit_principal("organization_unit/finance")
DELEGATED: Record = {
    "owning_org_unit_id": "finance",
    "resource_scope": {"root": LEDGER},
    "delegation_grant_ids": ["g"],
}
"""The scope of a run of the finance unit that names one grant."""


def of_units(*names: str) -> list[Named]:
    """One dead letter in each unit, named as the unit, and one in none."""
    return [dead_letter("unscoped"), *(dead_letter(name, in_scope=scope(name)) for name in names)]


def ids(rows: list[Record], name: str) -> list[Any]:
    """One member of each row."""
    return [row[name] for row in rows]
