"""Which rows a recovery choice may change, and what it leaves behind, over HTTP."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from acme_records import (
    FAY,
    LEA,
    NONA,
    OPERATOR,
    RUNS,
    Record,
    automation_run,
    compensation,
    dead_letter,
    event,
    ids,
    scope,
    workflow_run,
)
from serving import NOW_MS, Served, Who, kinds, served

from sidecar.policy.current import Bundles
from sidecar.shipped import shipped

PLAN = f"{RUNS}/run/resume-plan"
SUPERSEDED = {"superseded_by_success": True, "superseded_by_effect_id": "e", "superseded_at_ms": 5}


async def choose(
    sidecar: Served, who: Who, choice: str = "compensate", run: str = "run", **more: Any
) -> tuple[int, Any]:
    """Status and body of a choice."""
    answer = await sidecar.post(f"{RUNS}/{run}/resume-plan", who, {"choice": choice, **more})
    return answer.status, answer.body


async def recorded(sidecar: Served, run: str = "run") -> list[Record]:
    """Every event of a run, as an operator sees them."""
    events: list[Record] = (await sidecar.get(f"{RUNS}/{run}/events", OPERATOR))["events"]
    return events


async def stored(sidecar: Served, path: str) -> Any:
    """One record as an operator sees it."""
    return (await sidecar.get(f"/v1/records/{path}", OPERATOR))["record"]


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
    plan = await sidecar.get(PLAN, OPERATOR)
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


async def test_every_choice_is_recorded(sidecar: Served) -> None:
    """Choices of one millisecond are each recorded, under ids that cannot be foretold."""
    await sidecar.take(workflow_run("run"), dead_letter("d"))
    bodies = [(await choose(sidecar, OPERATOR, dead_letter_id="d"))[1] for _ in range(3)]
    assert [(body["recorded"], body["event_seq"]) for body in bodies] == [(True, 1), (True, 2), (True, 3)]
    names = ids(await recorded(sidecar), "event_id")
    assert len(set(names)) == 3
    assert all(len(name.removeprefix(f"recovery-choice-run-{NOW_MS}-")) >= 8 for name in names)


async def test_the_event_is_in_the_scope_of_its_row(sidecar: Served) -> None:
    """Who sees the run but not the row sees no event of it; the event repeats nothing of the row but its state."""
    secret = scope("finance", data_classes=["financial_record"])
    await sidecar.take(
        workflow_run("run"),
        dead_letter("d", in_scope=secret, reason="the account number", payload_pointer="vault/7"),
        compensation("c", in_scope=secret, rollback_instruction="call the bank"),
        compensation("l", in_scope=scope("legal")),
    )
    await choose(sidecar, OPERATOR, dead_letter_id="d", compensation_id="c")
    [logged] = (await sidecar.get(f"{RUNS}/run/events", FAY))["events"]
    assert logged["scope"]["owning_org_unit_id"] == "finance"
    assert logged["payload"]["disposition"] == {
        "previous": {
            "dead_letter": {
                "dead_letter_id": "d",
                "status": "linked_to_compensation",
                "label": "linked_to_compensation",
            }
        },
        "compensation": {"compensation_id": "c", "status": "awaiting_approval"},
    }
    for who in (NONA, LEA):
        assert (await sidecar.get(f"{RUNS}/run/events", who))["events"] == []
    await choose(sidecar, OPERATOR, compensation_id="l")
    [logged] = (await sidecar.get(f"{RUNS}/run/events", LEA))["events"]
    assert logged["scope"]["owning_org_unit_id"] == "legal"
    await choose(sidecar, OPERATOR)
    [logged] = (await sidecar.get(f"{RUNS}/run/events", NONA))["events"]
    assert "owning_org_unit_id" not in logged["scope"]


async def test_an_event_tells_nobody_of_what_is_closed_to_them(sidecar: Served) -> None:
    """A row that is closed to some is not named beside one that is open to them: the choice is refused whole."""
    secret = scope("finance")
    await sidecar.take(
        workflow_run("run", scope=secret),
        dead_letter("d"),
        compensation("c", in_scope=secret),
    )
    status, body = await choose(sidecar, OPERATOR, dead_letter_id="d", compensation_id="c")
    assert (status, body["error"]) == (409, "recovery_not_recordable")
    assert await recorded(sidecar) == []
    assert (await choose(sidecar, OPERATOR, dead_letter_id="d"))[0] == 200
    assert (await sidecar.refused(f"{RUNS}/run", NONA))[0] == 404
    await choose(sidecar, OPERATOR, compensation_id="c")
    assert len((await sidecar.get(f"{RUNS}/run/events", FAY))["events"]) == 2
    assert len((await sidecar.get(f"{RUNS}/run/events", NONA))["events"]) == 1


async def test_the_record_updated_last_is_acted_on(sidecar: Served) -> None:
    """Of two records of one run it is the visible one updated last whose scope a choice about no row is logged in."""
    await sidecar.take(
        automation_run("run", 5, scope={"policy_version_id": "old"}),
        workflow_run("run", 9, scope={"policy_version_id": "new"}),
    )
    await choose(sidecar, OPERATOR)
    [logged] = (await sidecar.get(f"{RUNS}/run/events", NONA))["events"]
    assert logged["scope"]["policy_version_id"] == "new"


async def test_the_sequence_goes_on_from_what_the_caller_sees(sidecar: Served) -> None:
    """The number of the event tells nothing of events that its caller does not see."""
    await sidecar.take(
        workflow_run("run"), event("seen", "run", 4, scope("finance")), event("hidden", "run", 900, scope("legal"))
    )
    fay = Who(actor="fay", units="finance", roles="recovery_operator")
    assert (await choose(sidecar, fay))[1]["event_seq"] == 5
    assert (await choose(sidecar, OPERATOR))[1]["event_seq"] == 901


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
