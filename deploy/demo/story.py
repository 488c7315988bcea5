"""What happened in one run of a workload, from which all of its records are told."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from cast import DAY_MS, Cast, Record, Step, Workload

T = TypeVar("T")

HOUR_MS = DAY_MS // 24
SEED = "larkfield"
FATES = {
    "automation": (
        *("completed", "running", "completed", "awaiting_approval", "failed", "completed", "cancelled", "blocked"),
        *("completed", "queued", "failed", "completed", "paused", "awaiting_approval", "completed", "pausing"),
        *("failed", "running", "cancelled"),
    ),
    "workflow": (
        *("completed", "awaiting_approval", "completed", "failed", "completed", "running", "completed", "failed"),
        *("dry_run", "completed", "cancelled", "awaiting_approval", "completed", "failed", "queued", "running"),
    ),
}
LIVE = frozenset({"queued", "running", "awaiting_approval", "pausing"})
FINISHED = frozenset({"completed", "failed", "cancelled", "dry_run"})
PAUSES = (
    ("sleeping", "timer"),
    ("awaiting_webhook", "webhook"),
    ("retrying", "retry_backoff"),
    ("running", "external_condition"),
)


@dataclass(frozen=True)
class Story:
    """One run. ``nth`` counts the runs of its engine with its status; what varies between runs varies by it."""

    workload: Workload
    run_id: str
    status: str
    nth: int
    about: str
    began_ms: int
    pace_ms: int

    @property
    def scope(self) -> Record:
        """The scope of all of the run's records."""
        return {"tenant_context": self.workload.tenant, **self.workload.scope}

    @property
    def done(self) -> int:
        """How many steps are completed: all, none, the first, or those before the gate."""
        if self.status in ("completed", "dry_run"):
            return len(self.workload.steps)
        return {"queued": 0, "paused": 1, "pausing": 1}.get(self.status, self.workload.gate)

    @property
    def asked(self) -> bool:
        """Whether the run has come to the step before which a person is asked."""
        return self.status not in ("queued", "paused", "pausing")

    @property
    def gate(self) -> Step:
        """The step before which a person is asked."""
        return self.workload.steps[self.workload.gate]

    @property
    def pause(self) -> tuple[str, str]:
        """How the run paused after its first step: the status it had, and the kind of wait."""
        return self.pick(PAUSES)

    @property
    def gate_wait_id(self) -> str:
        """The wait for the person who is asked."""
        engine = "automation_v2" if self.workload.engine == "automation" else "workflow"
        return f"{engine}:{self.run_id}:{self.gate.node}:wait"

    @property
    def ended_ms(self) -> int:
        """The instant of its last change."""
        return self.at(self.done + 4) if self.done else self.began_ms

    def at(self, turn: int) -> int:
        """The instant of a turn of the run."""
        return self.began_ms + turn * self.pace_ms

    def pick(self, values: Sequence[T]) -> T:
        """The values take turns over the runs of one status."""
        return values[self.nth % len(values)]

    def id_of(self, what: str, *parts: str) -> str:
        """The id of a record of this run."""
        return "-".join((what, self.run_id.removeprefix("run-"), *parts))


def stories(cast: Cast) -> Iterator[Story]:
    """Every run of the company, in the order of the cast."""
    told: Counter[str] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    for workload in cast.workloads():
        fates = FATES[workload.engine]
        for number in range(workload.runs):
            run_id = f"run-{workload.id}-{number + 1:03}"
            rng = Random(f"{SEED}/{run_id}")
            status = fates[told[workload.engine] % len(fates)]
            age = rng.randint(2 * HOUR_MS, 30 * HOUR_MS if status in LIVE else 30 * DAY_MS)
            about = workload.about.format(
                party=rng.choice(workload.parties), amount=f"{rng.randint(*workload.amounts)}"
            )
            nth = seen[workload.engine, status]
            yield Story(workload, run_id, status, nth, about, cast.now_ms - age, rng.randint(60_000, HOUR_MS // 4))
            told[workload.engine] += 1
            seen[workload.engine, status] += 1
