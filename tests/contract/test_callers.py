"""Who a caller is: which units it holds, and whether it is an operator."""

from typing import Any

import pytest
from acme_asking import FAY, OPERATOR, offered, seen
from acme_records import FINANCE, LEDGER, dead_letter, grant, membership, of_units, person, scope, unit
from serving import NOW_MS, Served, Who


async def test_units_descend_until_a_disabled_one(sidecar: Served) -> None:
    """A unit is held with its descendants; a disabled one gives nothing and ends the descent; cycles end too."""
    await sidecar.take(
        unit("company", parent_unit_id="team"),
        unit("finance", parent_unit_id="company"),
        unit("team", parent_unit_id="organization_unit/finance"),
        unit("closed", parent_unit_id="finance", state="disabled"),
        unit("below", parent_unit_id="closed"),
        *of_units("company", "finance", "team", "closed", "below", "unrecorded"),
    )
    every = ["company", "finance", "team", "unscoped"]
    for units, expected in (
        ("company", every),
        ("team", every),
        ("closed", ["unscoped"]),
        ("below", ["below", "unscoped"]),
        ("unrecorded", ["unrecorded", "unscoped"]),
        ("closed, below ,,unrecorded", ["below", "unrecorded", "unscoped"]),
    ):
        assert await seen(sidecar, Who(units=units)) == sorted(expected), units


async def test_children_inherit_no_grants(sidecar: Served) -> None:
    """What is granted to a unit is opened for who holds that unit, and not for who holds one below it."""
    inside = scope("legal", ("g",), resource_scope={"root": LEDGER})
    await sidecar.take(
        unit("finance"),
        unit("team", parent_unit_id="finance"),
        grant("g", FINANCE, LEDGER),
        dead_letter("d", in_scope=inside),
    )
    assert await seen(sidecar, FAY) == ["d"]
    assert await seen(sidecar, Who(units="team")) == []


@pytest.mark.parametrize(
    ("member", "in_unit", "changed", "holds"),
    [
        (person("mia"), "finance", {}, True),
        (person("mia"), "organization_unit/finance", {"expires_at_ms": NOW_MS + 1}, True),
        (person("mia"), "finance", {"expires_at_ms": NOW_MS}, False),
        (person("mia"), "finance", {"state": "disabled"}, False),
        (person("Mia"), "finance", {}, False),
        ({"kind": "service_account", "id": "mia"}, "finance", {}, False),
        (person("mia"), "sub/finance", {}, False),
    ],
)
async def test_memberships(sidecar: Served, member: Any, in_unit: str, changed: Any, holds: bool) -> None:
    """An active membership of exactly this person gives its unit; it makes the tenant one in which units count."""
    await sidecar.take(unit("finance"), membership("m", in_unit, member, **changed), *of_units("finance"))
    assert await seen(sidecar, Who(actor="mia")) == (["finance", "unscoped"] if holds else ["unscoped"])


async def test_a_membership_of_another_kind_gives_nothing(sidecar: Served) -> None:
    """A membership in something that is no unit gives no unit."""
    kind, record = membership("m", "finance", person("mia"))
    await sidecar.take((kind, {**record, "unit": {"kind": "department", "id": "finance"}}), *of_units("finance"))
    assert await seen(sidecar, Who(actor="mia")) == ["unscoped"]


async def test_who_is_an_operator(sidecar: Served) -> None:
    """An actor whose identity says nothing of units, until the tenant has had a membership; the role always."""
    await sidecar.take(unit("finance"), *of_units("finance"))
    every, open_only = ["finance", "unscoped"], ["unscoped"]
    silent = Who(actor="ann")
    assert await seen(sidecar, silent) == every
    for who in (
        Who(actor="ann", units=""),
        Who(actor=None),
        Who(actor=" "),
        Who(actor="ann", roles="operator", units=""),
    ):
        assert await seen(sidecar, who) == open_only, who
    assert await seen(sidecar, Who(actor=None, roles=" auditor , workspace_operator ")) == every
    assert (await offered(sidecar, membership("m", "finance", person("zoe")))).status == 200
    assert await seen(sidecar, silent) == open_only
    gone = await sidecar.admin("DELETE", "/admin/v1/records/org_unit_membership/m?org_id=acme&workspace_id=main")
    assert gone.status == 200
    assert await seen(sidecar, silent) == open_only
    assert await seen(sidecar, OPERATOR) == every
    assert await seen(sidecar, Who("umbrella", actor="ann")) == []
