"""Reading from a replica without guessing how far it is behind.

Each process counts beats in the primary, and remembers when it sent each. A snapshot that shows a beat holds everything
that was committed before the beat was sent. So what a snapshot lacks is no older than the beat it shows, by this
process's own clock alone: clocks of other machines, and what a replica believes of its lag, play no part.

A replica that hangs costs one request in a while a moment: it has to show its beat soon, or is left alone.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

import asyncpg

from sidecar.errors import StoreError
from sidecar.records.postgres.history import Histories
from sidecar.records.postgres.late import Late
from sidecar.records.postgres.pool import UNREACHABLE, Pool
from sidecar.records.postgres.snapshot import Look

log = logging.getLogger(__name__)

T = TypeVar("T")
Begin: TypeAlias = Callable[[AsyncExitStack], Coroutine[Any, Any, tuple[T, Look]]]
"""Begins a snapshot that lasts until a stack ends, and looks what it shows."""

BEATS = 4
"""How many beats are sent in the time that a snapshot may be behind."""
LOOK_S = 0.5
"""How long a request waits for a connection to the replica and the beat that it shows."""
ALONE_S = 2.0
"""How long a replica is left alone that failed, before one request tries it for all."""


class Beat(NamedTuple):
    """One beat: its number, which counts in its history."""

    history: UUID
    number: int


@dataclass
class Replica:
    """Connections to a replica, and the beats that tell which of its snapshots are fresh enough.

    ``store`` is the id of the store that it must be a copy of, ``staleness_s`` how far behind an answer may be at most.
    """

    reads: Pool
    store: UUID | None
    histories: Histories
    staleness_s: float
    clock: Callable[[], float] = time.monotonic
    _beats: deque[tuple[float, Beat]] = field(default_factory=deque)
    _beating: asyncio.Task[None] | None = None
    _troubled: bool = False
    _left_alone: float | None = None
    """Until when nobody asks it; None when nothing is wrong with it."""
    _answered: float = -math.inf
    _late: Late = field(default_factory=Late)

    def start(self, writes: Pool) -> None:
        """Begin to count beats in the primary."""
        self._beating = asyncio.create_task(self._beat_on(writes))

    async def stop(self) -> None:
        """Count no more, and release the connections."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
        self.reads.terminate()
        await self._late.close()

    def asked(self) -> bool:
        """Whether a request is to ask it now: not while nothing tells what is fresh, or while it is left alone."""
        if self.needed() is None:
            return False
        if self._left_alone is not None:
            if self.clock() < self._left_alone:
                return False
            self._left_alone = self.clock() + ALONE_S  # for all others: whoever asks now finds out for them
        return True

    async def begun(self, held: AsyncExitStack, begin: Begin[T]) -> T | None:
        """A snapshot that lasts until ``held`` ends; None where it is not begun soon, or is not fresh enough."""
        since = self.clock()
        async with AsyncExitStack() as tried:
            try:
                snap, found = await self._late.within(LOOK_S, tried, begin)
            except (StoreError, TimeoutError) as error:
                self._failed(str(error) or "it does not answer in time", since)
                return None
            self._left_alone, self._answered = None, self.clock()
            trouble = self._trouble(found)
            self._told(trouble)
            if trouble is None:
                held.push_async_exit(tried.pop_all())
                return snap
        return None

    def _failed(self, why: str, since: float) -> None:
        """Leave it alone, unless it answered others since this request asked: then it is only busy."""
        if self._answered < since:
            self._left_alone = self.clock() + ALONE_S
            self._told(why)

    def _trouble(self, found: Look) -> str | None:
        """Why a snapshot cannot be used that has just begun, and may have waited for that; None when it can."""
        needed = self.needed()
        if found.store != self.store:
            return "store.read_url names another store than store.url"
        behind = needed is None or found.history != needed.history or found.beat < needed.number
        return "it is behind" if behind else None

    def needed(self) -> Beat | None:
        """The beat that a snapshot must show, or a later one, to be fresh enough now; None when nothing tells."""
        oldest = self.clock() - self.staleness_s
        while self._beats and self._beats[0][0] < oldest:
            self._beats.popleft()
        return self._beats[0][1] if self._beats else None

    def _told(self, trouble: str | None) -> None:
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
