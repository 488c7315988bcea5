"""Loading: the whole input is read and validated first, then written in batches that an interruption leaves whole."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

from sidecar.errors import RecordConflict
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.ledger import Ledger
from sidecar.records.sources import Placed, Source, Unfit
from sidecar.records.spool import Spool
from sidecar.records.store import STORED_OTHERWISE, LoadMark, Outcome, Prepared, Store, Tenant

BATCH, BATCH_BYTES = 20_000, 16 * 1024 * 1024
"""What is written in one transaction, at most. More would keep other writers waiting, less writes pages again."""
_READ, _READ_BYTES = 250, 4 * 1024 * 1024
"""What is held of each kind while reading. More would leave the processor's cache before it is spooled."""
LONGEST_LINE = 4 * 1024 * 1024

NO_KIND = "-"
"""Under which records are counted whose kind cannot be told, or is none."""

_TWICE = "comes a second time with other content, and such records never change"


@dataclass(frozen=True, slots=True)
class Refused:
    """One fault of one record, and where it stands. ``kind`` is None where that cannot be told."""

    path: str
    line: int
    kind: str | None
    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind or NO_KIND}: {self.pointer or '/'}: {self.message}"


class Watcher(Protocol):
    """Who is told how a load goes."""

    def refused(self, fault: Refused) -> None:
        """A record is refused."""

    def stage(self, name: str, unit: str, total: int | None) -> None:
        """A stage of ``total`` units begins."""

    def advance(self, units: int) -> None:
        """So much more of the stage is done."""


@dataclass(slots=True)
class Loaded:
    """What came of a load. ``accepted`` counts what was valid; ``stale`` those of it for which a newer one is stored.

    ``resumed`` are records that an earlier, interrupted load of the same content had stored; ``exposed`` counts the
    records that are open to all of their tenant although a unit owns their run.
    """

    load_id: str = ""
    stored: bool = False
    resumed: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    stale: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    dropped: Mapping[str, int] = field(default_factory=dict)
    exposed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Load:
    """One load. With ``keep_going`` what is valid is stored although something else is not."""

    kinds: Kinds
    intake: Intake
    store: Store
    watcher: Watcher
    keep_going: bool = False
    longest_line: int = LONGEST_LINE

    async def run(self, sources: Sequence[Source]) -> Loaded:
        """Read and validate everything; then store it, unless something is wrong.

        Raises FindingsError for a file that does not read whole, RecordConflict when another writer came first.
        """
        loaded = Loaded()
        with closing(Spool(self.kinds, self.intake)) as spool, closing(Ledger(self.kinds)) as ledger:
            reading = _Reading(self, loaded, spool, ledger)
            await reading.read(sources)
            loaded.dropped = dict(sorted(self.intake.dropped.items()))
            loaded.exposed = ledger.open_children()
            loaded.load_id = spool.content_id
            if self.keep_going or not loaded.refused:
                await self._manage(reading.managed)
                await self._write(spool, loaded)
                loaded.stored = True
        return loaded

    async def _manage(self, tenants: AbstractSet[Tenant]) -> None:
        """Let silence make nobody an operator where a membership was refused."""
        if tenants:
            async with self.store.mirror() as mirror:
                await mirror.manage(tenants)

    async def _write(self, spool: Spool, loaded: Loaded) -> None:
        """Store the batches, except those that an interrupted load of the same content has stored."""
        loaded.resumed = await self.store.loaded(loaded.load_id)
        self.watcher.stage("storing", "record", spool.records)
        done = 0
        for batch in spool.batches(BATCH, BATCH_BYTES):
            behind = max(done, loaded.resumed)
            done += len(batch)
            if done > loaded.resumed:
                mark = LoadMark(loaded.load_id, done, done == spool.records, behind)
                outcome = await self._put(batch, mark, loaded)
                loaded.stale[batch[0].record.kind] += outcome.stale
            elif self.keep_going:
                await self._refuse_again(batch, loaded)
            self.watcher.advance(len(batch))

    async def _refuse_again(self, batch: Sequence[Placed], loaded: Loaded) -> None:
        """Tell what an interrupted load has left out of a batch that it stored."""
        for place in await self.store.conflicts([placed.record for placed in batch]):
            refuse(self.watcher, loaded, batch[place], STORED_OTHERWISE)

    async def _put(self, batch: Sequence[Placed], mark: LoadMark, loaded: Loaded) -> Outcome:
        """Store one batch; what another record under its key forbids is told and, when going on, left out."""
        left = [placed.record for placed in batch]
        try:
            return await self.store.put(left, mark)
        except RecordConflict:
            left = [record._replace(line=place) for place, record in enumerate(left)]  # their own lines may be alike
        while True:  # others write, too: what is left can meet a record that came between two tries
            try:
                return await self.store.put(left, mark)
            except RecordConflict as error:
                differing = {reject.line: reject.message for reject in error.rejects}
                for place, message in differing.items():
                    refuse(self.watcher, loaded, batch[place], message)
                if not self.keep_going:
                    raise RecordConflict(error.rejects, before=mark.behind) from None
                left = [record for record in left if record.line not in differing]


def refuse(watcher: Watcher, loaded: Loaded, placed: Placed, message: str) -> None:
    """Tell of an accepted record that is refused after all."""
    kind = placed.record.kind
    loaded.accepted[kind] -= 1
    loaded.refused[kind] += 1
    watcher.refused(Refused(placed.path, placed.line, kind, "", message))


@dataclass(slots=True)
class _Batch:
    """Records of one kind that are not spooled yet."""

    records: list[Placed] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True)
class _Reading:
    """The first pass over the input."""

    load: Load
    loaded: Loaded
    spool: Spool
    ledger: Ledger
    batches: dict[str, _Batch] = field(default_factory=dict)
    managed: set[Tenant] = field(default_factory=set)
    """The tenants of memberships that are refused."""

    async def read(self, sources: Iterable[Source]) -> None:
        watcher = self.load.watcher
        for source in sources:
            watcher.stage("reading", "B", source.size)
            for found in source.read(self.load.intake, self.load.longest_line, watcher.advance):
                if isinstance(found, Unfit):
                    self._refuse(found)
                elif self._full(found):
                    await self._flush(found.record.kind)
        for kind in self.batches:
            await self._flush(kind)

    def _refuse(self, unfit: Unfit) -> None:
        if unfit.managed is not None:
            self.managed.add(unfit.managed)
        named = unfit.rejects[0].kind
        kind = named if named is not None and named in self.load.kinds else NO_KIND
        self.loaded.refused[kind] += 1
        for reject in unfit.rejects:
            self.load.watcher.refused(Refused(unfit.path, unfit.line, reject.kind, reject.pointer, reject.message))

    def _full(self, placed: Placed) -> bool:
        """Keep a record in its kind's batch; whether that is full now."""
        record = placed.record
        batch = self.batches.get(record.kind)
        if batch is None:
            batch = self.batches[record.kind] = _Batch()
        batch.records.append(placed)
        batch.size += len(record.doc) + len(record.source or b"")
        return len(batch.records) == _READ or batch.size > _READ_BYTES

    async def _flush(self, name: str) -> None:
        """Spool a batch, unless nothing is going to be stored; then let others run: it may be asked to stop."""
        placed = self.batches[name].records
        if not placed:
            return
        kind, records = self.load.kinds[name], [one.record for one in placed]
        self.loaded.accepted[name] += len(placed)
        self.ledger.note_scopes(kind, records)
        if not self.load.keep_going and kind.write == "append_only":
            await self._refuse_differing(placed, records)
        if self.load.keep_going or not self.loaded.refused:
            self.spool.add(placed)
        self.batches[name] = _Batch()
        await asyncio.sleep(0)

    async def _refuse_differing(self, placed: Sequence[Placed], records: Sequence[Prepared]) -> None:
        """Append-only records that another one forbids; when going on, storing tells."""
        differing = dict.fromkeys(await self.load.store.conflicts(records), STORED_OTHERWISE)
        differing |= dict.fromkeys(self.ledger.differing(records), _TWICE)
        for place, message in differing.items():
            refuse(self.load.watcher, self.loaded, placed[place], message)
