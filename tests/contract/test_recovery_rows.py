"""Which rows a recovery choice may change."""

import pytest
from acme_asking import OPERATOR, choose, recorded, stored
from acme_records import Record, compensation, dead_letter, scope, workflow_run
from routes import RUNS
from serving import Served, Who

SUPERSEDED = {"superseded_by_success": True, "superseded_by_effect_id": "e", "superseded_at_ms": 5}


async def test_rows_are_of_that_run(sidecar: Served) -> None:
    """A row of another run, of no run, or hidden from the caller is not there."""
    await sidecar.take(
        workflow_run("run"),
        dead_letter("d-other", run_id="other"),
        ("dead_letter", {**dead_letter("d-none")[1], "run_id": None}),
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
