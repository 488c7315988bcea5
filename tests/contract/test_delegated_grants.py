"""The grants that a run names: which of them count, what they open, and who is told of them."""

from typing import Any

import pytest
from acme_asking import FAY, LEA, NONA, OPERATOR, run_ids
from acme_records import (
    DELEGATED,
    FINANCE,
    LEDGER,
    Named,
    Record,
    binding,
    grant,
    ids,
    person,
    repository,
    unit,
    unit_principal,
    workflow_run,
)
from routes import RUNS
from serving import NOW_MS, Served


async def authority(sidecar: Served, query: str = "?delegation_grant_id=g") -> tuple[str, list[str], list[str]]:
    """What an operator is told of the run's grants: status, missing ids, and the runs that the filter finds."""
    row = (await sidecar.get(f"{RUNS}/run", OPERATOR))["enterprise_scope"]["delegation_grant_authority"]
    return row["status"], row["missing_grant_ids"], await run_ids(sidecar, OPERATOR, query)


def deny(**more: Any) -> Named:
    """A grant that denies the finance unit the ledger."""
    return grant("denial", **{"to": FINANCE, "resource": LEDGER, "effect": "deny", "permissions": [], **more})


@pytest.mark.parametrize(
    ("records", "counts"),
    [
        ([unit("finance")], True),
        ([], False),
        ([unit("finance", state="disabled")], False),
        ([unit("finance"), deny()], False),
        ([unit("finance"), deny(permissions=["edit", "read"])], False),
        ([unit("finance"), deny(data_classes=["public"], to=unit_principal("finance"))], False),
        ([unit("finance"), deny(permissions=["execute"])], True),
        ([unit("finance"), deny(resource=repository("other"))], True),
        ([unit("finance"), deny(expires_at_ms=NOW_MS)], True),
        ([unit("finance"), deny(expires_at_ms=NOW_MS + 1)], False),
        ([unit("finance"), deny(state="disabled")], True),
        ([unit("finance"), unit("legal"), deny(to=unit_principal("legal"))], True),
    ],
)
async def test_denies_and_disabled_units_take_grants_away(sidecar: Served, records: list[Named], counts: bool) -> None:
    """A grant counts while its unit is recorded and active, and no active denial of reading names the same."""
    await sidecar.take(*records, grant("g", FINANCE, LEDGER), workflow_run("run", scope=DELEGATED))
    assert await authority(sidecar) == (("active", [], ["run"]) if counts else ("invalid", ["g"], []))


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({}, True),
        ({"state": "disabled"}, False),
        ({"expires_at_ms": NOW_MS}, False),
        ({"expires_at_ms": NOW_MS + 1}, True),
        ({"effect": "deny"}, False),
        ({"created_at_ms": NOW_MS + 9}, True),
        ({"unit": unit_principal("finance")}, True),
        ({"unit": unit_principal("Organization_Unit/FINANCE")}, True),
        ({"unit": unit_principal("sub/finance")}, False),
        ({"unit": unit_principal("organization_unit/sub/finance")}, False),
        ({"unit": {"kind": "group", "id": "finance"}}, False),
        ({"resource": repository("other")}, False),
    ],
)
async def test_units_are_equal_never_by_their_ends(sidecar: Served, changed: Record, counts: bool) -> None:
    """A grant is of the owning unit when its id is that unit's, bare or with its taxonomy, and never by a suffix."""
    of_grant = {**dict([grant("g", FINANCE, LEDGER)])["org_unit_access_grant"], **changed}
    await sidecar.take(
        unit("finance"),
        unit("sub/finance"),
        ("org_unit_access_grant", of_grant),
        workflow_run("run", scope=DELEGATED),
    )
    assert await authority(sidecar) == (("active", [], ["run"]) if counts else ("invalid", ["g"], []))


async def test_grant_ids_are_compared_exactly(sidecar: Served) -> None:
    """The id that a run stores is a grant's when it is spelled alike; the filter alone is read loosely."""
    stored = {**DELEGATED, "delegation_grant_ids": ["Grant-1", "Grant-2"]}
    await sidecar.take(
        unit("finance"),
        grant("Grant-1", FINANCE, LEDGER),
        grant("grant_2", FINANCE, LEDGER),
        workflow_run("run", scope=stored),
    )
    assert await authority(sidecar, "?delegation_grant_id=%20GRANT_1") == ("invalid", ["Grant-2"], ["run"])
    assert await run_ids(sidecar, OPERATOR, "?delegation_grant_id=grant_2") == []


async def test_denies_do_not_touch_own_units(sidecar: Served) -> None:
    """What a unit owns it sees, whatever is denied to it; a person's denied grant opens nothing."""
    held = {**DELEGATED, "delegation_grant_ids": ["g", "p"]}
    await sidecar.take(
        unit("finance"),
        deny(),
        grant("g", FINANCE, LEDGER),
        grant("p", person("nona"), LEDGER),
        workflow_run("run", scope=held),
    )
    assert await run_ids(sidecar, FAY) == ["run"]
    assert await run_ids(sidecar, NONA) == ["run"]
    await sidecar.take(grant("against nona", person("nona"), LEDGER, effect="deny"))
    assert await run_ids(sidecar, FAY) == ["run"]
    assert await run_ids(sidecar, NONA) == []


async def test_two_questions_two_answers(sidecar: Served) -> None:
    """A run that a grant opens for one person is shown to her with no more of the catalogue than she sees."""
    held = {**DELEGATED, "delegation_grant_ids": ["of finance", "of lea"]}
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
