"""Which records are taken in, and at which place the others are refused."""

import pytest
from acme_asking import OPERATOR, offered, rejected, run_ids
from acme_records import Named, Record, automation_run, dead_letter, event, ids, scope, tenant, unit, wait, workflow_run
from routes import RUNS
from serving import Served

GREATEST = 2**63 - 1
LEGAL = {"owning_org_unit_id": "legal"}


@pytest.mark.parametrize(
    ("record", "pointer"),
    [
        (workflow_run("run", scope={**LEGAL, "risk_tier": "reckless"}), "/enterprise_scope/risk_tier"),
        (workflow_run("run", scope={**LEGAL, "data_classes": "public"}), "/enterprise_scope/data_classes"),
        (workflow_run("run", scope="legal"), "/enterprise_scope"),
        (
            automation_run("run", scope={**LEGAL, "dataClasses": ["gossip"]}),
            "/automation_snapshot/metadata/enterprise_scope/dataClasses",
        ),
        (
            automation_run("run", automation_snapshot={"metadata": {"resource_access": {"owner_principal": 7}}}),
            "/automation_snapshot/metadata/resource_access/owner_principal",
        ),
    ],
)
async def test_a_scope_that_does_not_parse_is_refused(sidecar: Served, record: Named, pointer: str) -> None:
    """A run whose scope cannot be read is refused at its place, and not taken as one that is open to all."""
    [reject] = await rejected(sidecar, record)
    assert reject["pointer"].startswith(pointer)
    assert (reject["line"], reject["kind"]) == (1, record[0])
    assert await run_ids(sidecar, OPERATOR) == []


@pytest.mark.parametrize("kind", ["wait", "dead_letter"])
async def test_damage_is_refused_and_takes_nothing_with_it(sidecar: Served, kind: str) -> None:
    """One bad record is refused at the door with its place, and what is stored already is still there."""
    good = wait("good", "run", "waiting") if kind == "wait" else dead_letter("good")
    assert (await offered(sidecar, workflow_run("run"), good)).status == 200
    bad = {**good[1], "status": "no such status"}
    [reject] = await rejected(sidecar, (kind, {**good[1], f"{kind}_id": "other"}), (kind, bad))
    assert (reject["line"], reject["kind"], reject["pointer"]) == (2, kind, "/status")
    found = await sidecar.get(f"/v1/records/{kind}", OPERATOR)
    assert ids(found["records"], f"{kind}_id") == ["good"]


async def test_the_greatest_integers_are_kept(sidecar: Served) -> None:
    """The greatest integer is kept exactly, at any depth."""
    kept = dead_letter("d", attempts=2**32 - 1, metadata={"deep": [GREATEST, -GREATEST]}, disposition_at_ms=GREATEST)
    last = event("e", "run", GREATEST)
    assert (await offered(sidecar, kept, last)).status == 200
    found = (await sidecar.get("/v1/records/dead_letter/d", OPERATOR))["record"]
    assert (found["disposition_at_ms"], found["metadata"]) == (GREATEST, {"deep": [GREATEST, -GREATEST]})
    assert (await sidecar.get(f"{RUNS}/run/events", OPERATOR))["last_seq"] == GREATEST


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"disposition_at_ms": GREATEST + 1}, "/disposition_at_ms"),
        ({"disposition_at_ms": 2**64}, "/disposition_at_ms"),
        ({"metadata": {"deep": [GREATEST + 1]}}, "/metadata/deep/0"),
        ({"disposition_at_ms": -1}, "/disposition_at_ms"),
        ({"disposition_at_ms": 5.0}, "/disposition_at_ms"),
        ({"disposition_at_ms": True}, "/disposition_at_ms"),
        ({"attempts": 2**32}, "/attempts"),
    ],
)
async def test_other_numbers_are_refused(sidecar: Served, changed: Record, pointer: str) -> None:
    """An integer beyond its greatest or least is refused at its place, at any depth, and so is what is none at all."""
    [reject] = await rejected(sidecar, dead_letter("d", **changed))
    assert reject["pointer"] == pointer
    assert reject["message"]


@pytest.mark.parametrize("blank", ["", " ", "\t\u3000"])
async def test_blank_names_are_refused(sidecar: Served, blank: str) -> None:
    """An organisation, a workspace, a deployment that is named, and every part of a key say something."""
    for of, pointer in (
        (tenant(org=blank), "/org_id"),
        (tenant(workspace=blank), "/workspace_id"),
        (tenant(deployment=blank), "/deployment_id"),
    ):
        [reject] = await rejected(sidecar, dead_letter("d", in_scope=scope(of=of)))
        assert reject["pointer"] == f"/scope/tenant_context{pointer}"
    for record, pointer in (
        (dead_letter(blank), "/dead_letter_id"),
        (wait("w", blank, "waiting"), "/run_id"),
        (wait(blank, "run", "waiting"), "/wait_id"),
        (workflow_run(blank), "/run_id"),
        (unit("u", taxonomy_id=blank), "/taxonomy_id"),
    ):
        [reject] = await rejected(sidecar, record)
        assert reject["pointer"] == pointer


async def test_a_record_says_whose_it_is(sidecar: Served) -> None:
    """Without a tenant a record is refused."""
    [reject] = await rejected(sidecar, dead_letter("d", in_scope={"schema_version": 1}))
    assert reject["pointer"] == "/scope/tenant_context"
    [reject] = await rejected(sidecar, workflow_run("run", tenant_context=None))
    assert reject["pointer"] == "/tenant_context"
