"""Following a runtime: one process looks at its files again and again, the others stand by."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.errors import StoreError
from sidecar.records.follow.cut import MovedOnError
from sidecar.records.follow.keeper import Keeper
from sidecar.records.follow.progress import Progress
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.runtime_files import RuntimeFiles
from sidecar.records.store import Lease, Store

SHARE = 4
"""Looking takes at most one part in so many of the time, however many files there are."""

LEASE = "follow"
"""Under which the processes on a store agree who of them follows."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Follower:
    """Keeps a store equal to the files in a folder. ``find`` tells where they lie; None while there are none."""

    store: Store
    kinds: Kinds
    intake: Intake
    folder: Path
    find: Callable[[], RuntimeFiles | None]
    poll_s: float
    clock: Callable[[], int]
    progress: Progress = field(default_factory=Progress)
    _keeper: Keeper | None = None
    _lease: Lease | None = None
    _files: RuntimeFiles | None = None
    _trouble: str = ""

    async def run(self) -> None:
        """Follow until cancelled, whatever fails meanwhile."""
        while True:
            try:
                async with self.store.lease(LEASE) as self._lease:
                    await self._follow(self._lease)
            except StoreError as error:
                self._stand_by()
                self._complain(error)
                await asyncio.sleep(self.poll_s)

    async def _follow(self, lease: Lease) -> None:
        """Look again and again. Raises StoreError when it cannot be told any more who follows."""
        while True:
            began = time.monotonic()
            if not await lease.take():
                self._stand_by()
                if await lease.shown():
                    self.progress.caught_up.set()
            elif await self.turn():
                await lease.show()
            await asyncio.sleep(max(self.poll_s, (SHARE - 1) * (time.monotonic() - began)))

    def _stand_by(self) -> None:
        """Leave it to another process, and know nothing of what is stored any more."""
        self.progress.following, self._keeper = False, None
        self.progress.equal_at_ms = self.progress.lag_ms = None

    async def turn(self) -> bool:
        """Look, whatever comes of it; whether the store is now what the files are, but for those told to be wrong."""
        progress = self.progress
        if not progress.following:
            progress.following = True
            log.info("following the runtime in %s", self.folder)
        equal = await self._looked()
        if equal and not progress.caught_up.is_set():
            progress.caught_up.set()
            log.info("the store is what the files of the runtime are")
        return equal

    async def _looked(self) -> bool:
        try:
            equal = await self.look()
        except MovedOnError:
            return False
        except (OSError, StoreError) as error:
            self._complain(error)
            return False
        except Exception:
            log.exception("the runtime could not be followed; it is tried again from the start")
            self._keeper = None
            return False
        self._trouble = ""
        return equal

    async def look(self) -> bool:
        """Look once. Raises OSError, StoreError, MovedOnError."""
        files = await self._found()
        if self._keeper is not None and await self._keeper.outdated():
            log.warning("a tenant was erased, or its catalogue changed past the files: everything is compared again")
            self._keeper = None
        if self._keeper is None:
            self._keeper = Keeper(self.store, self.kinds, self.intake, self.clock, self.progress, self._stay)
        return await self._keeper.look(files)

    async def _found(self) -> RuntimeFiles:
        """Where the files lie. A runtime may make the folder of its data after some file beside it. Raises OSError."""
        if self._files is None or self._files.data == self.folder:
            self._files = await asyncio.to_thread(self.find) or self._files
        if self._files is None:
            raise FileNotFoundError(f"there are no files of a runtime in {self.folder} yet")
        return self._files

    async def _stay(self) -> None:
        """Raises StoreError when another process follows by now, or nobody can tell."""
        if self._lease is not None and not await self._lease.take():
            raise StoreError("another process follows the runtime now")

    def _complain(self, error: OSError | StoreError) -> None:
        """Tell once what is wrong. After a failed write nobody knows what is stored, so all is compared again."""
        if isinstance(error, StoreError):
            self._keeper = None
        if str(error) != self._trouble:
            self._trouble = str(error)
            log.error("the runtime is not followed now: %s", error)
