"""Every filter of the run list: what it is compared with, and how loosely."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from acme_asking import OPERATOR, run_ids
from acme_records import (
    Named,
    automation_run,
    binding,
    grant,
    person,
    repository,
    tenant,
    unit,
    unit_principal,
    workflow_run,
)
from routes import RUNS
from serving import Served, Who, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNED = {
    "owner_principal": {"kind": "service_account", "id": "Bot-One"},
    "owning_org_unit_id": "Organization_Unit/Fin-Ance",
    "resource_scope": {
        "root": {**repository("Ledger-Main"), "resource_kind": "data_store"},
        "allowed_resources": [repository("allowed")],
    },
    "data_classes": ["customer_data", "internal"],
    "risk_tier": "money_movement_contract",
    "policy_version_id": "PV-7",
    "delegation_grant_ids": ["G-1"],
}
RECORDS: list[Named] = [
    unit("fin-ance"),
    grant(
        "G-1",
        unit_principal("organization_unit/fin-ance"),
        {**repository("Ledger-Main"), "resource_kind": "data_store"},
    ),
    binding("B-allowed", repository("allowed"), data_class="source_code"),
    binding("B-other", repository("other"), data_class="regulated"),
    binding("B-off", repository("allowed"), data_class="financial_record", state="disabled"),
    automation_run(
        "auto",
        40,
        automation_id="Auto-One",
        trigger_type="Web-Hook",
        status="paused",
        scope={"owner_principal": person("zoe")},
    ),
    workflow_run("owned", 30, scope=OWNED, workflow_id="WF-Two", automation_id="auto_two"),
    workflow_run("tried", 20, trigger_event="Order.Paid", source_event_id="SRC-9", status="dry_run"),
    workflow_run("plain", 10, scope={"resource_scope": {"root": repository("nothing")}}),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runs(store_name: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """Four runs of different kinds, states and scopes."""
    async with served(tmp_path_factory.mktemp("runs")) as sidecar:
        await sidecar.take(*RECORDS)
        yield sidecar


EVERY = ["auto", "owned", "tried", "plain"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", EVERY),
        ("status=paused", ["auto"]),
        ("status=%20DRY-run", ["tried"]),
        ("status=running", ["owned", "plain"]),
        ("status=all", EVERY),
        ("status=+", EVERY),
        ("phase=paused-attention-required", ["auto"]),
        ("phase=completed", ["tried"]),
        ("phase=paused", []),
        ("trigger=hook", ["auto"]),
        ("trigger=web_h", ["auto"]),
        ("trigger=paid", ["tried"]),
        ("trigger=src-9", ["tried"]),
        ("trigger=%25", []),
        ("trigger=_", ["auto", "tried"]),
        ("kind=workflow", ["owned", "tried", "plain"]),
        ("kind=automation-v2", ["auto"]),
        ("kind=AUTOMATION", ["auto"]),
        ("kind=context", []),
        ("kind=context_run", []),
        ("kind=unknown", []),
        ("kind=work", []),
        ("source=automation", ["auto"]),
        ("source=workflow&kind=automation", ["auto"]),
        ("source=automation&kind=", EVERY),
        ("source=automation&kind=all", EVERY),
        ("org_id=ACME", EVERY),
        ("org_id=umbrella", []),
        ("workspace_id=main", EVERY),
        ("workspace_id=side", []),
        ("deployment_id=eu", []),
        ("deployment_id=ALL", EVERY),
        ("workflow_id=wf_two", ["owned"]),
        ("workflow_id=wf", ["tried", "plain"]),
        ("automation_id=AUTO-ONE", ["auto"]),
        ("automation_id=auto-two", ["owned"]),
        ("org_unit_id=fin_ance", ["owned"]),
        ("org_unit_id=FIN-ANCE", ["owned"]),
        ("org_unit_id=organization-unit%2Ffin-ance", ["owned"]),
        ("org_unit_id=ance", []),
        ("owner_id=bot_one", ["owned"]),
        ("owner_id=zoe&owner_kind=human-user", ["auto"]),
        ("owner_kind=service_account", ["owned"]),
        ("owner_id=zoe&owner_kind=service_account", []),
        ("resource_kind=Data-Store", ["owned"]),
        ("resource_id=ledger_main", ["owned"]),
        ("resource_id=allowed", []),
        ("resource_kind=repository", ["plain"]),
        ("policy_version_id=pv_7", ["owned"]),
        ("risk_tier=money-movement-contract", ["owned"]),
        ("data_class=internal", ["owned"]),
        ("data_class=Customer-Data", ["owned"]),
        ("data_class=source_code", ["auto", "owned", "tried"]),
        ("data_class=regulated", ["auto", "tried"]),
        ("data_class=financial_record", []),
        ("delegation_grant_id=g_1", ["owned"]),
        ("delegation_grant_id=g-2", []),
        ("source_binding_id=b_allowed", ["auto", "owned", "tried"]),
        ("source_binding_id=b-off", []),
        ("limit=2", ["auto", "owned"]),
        ("limit=1&kind=workflow", ["owned"]),
        ("limit=1&data_class=regulated&kind=workflow", ["tried"]),
        ("kind=workflow&status=running&org_unit_id=fin-ance&data_class=internal&owner_id=bot-one", ["owned"]),
        ("kind=workflow&status=running&org_unit_id=fin-ance&data_class=public", []),
    ],
)
async def test_filter(runs: Served, query: str, found: list[str]) -> None:
    """A filter keeps the runs that have the value, in any case, with dashes for underscores; without it, none."""
    assert await run_ids(runs, OPERATOR, f"?{query}") == found


async def test_filters_come_before_the_limit(runs: Served) -> None:
    """A page is full of runs that the filters keep, and its count is its own."""
    body = await runs.get(f"{RUNS}?kind=workflow&limit=2", OPERATOR)
    assert (body["count"], [row["run"]["run_id"] for row in body["runs"]]) == (2, ["owned", "tried"])


@pytest.mark.asyncio(loop_scope="function")
async def test_deployments(sidecar: Served) -> None:
    """The deployment filter is compared with the run's own, and never widens what is seen."""
    await sidecar.take(workflow_run("here"), workflow_run("there", of=tenant(deployment="EU-1")))
    there = Who(actor="op", roles="workspace_operator", deployment="EU-1")
    assert await run_ids(sidecar, there, "?deployment_id=eu_1") == ["there"]
    assert await run_ids(sidecar, OPERATOR, "?deployment_id=eu-1") == []
    assert await run_ids(sidecar, there) == ["there"]
    assert await run_ids(sidecar, OPERATOR) == ["here"]
