"""What the runtime decided, and the protected audit chain that links it all."""

import hashlib
import json
from collections.abc import Iterable, Iterator

from cast import Made, Record
from story import Story

_DECISIONS = {
    "awaiting_approval": ("approval_required", "needs_a_person", "A person has to look at it first."),
    "blocked": ("deny", "over_the_limit", "It exceeds what the house rules allow without the department's head."),
}
_ALLOWED = ("allow", "within_the_limit", "It is within what the house rules allow.")


def decisions(story: Story) -> Iterator[Made]:
    """The decision over the step before which a person is asked."""
    if not story.asked:
        return
    decision, code, reason = _DECISIONS.get(story.status, _ALLOWED)
    scope = story.workload.scope
    record: Record = {
        "decision_id": story.id_of("decision"),
        "tenant_context": story.workload.tenant,
        "actor_id": story.workload.owner,
        "run_id": story.run_id,
        "node_id": story.gate.node,
        "tool": story.gate.tool,
        "risk_tier": scope["risk_tier"],
        "policy_id": scope["policy_version_id"],
        "data_classes": scope["data_classes"],
        "audit_event_id": story.id_of("audit", "decision"),
        "decision": decision,
        "reason_code": code,
        "reason": reason,
        "created_at_ms": min(story.at(story.workload.gate + 1), story.ended_ms),
    }
    if decision == "approval_required":
        record["approval_id"] = story.gate_wait_id
    if "resource_scope" in scope:
        record["resource"] = scope["resource_scope"]["root"]
    yield "policy_decision", record


def chain(made: Iterable[Made]) -> Iterator[Made]:
    """The audit events of what was made: one sequence over all tenants, each linked to the one before."""
    events = [event for kind, record in made if (event := _event(kind, record))]
    events.sort(key=lambda event: (event["created_at_ms"], event["event_id"]))
    before: str | None = None
    for number, event in enumerate(events, 1):
        event |= {"seq": number, "prev_hash": before}
        before = event["record_hash"] = _link(event)
        yield "protected_audit_event", event


def _event(kind: str, record: Record) -> Record | None:
    """What the audit keeps of a record: decisions, grants, and what people did about dead letters."""
    if kind == "policy_decision":
        names = ("decision_id", "decision", "reason_code", "run_id", "tool")
        event = _told(record["audit_event_id"], "policy.decision.recorded", record, names)
        return {**event, "actor": record["actor_id"]}
    if kind == "org_unit_access_grant":
        names = ("grant_id", "effect", "unit", "resource")
        return {**_told(f"audit-grant-{record['grant_id']}", "access.grant.written", record, names), "actor": "it-desk"}
    if kind == "dead_letter" and "disposition_actor" in record:
        names = ("dead_letter_id", "run_id", "operator_disposition", "disposition_reason")
        event = _told(f"audit-{record['dead_letter_id']}", "runtime.dead_letter.disposed", record, names)
        return {**event, "actor": record["disposition_actor"]["id"]}
    return None


def _told(name: str, event_type: str, record: Record, names: Iterable[str]) -> Record:
    """An event about a record: when it was last changed, in whose tenant, and some of what it says."""
    return {
        "event_id": name,
        "event_type": event_type,
        "durability": "durable_required",
        "tenant_context": record.get("tenant_context") or record["scope"]["tenant_context"],
        "payload": {key: record[key] for key in names if key in record},
        "created_at_ms": record.get("updated_at_ms", record["created_at_ms"]),
    }


def _link(event: Record) -> str:
    """The hash of an event and, through ``prev_hash``, of all before it."""
    tenant, whose = event["tenant_context"], ("org_id", "workspace_id", "deployment_id", "actor_id", "source")
    linked = {
        "event_id": event["event_id"],
        "durability_str": event["durability"],
        "event_type": event["event_type"],
        **{f"tenant_{name}": tenant.get(name) for name in whose},
        "actor": event["actor"],
        "payload": json.loads(json.dumps(event["payload"], sort_keys=True)),
        **{name: event[name] for name in ("created_at_ms", "seq", "prev_hash")},
    }
    return hashlib.sha256(json.dumps(linked, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
