"""Where reliability rows, waits and orders are told otherwise than by the runtime whose answers we keep."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from acme_records import (
    FAY,
    OPERATOR,
    RELIABILITY,
    RUNS,
    Named,
    audit,
    compensation,
    dead_letter,
    decision,
    effect,
    event,
    ids,
    outbox,
    scope,
    snapshot,
    tenant,
    wait,
    workflow_run,
)
from serving import Served, Who

COLLECTIONS = ("outbox", "tool_effects", "dead_letters", "compensations")
NONE = dict.fromkeys(COLLECTIONS, 0)


async def test_an_exactly_full_last_page_is_the_last(sidecar: Served) -> None:
    """Whether a page is the last is found out by looking one row further, not by how many rows it has."""
    await sidecar.take(*(outbox(f"o-{at}", at=at) for at in range(1, 5)))
    page = await sidecar.get(f"{RELIABILITY}?limit=2", OPERATOR)
    assert page["pagination"]["next"]["outbox"] == {"after_id": "o-3", "after_collection": "outbox"}
    page = await sidecar.get(f"{RELIABILITY}?limit=2&after_id=o-3", OPERATOR)
    assert ids(page["outbox"], "outbox_id") == ["o-2", "o-1"]
    assert page["pagination"]["next"]["outbox"] is None
    records = await sidecar.get("/v1/records/outbox?limit=4", OPERATOR)
    assert (records["count"], records["next"]) == (4, None)


async def test_anchors_that_are_none_are_all_one(sidecar: Served) -> None:
    """An anchor that is hidden, of another tenant, of another run, gone or made up is answered as one: with nothing."""
    elsewhere = scope(of=tenant("umbrella"))
    await sidecar.take(
        workflow_run("run"),
        dead_letter("d-seen"),
        outbox("o-seen"),
        dead_letter("d-hidden", in_scope=scope("legal")),
        dead_letter("d-foreign", in_scope=elsewhere),
        dead_letter("d-of-another-run", run_id="other"),
    )
    path = f"{RUNS}/run/reliability?limit=9&after_id="
    answers = [
        (await sidecar.get(path + name, FAY), await sidecar.get(f"{path}{name}&after_kind=dead_letters", FAY))
        for name in ("made-up", "d-hidden", "d-foreign", "d-of-another-run", "o-made-up")
    ]
    for alone, named in answers:
        assert alone["counts"] == NONE
        assert alone["pagination"]["after_collection"] is None
        assert alone["pagination"]["next"] == dict.fromkeys(COLLECTIONS)
        assert named["counts"] == {**NONE, "outbox": 1}
        assert named["pagination"]["after_collection"] == "dead_letters"
        for answer in (alone, named):
            answer["pagination"]["after_id"] = ""
    assert all(answer == answers[0] for answer in answers)


async def test_an_id_in_two_collections_is_no_anchor_by_itself(sidecar: Served) -> None:
    """An anchor found in two collections is in none, until the collection is named."""
    await sidecar.take(outbox("same"), outbox("older", at=5), dead_letter("same"))
    assert (await sidecar.get(f"{RELIABILITY}?after_id=same", OPERATOR))["counts"] == NONE
    named = await sidecar.get(f"{RELIABILITY}?after_id=same&after_kind=outbox", OPERATOR)
    assert named["counts"] == {**NONE, "outbox": 1, "dead_letters": 1}


async def test_filters_do_not_hide_the_anchor(sidecar: Served) -> None:
    """Paging goes on behind a row that the filters leave out: where it stands is what counts."""
    await sidecar.take(dead_letter("d-3", at=3, status="resolved"), dead_letter("d-2", at=2), dead_letter("d-1", at=1))
    for query in ("status=open", "active_recovery_only=true", "status=open&after_collection=dead_letter"):
        page = await sidecar.get(f"{RELIABILITY}?after_id=d-3&{query}", OPERATOR)
        assert ids(page["dead_letters"], "dead_letter_id") == ["d-2", "d-1"], query
        assert page["pagination"]["after_collection"] == "dead_letters"


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


async def test_run_ids_are_compared_exactly(sidecar: Served) -> None:
    """Rows of a run with another spelling are another run's, and a run named ``all`` is one run."""
    await sidecar.take(
        *(workflow_run(name) for name in ("run-a", "all")),
        *(outbox(f"of {name}", run_id=name) for name in ("run-a", "run_a", "RUN-A", " run-a", "all")),
    )
    page = await sidecar.get(f"{RUNS}/run-a/reliability", OPERATOR)
    assert ids(page["outbox"], "outbox_id") == ["of run-a"]
    page = await sidecar.get(f"{RELIABILITY}?run_id=run_a", OPERATOR)
    assert ids(page["outbox"], "outbox_id") == ["of run_a"]
    page = await sidecar.get(f"{RUNS}/all/reliability", OPERATOR)
    assert ids(page["outbox"], "outbox_id") == ["of all"]
    plan = await sidecar.get(f"{RUNS}/all/resume-plan", OPERATOR)
    assert plan["run_id"] == "all"


NAMES = ["B", "a", "a-1", "é", "\U0001f600"]
"""In the order of their bytes, which is none that a file or a hash would have."""


def observed(member: str) -> Callable[[Any], list[Any]]:
    """Reads one list of an observability answer."""
    return lambda body: body[member]


@pytest.mark.parametrize(
    ("make", "path", "rows", "name"),
    [
        (outbox, RELIABILITY, observed("outbox"), "outbox_id"),
        (effect, RELIABILITY, observed("tool_effects"), "effect_id"),
        (dead_letter, RELIABILITY, observed("dead_letters"), "dead_letter_id"),
        (compensation, RELIABILITY, observed("compensations"), "compensation_id"),
        (lambda name: event(name, "run", 1), f"{RUNS}/run/events", observed("events"), "event_id"),
        (lambda name: event(name, "run", 1), f"{RUNS}/run/events?tail=9", observed("events"), "event_id"),
        (lambda name: snapshot(name, "run", 1), f"{RUNS}/run/snapshots", observed("snapshots"), "snapshot_id"),
        (lambda name: wait(name, "run", "waiting"), f"{RUNS}/run/observability", observed("waits"), "wait_id"),
        (lambda name: decision(name, "run"), f"{RUNS}/run/observability", observed("policy_decisions"), "decision_id"),
        (
            lambda name: audit(name, "run"),
            f"{RUNS}/run/observability",
            lambda body: body["audit"]["protected_events"],
            "event_id",
        ),
    ],
)
async def test_every_order_is_total(
    sidecar: Served, make: Callable[[str], Named], path: str, rows: Callable[[Any], list[Any]], name: str
) -> None:
    """Rows that tie come in the order of their keys' bytes, whatever order they were written in."""
    await sidecar.take(workflow_run("run"), *(make(spelled) for spelled in [*NAMES[2:], *NAMES[:2]][::-1]))
    assert ids(rows(await sidecar.get(path, OPERATOR)), name) == NAMES


async def test_runs_that_tie(sidecar: Served) -> None:
    """Runs updated at one time come in the order of their ids' bytes, across both engines."""
    await sidecar.take(*(workflow_run(name) for name in reversed(NAMES)))
    rows = (await sidecar.get(RUNS, Who(actor="op", roles="workspace_operator")))["runs"]
    assert [row["run"]["run_id"] for row in rows] == NAMES


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 12, 13])
async def test_a_walk_meets_every_row_once(sidecar: Served, limit: int) -> None:
    """Following ``next`` gives every row that is left by the bound once, in order, however many share a time."""
    rows = [dead_letter(f"d-{name}", at=at, created_at_ms=made) for at in (3, 2, 1) for name, made in _NAMED[at]]
    await sidecar.take(*rows[::-1], *(dead_letter(f"hidden-{at}", at=at, in_scope=scope("legal")) for at in (1, 2, 3)))
    expected = [f"d-{name}" for at in (3, 2, 1) for name, made in sorted(_NAMED[at]) if made < _BOUND]
    walked: list[str] = []
    query = f"limit={limit}&before_created_at_ms={_BOUND}"
    while query:
        page = await sidecar.get(f"{RELIABILITY}?{query}", FAY)
        walked += ids(page["dead_letters"], "dead_letter_id")
        following = page["pagination"]["next"]["dead_letters"]
        query = urlencode({"limit": limit, **following}) if following else ""
    assert walked == expected


_BOUND = 50
_NAMED = {at: [(f"{at}{letter}", 10 * number) for number, letter in enumerate("fbdace")] for at in (1, 2, 3)}
