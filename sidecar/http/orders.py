"""What a supervisor and its workers say to each other: one line of JSON a message, over a socket that both hold.

The supervisor orders: ``prepare`` (read the policies, which should be of this revision), ``enforce`` (those prepared),
``keep`` (those in force, and what is wrong with the files). A worker tells: ``ready``, ``prepared`` with the revision
it found or its trouble, and ``alive`` every so often. Whoever reads the end of the lines knows that the other is gone.
"""

import asyncio
import logging
import socket
from collections.abc import Iterator
from typing import Any

import orjson

from sidecar.http.stepping import in_thread
from sidecar.policy.current import Bundles, Proof

Message = dict[str, Any]

log = logging.getLogger(__name__)


def line(message: Message) -> bytes:
    """A message as it is sent."""
    return orjson.dumps(message) + b"\n"


class Line:
    """The supervisor's end of its line to one worker. It never waits."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._rest = b""
        self.open = True

    def fileno(self) -> int:
        """What a selector watches."""
        return self._end.fileno()

    def tell(self, message: Message) -> bool:
        """Send a message; whether it could be: a worker that stopped reading long ago has no room for more."""
        data = line(message)
        try:
            return self._end.send(data) == len(data)
        except OSError:
            return False

    def hear(self) -> Iterator[Message]:
        """The messages that have come; afterwards ``open`` says whether more may."""
        try:
            while data := self._end.recv(65_536):
                *lines, self._rest = (self._rest + data).split(b"\n")
                yield from map(orjson.loads, lines)
        except BlockingIOError:
            return
        except OSError:
            log.debug("a worker's line broke", exc_info=True)
        self.open = False

    def close(self) -> None:
        """Say nothing any more."""
        self._end.close()


class Obedience:
    """A worker's end of the line: it tells how far it is, and does with its policies what it is ordered to."""

    def __init__(self, end: socket.socket, bundles: Bundles, beat_s: float) -> None:
        """``beat_s`` is how often it tells that its loop still turns."""
        self._end, self._bundles, self._beat_s = end, bundles, beat_s
        self._prepared: Proof | None = None

    async def run(self) -> None:
        """Carry out orders until there is nobody left to give any."""
        reader, writer = await asyncio.open_connection(sock=self._end)
        beating = asyncio.create_task(self._beat(writer))
        try:
            while order := await reader.readline():
                answer = await self._carry_out(orjson.loads(order))
                if answer is not None:
                    writer.write(line(answer))
        except ConnectionError:
            log.debug("the supervisor's line broke", exc_info=True)
        finally:
            beating.cancel()
            writer.close()

    async def _beat(self, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(line({"alive": True}))
            await asyncio.sleep(self._beat_s)

    def ready(self) -> None:
        """Tell that requests are answered."""
        self._end.send(line({"ready": True}))

    async def _carry_out(self, order: Message) -> Message | None:
        match order:
            case {"prepare": wanted}:
                self._prepared = await in_thread(self._bundles.proving(wanted))  # the supervisor has proven them
                found, trouble = self._prepared.bundle, self._prepared.trouble
                return {"prepared": wanted, "found": None if found is None else found.revision, "trouble": trouble}
            case {"enforce": wanted} if (proof := self._prepared) is not None:
                if proof.bundle is not None and proof.bundle.revision == wanted:
                    self._bundles.settle(proof)
                self._prepared = None
            case {"keep": trouble}:
                self._bundles.settle(Proof(self._bundles.current, trouble))
        return None
