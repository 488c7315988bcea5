"""One of several workers as its supervisor sees it: a place with a number, and the process that has it now, if any."""

import logging
import os
import signal
import time
from dataclasses import dataclass

from sidecar.http.orders import Line, Message

LONGEST_START_S = 30.0
"""How long a worker that has begun may hold up the next one's replacement."""

log = logging.getLogger(__name__)


@dataclass
class Worker:
    """A place among the workers. ``patience_s`` is how long its process may take to end once it was told to."""

    number: int
    patience_s: float
    pid: int = 0
    line: Line | None = None
    ready: bool = False
    since: float = 0.0
    silent: int = 0
    crashes: int = 0
    due: float | None = 0.0
    overdue: float | None = None

    @property
    def settled(self) -> bool:
        """Whether it neither ends nor begins: requests can count on it."""
        return self.overdue is None and (self.ready or time.monotonic() - self.since > LONGEST_START_S)

    def tell(self, order: Message) -> None:
        """Give an order; a worker that has stopped listening is replaced, for it would stay with old policies."""
        if self.line is not None and not self.line.tell(order):
            self.replace("it takes no orders any more")

    def replace(self, why: str) -> None:
        """Let its process answer what it was asked and end, after which another is started."""
        if self.overdue is None:
            log.error("worker %d is replaced: %s", self.number, why)
        self.end()

    def end(self) -> None:
        """Tell its process to end, once."""
        if self.overdue is None:
            self.overdue = time.monotonic() + self.patience_s
            os.kill(self.pid, signal.SIGTERM)

    def kill_overdue(self, now: float) -> None:
        """Kill a process that was told to end and had its time for that."""
        if self.overdue is not None and now >= self.overdue:
            self.overdue = now + self.patience_s
            os.kill(self.pid, signal.SIGKILL)
