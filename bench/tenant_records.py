"""What a tenant's records look like: those of one kind and label differ in a few fields only.

The labels 0 to 2 belong to the unit ``finance``, 3 to 5 to ``archive``, the others to forty teams. A tenth of the
teams' labels is gated, and a few are delegated to ``finance``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]

OWN_LABELS = 3
FINANCE, ARCHIVE = range(OWN_LABELS), range(OWN_LABELS, 2 * OWN_LABELS)
LEAST_OTHER = 2 * OWN_LABELS
TEAMS = 40
WORKSPACE = "main"
GRANT = "grant-of-finance"
GATED_EACH, DELEGATED_EACH = 10, 250
CREATED_MS = 1_600_000_000_000


@dataclass(frozen=True, slots=True)
class Fields:
    """What tells one record of a label from the others."""

    run: str
    name: str
    digest: str
    created_ms: int
    at_ms: int
    seq: int


def organisation(tenant: int) -> str:
    """The organisation's name; each has one workspace."""
    return f"org-{tenant:04}"


def made(kind: str, tenant: int, label: int, fields: Fields) -> Record:
    """A record in the shape in which it is handed over."""
    return _KINDS[kind](_scope(tenant, label), label, fields)


def catalogue(tenant: int) -> Iterator[tuple[str, Record]]:
    """The two units, and the grant that opens to ``finance`` what is delegated to it."""
    owner = {"tenant_context": _tenant(tenant)}
    times = {"created_at_ms": CREATED_MS, "updated_at_ms": CREATED_MS}
    for unit in ("finance", "archive"):
        author = {"kind": "human_user", "id": "olga"}
        yield "org_unit", {"unit_id": unit, "display_name": unit, "created_by": author, **owner, **times}
    grant = {
        "grant_id": GRANT,
        "unit": {"kind": "organization_unit", "id": "organization_unit/finance"},
        "resource": _resource(tenant, _shared),
        "permissions": ["read"],
        "data_classes": ["internal"],
    }
    yield "org_unit_access_grant", {**grant, **owner, **times}


def _tenant(tenant: int) -> Record:
    return {"org_id": organisation(tenant), "workspace_id": WORKSPACE, "source": "explicit"}


def _resource(tenant: int, name: str) -> Record:
    return {
        "organization_id": organisation(tenant),
        "workspace_id": WORKSPACE,
        "resource_kind": "repository",
        "resource_id": name,
    }


_shared = "shared"


def _scope(tenant: int, label: int) -> Record:
    """The scope that is the label of that number."""
    scope = {"tenant_context": _tenant(tenant), "owning_org_unit_id": _unit(label), "data_classes": ["internal"]}
    if label >= LEAST_OTHER and label % DELEGATED_EACH == LEAST_OTHER:
        scope["delegation_grant_ids"] = [GRANT]
        scope["policy_version_id"] = f"policy-{label:04}"
        return {**scope, "resource_scope": {"root": _resource(tenant, _shared)}}
    if label >= LEAST_OTHER and label % GATED_EACH == 0:
        scope["data_classes"] = ["internal", "restricted"]
    return {**scope, "resource_scope": {"root": _resource(tenant, f"repository-{label:05}")}}


def _unit(label: int) -> str:
    if label in FINANCE:
        return "finance"
    return "archive" if label in ARCHIVE else f"team-{label % TEAMS:02}"


def _run(scope: Record, label: int, fields: Fields) -> Record:
    enterprise = {name: value for name, value in scope.items() if name != "tenant_context"}
    return {
        "run_id": fields.run,
        "automation_id": f"automation-{label % 7}",
        "trigger_type": ("schedule", "webhook", "manual")[label % 3],
        "status": ("running", "completed", "failed", "paused")[label % 4],
        "checkpoint": {},
        "automation_snapshot": {"metadata": {"enterprise_scope": enterprise}},
        "tenant_context": scope["tenant_context"],
        **_times(fields),
    }


def _event(scope: Record, label: int, fields: Fields) -> Record:
    return {
        "event_id": fields.name,
        "run_id": fields.run,
        "event_type": ("node.started", "node.completed", "tool.called", "checkpoint.written")[label % 4],
        "seq": fields.seq,
        "occurred_at_ms": fields.at_ms,
        "correlation_id": fields.digest,
        "scope": scope,
        "payload": {"node": f"node-{label % 20}", "attempt": 1},
    }


def _wait(scope: Record, label: int, fields: Fields) -> Record:
    return {
        "wait_id": fields.name,
        "run_id": fields.run,
        "wait_kind": ("timer", "webhook", "approval")[label % 3],
        "status": ("waiting", "woken", "claimed", "timed_out")[label % 4],
        "wake_at_ms": fields.at_ms,
        "scope": scope,
        **_times(fields),
    }


def _snapshot(scope: Record, label: int, fields: Fields) -> Record:
    return {
        "snapshot_id": fields.name,
        "run_id": fields.run,
        "seq": fields.seq,
        "created_at_ms": fields.at_ms,
        "status": ("running", "completed")[label % 2],
        "phase": ("running_phase", "completed")[label % 2],
        "payload_digest": f"sha256:{fields.digest}{fields.digest}",
        "scope": scope,
    }


def _outbox(scope: Record, label: int, fields: Fields) -> Record:
    return {
        "outbox_id": fields.name,
        "run_id": fields.run,
        "operation": "payments.transfer",
        "status": ("pending", "claimed", "sent")[label % 3],
        "provider": "bank",
        "tool": "transfer",
        "idempotency_key": fields.digest,
        "scope": scope,
        **_times(fields),
    }


def _tool_effect(scope: Record, label: int, fields: Fields) -> Record:
    return {
        "effect_id": fields.name,
        "run_id": fields.run,
        "operation": "payments.transfer",
        "audit_hash": f"sha256:{fields.digest}{fields.digest}",
        "status": ("succeeded", "failed", "unknown")[label % 3],
        "source_kind": "workflow_action",
        "source_id": f"node-{label % 20}",
        "scope": scope,
        **_times(fields),
    }


def _dead_letter(scope: Record, label: int, fields: Fields) -> Record:
    return {
        "dead_letter_id": fields.name,
        "run_id": fields.run,
        "source_type": ("tool_effect", "outbox")[label % 2],
        "source_id": f"source-{fields.digest}",
        "reason": "the provider did not answer within 30 seconds",
        "status": ("open", "retry_requested", "resolved")[label % 3],
        "recovery_options": ["retry"],
        "scope": scope,
        **_times(fields),
    }


def _compensation(scope: Record, label: int, fields: Fields) -> Record:
    return {
        "compensation_id": fields.name,
        "run_id": fields.run,
        "compensation_type": "reverse_transfer",
        "status": ("proposed", "approved", "completed")[label % 3],
        "rollback_instruction": "ask the bank to reverse the transfer",
        "approval_required": True,
        "scope": scope,
        **_times(fields),
    }


def _times(fields: Fields) -> Record:
    return {"created_at_ms": fields.created_ms, "updated_at_ms": fields.at_ms}


_KINDS: dict[str, Callable[[Record, int, Fields], Record]] = {
    "automation_run": _run,
    "event": _event,
    "wait": _wait,
    "snapshot": _snapshot,
    "outbox": _outbox,
    "tool_effect": _tool_effect,
    "dead_letter": _dead_letter,
    "compensation": _compensation,
}
