"""One look: what the files hold at one instant, and the store brought to it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from sidecar.records.follow.cut import CATALOGUE, NOT_THERE, Cut, MovedOnError, Signature, take_cut
from sidecar.records.follow.entries import Name
from sidecar.records.follow.keeping import Done, Log, Logs, batches, held_records, remove
from sidecar.records.follow.logs import Reached, goes_on
from sidecar.records.follow.narrowing import narrowed
from sidecar.records.follow.progress import Progress
from sidecar.records.follow.reading import Reading
from sidecar.records.follow.whole import Plan, Whole
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.load import Refused
from sidecar.records.runtime_files import RuntimeFiles
from sidecar.records.runtime_read import KINDS, LOGS
from sidecar.records.store import Mirror, Prepared, Store, Tenant, content_digest

MOST_TOLD = 20
"""Faults that are logged of one look."""
MOST_RESTLESS = 8
"""Looks in a row that find no moment at which the files kept still. The last is taken as it was read, catalogue last: a
withdrawn grant must not stay until the runtime rests, and what came after its withdrawal never meets it."""
PARTLY = Signature(0, 0, 0)
"""What a log is known as while it is being stored: it is none that is ever seen."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Followed:
    """A log as far as it is stored, and as it was seen then; nothing where there was none."""

    path: Path
    reached: Reached | None
    signature: Signature | None
    refused: int = 0


@dataclass(slots=True)
class Keeper:
    """Keeps one store. A new one knows nothing: its first look compares everything with what is stored.

    ``stay`` raises StoreError once another process follows: what was read before is older than what that one stored.
    """

    store: Store
    kinds: Kinds
    intake: Intake
    clock: Callable[[], int]
    progress: Progress
    stay: Callable[[], Awaitable[None]]
    reading: Reading = field(init=False)
    _logs: dict[str, Followed] = field(default_factory=dict)
    _managed: set[Tenant] = field(default_factory=set)
    _version: int | None = None
    """Of the store's catalogue, when it was last known what is stored."""
    _finished: bool = False
    _whole: bool = False
    """Whether all of the catalogue could be read at some look, or was not there."""
    _restless: int = 0

    def __post_init__(self) -> None:
        self.reading = Reading(Whole(self.intake))

    async def outdated(self) -> bool:
        """Whether somebody else erased a tenant, or changed its catalogue, so that nobody knows what is stored.

        Raises StoreError.
        """
        return self._version is not None and await self.store.catalogue_version() != self._version

    async def look(self, files: RuntimeFiles) -> bool:
        """Bring the store to what the files are; whether it is that now, but for files that are told to be wrong.

        It is not before all of the catalogue could be read once: what a file denies that never was would be open.

        Raises StoreError, OSError, and MovedOnError when the files change too fast: another look may do better.
        """
        began = self.clock()
        cut = await asyncio.to_thread(take_cut, files, self._known())
        if all(seen.trouble == NOT_THERE for seen in cut.sweep.values()):
            raise FileNotFoundError(f"there are no files of a runtime in {files.data} any more")
        self._restless = 0 if cut.together else self._restless + 1
        if self._restless and self._restless % MOST_RESTLESS:
            raise MovedOnError
        changed, gone = self.reading.changed(cut), self.reading.gone(cut)
        logs = await asyncio.to_thread(self._grown, cut)
        if changed or gone or logs or not self._finished:
            first, self._finished = not self._finished, False
            _tell(await asyncio.to_thread(self.reading.read, files, cut, changed, began))
            self.reading.forget(gone)
            self._whole = self._whole or self.reading.unread().isdisjoint(CATALOGUE)
            done = Done()
            await self._write(files, cut, logs if self._whole else (), done)
            self._finished = True
            self._count(done)
            if not first and (done.stored or done.removed):
                self._measure([cut.sweep[path].signature for path in changed], logs)
        torn = self.reading.torn.values()
        self.progress.unreadable = tuple(sorted({one.store for one in torn}))
        if not torn:
            self.progress.equal_at_ms = began
        return all(one.told for one in torn) and self._whole

    def _known(self) -> dict[Path, Signature]:
        """Every file that need not be read again, as it was when it was read."""
        logs = self._logs.values()
        return self.reading.known() | {one.path: one.signature for one in logs if one.signature is not None}

    def _grown(self, cut: Cut) -> list[Log]:
        """The logs that are not what they were. Raises OSError."""
        logs = {path: seen for path, seen in cut.sweep.items() if seen.store in LOGS}
        found = {seen.store: (path, seen.signature) for path, seen in logs.items()}
        troubled = {seen.store for seen in logs.values() if seen.trouble}
        changed = []
        for store, kind in LOGS.items():
            if store in troubled:
                continue
            path, signature = found.get(store, (Path(), None))
            before = self._logs.get(store)
            if before is not None and before.signature == signature:
                continue
            start, last = (None, None) if before is None else (before.reached, before.signature)
            if start is not None and not (signature and last and goes_on(path, start, last, signature)):
                start = None
            changed.append(Log(store, kind, path, signature, start))
        return changed

    async def _write(self, files: RuntimeFiles, cut: Cut, logs: Sequence[Log], done: Done) -> None:
        """Bring the store to the cut: what was replaced in one transaction, and then what logs grew by."""
        whole = self.reading.whole
        if whole.held is None:
            kinds = {kind for store, kinds in KINDS.items() if store not in LOGS for kind in kinds}
            async with self.store.mirror() as mirror:
                self._version = await mirror.catalogue_version()
                whole.held = await held_records(mirror, sorted(kinds))
            whole.compare_all()
        plan = await asyncio.to_thread(whole.plan, self.reading.blind(), entire=self._whole)
        kept = await self._kept(plan)
        await self._mirror(files, cut, plan, kept, [one for one in logs if one.start is None], done)
        whole.done(plan, kept)
        for one in logs:
            if one.start is not None:
                await self._append(one, done)

    async def _kept(self, plan: Plan) -> dict[Name, Prepared]:
        """Records of the catalogue that are missing, but stay in a form that opens nothing."""
        doubtful = {kind for kind in self.reading.whole.doubtful() if self.kinds[kind].authority is not None}
        missing = [name for name in plan.missing if name.kind in doubtful]
        found = await narrowed(self.store, self.intake, missing)
        kept = {name: record for name, record in found.items() if record is not None}
        plan.missing = [name for name in plan.missing if name not in kept]
        return kept

    async def _mirror(
        self, files: RuntimeFiles, cut: Cut, plan: Plan, kept: dict[Name, Prepared], logs: Sequence[Log], done: Done
    ) -> None:
        """Everything that was replaced, in one transaction: nobody sees half of it."""
        whole = self.reading.whole
        assert whole.held is not None
        narrow = {name: one for name, one in kept.items() if whole.held[name] != content_digest(one.doc, one.source)}
        unclear = whole.unclear() - self._managed
        if not (plan.chains or plan.missing or narrow or logs or unclear):
            return
        compared: dict[str, Followed] = {}
        async with self.store.mirror() as mirror:
            await self._stay(mirror)
            await mirror.manage(unclear)
            await remove(mirror, plan.missing)
            async for batch in batches(chain(narrow.values(), whole.records(plan, files, cut))):
                await mirror.put(batch)
                done.stored += len(batch)
            for one in logs:
                before = len(done.faults)
                reached = await Logs(self.intake, done).compare(mirror, one)
                compared[one.store] = Followed(one.path, reached, one.signature, len(done.faults) - before)
            version = await mirror.catalogue_version()
        self._version = version
        done.removed += len(plan.missing)
        self._logs |= compared
        self._managed |= unclear

    async def _stay(self, mirror: Mirror) -> None:
        """Raises StoreError once another process follows, MovedOnError once nobody knows what is stored.

        In the transaction of a change: a successor, and who erases a tenant, waits for its end.
        """
        await self.stay()
        if await mirror.catalogue_version() != self._version:
            raise MovedOnError

    async def _append(self, grown: Log, done: Done) -> None:
        """Store what a log grew by. An interruption leaves it at the last batch that is stored."""
        known = self._logs[grown.store]
        before = len(done.faults)
        async for reached in Logs(self.intake, done).append(self.store, grown, self._stay):
            known = Followed(grown.path, reached, PARTLY, known.refused + len(done.faults) - before)
            self._logs[grown.store], before = known, len(done.faults)
        self._logs[grown.store] = replace(known, signature=grown.signature)

    def _count(self, done: Done) -> None:
        _tell(done.faults)
        self.progress.stored += done.stored
        self.progress.removed += done.removed
        self.progress.refused = self.reading.refused() + sum(one.refused for one in self._logs.values())

    def _measure(self, changed: Sequence[Signature], logs: Sequence[Log]) -> None:
        """How long the oldest of the changes took to be stored."""
        written = [one.modified_ns for one in (*changed, *(log.signature for log in logs if log.signature))]
        if written:
            self.progress.lag_ms = max(0, self.clock() - min(written) // 1_000_000)


def _tell(faults: Sequence[Refused]) -> None:
    """Log what is wrong with records."""
    for fault in faults[:MOST_TOLD]:
        log.warning("not stored: %s", fault)
    if len(faults) > MOST_TOLD:
        log.warning("… and %d more records of the runtime do not validate", len(faults) - MOST_TOLD)
