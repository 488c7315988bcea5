"""What a caller costs who was never here before, and the run list and observability page; told, not bounded."""

import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from statistics import median

from bench_page import PATH, page_store
from measure import Result, compared, in_turns
from serving import MEMBER, OPERATOR, sidecar
from world import NOW_MS, TENANT, Made, Record, scope, stored

LABELS = (150, 2_000, 10_000)
ROUNDS = 40
RUNS, WAITS, EVENTS = 5_000, 2, 6
RUN_LIST = "/stateful-runtime/runs?limit=250"
OBSERVED = "/stateful-runtime/runs/run-00100/observability"


def main(folder: Path) -> Iterator[Result]:
    for labels in LABELS:
        yield _cold(page_store(folder, labels), labels)
    store = folder / "runs.db"
    if not store.exists():
        stored(store, _runs())
    with sidecar(store) as ours:
        works = {path: (lambda path=path: ours.get(path, OPERATOR)) for path in (RUN_LIST, OBSERVED)}
        taken = in_turns(works, ROUNDS)
    yield Result(f"run list of 250 among {RUNS:,} runs", median(taken[RUN_LIST]))
    yield Result("observability page", median(taken[OBSERVED]))


def _cold(store: Path, labels: int) -> Result:
    """Every question of a new caller, against the same question of one who is known."""
    numbers = count()
    with sidecar(store) as ours:
        works = {
            "new": lambda: ours.get(PATH, {**MEMBER, "x-tandem-actor-id": f"new-{next(numbers)}"}),
            "known": lambda: ours.get(PATH, MEMBER),
        }
        taken = in_turns(works, ROUNDS)
    return compared(f"a new caller, {labels:,} labels a collection", taken["new"], taken["known"], None)


def _runs() -> Iterator[Made]:
    """Runs of the unit that a caller has, each with its waits, events and a snapshot."""
    randomly = random.Random("runs")  # noqa: S311 - the same runs every time
    for number in range(RUNS):
        run_id, at_ms = f"run-{number:05}", NOW_MS + randomly.randrange(10**9)
        times = {"created_at_ms": at_ms - 1_000, "updated_at_ms": at_ms}
        owner = scope("finance", number % 20)
        yield "automation_run", _run(run_id, owner, times)
        for place in range(WAITS):
            wait = {"wait_id": f"wait-{place}", "run_id": run_id, "wait_kind": "timer", "status": "waiting"}
            yield "wait", {**wait, "scope": owner, **times}
        for seq in range(1, EVENTS + 1):
            event = {"event_id": f"event-{seq}", "run_id": run_id, "event_type": "step", "seq": seq}
            yield "event", {**event, "occurred_at_ms": at_ms + seq, "scope": owner}
        snapshot = {"snapshot_id": "snapshot-1", "run_id": run_id, "seq": EVENTS, "created_at_ms": at_ms}
        yield "snapshot", {**snapshot, "status": "running", "phase": "running_phase", "scope": owner}


def _run(run_id: str, owner: Record, times: Record) -> Record:
    enterprise = {name: value for name, value in owner.items() if name != "tenant_context"}
    return {
        "run_id": run_id,
        "automation_id": "close-the-books",
        "trigger_type": "schedule",
        "status": "running",
        "checkpoint": {},
        "automation_snapshot": {"metadata": {"enterprise_scope": enterprise}},
        "tenant_context": TENANT,
        **times,
    }
