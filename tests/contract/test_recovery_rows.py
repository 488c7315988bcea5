"""Which rows a recovery choice may change."""

import shutil
from pathlib import Path

import pytest
from acme_asking import OPERATOR, choose, recorded, stored
from acme_records import Record, compensation, dead_letter, scope, workflow_run
from routes import RUNS
from serving import Served, Who, kinds, served

from sidecar.policy.current import Bundles
from sidecar.shipped import shipped

SUPERSEDED = {"superseded_by_success": True, "superseded_by_effect_id": "e", "superseded_at_ms": 5}


async def test_rows_are_of_that_run(sidecar: Served) -> None:
    """A row of another run, of no run, or hidden from the caller is not there."""
    no_run = {"run_id": None}
    await sidecar.take(
        workflow_run("run"),
        dead_letter("d-other", run_id="other"),
        dead_letter("d-none", **no_run),
        dead_letter("d-hidden", in_scope=scope("legal")),
        compensation("c-other", run_id="other"),
    )
    rex = Who(actor="rex", units="finance", roles="recovery_operator")
    for name in ("d-other", "d-none", "d-hidden", "made-up"):
        status, body = await choose(sidecar, rex, dead_letter_id=name)
        assert (status, body["error"], body["dead_letter_id"]) == (404, "stateful_dead_letter_not_found", name)
    status, body = await choose(sidecar, rex, compensation_id="c-other")
    assert (status, body["error"]) == (404, "stateful_compensation_not_found")
    assert (await stored(sidecar, "dead_letter/d-other"))["status"] == "open"
    assert await recorded(sidecar) == []


@pytest.mark.parametrize(
    ("row", "changed"),
    [
        ("dead_letter", {"status": "resolved"}),
        ("dead_letter", {"status": "ignored"}),
        ("dead_letter", {"metadata": SUPERSEDED}),
        ("compensation", {"status": "completed"}),
        ("compensation", {"status": "cancelled"}),
        ("compensation", {"metadata": SUPERSEDED}),
    ],
)
async def test_settled_rows_stay_settled(sidecar: Served, row: str, changed: Record) -> None:
    """A row that is settled or superseded is not opened again: the choice is refused and leaves nothing behind."""
    make = dead_letter if row == "dead_letter" else compensation
    await sidecar.take(workflow_run("run"), make("x", **changed))
    before = await stored(sidecar, f"{row}/x")
    status, body = await choose(sidecar, OPERATOR, "reconcile_external_effect", **{f"{row}_id": "x"})
    assert (status, body["error"]) == (409, "recovery_row_settled")
    assert await stored(sidecar, f"{row}/x") == before
    assert await recorded(sidecar) == []


async def test_a_marker_that_is_not_whole_settles_nothing(sidecar: Served) -> None:
    """A row is superseded by all three parts of the marker, not by one that anybody may have written."""
    markers = [
        {"superseded_by_success": True},
        {**SUPERSEDED, "superseded_by_success": "true"},
        {**SUPERSEDED, "superseded_by_effect_id": " \u2003"},
        {**SUPERSEDED, "superseded_at_ms": -1},
        {**SUPERSEDED, "superseded_at_ms": 1.5},
    ]
    rows = [dead_letter(f"d-{number}", metadata=marker) for number, marker in enumerate(markers)]
    await sidecar.take(workflow_run("run"), *rows)
    plan = await sidecar.get(f"{RUNS}/run/resume-plan", OPERATOR)
    assert len(plan["dead_letters"]) == len(markers)
    assert (await choose(sidecar, OPERATOR, dead_letter_id="d-0"))[0] == 200


async def test_all_of_a_choice_or_nothing(sidecar: Served) -> None:
    """When the second row of a choice is refused, the first is left as it was and nothing is logged."""
    await sidecar.take(workflow_run("run"), dead_letter("d"), compensation("c", status="completed"))
    before = await stored(sidecar, "dead_letter/d")
    for compensation_id, status in (("made-up", 404), ("c", 409)):
        found, _ = await choose(sidecar, OPERATOR, dead_letter_id="d", compensation_id=compensation_id)
        assert found == status
        assert await stored(sidecar, "dead_letter/d") == before
        assert await recorded(sidecar) == []


MASKING = """\
apiVersion: sidecar/v1
policy: masking
description: The reason of a dead letter is for operators.
applies_to: [dead_letter]
rules:
  - allow: everyone
    when: "true"
redact:
  - field: record.reason
    unless: "caller.is_workspace_operator"
  - field: record.metadata
    unless: "caller.is_workspace_operator"
"""


async def test_the_answer_is_masked_and_the_record_is_not(tmp_path: Path) -> None:
    """What a policy masks is masked in the answer to a choice too, and is kept in what is stored."""
    shutil.copytree(shipped("policies"), tmp_path / "policies")
    (tmp_path / "policies" / "masking.yaml").write_text(MASKING, encoding="utf-8")
    (tmp_path / "policies" / "bundle_test.yaml").unlink()
    bundles = Bundles([tmp_path / "policies"], kinds())
    assert bundles.reload().trouble is None
    async with served(tmp_path, bundles=bundles) as sidecar:
        await sidecar.take(workflow_run("run"), dead_letter("d", reason="the account number", metadata={"kept": True}))
        rex = Who(actor="rex", units="", roles="recovery_operator")
        status, body = await choose(sidecar, rex, dead_letter_id="d")
        row = body["disposition"]["dead_letter"]
        assert (status, row["status"], row["reason"]) == (200, "linked_to_compensation", None)
        assert "metadata" not in row
        kept = await stored(sidecar, "dead_letter/d")
        assert (kept["reason"], kept["metadata"]) == ("the account number", {"kept": True})
        assert kept["status"] == "linked_to_compensation"
