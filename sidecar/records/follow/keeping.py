"""Bringing the store to what the files hold: one transaction for all that was replaced, then what logs grew by."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import TypeVar

from sidecar.records.follow.cut import Signature
from sidecar.records.follow.entries import Name
from sidecar.records.follow.logs import Line, Reached, accept_lines, lines, reached
from sidecar.records.ingest import Intake
from sidecar.records.load import Refused
from sidecar.records.store import STORED_OTHERWISE, Mirror, Prepared, Store, Tenant, content_digest

T = TypeVar("T")

BATCH = 500
TWICE = "comes a second time with other content, and such records never change"


@dataclass(frozen=True, slots=True)
class Log:
    """A log as it was seen at the cut; without a signature there is none. ``start`` is None for one to be compared."""

    store: str
    kind: str
    path: Path
    signature: Signature | None
    start: Reached | None


@dataclass(slots=True)
class Done:
    """What was done: records stored and removed, and what is wrong with others."""

    stored: int = 0
    removed: int = 0
    faults: list[Refused] = field(default_factory=list)


async def held_records(mirror: Mirror, kinds: Iterable[str]) -> dict[Name, bytes]:
    """What the store holds of some kinds, by digests. Raises StoreError."""
    tenants: dict[Tenant, Tenant] = {}
    return {
        Name(kind, tenants.setdefault(one.tenant, one.tenant), one.key): one.content
        for kind in kinds
        async for one in mirror.held(kind)
    }


async def remove(mirror: Mirror, names: Iterable[Name]) -> None:
    """Remove records. Raises StoreError."""
    groups: dict[tuple[str, Tenant], list[tuple[str, ...]]] = {}
    for name in names:
        groups.setdefault((name.kind, name.tenant), []).append(name.key)
    for (kind, tenant), keys in groups.items():
        await mirror.delete(kind, tenant, keys)


async def batches(items: Iterator[T]) -> AsyncIterator[list[T]]:
    """The items by batches, each made in a thread."""
    while batch := await asyncio.to_thread(lambda: list(islice(items, BATCH))):
        yield batch


@dataclass(frozen=True, slots=True)
class Logs:
    """What is done about logs, and told of it."""

    intake: Intake
    done: Done

    async def append(self, store: Store, log: Log, stay: Callable[[Mirror], Awaitable[None]]) -> AsyncIterator[Reached]:
        """Store what a log grew by, batch by batch; how far it is stored after each. Raises StoreError, MovedOnError.

        ``stay`` raises one of them in the transaction of a batch that is not to be stored any more.
        """
        assert log.signature is not None
        assert log.start is not None
        async for batch in batches(lines(log.path, log.start, log.signature)):
            place = await asyncio.to_thread(reached, log.path, log.signature.inode, batch[-1])
            if records := await self._added(log, store, await self._accepted(log, batch)):
                async with store.mirror() as mirror:
                    await stay(mirror)
                    await mirror.put(records)
            self.done.stored += len(records)
            yield place

    async def compare(self, mirror: Mirror, log: Log) -> Reached | None:
        """Make the store hold what a log holds, and nothing else; how far it was read. Raises StoreError, MovedOnError.

        Records are remembered by digests, some hundred bytes for each.
        """
        left = {_short(one.tenant, one.key): one.content async for one in mirror.held(log.kind)}
        seen: dict[bytes, bytes] = {}
        last: Line | None = None
        found = iter(()) if log.signature is None else lines(log.path, Reached(0), log.signature)
        async for batch in batches(found):
            last = batch[-1]
            changed = self._changed(log, await self._accepted(log, batch), seen, left)
            await mirror.put(changed)
            self.done.stored += len(changed)
        if left:
            await self._remove(mirror, log.kind, left)
        if log.signature is None:
            return None
        return await asyncio.to_thread(reached, log.path, log.signature.inode, last)

    async def _added(self, log: Log, store: Store, records: Sequence[Prepared]) -> list[Prepared]:
        """Those records that no other one forbids which came before: of several under one key the first counts."""
        differing = dict.fromkeys(await store.conflicts(records), STORED_OTHERWISE)
        first: dict[tuple[Tenant, tuple[str, ...]], bytes] = {}
        for place, record in enumerate(records):
            if place not in differing and first.setdefault((record.tenant, record.key), record.doc) != record.doc:
                differing[place] = TWICE
        for place, message in differing.items():
            self._refuse(log, [records[place].line], message)
        return [record for place, record in enumerate(records) if place not in differing]

    def _changed(
        self, log: Log, records: Sequence[Prepared], seen: dict[bytes, bytes], left: dict[bytes, bytes]
    ) -> list[Prepared]:
        """Those records that the store does not hold so. Of several under one key the first counts."""
        changed = []
        for record in records:
            name, content = _short(record.tenant, record.key), content_digest(record.doc, record.source)
            if seen.setdefault(name, content) is not content:
                if seen[name] != content:
                    self._refuse(log, [record.line], TWICE)
            elif left.pop(name, None) != content:
                changed.append(record)
        return changed

    async def _remove(self, mirror: Mirror, kind: str, left: dict[bytes, bytes]) -> None:
        names = [
            Name(kind, one.tenant, one.key) async for one in mirror.held(kind) if _short(one.tenant, one.key) in left
        ]
        await remove(mirror, names)
        self.done.removed += len(names)

    async def _accepted(self, log: Log, batch: Sequence[Line]) -> list[Prepared]:
        accepted, faults = await asyncio.to_thread(accept_lines, log.path, log.kind, batch, self.intake)
        self.done.faults += faults
        return accepted

    def _refuse(self, log: Log, numbers: Iterable[int], message: str) -> None:
        self.done.faults += [Refused(str(log.path), number, log.kind, "", message) for number in sorted(numbers)]


def _short(tenant: Tenant, key: tuple[str, ...]) -> bytes:
    return blake2b(repr((tenant, key)).encode("utf-8", "surrogatepass"), digest_size=16).digest()
