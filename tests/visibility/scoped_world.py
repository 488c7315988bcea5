"""One organisation in which every way to own, open and refuse a record occurs once, in each of the fifteen kinds.

A *variant* is a scope with a name; each of the nine scoped kinds has one record of every variant, called like it. What
``hr`` owns is there to be opened by grants: a variant ``by-x`` names the grant ``x`` and the repository ``x``.
"""

from typing import Any

from serving import NOW_MS

Record = dict[str, Any]
Named = tuple[str, Record]

TENANT = {"org_id": "acme", "workspace_id": "main", "source": "explicit"}
OTHER_TENANTS = (
    {**TENANT, "org_id": "globex"},
    {**TENANT, "workspace_id": "other"},
    {**TENANT, "deployment_id": "blue"},
)
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


GRANTED = ("active", "last-ms", "capital", "deny-lapsed", "deny-disabled", "deny-edit", "deny-legal", "deny-elsewhere")
"""Grants to finance that count, and open exactly what names them."""
NOT_COUNTED = ("expired", "disabled", "denied", "denied-all", "denied-capital", "edit", "no-permission")
"""Grants to finance that do not count."""

VARIANTS: dict[str, Record] = {
    "open": {},
    "open-credential": {"data_classes": ["credential"]},
    "money": owned("money"),
    "finance": owned("finance", "internal"),
    "finance-capital": owned("Finance"),
    "finance-full": owned("organization_unit/finance"),
    "finance-suffix": owned("sub/finance"),
    "finance-restricted": owned("finance", "internal", "restricted"),
    "finance-denied": opened("denied", unit="finance"),
    "finance-opened": opened("secret", unit="finance", classes=("restricted",)),
    "finance-lapsed": opened("secret-lapsed", unit="finance", classes=("restricted",)),
    "payables": owned("payables"),
    "legal": owned("legal"),
    "closed": owned("closed"),
    "closed-desk": owned("closed-desk"),
    "ghost": owned("ghost"),
    "ops-bare": owned("ops"),
    "ops-full": owned("organization_unit/ops"),
    "ops-regions": owned("regions/ops"),
    **{f"by-{name}": opened(name) for name in (*GRANTED, *NOT_COUNTED)},
    "by-first-of-two": opened("active", "expired"),
    "by-second-of-two": opened("expired", "active", resource_scope={"root": repository("active")}),
    "by-grant-only": opened("active", unit=None),
    "by-secret": opened("secret", classes=("restricted",)),
    "by-payables": opened("payables"),
    "by-legal": opened("legal"),
    "by-person": opened("person"),
    "by-robot": opened("robot"),
    "by-closed": opened("closed"),
    "by-ghost": opened("ghost"),
    "by-suffix": opened("suffix"),
    "by-foreign": opened("foreign"),
    "by-other-case": opened("ACTIVE"),
    "by-other-class": opened("active", classes=("internal", "customer_data")),
    "by-other-resource": opened("active", resource_scope={"root": repository("elsewhere")}),
    "by-other-kind": opened("active", resource_scope={"root": repository("active", resource_kind="dataset")}),
    "by-other-workspace": opened("active", resource_scope={"root": repository("active", workspace_id="other")}),
    "by-no-resource": opened("active", resource_scope=None),
    "by-denied-resource": opened(
        "active", resource_scope={"root": repository("active"), "denied_resources": [repository("active")]}
    ),
    "unnamed": opened(resource_scope={"root": repository("active")}),
}
GATED = {"open-credential", "finance-restricted", "finance-opened", "finance-lapsed", "by-secret"}


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


UNITS = [
    unit("money"),
    unit("finance", "money"),
    unit("payables", "organization_unit/finance"),
    unit("legal"),
    unit("hr"),
    unit("closed", state="disabled"),
    unit("closed-desk", "closed"),
    unit("ops"),
    unit("ops", taxonomy_id="Regions"),
]
MEMBERSHIPS = [
    membership("active", "organization_unit/finance", "mia"),
    membership("last-ms", "organization_unit/finance", "mark", expires_at_ms=NOW_MS + 1),
    membership("expired", "organization_unit/finance", "max", expires_at_ms=NOW_MS),
    membership("disabled", "organization_unit/finance", "moe", state="disabled"),
    membership("capital", " Finance ", "meg"),
    membership("suffix", "sub/finance", "sue"),
    membership("closed", "organization_unit/closed", "cleo"),
    membership("robot", "organization_unit/finance", "rob", member_kind="service_account"),
    membership("department", "organization_unit/finance", "dan", unit_kind="department"),
]
TO_FINANCE = [
    grant("active"),
    grant("last-ms", expires_at_ms=NOW_MS + 1),
    grant("capital", "Finance"),
    grant("deny-lapsed"),
    grant("deny-lapsed-deny", on="deny-lapsed", effect="deny", expires_at_ms=NOW_MS),
    grant("deny-disabled"),
    grant("deny-disabled-deny", on="deny-disabled", effect="deny", state="disabled"),
    grant("deny-edit"),
    grant("deny-edit-deny", on="deny-edit", effect="deny", permissions=["edit"]),
    grant("deny-legal"),
    grant("deny-elsewhere"),
    grant("deny-elsewhere-deny", on="elsewhere-again", effect="deny"),
    grant("expired", expires_at_ms=NOW_MS),
    grant("disabled", state="disabled"),
    grant("denied"),
    grant("denied-deny", on="denied", effect="deny", data_classes=["financial_record"]),
    grant("denied-all"),
    grant("denied-all-deny", on="denied-all", effect="deny", permissions=[]),
    grant("denied-capital"),
    grant("denied-capital-deny", "Finance", on="denied-capital", effect="deny"),
    grant("edit", permissions=["edit", "execute"]),
    grant("no-permission", permissions=[]),
    grant("secret", data_classes=["restricted"]),
    grant("secret-lapsed", data_classes=["restricted"], expires_at_ms=NOW_MS),
]
TO_PAYABLES = [grant("payables", "organization_unit/payables")]
TO_LEGAL = [
    grant("legal", "legal"),
    grant("deny-legal-deny", "organization_unit/legal", on="deny-legal", effect="deny"),
]
TO_OTHERS = [
    grant("person", "fay", kind="human_user"),
    grant("robot", "fay", kind="service_account"),
    grant("closed", "organization_unit/closed"),
    grant("ghost", "ghost"),
    grant("suffix", "sub/finance"),
]
GRANTS = [*TO_FINANCE, *TO_PAYABLES, *TO_LEGAL, *TO_OTHERS]
BINDINGS = [
    (
        "source_binding",
        {
            "binding_id": "drive",
            "connector_id": "drive",
            "source_type": "folder",
            "native_source_id": "n",
            "tenant_context": TENANT,
            "resource_ref": repository("active"),
            "data_class": "internal",
            "created_by": ROOT,
            **TIMES,
        },
    )
]
ACTORS = ("mia", "Mia", "fin", None)


def decision(actor: str | None, of: Record = TENANT) -> Named:
    """A policy decision about an actor, called like them."""
    named = {"decision_id": f"of-{actor}", "actor_id": actor, "reason_code": "r", "reason": "r", "decision": "deny"}
    return "policy_decision", {**named, "tenant_context": of, "run_id": "open", "created_at_ms": 1}


def audit_event(actor: str | None, of: Record = TENANT) -> Named:
    """A protected audit event of an actor, called like them."""
    named = {"event_id": f"of-{actor}", "actor": actor, "event_type": "t", "durability": "best_effort"}
    return "protected_audit_event", {**named, "tenant_context": of, "payload": "open", "created_at_ms": 1}


def _elsewhere(of: Record) -> list[Named]:
    """Another tenant: the same names, a grant that acme's records name, and no membership."""
    return [
        *(
            scoped(kind, name, VARIANTS[name], of)
            for kind in SCOPED_KINDS
            for name in ("open", "finance", "by-foreign")
        ),
        unit("finance", of=of),
        grant("foreign", of=of),
        decision("mia", of),
        audit_event("mia", of),
    ]


RECORDS: list[Named] = [
    *(scoped(kind, name, scope) for kind in SCOPED_KINDS for name, scope in VARIANTS.items()),
    *UNITS,
    *MEMBERSHIPS,
    *GRANTS,
    *BINDINGS,
    *map(decision, ACTORS),
    *map(audit_event, ACTORS),
    *(record for of in OTHER_TENANTS for record in _elsewhere(of)),
    membership("foreign", "organization_unit/finance", "fox", OTHER_TENANTS[0]),
]
