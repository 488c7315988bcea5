"""Reading from a replica without guessing how far it is behind.

Each process counts beats in the primary, and remembers when it sent each. A snapshot that shows a beat holds everything
that was committed before the beat was sent. So what a snapshot lacks is no older than the beat it shows, by this
process's own clock alone: clocks of other machines, and what a replica believes of its lag, play no part.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import asyncpg

from sidecar.records.postgres.history import Histories
from sidecar.records.postgres.pool import UNREACHABLE, Pool

log = logging.getLogger(__name__)

BEATS = 4
"""How many beats are sent in the time that a snapshot may be behind."""


class Beat(NamedTuple):
    """One beat: its number, which counts in its history."""

    history: UUID
    number: int


@dataclass
class Replica:
    """Connections to a replica, and the beats that tell which of its snapshots are fresh enough.

    ``staleness_s`` is how far behind an answer may be at most.
    """

    reads: Pool
    histories: Histories
    staleness_s: float
    clock: Callable[[], float] = time.monotonic
    _beats: deque[tuple[float, Beat]] = field(default_factory=deque)
    _beating: asyncio.Task[None] | None = None
    _troubled: bool = False

    def start(self, writes: Pool) -> None:
        """Begin to count beats in the primary."""
        self._beating = asyncio.create_task(self._beat_on(writes))

    async def stop(self) -> None:
        """Count no more, and release the connections."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
        self.reads.terminate()

    def needed(self) -> Beat | None:
        """The beat that a snapshot must show, or a later one, to be fresh enough now; None when nothing tells."""
        oldest = self.clock() - self.staleness_s
        while self._beats and self._beats[0][0] < oldest:
            self._beats.popleft()
        return self._beats[0][1] if self._beats else None

    def told(self, trouble: str | None) -> None:
        """Log when the replica cannot be read, and why, and when it can be again."""
        was, self._troubled = self._troubled, trouble is not None
        if trouble is not None and not was:
            log.warning("the replica is not read, so the primary answers: %s", trouble)
        elif trouble is None and was:
            log.info("the replica is read again")

    async def beat(self, writes: Pool) -> None:
        """Send one beat."""
        sent = self.clock()
        found = await writes.fetchrow(self.histories.beat)
        assert found is not None, "the store has a row of its own"
        beat = Beat(*found)
        if self._beats and self._beats[-1][1].history != beat.history:
            self._beats.clear()
        self._beats.append((sent, beat))

    async def _beat_on(self, writes: Pool) -> None:
        while True:
            try:
                await self.beat(writes)
            except (asyncpg.PostgresError, *UNREACHABLE, TimeoutError) as error:
                log.debug("no beat was sent: %s", error)
            except Exception:
                log.exception("no beat was sent")  # and the next is tried: without beats the replica is never read
            await asyncio.sleep(self.staleness_s / BEATS)
