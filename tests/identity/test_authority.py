"""What a tenant's units, memberships and grants give an identity at one instant."""

from typing import Any

import pytest

from sidecar.identity.authority import Authority, Catalogue, authority_of
from sidecar.identity.caller import Identity
from sidecar.records.store import Tenant

T = Tenant("org", "w")
NOW = 1_000


def unit(name: str, parent: str | None = None, state: str = "active", taxonomy: str = "organization_unit") -> Any:
    return {"unit_id": name, "taxonomy_id": taxonomy, "state": state, "parent_unit_id": parent}


def member(of: str, actor: str = "ann", kind: str = "human_user", **more: Any) -> Any:
    principal = {"kind": "organization_unit", "id": of}
    return {"unit": principal, "member": {"kind": kind, "id": actor}, "state": "active", **more}


def grant(name: str, to: str = "organization_unit/finance", kind: str = "organization_unit", **more: Any) -> Any:
    resource = {"resource_kind": "repository", "resource_id": "repo"}
    addressee = {"kind": kind, "id": to}
    plain = {"grant_id": name, "unit": addressee, "resource": resource, "effect": "allow", "state": "active"}
    return {**plain, "permissions": ["read"], **more}


TREE = [
    unit("company"),
    unit("finance", "company"),
    unit("Payroll", "organization_unit/finance"),
    unit("closed", "company", "disabled"),
    unit("inside", "closed"),
    unit("loop", "pool"),
    unit("pool", "loop"),
    unit("twin", None, "active", "region"),
    unit("twin", None),
]


def at(identity: Identity, *, memberships: Any = (), grants: Any = (), units: Any = TREE, now: int = NOW) -> Authority:
    catalogue = Catalogue.of(units, memberships, grants)
    return authority_of(identity, catalogue, now, managed=bool(memberships))


def held(*claims: str) -> set[str]:
    bare = set(at(Identity(T, "ann", claims)).caller.org_units)
    return {name for name in bare if not name.startswith("organization_unit/")}


@pytest.mark.parametrize(
    ("claim", "names"),
    [
        ("finance", {"finance", "payroll"}),
        (" Organization_Unit/FINANCE ", {"finance", "payroll"}),
        ("company", {"company", "finance", "payroll"}),
        ("payroll", {"payroll"}),
        ("closed", set()),
        ("inside", {"inside"}),
        ("loop", {"loop", "pool"}),
        ("sub/finance", {"sub/finance"}),
        ("unheard-of", {"unheard-of"}),
        ("twin", set()),
        ("region/twin", {"region/twin"}),
        ("  ", set()),
    ],
)
def test_units(claim: str, names: set[str]) -> None:
    """A claim gives its unit and the active ones below, by canonical id and never by suffix; unrecorded, itself."""
    assert held(claim) == names


def test_both_spellings() -> None:
    """A held unit is named both bare and under its taxonomy."""
    assert at(Identity(T, None, ("payroll",))).caller.org_units == ("organization_unit/payroll", "payroll")


@pytest.mark.parametrize("spelled", [("Finance", "finance"), ("finance", " FINANCE")])
@pytest.mark.parametrize("disabled", [0, 1])
def test_a_unit_is_active_when_every_record_that_spells_it_is(spelled: tuple[str, str], disabled: int) -> None:
    """A unit that is disabled under one spelling gives nothing and stops the descent, whatever record comes last."""
    states = ["disabled" if place == disabled else "active" for place in (0, 1)]
    twins = [unit(name, "company", state) for name, state in zip(spelled, states, strict=True)]
    units = [unit("company"), *twins, unit("payroll", "finance")]
    for claims, names in ((("finance",), set()), (("company",), {"company"})):
        found = at(Identity(T, "ann", claims), units=units, grants=[grant("g")]).caller
        assert ({name for name in found.org_units if "/" not in name}, found.grants) == (names, ())


@pytest.mark.parametrize(
    ("parents", "descended"),
    [(("company", "legal"), False), (("company", None), False), (("company", " Company"), True)],
)
def test_a_unit_with_other_parents_by_its_spellings_is_below_none(parents: Any, descended: bool) -> None:
    """Nobody comes down to it from either parent, and whoever is in it still holds it and what is below it."""
    units = [unit("company"), unit("legal"), unit("Finance", parents[0]), unit("finance", parents[1])]
    units.append(unit("payroll", "finance"))
    for claim, below in (("company", descended), ("legal", False), ("finance", True)):
        found = at(Identity(T, "ann", (claim,)), units=units).caller.org_units
        assert ({"finance", "payroll"} <= set(found), "payroll" in found) == (below, below)


@pytest.mark.parametrize(
    ("membership", "joined"),
    [
        (member("organization_unit/finance"), True),
        (member("finance", expires_at_ms=NOW + 1), True),
        (member("finance", expires_at_ms=NOW), False),
        (member("finance", state="disabled"), False),
        (member("finance", "Ann"), False),
        (member("finance", kind="service_account"), False),
        (member("finance") | {"unit": {"kind": "group", "id": "finance"}}, False),
    ],
)
def test_memberships(membership: Any, joined: bool) -> None:
    """An active membership of exactly this actor gives its unit, and one that expires now has expired."""
    assert ("finance" in at(Identity(T, "ann"), memberships=[membership]).caller.org_units) == joined


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (grant("g"), True),
        (grant("g", "FINANCE"), True),
        (grant("g", "payroll"), True),
        (grant("g", "company"), False),
        (grant("g", "sub/finance"), False),
        (grant("g", "unheard-of"), False),
        (grant("g", "ann", "human_user"), True),
        (grant("g", "Ann", "human_user"), False),
        (grant("g", "finance", "department"), False),
        (grant("g", expires_at_ms=NOW), False),
        (grant("g", expires_at_ms=NOW + 1), True),
        (grant("g", state="disabled"), False),
        (grant("g", effect="deny"), False),
    ],
)
def test_grants(given: Any, counts: bool) -> None:
    """A grant counts when it is active, allows, and is addressed to a held recorded unit or to the actor."""
    caller = at(Identity(T, "ann", ("finance", "unheard-of")), grants=[given]).caller
    assert bool(caller.grants) == counts


@pytest.mark.parametrize(
    ("deny", "counts"),
    [
        ({}, False),
        ({"permissions": []}, False),
        ({"permissions": ["execute"]}, True),
        ({"expires_at_ms": NOW}, True),
        ({"state": "disabled"}, True),
        ({"data_classes": ["public"]}, False),
        ({"unit": {"kind": "organization_unit", "id": "Finance"}}, False),
        ({"unit": {"kind": "organization_unit", "id": "payroll"}}, True),
        ({"resource": {"resource_kind": "repository", "resource_id": "other"}}, True),
    ],
)
def test_denies(deny: Any, counts: bool) -> None:
    """An active deny of reading for the same unit and resource takes the grant away; another one does not."""
    grants = [grant("g"), {**grant("d"), "effect": "deny", **deny}]
    assert bool(at(Identity(T, "ann", ("finance",)), grants=grants).caller.grants) == counts


@pytest.mark.parametrize("also", [[], [unit("finance", taxonomy="region")]])
def test_a_deny_holds_though_its_name_comes_to_be_that_of_several_units(also: Any) -> None:
    """A bare name that another taxonomy uses too denies each unit of that name: an unrelated unit opens nothing again."""
    grants = [grant("g"), grant("d", to="finance", effect="deny")]
    found = at(Identity(T, "ann", ("organization_unit/finance",)), grants=grants, units=[*TREE, *also])
    assert found.caller.grants == ()


def test_grant_lists_are_filled() -> None:
    """Policies find every list of a grant, empty where the record left it out."""
    (counted,) = at(Identity(T, None, ("finance",)), grants=[grant("g")]).caller.grants
    assert (counted["permissions"], counted["data_classes"], counted["tool_patterns"]) == (["read"], [], [])


@pytest.mark.parametrize(
    ("identity", "managed", "operator"),
    [
        (Identity(T, "ann"), False, True),
        (Identity(T, "ann"), True, False),
        (Identity(T, "ann", ()), False, False),
        (Identity(T, None), False, False),
        (Identity(T, None, None, ("workspace_operator",)), True, True),
        (Identity(T, "ann", ("finance",), ("workspace_operator",)), True, True),
        (Identity(T, "ann", None, ("operator",)), True, False),
    ],
)
def test_operators(identity: Identity, managed: bool, operator: bool) -> None:
    """Operators have the role, or are actors without a unit claim in a tenant that never had a membership."""
    memberships = [member("finance", "somebody else")] if managed else []
    assert at(identity, memberships=memberships).caller.is_workspace_operator == operator


def test_operator_without_units_can_be_turned_off() -> None:
    """With the setting off, only the role makes an operator."""
    catalogue = Catalogue.of([], [], [])
    found = authority_of(Identity(T, "ann"), catalogue, NOW, managed=False, operator_without_units=False)
    assert not found.caller.is_workspace_operator


def test_until_the_next_edge() -> None:
    """Authority lasts until the next membership of the actor or grant ends, and not past it."""
    memberships = [member("finance", expires_at_ms=NOW + 50), member("finance", "bob", expires_at_ms=NOW + 1)]
    grants = [grant("g", expires_at_ms=NOW + 20), grant("h", expires_at_ms=NOW)]
    assert at(Identity(T, "ann"), memberships=memberships, grants=grants).until_ms == NOW + 20
    assert at(Identity(T, "ann")).until_ms is None
