"""Two bundles over what is stored: which records appear for whom, vanish, or are masked otherwise, counted exactly.

Labels are judged by both bundles; only where one of them needs more than the label, or masks other fields, are its
records judged one by one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from sidecar.identity.caller import Caller
from sidecar.policy.bundle import Bundle
from sidecar.policy.counting import Seen, by_label, by_record, undecided
from sidecar.policy.standing import Authority
from sidecar.records.canonical import policy_view
from sidecar.records.everything import Everything
from sidecar.records.kind import Kind
from sidecar.records.places import at, names
from sidecar.records.reading import Read
from sidecar.records.store import Snapshot

Effect = Literal["appears", "vanishes", "masked", "unmasked"]


@dataclass(frozen=True, slots=True)
class Change:
    """One way in which records of one kind change for one caller. ``of`` is the unit in their labels, if any.

    ``fields`` are those that are masked from now on, or no longer.
    """

    caller: str
    kind: str
    effect: Effect
    of: str | None
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Tally:
    """How many records change in one way, and the key of one of them."""

    records: int
    example: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sides:
    """One caller before both bundles; a side is None where its bundle does not cover the kind."""

    name: str
    old: Authority | None
    new: Authority | None


@dataclass
class Diff:
    """Compares two bundles of the same kinds at one instant. ``tallies`` grow with every tenant."""

    old: Bundle
    new: Bundle
    now_ms: int
    tallies: dict[Change, Tally] = field(default_factory=dict)
    labels: int = 0

    async def tenant(self, snap: Snapshot, callers: Mapping[str, Caller]) -> None:
        """Compare over one tenant's records, for its callers by name. Raises StoreError."""
        for kind in self.old.registry.values():
            if _texts(self.old, kind) != _texts(self.new, kind):
                await _Comparison(self, kind, snap, callers).run()

    def add(self, change: Change, records: int, example: tuple[str, ...]) -> None:
        """Count records."""
        tally = self.tallies.setdefault(change, Tally(0, example))
        tally.records += records


def _texts(bundle: Bundle, kind: Kind) -> list[str]:
    """The text of every policy that speaks of a kind: where both bundles have the same, nothing differs."""
    paths = {policy.path for policy in bundle.kinds[kind.name].policies}
    return sorted(document.source.text for document in bundle.documents if document.source.path in paths)


class _Comparison:
    """The comparison over one kind of one tenant."""

    def __init__(self, diff: Diff, kind: Kind, snap: Snapshot, callers: Mapping[str, Caller]) -> None:
        self._diff, self._kind, self._snap = diff, kind, snap
        policies = diff.old.of(kind.name), diff.new.of(kind.name)
        self._sides = [
            _Sides(name, *(None if one is None else Authority(one, caller) for one in policies))
            for name, caller in callers.items()
        ]
        self._sharing: Mapping[int, int] = {}

    async def run(self) -> None:
        """Every label, and the records of those that labels do not decide."""
        self._sharing = await self._snap.shared(self._kind.name)
        async for row, askers in undecided(self._snap, self._kind.name, self._label):
            view = policy_view(self._kind, row.record())
            for sides in askers:
                old = by_record(sides.old, view, self._diff.now_ms)
                new = by_record(sides.new, view, self._diff.now_ms)
                for change in self._changes(sides, view, old, new):
                    self._diff.add(change, 1, row.position.key)

    async def _label(self, label: int, record: Mapping[str, Any]) -> list[_Sides]:
        """Count what changes for those for whom the label decides on both sides; whom it leaves open."""
        self._diff.labels += 1
        changes: list[Change] = []
        unsure: list[_Sides] = []
        for sides in self._sides:
            old, new = by_label(sides.old, record), by_label(sides.new, record)
            if old == new != "depends":
                continue
            if isinstance(old, str) or isinstance(new, str) or (old is not None and new is not None):
                unsure.append(sides)
            else:
                changes += self._changes(sides, record, old, new)
        if changes:
            await self._count(label, changes)
        return unsure

    async def _count(self, label: int, changes: Sequence[Change]) -> None:
        """Count all records of a label."""
        sharing = self._sharing.get(label)
        if sharing is None:
            return
        example: tuple[str, ...] = ()
        if any(change not in self._diff.tallies for change in changes):
            [page] = await self._snap.read([Read(self._kind.name, 1)], Everything(frozenset([label])))
            example = page.rows[0].position.key
        for change in changes:
            self._diff.add(change, sharing, example)

    def _changes(self, sides: _Sides, record: Mapping[str, Any], old: Seen, new: Seen) -> Iterator[Change]:
        """What changes for one caller, told of the unit that stands in the record or its label."""
        found = (at(record, path) for path in self._units)
        of = next((unit for unit in found if isinstance(unit, str) and unit), None)
        if old is None or new is None:
            if old != new:
                yield Change(sides.name, self._kind.name, "appears" if old is None else "vanishes", of)
            return
        if new - old:
            yield Change(sides.name, self._kind.name, "masked", of, tuple(sorted(new - old)))
        if old - new:
            yield Change(sides.name, self._kind.name, "unmasked", of, tuple(sorted(old - new)))

    @cached_property
    def _units(self) -> list[tuple[str, ...]]:
        """Where the label names units."""
        canonical = self._kind.canonical.items()
        units = [pointer for pointer, form in canonical if form == "unit_id"]
        return [
            names(unit) for unit in units if any(unit == one or unit.startswith(one + "/") for one in self._kind.label)
        ]
