"""Retention: records of the configured kinds are removed once they are older than they are kept.

Each record goes by its own age. What is removed is looked at once more inside the transaction that removes it, so that
a record that was written meanwhile stays; a transaction is small, and nobody waits long for it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sidecar.config import Config
from sidecar.errors import ConfigError
from sidecar.records.everything import Everything
from sidecar.records.kind import Kind, Kinds
from sidecar.records.places import at, names
from sidecar.records.reading import Get, Page, Position, Read, Row
from sidecar.records.runtime_read import KINDS
from sidecar.records.store import Snapshot, Store, Tenant

PAGE = 500
"""Records that are looked at together, and the most that one transaction removes."""
PAUSE_S = 0.005
"""How long others are let work between two pages."""
_FOLLOWED = frozenset(kind for kinds in KINDS.values() for kind in kinds)


@dataclass(frozen=True, slots=True)
class Rule:
    """How long records of one kind are kept. ``age`` is the pointer of the instant that they are as old as.

    ``leads`` tells that they are ordered by it, so that those to be removed stand together at one end.
    """

    kind: Kind
    age: str
    keep_ms: int
    leads: bool

    @property
    def last(self) -> bool:
        """Whether the oldest stand at the end of the order."""
        return self.leads and self.kind.order[0].descending

    def over(self, row: Row, now_ms: int) -> bool | None:
        """Whether a record is kept no longer; None for one without an age, which is kept and tells of no other."""
        value = at(row.record(), names(self.age))
        return value < now_ms - self.keep_ms if isinstance(value, int) else None


def rules_of(config: Config, kinds: Kinds) -> tuple[Rule, ...]:
    """What the configuration says. Raises ConfigError."""
    rules = []
    for name, keep_ms in config.retention.keep.items():
        kind = kinds.get(name)
        if kind is None:
            raise ConfigError(f"retention.keep: there is no kind {name!r}; there are {', '.join(kinds)}")
        if kind.authority is not None:
            raise ConfigError(f"retention.keep: {name} decides who sees what, so it cannot go by age; leave it out")
        if config.runtime.follow is not None and name in _FOLLOWED:
            raise ConfigError(f"retention.keep: {name} follows the files of a runtime; it goes when it goes there")
        rules.append(_rule(kind, keep_ms))
    return tuple(rules)


def _rule(kind: Kind, keep_ms: int) -> Rule:
    required = [f"/{name}" for name in kind.schema.get("required", ())]
    leading = kind.order[0].pointers if kind.order else ()
    instants = (kind.updated, *(leading if len(leading) == 1 else ()), *required)
    age = next((pointer for pointer in instants if pointer is not None and pointer.endswith("_ms")), None)
    if age is None:
        raise ConfigError(
            f"retention.keep: no required property of {kind.name} ends in _ms, so none tells how old it is"
        )
    return Rule(kind, age, keep_ms, leads=leading == (age,) and age in required)


async def expire(store: Store, rules: Sequence[Rule], now_ms: int) -> Mapping[str, int]:
    """Remove what is kept no longer; how many of each kind. Raises StoreError."""
    removed = {rule.kind.name: 0 for rule in rules}
    for count in await store.counts():
        for rule in rules:
            if rule.kind.name == count.kind:
                removed[count.kind] += await _Sweep(store, count.tenant, rule, now_ms).run()
    return removed


@dataclass
class _Sweep:
    """The records of one kind of one tenant, page by page, each in a snapshot of its own."""

    store: Store
    tenant: Tenant
    rule: Rule
    now_ms: int
    _labels: frozenset[int] = frozenset()

    async def run(self) -> int:
        """How many were removed."""
        removed, after = 0, None
        while True:
            page = await self._page(after)
            judged = [self.rule.over(row, self.now_ms) for row in page.rows]
            over = [row.position.key for row, is_over in zip(page.rows, judged, strict=True) if is_over]
            removed += await self._remove(over) if over else 0
            if not page.more or (self.rule.leads and False in judged):  # behind one that is kept all are younger
                return removed
            after = page.rows[0 if self.rule.last else -1].position
            await asyncio.sleep(PAUSE_S)

    async def _page(self, after: Position | None) -> Page:
        request = Read(self.rule.kind.name, PAGE, after=after, last=self.rule.last)
        async with self.store.snapshot(self.tenant) as snap:
            [page] = await snap.read([request], await self._everything(snap))
        return page

    async def _remove(self, keys: Sequence[tuple[str, ...]]) -> int:
        async with self.store.change(self.tenant) as change:
            [page] = await change.read([Get(self.rule.kind.name, tuple(keys))], await self._everything(change))
            over = [row.position.key for row in page.rows if self.rule.over(row, self.now_ms)]
            return await change.clear(self.rule.kind.name, over) if over else 0

    async def _everything(self, snap: Snapshot) -> Everything:
        """Every label of the kind; those that are known are not asked for again."""
        fresh = await snap.labels(self.rule.kind.name, max(self._labels, default=0))
        self._labels = self._labels.union(label for label, _ in fresh)
        return Everything(self._labels)
