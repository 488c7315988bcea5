"""One organisation in which every way to own, open and refuse a record occurs once, in each of the fifteen kinds.

A *variant* is a scope with a name; each of the nine scoped kinds has one record of every variant, called like it. What
``hr`` owns is there to be opened by grants: a variant ``by-x`` names the grant ``x`` and the repository ``x``.
"""

from scoped_records import (
    ROOT,
    SCOPED_KINDS,
    TENANT,
    TIMES,
    Named,
    Record,
    audit_event,
    decision,
    grant,
    membership,
    opened,
    owned,
    repository,
    scoped,
    unit,
)
from serving import NOW_MS

OTHER_TENANTS = (
    {**TENANT, "org_id": "globex"},
    {**TENANT, "workspace_id": "other"},
    {**TENANT, "deployment_id": "blue"},
)
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
