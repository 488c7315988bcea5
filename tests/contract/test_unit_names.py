"""Units by their names: which spellings name one unit, and which name none."""

import pytest
from acme_asking import FAY, NONA, OPERATOR, run_ids, seen
from acme_records import (
    LEDGER,
    dead_letter,
    grant,
    membership,
    person,
    scope,
    unit,
    unit_principal,
    workflow_run,
)
from routes import DEAD_LETTERS, RUNS
from serving import Served, Who


async def test_a_unit_is_known_by_any_of_its_spellings(sidecar: Served) -> None:
    """A record's unit is compared in canonical form, bare or with its taxonomy, and shown as it was written."""
    spelled = ["finance", " Finance ", "FINANCE", "organization_unit/finance", "Organization_Unit/Finance"]
    others = ["sub/finance", "finance/sub", "fin-ance", "fin_ance", "organization_unit/sub/finance"]
    await sidecar.take(
        unit("Finance"),
        *(dead_letter(f"d-{name}", in_scope=scope(name)) for name in (*spelled, *others)),
    )
    for who in (
        FAY,
        Who(actor="fay", units=" FINANCE"),
        Who(actor="x", units="organization_unit/finance"),
    ):
        found = (await sidecar.get(DEAD_LETTERS, who))["records"]
        assert sorted(row["scope"]["owning_org_unit_id"] for row in found) == sorted(spelled)


@pytest.mark.parametrize("disabled", ["Finance", "finance"])
async def test_a_unit_disabled_under_any_spelling_is_disabled(sidecar: Served, disabled: str) -> None:
    """A unit that was recorded in two spellings gives nothing once one is disabled, and is told to be disabled."""
    await sidecar.take(
        *(unit(name) for name in ("Finance", "finance")), workflow_run("run", scope={"owning_org_unit_id": "finance"})
    )
    assert await run_ids(sidecar, FAY) == ["run"]
    await sidecar.take(unit(disabled, state="disabled", updated_at_ms=2))
    assert await run_ids(sidecar, FAY) == []
    shown = (await sidecar.get(f"{RUNS}/run", OPERATOR))["enterprise_scope"]["owning_org_unit"]
    assert (shown["unit_id"], shown["state"]) == (disabled, "disabled")


async def test_a_bare_id_of_two_units_is_neither(sidecar: Served) -> None:
    """When two taxonomies have a unit of one id, the id alone names no unit; with its taxonomy it does."""
    await sidecar.take(
        unit("finance"),
        unit("finance", taxonomy_id="cost"),
        *(dead_letter(name, in_scope=scope(name)) for name in ("finance", "cost/finance", "organization_unit/finance")),
    )
    for units, expected in (("finance", []), ("cost/finance", ["cost/finance"])):
        assert await seen(sidecar, Who(actor="fay", units=units)) == expected


async def test_a_blank_unit_is_nobodys(sidecar: Served) -> None:
    """A blank owning unit matches no caller, not one whose claim is blank either, and opens nothing."""
    await sidecar.take(
        unit("finance"),
        membership("m", " ", person("nona")),
        grant("g", unit_principal(" "), LEDGER),
        *(dead_letter(f"d{name}", in_scope=scope(name)) for name in (" ", "\t")),
    )
    for who in (FAY, NONA, Who(actor="nona", units=" , ,"), Who(actor=None, units=" ")):
        assert await seen(sidecar, who) == []


async def test_the_owning_unit_is_found_in_any_spelling(sidecar: Served) -> None:
    """A unit recorded with capitals under a taxonomy with capitals is the one that a run's scope names in small."""
    await sidecar.take(
        unit("Finance", taxonomy_id="Organization_Unit", display_name="Finance Ops", state="disabled", labels=["x"]),
        workflow_run("bare", scope={"owning_org_unit_id": "finance"}),
        workflow_run("full", scope={"owning_org_unit_id": " organization_unit/FINANCE "}),
    )
    for run_id, stored in (("bare", "finance"), ("full", " organization_unit/FINANCE ")):
        shown = (await sidecar.get(f"{RUNS}/{run_id}", OPERATOR))["enterprise_scope"]
        assert shown["owning_org_unit_id"] == stored
        assert shown["owning_org_unit"] == {
            "unit_id": "Finance",
            "taxonomy_id": "Organization_Unit",
            "display_name": "Finance Ops",
            "kind": "unspecified",
            "parent_unit_id": None,
            "state": "disabled",
            "labels": ["x"],
        }
        assert shown["summary"]["org_unit"] == "Finance Ops"
