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
from sidecar.records.follow.lease import Lease
from sidecar.records.follow.progress import Progress
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.runtime_files import RuntimeFiles
from sidecar.records.store import Store

SHARE = 4
"""Looking takes at most one part in so many of the time, however many files there are."""

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
    _files: RuntimeFiles | None = None
    _trouble: str = ""

    async def run(self) -> None:
        """Follow until cancelled. Raises OSError when the folder cannot be opened."""
        lease = Lease(self.folder)
        try:
            while True:
                began = time.monotonic()
                await self._turn(lease)
                await asyncio.sleep(max(self.poll_s, (SHARE - 1) * (time.monotonic() - began)))
        finally:
            lease.close()

    async def _turn(self, lease: Lease) -> None:
        """Look, if it is this process that follows."""
        progress = self.progress
        if not lease.take():
            progress.following, self._keeper = False, None
            if lease.caught_up_elsewhere():
                progress.caught_up.set()
            return
        if not progress.following:
            progress.following = True
            log.info("following the runtime in %s", self.folder)
        if await self._looked() and not lease.shown:
            progress.caught_up.set()
            log.info("the store is what the files of the runtime are")
            lease.show()

    async def _looked(self) -> bool:
        """Look once; whether the store is now what the files are, but for those that are told to be wrong."""
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
        self._files = self._files or await asyncio.to_thread(self.find)
        if self._files is None:
            raise FileNotFoundError(f"there are no files of a runtime in {self.folder} yet")
        if self._keeper is None:
            self._keeper = Keeper(self.store, self.kinds, self.intake, self.clock, self.progress)
        return await self._keeper.look(self._files)

    def _complain(self, error: OSError | StoreError) -> None:
        """Tell once what is wrong. After a failed write nobody knows what is stored, so all is compared again."""
        if isinstance(error, StoreError):
            self._keeper = None
        if str(error) != self._trouble:
            self._trouble = str(error)
            log.error("the runtime is not followed now: %s", error, exc_info=isinstance(error, StoreError))
