"""A recorded history of writes and reads, and the laws that it keeps or breaks.

A world is what one writer alone writes, one write after the other; so each state it was ever in is known. A read is
answered from one instant: there is one state of each world that shows exactly what was seen. That state is no older
than what was acknowledged before the read began, nor than what an earlier read has seen; nor is one world newer than
another write of which it was known already when the newer one began.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any, Literal

Seen = Mapping[str, int]
"""The records of a world that an answer holds, each with its version."""
State = Any
Law = Literal["stale", "back", "early", "impossible"]
"""Older than acknowledged; older than what was seen before or beside it; not yet written; or never so at any time."""


@dataclass(frozen=True, slots=True)
class Write:
    """One acknowledged write: when it began and ended, and the state it left its world in."""

    world: str
    start: int
    end: int
    state: State


@dataclass(frozen=True, slots=True)
class Read:
    """One answer: when it was asked for and came, what each world showed in it, and what a state ought to show."""

    start: int
    end: int
    seen: Mapping[str, Seen]
    shows: Callable[[State], Seen]


@dataclass(frozen=True, slots=True)
class Fault:
    """A read that breaks a law."""

    law: Law
    world: str
    read: Read
    told: str


Moment = dict[str, int]
"""How many writes of each world have happened."""


@dataclass(frozen=True)
class World:
    """All states of one world, in order: the first is that before any write."""

    states: Sequence[State]
    starts: Sequence[int]
    ends: Sequence[int]

    def acknowledged(self, before: int) -> int:
        """How many writes had been acknowledged at a time."""
        return bisect_left(self.ends, before)

    def begun(self, before: int) -> int:
        """How many writes had begun at a time."""
        return bisect_left(self.starts, before)


def check(empty: Mapping[str, State], writes: Iterable[Write], reads: Iterable[Read], *, lag: int = 0) -> list[Fault]:
    """The reads of a history that break a law. ``empty`` holds each world as it was before any write.

    ``lag`` is how much older than acknowledged an answer may be; where one may be, a later answer may be older too.
    """
    kept: dict[str, list[Write]] = {name: [] for name in empty}
    for write in sorted(writes, key=lambda write: write.start):
        kept[write.world].append(write)
    worlds = {name: _world(empty[name], of_world) for name, of_world in kept.items()}
    known = dict.fromkeys(worlds, 0)
    under_way: list[tuple[int, int, Moment]] = []
    faults: list[Fault] = []
    for number, read in enumerate(sorted(reads, key=lambda read: read.start)):
        while under_way and under_way[0][0] < read.start:
            known = _later(known, heappop(under_way)[2])
        moment = _moment(worlds, read, known, lag)
        if isinstance(moment, Fault):
            faults.append(moment)
        elif not lag:
            heappush(under_way, (read.end, number, moment))
    return faults


def _world(empty: State, writes: Sequence[Write]) -> World:
    for before, after in pairwise(writes):
        if before.end > after.start:
            raise ValueError(f"world {after.world} has two writes at once: no order of its states is known")
    states = [empty, *(write.state for write in writes)]
    return World(states, [write.start for write in writes], [write.end for write in writes])


def _later(one: Moment, other: Moment) -> Moment:
    return {name: max(place, other[name]) for name, place in one.items()}


def _moment(worlds: Mapping[str, World], read: Read, known: Moment, lag: int) -> Moment | Fault:
    """The first moment that shows what was seen, at which everything had happened that must have."""
    least = _later(known, {name: world.acknowledged(read.start - lag) for name, world in worlds.items()})
    while True:
        found: Moment = {}
        for name, world in worlds.items():
            place = _first(world, read, name, least[name])
            if place is None:
                return _fault(world, read, name, least[name])
            found[name] = place
        least = _before(worlds, found)
        if least == found:
            return found


def _first(world: World, read: Read, name: str, least: int) -> int | None:
    seen = read.seen.get(name, {})
    places = range(least, world.begun(read.end) + 1)
    return next((place for place in places if read.shows(world.states[place]) == seen), None)


def _before(worlds: Mapping[str, World], found: Moment) -> Moment:
    """What must have happened at a moment, for it was acknowledged before something began that has happened."""
    newest = max((worlds[name].starts[place - 1] for name, place in found.items() if place), default=0)
    return {name: max(place, worlds[name].acknowledged(newest)) for name, place in found.items()}


def _fault(world: World, read: Read, name: str, least: int) -> Fault:
    seen = read.seen.get(name, {})
    fits = [place for place, state in enumerate(world.states) if read.shows(state) == seen]
    acknowledged, begun = world.acknowledged(read.start), world.begun(read.end)
    law: Law = "impossible"
    if any(acknowledged <= place < least for place in fits):
        law = "back"
    elif any(place < acknowledged for place in fits):
        law = "stale"
    elif fits and min(fits) > begun:
        law = "early"
    due = read.shows(world.states[least])
    lacks = {name: version for name, version in due.items() if seen.get(name) != version}
    extra = {name: version for name, version in seen.items() if due.get(name) != version}
    told = f"{law}: {name} after {least} to {begun} writes, seen as after {fits[:5]}; lacks {lacks}, has beyond {extra}"
    return Fault(law, name, read, told)
