"""What is over takes no place of a limit on what is still to be done."""

from acme_asking import OPERATOR
from acme_records import compensation, dead_letter, effect, ids, wait, workflow_run
from routes import RELIABILITY, RUNS
from serving import Served


async def test_settled_rows_are_not_offered_for_recovery(sidecar: Served) -> None:
    """What is resolved, ignored, completed or cancelled is no more to be recovered, and takes no place of a limit."""
    await sidecar.take(
        workflow_run("run", status="failed"),
        *(dead_letter(f"d-{status}", at=20, status=status) for status in ("resolved", "ignored")),
        *(
            dead_letter(f"d-{status}", at=at, status=status)
            for at, status in ((13, "open"), (12, "retry_requested"), (11, "linked_to_compensation"))
        ),
        *(compensation(f"c-{status}", at=20, status=status) for status in ("completed", "cancelled")),
        *(
            compensation(f"c-{status}", at=at, status=status)
            for at, status in ((14, "proposed"), (13, "awaiting_approval"), (12, "running"), (11, "failed"))
        ),
    )
    open_letters = ["d-open", "d-retry_requested", "d-linked_to_compensation"]
    open_compensations = ["c-proposed", "c-awaiting_approval", "c-running", "c-failed"]
    for path in (RELIABILITY, f"{RUNS}/run/reliability"):
        page = await sidecar.get(f"{path}?active_recovery_only=true", OPERATOR)
        assert ids(page["dead_letters"], "dead_letter_id") == open_letters
        assert ids(page["compensations"], "compensation_id") == open_compensations
    plan = await sidecar.get(f"{RUNS}/run/resume-plan", OPERATOR)
    assert ids(plan["dead_letters"], "dead_letter_id") == open_letters
    assert ids(plan["pending_compensations"], "compensation_id") == open_compensations
    plan = await sidecar.get(f"{RUNS}/run/resume-plan?limit=1", OPERATOR)
    assert ids(plan["dead_letters"], "dead_letter_id") == open_letters[:1]
    assert (await sidecar.get(RELIABILITY, OPERATOR))["counts"]["dead_letters"] == 5


async def test_active_waits_are_found_behind_any_number_of_old_ones(sidecar: Served) -> None:
    """The limit counts active waits when it cuts them: finished ones that come earlier take no place."""
    done = [wait(f"w-{number}", "run", "woken", wake_at_ms=number) for number in range(1, 6)]
    active = [wait(f"w-active-{number}", "run", "waiting", wake_at_ms=90 + number) for number in range(3)]
    await sidecar.take(workflow_run("run"), *done, *active)
    found = await sidecar.get(f"{RUNS}/run/observability?reliability_limit=2", OPERATOR)
    assert ids(found["waits"], "wait_id") == ["w-1", "w-2"]
    assert found["current_wait"]["wait_id"] == "w-active-0"
    [reviewed] = [
        action for action in found["operator_summary"]["allowed_actions"] if action["action"] == "review_wait"
    ]
    assert reviewed["wait_ids"] == ["w-active-0", "w-active-1"]
    assert (found["counts"]["waits"], found["counts"]["active_waits"]) == (2, 2)


async def test_effects_of_each_fate_have_their_own_limit(sidecar: Served) -> None:
    """Of completed and of uncertain effects a plan has as many as the limit says, of each."""
    fates = ["succeeded"] * 3 + ["pending", "failed", "unknown"]
    await sidecar.take(
        workflow_run("run"), *(effect(f"t-{at}", at=100 - at, status=status) for at, status in enumerate(fates))
    )
    plan = await sidecar.get(f"{RUNS}/run/resume-plan?limit=2", OPERATOR)
    assert ids(plan["completed_effects"], "effect_id") == ["t-0", "t-1"]
    assert ids(plan["uncertain_effects"], "effect_id") == ["t-3", "t-4"]
