"""Who a caller is, and what of the catalogue it is told, over HTTP."""

from typing import Any

import pytest
from acme_records import (
    FAY,
    LEA,
    NONA,
    OPERATOR,
    RUNS,
    Named,
    binding,
    dead_letter,
    event,
    grant,
    ids,
    membership,
    offered,
    person,
    repository,
    run_ids,
    scope,
    unit,
    unit_principal,
    workflow_run,
)
from serving import NOW_MS, Served, Who

LEDGER = repository("ledger")
FINANCE = unit_principal("organization_unit/finance")
DEAD_LETTERS = "/v1/records/dead_letter"


async def seen(sidecar: Served, who: Who) -> list[str]:
    """The dead letters that a caller sees, in the order of their ids."""
    return sorted(ids((await sidecar.get(DEAD_LETTERS, who))["records"], "dead_letter_id"))


def of_units(*names: str) -> list[Named]:
    """One dead letter in each unit, named as the unit, and one in none."""
    return [dead_letter("unscoped"), *(dead_letter(name, in_scope=scope(name)) for name in names)]


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


async def test_two_questions_two_answers(sidecar: Served) -> None:
    """A run that a grant opens for one person is shown to her with no more of the catalogue than she sees."""
    held = {
        "owning_org_unit_id": "finance",
        "resource_scope": {"root": LEDGER},
        "delegation_grant_ids": ["of finance", "of lea"],
    }
    await sidecar.take(
        unit("finance"),
        unit("legal"),
        grant("of finance", FINANCE, LEDGER),
        grant("of lea", person("lea"), LEDGER),
        binding("b", LEDGER, data_class="regulated"),
        workflow_run("run", scope=held),
    )
    assert await run_ids(sidecar, NONA) == []
    lea = (await sidecar.get(f"{RUNS}/run", LEA))["enterprise_scope"]
    assert lea["owning_org_unit"] is None
    assert lea["summary"]["org_unit"] == "finance"
    assert lea["org_unit_grants"] == []
    assert lea["visible_knowledge_sources"] == []
    assert lea["delegation_grant_authority"] == {"status": "invalid", "missing_grant_ids": ["of finance", "of lea"]}
    fay = (await sidecar.get(f"{RUNS}/run", FAY))["enterprise_scope"]
    assert fay["owning_org_unit"]["unit_id"] == "finance"
    assert ids(fay["org_unit_grants"], "grant_id") == ["of finance"]
    assert fay["delegation_grant_authority"] == {"status": "invalid", "missing_grant_ids": ["of lea"]}
    assert fay["visible_knowledge_sources"] == []
    for query, finders in (
        ("?source_binding_id=b", (OPERATOR,)),
        ("?data_class=regulated", (OPERATOR,)),
        ("?delegation_grant_id=of_finance", ()),
        ("?delegation_grant_id=of%20finance", (OPERATOR, FAY)),
        ("?org_unit_id=finance", (OPERATOR, FAY, LEA)),
    ):
        for who in (OPERATOR, FAY, LEA):
            assert await run_ids(sidecar, who, query) == (["run"] if who in finders else []), (query, who)


async def test_each_record_is_judged_by_its_own_scope(sidecar: Served) -> None:
    """A child without a scope is open though its run is not, and a child of a unit is closed though its run is open."""
    await sidecar.take(
        workflow_run("closed", scope={"owning_org_unit_id": "finance"}),
        event("open child", "closed", 1),
        workflow_run("open"),
        event("closed child", "open", 1, scope("finance")),
    )
    assert (await sidecar.refused(f"{RUNS}/closed", NONA))[0] == 404
    assert ids((await sidecar.get(f"{RUNS}/closed/events", NONA))["events"], "event_id") == ["open child"]
    assert (await sidecar.get(f"{RUNS}/open", NONA))["events"] == []
    assert (await sidecar.get(f"{RUNS}/open", NONA))["latest_event"] is None
    assert ids((await sidecar.get(f"{RUNS}/open", FAY))["events"], "event_id") == ["closed child"]
