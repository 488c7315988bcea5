"""Runs of random triples (rule, record, caller) past all voices, on two processes. As a program: a soak.

``python campaign.py`` goes on for SOAK_MINUTES (60) or SOAK_TRIPLES (50,000,000), from SOAK_SEED (the clock's), and
prints how far it is. A disagreement is shrunk and becomes a case for good.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from functools import partial
from multiprocessing import get_context
from random import Random

from generator import new_rule
from questions import Question, shrunk, written
from rules import Rule
from shapes import INTS, Values, World, new_world
from voices import Answer, OracleRefusesError, Panel, panel_of, prepared_caller, prepared_record, variables_of

from sidecar.cel import CelError, Expr
from sidecar.cel.ast import Call, Loop, Select, walk


@dataclass(frozen=True)
class Size:
    """What one seed stands for: rules, and the records and callers that each of them is asked about."""

    rules: int = 50
    records: int = 10
    callers: int = 10

    @property
    def triples(self) -> int:
        """All of them."""
        return self.rules * self.records * self.callers


SUITE, SOAK = Size(), Size(50, 25, 20)
RULES, TRIPLES = SUITE.rules, SUITE.triples
UNTYPED = 5
"""Every so many seeds one is of programs without types."""
PROCESSES = 2
MOST_FAILURES = 3


@dataclass
class Tally:
    """What was asked and answered."""

    seeds: int = 0
    rules: int = 0
    nodes: int = 0
    live: int = 0
    """Rules that are not of one answer over all their triples."""
    lookups: int = 0
    """Rules in which a loop over the caller's objects became a lookup."""
    refused: int = 0
    """Rules that the checker did not take, or the oracle's."""
    triples: int = 0
    by_label: int = 0
    """Triples that the label alone decided."""
    too_long: int = 0
    """Triples that the oracle was not asked about: more loop turns than it takes."""
    true: int = 0
    false: int = 0
    neither: int = 0
    words: Counter[str] = field(default_factory=Counter)
    """How often each operator, function and macro was written."""

    @property
    def oracle(self) -> int:
        """Triples that all four voices answered."""
        return self.triples - self.too_long

    def add(self, other: "Tally") -> None:
        """Count the other's too."""
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))

    def __str__(self) -> str:
        share = self.live / self.rules if self.rules else 0.0
        shown = ", ".join(f"{part.name} {getattr(self, part.name):,}" for part in fields(self) if part.name != "words")
        return f"{shown}; {share:.0%} of the rules live, {self.nodes / max(self.rules, 1):.0f} parts each"


def run(
    seed: int, rules: int | None = None, *, typed: bool | None = None, size: Size = SUITE
) -> tuple[Tally, list[Question]]:
    """Everything that one seed stands for, up to a few disagreements."""
    dice = Random(seed)
    world = new_world(dice, typed=seed % UNTYPED != 0 if typed is None else typed)
    values, variables = Values(dice), variables_of(world)
    records = [prepared_record(world, values.of(world.record)) for _ in range(size.records * 3)]
    callers = [prepared_caller(world, values.of(world.caller)) for _ in range(size.callers * 2)]
    tally, failures = Tally(seeds=1), list[Question]()
    while tally.rules < (size.rules if rules is None else rules) and len(failures) < MOST_FAILURES:
        rule = new_rule(dice, world)
        try:
            panel = panel_of(world, rule, variables)
        except (CelError, OracleRefusesError):
            tally.refused += 1
            continue
        tally.rules += 1
        words = Counter(map(_word, walk(panel.tree)))
        tally.nodes += words.total()
        tally.words += words
        tally.lookups += "indexed(" in panel.whole.source
        asked = _Asked(world, rule, panel, values.of(world.tenant), dice.choice(INTS))
        try:
            failures += asked.failures(tally, dice.sample(records, size.records), dice.sample(callers, size.callers))
        except Exception as crash:
            crash.add_note(f"seed {seed}, {rule}")
            raise
    return tally, failures


def _word(node: Expr) -> str:
    """The operator, function or macro that a part of a rule is, or what else it is."""
    match node:
        case Call(function=name) | Loop(macro=name):
            return name
        case Select(test=True):
            return "has"
    return type(node).__name__


@dataclass(frozen=True)
class _Asked:
    """One rule, and what of its triples is the same for all."""

    world: World
    rule: Rule
    panel: Panel
    tenant: dict[str, str]
    now_ms: int

    def failures(self, tally: Tally, records: Iterable, callers: Iterable) -> Iterator[Question]:
        """The first triple on which the voices disagree, if there is one; all others are counted."""
        seen: set[Answer] = set()
        for caller in callers:
            bound = self.panel.bound(caller)
            for record in records:
                answers = self.panel.answers(bound, record, caller, self.tenant, self.now_ms)
                if len(set(answers.values())) > 1:
                    yield Question(self.world, self.rule, record.plain, caller.plain, self.tenant, self.now_ms)
                    return
                answer = answers["closure"]
                seen.add(answer)
                tally.triples += 1
                tally.true += answer is True
                tally.false += answer is False
                tally.neither += answer is None
        tally.live += len(seen) > 1
        for name, count in self.panel.noted.items():
            setattr(tally, name, getattr(tally, name) + count)


def campaign(
    seeds: Iterable[int], processes: int = PROCESSES, size: Size = SUITE
) -> Iterator[tuple[Tally, list[Question]]]:
    """Every seed's outcome as it comes. Processes are started afresh, so none inherits what the caller patched."""
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(partial(run, size=size), seeds)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Soak. Fails on the first disagreement."""
    minutes = float(os.environ.get("SOAK_MINUTES", "60"))
    wanted = int(os.environ.get("SOAK_TRIPLES", "50_000_000"))
    first = int(os.environ.get("SOAK_SEED", str(int(time.time()) * 1_000_000)))
    total, started = Tally(), time.monotonic()
    _say(f"soak: seeds from {first}, {wanted:,} triples or {minutes:g} minutes")
    for tally, failures in campaign(range(first, first + -(-wanted // SOAK.triples)), size=SOAK):
        total.add(tally)
        for failure in failures:
            _say(f"a disagreement, from seeds behind {first} (SOAK_SEED={first} repeats it):")
            _say(written(shrunk(failure)))
            return 1
        if total.seeds % 40 == 0:
            _say(f"{time.monotonic() - started:6.0f} s  {total}")
        if time.monotonic() - started > minutes * 60:
            break
    _say(f"no disagreement: {total}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
