"""Several processes accept at one door: whoever has the fewest connections comes first.

Left to chance, a process that wakes first would take all of a burst, and connections last: a proxy keeps its own for
hours. So each writes down, in memory that all see, how many it has, and lets others go first while it has more.
"""

import asyncio
import logging
import mmap
import socket
from collections.abc import Callable

GONE = 2**62
"""The count of a process that accepts nobody."""
COURTESY_S = 0.002
"""How long a process with more connections leaves a new one to the others."""
RELIEF_S = 1.0
"""How long it accepts nobody when the machine has no room for a connection."""

log = logging.getLogger(__name__)


class Shares:
    """How many connections each of several processes has. Made before they are forked."""

    def __init__(self, processes: int) -> None:
        self._counts = memoryview(mmap.mmap(-1, 8 * processes)).cast("q")
        for place in range(processes):
            self._counts[place] = GONE

    def share(self, place: int) -> "Share":
        """What the process at a place, counted from 0, writes and asks."""
        return Share(self._counts, place)


class Share:
    """One process among those that accept at a door."""

    def __init__(self, counts: "memoryview[int]", place: int) -> None:
        self._counts, self._place, self._left = counts, place, False

    def has(self, connections: int) -> None:
        """Write down how many there are, unless nobody is accepted any more."""
        if not self._left:
            self._counts[self._place] = connections

    def leave(self) -> None:
        """Accept nobody any more; also said by whoever finds that the process ended."""
        self.has(GONE)
        self._left = True

    @property
    def ahead(self) -> bool:
        """Whether another process has fewer."""
        return self._counts[self._place] > min(self._counts)


class Acceptor:
    """Accepts connections at a socket; with a ``share``, others accept there too.

    asyncio's own server, where the machine has no room for a connection, says so at once for each that may wait.
    """

    def __init__(self, place: socket.socket, protocol: Callable[[], asyncio.Protocol], share: Share | None) -> None:
        self._socket, self._protocol, self._share = place, protocol, share
        self._loop = asyncio.get_running_loop()
        self._admitting: asyncio.Task[None] | None = None
        self._open = True
        place.setblocking(False)
        self._watch()

    def close(self) -> None:
        """Accept nobody any more. The socket is left to its owner."""
        if self._open:
            self._loop.remove_reader(self._socket)
        self._open = False

    def _watch(self) -> None:
        if self._open:
            self._loop.add_reader(self._socket, self._knocked)

    def _knocked(self) -> None:
        self._loop.remove_reader(self._socket)
        self._admitting = self._loop.create_task(self._admit())

    async def _admit(self) -> None:
        """Accept one, if it is still there, and alone all others; of several the next is looked at when it counts."""
        if self._share is not None and self._share.ahead:
            await asyncio.sleep(COURTESY_S)
        try:
            while self._open:
                connection, _ = self._socket.accept()
                await self._loop.connect_accepted_socket(self._protocol, connection)
                if self._share is not None:
                    break
        except BlockingIOError:
            log.debug("nobody waits to be accepted any more")
        except OSError as error:
            log.warning("a connection could not be accepted: %s", error)
            await asyncio.sleep(RELIEF_S)
        finally:
            self._watch()  # whatever failed: who looked no more would look alive and accept nobody
