"""Rows that tie come in one order."""

from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest
from acme_asking import OPERATOR, run_ids
from acme_records import (
    Named,
    audit,
    automation_run,
    compensation,
    dead_letter,
    decision,
    effect,
    event,
    ids,
    outbox,
    snapshot,
    wait,
    workflow_run,
)
from routes import RELIABILITY, RUNS
from serving import Served

NAMES = ["B", "a", "a-1", "é", "\U0001f600"]
"""In the order of their bytes, which is none that a file or a hash would have."""


def listed(member: str) -> Callable[[Any], list[Any]]:
    """What reads one list of an answer."""
    return lambda body: body[member]


@pytest.mark.parametrize(
    ("make", "path", "rows", "name"),
    [
        (outbox, RELIABILITY, listed("outbox"), "outbox_id"),
        (effect, RELIABILITY, listed("tool_effects"), "effect_id"),
        (dead_letter, RELIABILITY, listed("dead_letters"), "dead_letter_id"),
        (compensation, RELIABILITY, listed("compensations"), "compensation_id"),
        (lambda name: event(name, "run", 1), f"{RUNS}/run/events", listed("events"), "event_id"),
        (lambda name: event(name, "run", 1), f"{RUNS}/run/events?tail=9", listed("events"), "event_id"),
        (lambda name: snapshot(name, "run", 1), f"{RUNS}/run/snapshots", listed("snapshots"), "snapshot_id"),
        (lambda name: wait(name, "run", "waiting"), f"{RUNS}/run/observability", listed("waits"), "wait_id"),
        (lambda name: decision(name, "run"), f"{RUNS}/run/observability", listed("policy_decisions"), "decision_id"),
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
    made = [make(name) for make, name in zip(cycle([workflow_run, automation_run]), reversed(NAMES), strict=False)]
    await sidecar.take(*made)
    assert await run_ids(sidecar, OPERATOR) == NAMES
