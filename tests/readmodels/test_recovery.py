"""The plan to resume a run: every field, the points and choices it offers, and what it leaves out."""

from dataclasses import replace
from typing import Any

import pytest
from shipped_kinds import kinds
from world import (
    FOREIGN,
    MEMBER,
    NOW,
    OPERATOR,
    RUN,
    SUPERSEDED,
    World,
    compensation,
    dead_letter,
    effect,
    run,
    scope,
    workflow,
)

from sidecar.errors import Absent
from sidecar.identity.caller import Caller
from sidecar.readmodels.observability import ObservabilityQuery, observability
from sidecar.readmodels.recovery import ResumeQuery, resume_plan


async def planned(world: World, caller: Caller = OPERATOR, limit: int = 250) -> Any:
    """The resume plan of the run."""
    return await world.seen(lambda verdicts: resume_plan(ResumeQuery(RUN, limit), verdicts), caller)


def ids(rows: list[Any], name: str) -> list[Any]:
    """One field of each row."""
    return [row[name] for row in rows]


def offered(choice: str, mode: str) -> dict[str, Any]:
    """A choice as it is offered."""
    return {"choice": choice, "enabled": True, "execution_mode": mode, "automatic_dispatch": False}


ABANDON = offered("abandon_with_audit", "audit_disposition_only")
RESUME = offered("resume_from_checkpoint", "operator_request_record_only")
RETRY = offered("retry_failed_effect", "operator_request_record_only")
RECONCILE = offered("reconcile_external_effect", "operator_request_record_only")
COMPENSATE = offered("compensate_pending_effects", "operator_runbook_record_only")


async def test_a_run_with_nothing_has_every_key(world: World) -> None:
    """The plan of a workflow run without rows has every key: empty lists, no failure, and abandoning as the choice."""
    await world.put(workflow())
    body = await planned(world)
    assert body == {
        "plan_id": f"resume-plan-{RUN}",
        "run_id": RUN,
        "generated_at_ms": NOW,
        "run": (await world.seen(lambda _: observability(ObservabilityQuery(RUN, 1, 1, 1, 1))))["run"],
        "run_status": "running",
        "completed_nodes": [],
        "pending_nodes": [],
        "blocked_nodes": [],
        "last_failure": None,
        "completed_effects": [],
        "uncertain_effects": [],
        "dead_letters": [],
        "pending_compensations": [],
        "safe_resume_points": [],
        "operator_choices": [ABANDON],
        "audit_summary": {
            "completed_effect_count": 0,
            "uncertain_effect_count": 0,
            "dead_letter_count": 0,
            "pending_compensation_count": 0,
            "requires_operator_review": False,
        },
    }


async def test_a_failed_run_with_everything(world: World) -> None:
    """Nodes, failure, points, choices, whole records and their counts are told of an automation run that failed."""
    failure = {"node_id": "c", "reason": "timeout", "failed_at_ms": 19}
    nodes = {"completed_nodes": ["a", "b"], "pending_nodes": ["d"], "blocked_nodes": ["c"]}
    rows = [effect("done"), effect("doubt", status="unknown"), dead_letter("d"), compensation("c")]
    await world.put(run(status="failed", checkpoint={**nodes, "last_failure": failure}), *rows)
    body = await planned(world)
    assert {name: body[name] for name in nodes} == nodes
    assert (body["last_failure"], body["run_status"]) == (failure, "failed")
    assert "recovery" not in body["run"]
    assert body["completed_effects"] == [rows[0][1]]
    assert body["uncertain_effects"] == [rows[1][1]]
    assert body["dead_letters"] == [rows[2][1]]
    assert body["pending_compensations"] == [rows[3][1]]
    assert body["safe_resume_points"] == [
        {"kind": "completed_node_boundary", "node_id": "a", "resume_after": True},
        {"kind": "completed_node_boundary", "node_id": "b", "resume_after": True},
        {"kind": "pending_node", "node_id": "d", "retry_safe": True},
        {"kind": "blocked_node", "node_id": "c", "requires_operator_review": True},
    ]
    assert body["operator_choices"] == [ABANDON, RESUME, RETRY, RECONCILE, COMPENSATE]
    assert body["audit_summary"] == {
        "completed_effect_count": 1,
        "uncertain_effect_count": 1,
        "dead_letter_count": 1,
        "pending_compensation_count": 1,
        "requires_operator_review": True,
    }


@pytest.mark.parametrize("status", kinds()["automation_run"].source_schema["properties"]["status"]["enum"])
async def test_a_stopped_run_without_nodes_may_go_on_from_its_boundary(world: World, status: str) -> None:
    """A run without nodes is resumed at its own boundary, in exactly the statuses from which runs are resumed."""
    await world.put(run(status=status))
    body = await planned(world)
    stopped = status in ("paused", "blocked", "failed", "dead_lettered", "retrying")
    boundary = [{"kind": "run_boundary", "requires_operator_review": True}]
    assert body["safe_resume_points"] == (boundary if stopped else [])
    assert body["operator_choices"] == ([ABANDON, RESUME] if stopped else [ABANDON])


@pytest.mark.parametrize(
    ("row", "choices"),
    [
        (effect("e"), [ABANDON]),
        *((effect("e", status=status), [ABANDON, RETRY, RECONCILE]) for status in ("pending", "failed", "unknown")),
        (dead_letter("d"), [ABANDON, RETRY, RECONCILE]),
        (compensation("c"), [ABANDON, COMPENSATE]),
    ],
)
async def test_choices_follow_from_the_rows(world: World, row: Any, choices: list[Any]) -> None:
    """Retrying needs something in doubt, compensating a compensation; each choice is offered only then."""
    await world.put(run(), row)
    body = await planned(world)
    assert body["operator_choices"] == choices
    assert body["audit_summary"]["requires_operator_review"] == (len(choices) > 1)


@pytest.mark.parametrize("status", kinds()["dead_letter"].schema["properties"]["status"]["enum"])
async def test_settled_dead_letters_are_left_out(world: World, status: str) -> None:
    """A dead letter that is resolved or ignored is not offered for recovery; every other is."""
    await world.put(run(), dead_letter("d", status=status))
    left_out = status in ("resolved", "ignored")
    assert ids((await planned(world))["dead_letters"], "dead_letter_id") == ([] if left_out else ["d"])


@pytest.mark.parametrize("status", kinds()["compensation"].schema["properties"]["status"]["enum"])
async def test_settled_compensations_are_left_out(world: World, status: str) -> None:
    """A compensation that is completed or cancelled is not offered; every other is."""
    await world.put(run(), compensation("c", status=status))
    left_out = status in ("completed", "cancelled")
    assert ids((await planned(world))["pending_compensations"], "compensation_id") == ([] if left_out else ["c"])


@pytest.mark.parametrize(
    ("metadata", "superseded"),
    [
        (SUPERSEDED, True),
        ({**SUPERSEDED, "superseded_by_outbox_id": "o"}, True),
        ({"superseded_by_success": True}, False),
        ({**SUPERSEDED, "superseded_by_success": "true"}, False),
        ({**SUPERSEDED, "superseded_by_effect_id": " \u3000"}, False),
        ({**SUPERSEDED, "superseded_at_ms": -1}, False),
        ({**SUPERSEDED, "superseded_at_ms": None}, False),
        ([SUPERSEDED], False),
    ],
)
async def test_superseded_rows_are_left_out(world: World, metadata: Any, superseded: bool) -> None:
    """A row is superseded only by the whole marker; a part of it, which anybody may write, hides nothing."""
    await world.put(run(), dead_letter("d", metadata=metadata), compensation("c", metadata=metadata))
    body = await planned(world)
    assert (body["dead_letters"] == []) == superseded
    assert (body["pending_compensations"] == []) == superseded


async def test_the_limit_comes_after_the_meaning(world: World) -> None:
    """Newer rows of another meaning take no place: each list holds its newest, up to the limit."""
    await world.put(run(), *(effect(f"done-{n}", updated_at_ms=50 + n) for n in range(3)))
    await world.put(*(effect(f"doubt-{n}", status="failed", updated_at_ms=30 + n) for n in range(2)))
    await world.put(dead_letter("moot", updated_at_ms=90, metadata=SUPERSEDED), dead_letter("open"))
    await world.put(dead_letter("settled", updated_at_ms=91, status="resolved"))
    await world.put(compensation("done", updated_at_ms=90, status="completed"), compensation("proposed"))
    body = await planned(world, limit=1)
    assert ids(body["completed_effects"], "effect_id") == ["done-2"]
    assert ids(body["uncertain_effects"], "effect_id") == ["doubt-1"]
    assert ids(body["dead_letters"], "dead_letter_id") == ["open"]
    assert ids(body["pending_compensations"], "compensation_id") == ["proposed"]


async def test_nothing_hidden_is_planned_with(world: World) -> None:
    """Rows of another tenant, of a foreign unit or of another run spelling change nothing in the plan."""
    await world.put(run())
    before = await planned(world, MEMBER)
    for hidden in ({"scope": scope(owner=FOREIGN)}, {"scope": scope("legal")}, {"run_id": "RUN_1"}):
        await world.put(*(row("hidden", **hidden) for row in (effect, dead_letter, compensation)))
    assert await planned(world, MEMBER) == before


async def test_a_hidden_run_has_no_plan(world: World) -> None:
    """A run of another unit is as absent as one that is not there, whatever rows of it are visible."""
    await world.put(run(unit="legal"), dead_letter("d"))
    with pytest.raises(Absent) as hidden:
        await planned(world, MEMBER)
    assert (hidden.value.code, hidden.value.details) == ("stateful_run_not_found", {"run_id": RUN})


async def test_the_plan_is_of_the_winning_record(world: World) -> None:
    """The plan is made from the visible record updated last, the workflow's on a tie: its nodes are none."""
    await world.put(run(checkpoint={"completed_nodes": ["a"]}), workflow())
    assert (await planned(world))["completed_nodes"] == []
    await world.put(run(checkpoint={"completed_nodes": ["a"]}, updated_at_ms=21))
    assert (await planned(world))["completed_nodes"] == ["a"]


async def test_masked_nodes_offer_no_points(world: World, masking: Any) -> None:
    """Who may not read a run's nodes gets empty lists, and no resume point that would name them."""
    await world.put(run(checkpoint={"completed_nodes": ["secret"], "pending_nodes": ["b"]}))
    body = await planned(replace(world, bundle=masking("automation_run", "recovery.completed_nodes")))
    assert (body["completed_nodes"], body["pending_nodes"]) == ([], ["b"])
    assert ids(body["safe_resume_points"], "node_id") == ["b"]
    assert "secret" not in str(body)
