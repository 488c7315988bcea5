"""Who asks, and exactly what each of them sees, worked out by hand from the rules in words.

A unit's records are for those who hold it or a unit above it; what a grant opens is for those the grant is addressed to;
gated data is for the cleared, and for those whom a grant gives it. ``None`` means: as an operator.
"""

from dataclasses import dataclass

from scoped_world import GATED, GRANTED, TO_FINANCE, TO_LEGAL, TO_PAYABLES, VARIANTS
from serving import Who

Names = frozenset[str]
OPEN = frozenset({"open"})
PAYABLES = OPEN | {"payables", "by-payables"}
FINANCE = (
    PAYABLES
    | {"finance", "finance-capital", "finance-full", "finance-denied", "finance-opened"}
    | {f"by-{name}" for name in GRANTED}
    | {"by-first-of-two", "by-second-of-two", "by-grant-only", "by-secret"}
)
MONEY = FINANCE | {"money"}
LEGAL = OPEN | {"legal", "by-legal"}
HR = OPEN | {name for name, scope in VARIANTS.items() if scope.get("owning_org_unit_id") == "hr"} - GATED
ALL = frozenset(VARIANTS)

PAYABLES_UNIT = "organization_unit/payables"
FINANCE_UNITS = frozenset({"organization_unit/finance", PAYABLES_UNIT})
LEGAL_UNIT = frozenset({"organization_unit/legal"})


def _names(grants: list[tuple[str, dict[str, str]]]) -> Names:
    return frozenset(record["grant_id"] for _, record in grants)


FINANCE_GRANTS = _names([*TO_FINANCE, *TO_PAYABLES])
LEGAL_GRANTS = _names(TO_LEGAL)


@dataclass(frozen=True)
class Sees:
    """What a caller sees: variants of the scoped kinds, and the catalogue's records (None: all of every catalogue kind)."""

    who: Who
    variants: Names
    units: Names | None = frozenset()
    memberships: Names = frozenset()
    grants: Names = frozenset()
    audit: Names = frozenset()
    receipts: bool = False


def _operator(who: Who, variants: Names) -> Sees:
    return Sees(who, variants, None, audit=frozenset({"of-mia", "of-Mia", "of-fin", "of-None"}), receipts=True)


def _of_finance(who: Who, memberships: Names = frozenset(), audit: Names = frozenset()) -> Sees:
    return Sees(who, FINANCE, FINANCE_UNITS, memberships, FINANCE_GRANTS, audit)


def _joined(actor: str, membership: str) -> Sees:
    """Somebody whose membership gives nothing; they see it all the same."""
    return Sees(Who(actor=actor), OPEN, memberships=frozenset({membership}))


OWN = frozenset({"of-mia"})
CALLERS: dict[str, Sees] = {
    # operators
    "operator": _operator(Who(actor="olga", roles="workspace_operator"), ALL - GATED),
    "operator of a unit": _operator(Who(actor="olga", roles="workspace_operator", units="legal"), ALL - GATED),
    "operator without an actor": _operator(Who(actor=None, roles="workspace_operator"), ALL - GATED),
    "cleared operator": _operator(Who(actor="olga", roles="workspace_operator", classes="credential,restricted"), ALL),
    "operator who holds a grant": _operator(
        Who(actor="olga", roles="workspace_operator", units="finance"), ALL - GATED | {"finance-opened", "by-secret"}
    ),
    # nobody in particular
    "auditor": Sees(
        Who(actor="aud", roles="auditor"),
        OPEN,
        audit=frozenset({"of-mia", "of-Mia", "of-fin", "of-None"}),
        receipts=True,
    ),
    "no unit": Sees(Who(actor="nell"), OPEN),
    "blank claim": Sees(Who(actor="nell", units=""), OPEN),
    "no actor": Sees(Who(actor=None), OPEN),
    "no actor, blank claim": Sees(Who(actor=None, units=""), OPEN),
    "cleared, no unit": Sees(Who(actor="nell", classes="credential,restricted"), OPEN | {"open-credential"}),
    # a unit, and how it is spelled
    "unit": _of_finance(Who(actor="fin", units="finance"), audit=frozenset({"of-fin"})),
    "unit, capital": _of_finance(Who(actor="u", units="Finance")),
    "unit, in full": _of_finance(Who(actor="u", units="organization_unit/finance")),
    "unit, in full and capitals": _of_finance(Who(actor="u", units=" Organization_Unit/FINANCE ")),
    "unit, no actor": _of_finance(Who(actor=None, units="finance")),
    "unit, suffix": Sees(Who(actor="u", units="sub/finance"), OPEN | {"finance-suffix"}, grants=frozenset({"suffix"})),
    "unit, prefix": Sees(Who(actor="u", units="finance/"), OPEN),
    "cleared unit": Sees(
        Who(actor="u", units="finance", classes="restricted"),
        FINANCE | {"finance-restricted", "finance-lapsed"},
        FINANCE_UNITS,
        grants=FINANCE_GRANTS,
    ),
    "unit cleared for another class": Sees(
        Who(actor="u", units="finance", classes="credential,internal"),
        FINANCE | {"open-credential"},
        FINANCE_UNITS,
        grants=FINANCE_GRANTS,
    ),
    "parent": Sees(
        Who(actor="u", units="money"), MONEY, FINANCE_UNITS | {"organization_unit/money"}, grants=FINANCE_GRANTS
    ),
    "child": Sees(
        Who(actor="u", units="payables"), PAYABLES, frozenset({PAYABLES_UNIT}), grants=frozenset({"payables"})
    ),
    "foreign unit": Sees(Who(actor="u", units="legal"), LEGAL, LEGAL_UNIT, grants=LEGAL_GRANTS),
    "two units": Sees(
        Who(actor="u", units="legal, finance"),
        FINANCE | LEGAL,
        FINANCE_UNITS | LEGAL_UNIT,
        grants=FINANCE_GRANTS | LEGAL_GRANTS,
    ),
    "owner of what grants open": Sees(Who(actor="u", units="hr"), HR, frozenset({"organization_unit/hr"})),
    "disabled unit": Sees(Who(actor="u", units="closed"), OPEN),
    "child of a disabled unit": Sees(
        Who(actor="u", units="closed-desk"), OPEN | {"closed-desk"}, frozenset({"organization_unit/closed-desk"})
    ),
    "unrecorded unit": Sees(Who(actor="u", units="ghost"), OPEN | {"ghost"}, grants=frozenset({"ghost"})),
    "unit of two taxonomies": Sees(Who(actor="u", units="ops"), OPEN),
    "unit of two taxonomies, in full": Sees(
        Who(actor="u", units="organization_unit/ops"), OPEN | {"ops-full"}, frozenset({"organization_unit/ops"})
    ),
    "unit of the other taxonomy": Sees(
        Who(actor="u", units="regions/ops"), OPEN | {"ops-regions"}, frozenset({"Regions/ops"})
    ),
    # memberships
    "member": _of_finance(Who(actor="mia"), frozenset({"active"}), OWN),
    "member with a blank claim": _of_finance(Who(actor="mia", units=""), frozenset({"active"}), OWN),
    "member who claims another unit": Sees(
        Who(actor="mia", units="legal"),
        FINANCE | LEGAL,
        FINANCE_UNITS | LEGAL_UNIT,
        frozenset({"active"}),
        FINANCE_GRANTS | LEGAL_GRANTS,
        OWN,
    ),
    "member in its last millisecond": _of_finance(Who(actor="mark"), frozenset({"last-ms"})),
    "member, capital": _of_finance(Who(actor="meg"), frozenset({"capital"})),
    "member, suffix": Sees(
        Who(actor="sue"), OPEN | {"finance-suffix"}, memberships=frozenset({"suffix"}), grants=frozenset({"suffix"})
    ),
    "expired member": _joined("max", "expired"),
    "disabled member": _joined("moe", "disabled"),
    "member of a disabled unit": _joined("cleo", "closed"),
    "member by a department": _joined("dan", "department"),
    "robot member": Sees(Who(actor="rob"), OPEN),
    "member of another case": Sees(Who(actor="Mia"), OPEN, audit=frozenset({"of-Mia"})),
    "member elsewhere": Sees(Who(actor="fox"), OPEN),
    # a grant of one's own
    "person with a grant": Sees(Who(actor="fay"), OPEN | {"by-person"}, grants=frozenset({"person"})),
    "person of another case": Sees(Who(actor="Fay"), OPEN),
}

THERE = frozenset({"open", "finance", "by-foreign"})
"""What the other tenants hold."""
ELSEWHERE: dict[str, Sees] = {
    "workspace without members": Sees(Who(workspace="other", actor="mia"), THERE, None, audit=OWN, receipts=True),
    "there, blank claim": Sees(Who(workspace="other", actor="ann", units=""), OPEN),
    "there, no actor": Sees(Who(workspace="other", actor=None), OPEN),
    "there, of the unit": Sees(
        Who(workspace="other", actor="u", units="finance"),
        THERE,
        frozenset({"organization_unit/finance"}),
        grants=frozenset({"foreign"}),
    ),
    "deployment": Sees(Who(deployment="blue", actor="ann"), THERE, None, audit=OWN, receipts=True),
    "organisation with members": Sees(Who(org="globex", actor="mia"), OPEN, audit=OWN),
    "its member": Sees(
        Who(org="globex", actor="fox"),
        THERE,
        frozenset({"organization_unit/finance"}),
        frozenset({"foreign"}),
        frozenset({"foreign"}),
    ),
    "another case": Sees(Who(org="Acme", actor="ann"), frozenset()),
    "nowhere": Sees(Who(org="nowhere", actor="ann", roles="workspace_operator"), frozenset()),
}
"""Callers of other tenants."""
