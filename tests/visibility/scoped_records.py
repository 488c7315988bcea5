"""Records of one organisation, built from the one thing that matters of each."""

from typing import Any

Record = dict[str, Any]
Named = tuple[str, Record]

TENANT = {"org_id": "acme", "workspace_id": "main", "source": "explicit"}
SCOPED_KINDS = (
    "automation_run",
    "workflow_run",
    "wait",
    "event",
    "snapshot",
    "outbox",
    "tool_effect",
    "dead_letter",
    "compensation",
)
ROOT = {"kind": "human_user", "id": "root"}
TIMES = {"created_at_ms": 1, "updated_at_ms": 1}


def repository(name: str, **more: Any) -> Record:
    """A repository of acme's."""
    named = {"organization_id": "acme", "workspace_id": "main", "resource_kind": "repository", "resource_id": name}
    return {**named, **more}


def owned(unit: str, *classes: str) -> Record:
    """The scope of what a unit owns."""
    return {"owning_org_unit_id": unit, "data_classes": list(classes)}


def opened(*grants: str, unit: str | None = "hr", classes: tuple[str, ...] = ("internal",), **more: Any) -> Record:
    """The scope of what grants may open: of the first grant's repository, unless ``resource_scope`` is given."""
    owner = {} if unit is None else {"owning_org_unit_id": unit}
    scope = {"root": repository(grants[0].lower())} if grants else {}
    return {
        **owner,
        "delegation_grant_ids": list(grants),
        "data_classes": list(classes),
        "resource_scope": scope or None,
        **more,
    }


def _own_fields(kind: str, name: str) -> Record:
    reliability = {**TIMES, "run_id": name}
    fields: dict[str, Record] = {
        "automation_run": {"run_id": f"a-{name}", "automation_id": "auto", "trigger_type": "manual", "checkpoint": {}},
        "workflow_run": {"run_id": name, "workflow_id": "flow", "status": "running", **TIMES},
        "wait": {"wait_id": name, "run_id": name, "wait_kind": "timer", "status": "waiting", **TIMES},
        "event": {"event_id": name, "run_id": name, "seq": 1, "event_type": "moved", "occurred_at_ms": 5},
        "snapshot": {"snapshot_id": name, "run_id": name, "seq": 1, "created_at_ms": 5, "status": "running"},
        "outbox": {"outbox_id": name, "operation": "send", "status": "pending", **reliability},
        "tool_effect": {"effect_id": name, "operation": "send", "audit_hash": "h", "status": "failed", **reliability},
        "dead_letter": {"dead_letter_id": name, "source_type": "wait", "source_id": "w", "reason": "late"},
        "compensation": {"compensation_id": name, "compensation_type": "undo", "status": "proposed", **reliability},
    }
    if kind == "automation_run":
        return {**fields[kind], "status": "running", **TIMES}
    if kind == "tool_effect":
        return {**fields[kind], "receipt_payload_redacted": {"receipt": f"of {name}"}}
    return {**fields[kind], "status": "open", **reliability} if kind == "dead_letter" else fields[kind]


def scoped(kind: str, name: str, scope: Record, of: Record = TENANT) -> Named:
    """A record of a scoped kind, with its scope where the kind keeps it."""
    own = _own_fields(kind, name)
    if kind == "workflow_run":
        return kind, {**own, "tenant_context": of, "enterprise_scope": scope}
    if kind == "automation_run":
        snapshot = {"metadata": {"enterprise_scope": {field: value for field, value in scope.items() if value}}}
        return kind, {**own, "tenant_context": of, "automation_snapshot": snapshot}
    return kind, {**own, "scope": {"tenant_context": of, **scope}}


def key_of(kind: str, name: str) -> str:
    """The path of a scoped record of this name, behind its kind."""
    if kind in ("wait", "event", "snapshot"):
        return f"{name}/{name}"
    return f"a-{name}" if kind == "automation_run" else name


def unit(name: str, parent: str | None = None, of: Record = TENANT, **more: Any) -> Named:
    """A unit."""
    named = {"unit_id": name, "display_name": name, "parent_unit_id": parent, "created_by": ROOT, **TIMES}
    return "org_unit", {**named, "tenant_context": of, **more}


def membership(name: str, to: str, member: str, of: Record = TENANT, **more: Any) -> Named:
    """A membership; ``unit_kind`` and ``member_kind`` are the kinds of what it names."""
    named = {
        "membership_id": name,
        "unit": {"kind": more.pop("unit_kind", "organization_unit"), "id": to},
        "member": {"kind": more.pop("member_kind", "human_user"), "id": member},
        "created_at_ms": 1,
    }
    return "org_unit_membership", {**named, "tenant_context": of, **more}


def grant(name: str, to: str = "organization_unit/finance", of: Record = TENANT, **more: Any) -> Named:
    """A grant of a repository called like it (``on`` names another one) to a unit (``kind``: to another addressee)."""
    named = {
        "grant_id": name,
        "unit": {"kind": more.pop("kind", "organization_unit"), "id": to},
        "resource": repository(more.pop("on", name)),
        "permissions": ["read"],
        "data_classes": ["internal"],
        **TIMES,
    }
    return "org_unit_access_grant", {**named, "tenant_context": of, **more}


def decision(actor: str | None, of: Record = TENANT) -> Named:
    """A policy decision about an actor, called like them."""
    named = {"decision_id": f"of-{actor}", "actor_id": actor, "reason_code": "r", "reason": "r", "decision": "deny"}
    return "policy_decision", {**named, "tenant_context": of, "run_id": "open", "created_at_ms": 1}


def audit_event(actor: str | None, of: Record = TENANT) -> Named:
    """A protected audit event of an actor, called like them."""
    named = {"event_id": f"of-{actor}", "actor": actor, "event_type": "t", "durability": "best_effort"}
    return "protected_audit_event", {**named, "tenant_context": of, "payload": "open", "created_at_ms": 1}
