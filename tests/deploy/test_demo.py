"""The demo company: what ``make demo`` loads is whole, sound, and seen differently by different people."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from serving import Served, Who, served
from shipped_kinds import kinds

from sidecar.records.ingest import Intake
from sidecar.records.store import Prepared

NOW_MS = 1_790_000_000_000
DEMO = Path(__file__).parents[2] / "deploy" / "demo"
STATUSES = {
    "automation_run": "queued running pausing paused awaiting_approval completed blocked failed cancelled",
    "workflow_run": "queued running awaiting_approval completed failed cancelled dry_run",
    "wait": "waiting claimed woken timed_out escalated cancelled",
    "snapshot": "running sleeping awaiting_webhook awaiting_approval pausing paused retrying blocked completed"
    " failed cancelled dead_lettered dry_run",
    "outbox": "pending claimed sent failed dead_lettered cancelled",
    "tool_effect": "pending succeeded failed unknown",
    "dead_letter": "open retry_requested ignored linked_to_compensation resolved",
    "compensation": "proposed awaiting_approval approved running completed failed cancelled",
}
OTHERS = {
    ("policy_decision", "decision"): "allow deny approval_required",
    ("wait", "wait_kind"): "timer webhook approval external_condition retry_backoff",
    ("org_unit", "state"): "active disabled",
    ("org_unit", "kind"): "department team role_domain contractor_group executive_group clinical_group"
    " operational_group custom unspecified",
    ("org_unit_membership", "state"): "active disabled",
    ("org_unit_membership", "source"): "direct hosted_control_plane scim google_workspace okta manual_import",
    ("org_unit_access_grant", "state"): "active disabled",
    ("org_unit_access_grant", "effect"): "allow deny",
    ("source_binding", "state"): "enabled disabled quarantined",
}
REFERENCES = {
    ("outbox", "effect_id"): ("tool_effect", "effect_id"),
    ("outbox", "dead_letter_id"): ("dead_letter", "dead_letter_id"),
    ("outbox", "compensation_id"): ("compensation", "compensation_id"),
    ("outbox", "policy_decision_id"): ("policy_decision", "decision_id"),
    ("tool_effect", "outbox_id"): ("outbox", "outbox_id"),
    ("tool_effect", "compensation_id"): ("compensation", "compensation_id"),
    ("tool_effect", "policy_decision_id"): ("policy_decision", "decision_id"),
    ("dead_letter", "compensation_id"): ("compensation", "compensation_id"),
    ("compensation", "target_effect_id"): ("tool_effect", "effect_id"),
    ("policy_decision", "audit_event_id"): ("protected_audit_event", "event_id"),
    ("policy_decision", "approval_id"): ("wait", "wait_id"),
    ("event", "causation_id"): ("event", "event_id"),
}
Company = Mapping[str, list[dict[str, Any]]]


def generate(folder: Path, seed: str) -> Company:
    """What the script writes for one instant, under one hash seed of the interpreter."""
    command = [sys.executable, DEMO / "company.py", folder, "--now", str(NOW_MS)]
    subprocess.run(command, check=True, timeout=60, env={"PYTHONHASHSEED": seed})
    lines = {path.stem: path.read_text(encoding="utf-8").splitlines() for path in folder.iterdir()}
    return {kind: [json.loads(line) for line in found] for kind, found in lines.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("company")


@pytest.fixture(scope="module")
def company(folder: Path) -> Company:
    return generate(folder, "1")


@pytest.fixture(scope="module")
def prepared(company: Company) -> list[Prepared]:
    """Every record as a load would take it."""
    intake = Intake(kinds())
    found = [intake.accept(kind, record) for kind, records in company.items() for record in records]
    assert not intake.dropped, "the demo writes properties that its schemas do not declare"
    refused = [reject for one in found if not isinstance(one, Prepared) for reject in one]
    assert not refused, refused[:3]
    return [one for one in found if isinstance(one, Prepared)]


def tenant_of(record: Mapping[str, Any]) -> tuple[str, str]:
    tenant = record.get("tenant_context") or record["scope"]["tenant_context"]
    return tenant["org_id"], tenant["workspace_id"]


def named(company: Company, kind: str, name: str) -> set[tuple[tuple[str, str], str]]:
    return {(tenant_of(record), record[name]) for record in company[kind]}


def test_one_instant_makes_the_same_bytes(company: Company, folder: Path, tmp_path: Path) -> None:
    """The company of one instant is the same on every machine, in every file, byte for byte."""
    generate(tmp_path, "2")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }


def test_every_kind_is_there_and_every_record_is_its_own(prepared: list[Prepared]) -> None:
    """All fifteen kinds occur, no two records share a key, and there are 200 runs in three workspaces of two organisations."""
    counts = Counter(one.kind for one in prepared)
    assert counts.keys() == set(kinds())
    assert counts["automation_run"] + counts["workflow_run"] == 200
    assert len({(one.kind, one.tenant, one.key) for one in prepared}) == len(prepared)
    tenants = {one.tenant for one in prepared}
    assert (len(tenants), len({tenant.org_id for tenant in tenants})) == (3, 2)


@pytest.mark.parametrize(
    ("place", "values"), [*(((kind, "status"), all_) for kind, all_ in STATUSES.items()), *OTHERS.items()]
)
def test_every_state_occurs(company: Company, place: tuple[str, str], values: str) -> None:
    """Each value that a state, a decision or a kind of thing can have is seen somewhere in the company."""
    kind, name = place
    assert set(values.split()) == {record[name] for record in company[kind]}


def test_every_reference_resolves(company: Company) -> None:
    """Whatever a record names by id is there, in the record's own tenant."""
    runs = named(company, "automation_run", "run_id") | named(company, "workflow_run", "run_id")
    for kind, records in company.items():
        for record in (one for one in records if "run_id" in one):
            assert (tenant_of(record), record["run_id"]) in runs, (kind, record)
    for (kind, name), (other, key) in REFERENCES.items():
        named_here = {(tenant_of(record), record[name]) for record in company[kind] if name in record}
        assert named_here, f"no {kind} has a {name}"
        assert named_here <= named(company, other, key), (kind, name)
    sources = named(company, "tool_effect", "effect_id") | named(company, "wait", "wait_id")
    assert named(company, "dead_letter", "source_id") <= sources


def test_scopes_name_units_and_grants_of_the_catalogue(company: Company) -> None:
    """A scope's unit and its grants are recorded in the run's own tenant."""
    units = {
        (tenant_of(unit), name)
        for unit in company["org_unit"]
        for name in (unit["unit_id"], f"{unit.get('taxonomy_id', 'organization_unit')}/{unit['unit_id']}")
    }
    grants = named(company, "org_unit_access_grant", "grant_id")
    scoped = [record for records in company.values() for record in records if "scope" in record]
    for record in scoped:
        unit = record["scope"].get("owning_org_unit_id")
        assert unit is None or (tenant_of(record), unit) in units
        assert {(tenant_of(record), grant) for grant in record["scope"].get("delegation_grant_ids", [])} <= grants
    assert any("owning_org_unit_id" not in record["scope"] for record in scoped)


def test_time_runs_forward(company: Company) -> None:
    """A run's events are numbered from 1 in the order they happened, nothing lies in the future, and grants end on both sides of now."""
    logs: dict[str, list[tuple[int, int]]] = {}
    for event in company["event"]:
        logs.setdefault(event["run_id"], []).append((event["seq"], event["occurred_at_ms"]))
    for log in logs.values():
        assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
        assert all(earlier <= later for (_, earlier), (_, later) in pairwise(log))
    past = (
        "created_at_ms",
        "updated_at_ms",
        "occurred_at_ms",
        "finished_at_ms",
        "disposition_at_ms",
        "completed_at_ms",
    )
    for kind, records in company.items():
        assert all(record[name] <= NOW_MS for record in records for name in past if name in record), kind
        assert all(record.get("updated_at_ms", NOW_MS) >= record.get("created_at_ms", 0) for record in records), kind
    ends = [grant.get("expires_at_ms", NOW_MS) for grant in company["org_unit_access_grant"]]
    assert min(ends) < NOW_MS < max(ends)


def test_the_audit_chain_holds(company: Company) -> None:
    """Each audit event carries the hash of what it says and of the event before it, in one sequence over all tenants."""
    before = None
    for number, event in enumerate(company["protected_audit_event"], 1):
        tenant = event["tenant_context"]
        said = {
            "event_id": event["event_id"],
            "durability_str": event["durability"],
            "event_type": event["event_type"],
            "tenant_org_id": tenant["org_id"],
            "tenant_workspace_id": tenant["workspace_id"],
            "tenant_deployment_id": None,
            "tenant_actor_id": None,
            "tenant_source": "explicit",
            "actor": event["actor"],
            "payload": ...,
            "created_at_ms": event["created_at_ms"],
            "seq": number,
            "prev_hash": before,
        }
        payload = json.dumps(event["payload"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        parts = (
            f'"{name}":' + (payload if value is ... else json.dumps(value, ensure_ascii=False))
            for name, value in said.items()
        )
        digest = hashlib.sha256(("{" + ",".join(parts) + "}").encode()).hexdigest()
        assert (event["seq"], event["prev_hash"], event["record_hash"]) == (number, before, digest)
        before = digest
    assert before is not None


def test_some_failures_are_superseded_by_success(company: Company) -> None:
    """Dead letters and compensations of a first attempt name the effect of the second, and others stay open."""
    effects = {effect["effect_id"]: effect["status"] for effect in company["tool_effect"]}
    for kind in ("dead_letter", "compensation"):
        superseded = [record["metadata"] for record in company[kind] if "metadata" in record]
        assert 0 < len(superseded) < len(company[kind]) / 2 + 1
        assert {effects[mark["superseded_by_effect_id"]] for mark in superseded} == {"succeeded"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(company: Company, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """The company, served at its instant."""
    async with served(tmp_path_factory.mktemp("demo")) as sidecar:
        sidecar.clock.now_ms = NOW_MS
        await sidecar.take(*((kind, record) for kind, records in company.items() for record in records))
        yield sidecar


def staff(actor: str, *, roles: str | None = None, classes: str | None = None) -> Who:
    return Who("larkfield", "operations", actor, roles=roles, classes=classes)


OLIVIA = staff("olivia.hart", roles="workspace_operator")
EVERYDAY = "supplier-payments refunds cash-forecast ticket-triage return-labels print-orders sitemap"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("who", "workloads"),
    [
        pytest.param(OLIVIA, EVERYDAY, id="operator, not cleared for gated data"),
        pytest.param(
            staff("felix.moreau"), "supplier-payments refunds cash-forecast payroll sitemap", id="unit, below, granted"
        ),
        pytest.param(staff("ines.cardoso"), "supplier-payments sitemap", id="a team sees nothing of its department"),
        pytest.param(staff("tom.brandt"), "ticket-triage return-labels refunds sitemap", id="granted, and expired"),
        pytest.param(staff("priya.nair"), "return-labels sitemap", id="disabled grant, membership ended"),
        pytest.param(staff("edwin.shaw", classes="executive"), "board-briefing sitemap", id="cleared; a denied grant"),
        pytest.param(staff("lena.fischer"), "sitemap", id="a disabled unit"),
        pytest.param(staff("greta.olsen"), "sitemap", id="a member of nothing"),
        pytest.param(Who("larkfield", "product-lab", "atlas.jansen"), "checkout-release", id="contractor"),
        pytest.param(Who("brightwater-freight", "dispatch", "sanne.bakker"), "route-planning", id="the other Finance"),
    ],
)
async def test_each_sees_their_own(demo: Served, who: Who, workloads: str) -> None:
    """Whose runs a person sees follows from units, grants and clearances, within one workspace."""
    body = await demo.get("/stateful-runtime/runs?limit=500", who)
    assert {row["run"]["run_id"].removeprefix("run-")[:-4] for row in body["runs"]} == set(workloads.split())


@pytest.mark.asyncio(loop_scope="module")
async def test_every_run_can_be_looked_into(demo: Served, company: Company) -> None:
    """For every run that an operator sees, each read model answers, and together they show every reason to be blocked."""
    runs = (await demo.get("/stateful-runtime/runs?limit=500", OLIVIA))["runs"]
    reasons: set[str] = set()
    for run in (row["run"] for row in runs):
        path = f"/stateful-runtime/runs/{run['run_id']}"
        observed = await demo.get(f"{path}/observability", OLIVIA)
        reasons |= {reason["kind"] for reason in observed["operator_summary"]["blocking_reasons"]}
        assert observed["audit"]["protected_events"] or not observed["policy_decisions"]
        assert (await demo.get(f"{path}/resume-plan", OLIVIA))["run_status"] == run["status"]
    assert reasons == {
        "run_status",
        "active_wait",
        "policy_decision",
        "outbox",
        "tool_effect",
        "dead_letter",
        "compensation",
    }
