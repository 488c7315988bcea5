"""One supervisor over several workers: it starts them, starts another for one that crashed, and ends them together.

Workers are forked: they are born with everything that was read and compiled, and share its memory. That is sound
because the supervisor has neither threads nor an event loop when it forks.
"""

import logging
import os
import selectors
import signal
import socket
import time
from typing import Protocol

from sidecar.http.forked import BROKEN, FAILED, Closeable, Signals, forked
from sidecar.http.orders import Line
from sidecar.http.rollout import Rollout
from sidecar.http.worker import Worker
from sidecar.policy.current import Bundles

FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 10.0
"""How soon another worker is started after a first crash; twice as late after each further one, up to the longest."""
PROVEN_S = 10.0
"""A worker that lived as long did not fail from the start: after its crash the delays begin anew."""
_DOUBLINGS = 10
"""More often a delay need not be doubled to be the longest, and after a night of crashes it could not be."""
GRACE_S = 5.0
"""How much longer than its drain a worker may take to end before it is killed."""
BEATS = 5
"""So many beats in a row a worker may give no sign of life. Beats that the supervisor sees are counted, not time: after
a pause of the whole machine every worker has as long as before."""

log = logging.getLogger(__name__)


class Job(Protocol):
    """What is supervised. All but ``work`` runs in the supervisor."""

    def work(self, number: int, line: socket.socket) -> int:
        """Serve as one worker, with its end of the line; the exit code."""

    def opened(self) -> None:
        """All workers have become ready."""

    def left(self, number: int) -> None:
        """A worker has ended."""

    def ending(self) -> None:
        """The workers are about to be told to end: nobody more should be let in."""


class Supervisor:
    """Runs a job in several processes until a signal says stop."""

    def __init__(
        self,
        job: Job,
        workers: int,
        bundles: Bundles,
        signals: Signals,
        *,
        every_s: float | None,
        drain_s: float,
        beat_s: float,
    ) -> None:
        """``every_s`` is how often policy files are looked at, ``drain_s`` how long a worker may take to end.

        ``beat_s`` is how often each worker gives a sign of life.
        """
        self._job, self._beat_s = job, beat_s
        self._workers = [Worker(number, drain_s + GRACE_S) for number in range(1, workers + 1)]
        self._rollout = Rollout(bundles, self._alive, every_s)
        self._signals = signals
        self._selector = selectors.DefaultSelector()
        self._next_beat = 0.0
        self._all_ready = False
        self._code: int | None = None

    def run(self) -> int:
        """Supervise until all have ended; the exit code."""
        with self._selector:
            self._selector.register(self._signals, selectors.EVENT_READ)
            while self._code is None or self._alive():
                self._start_due()
                self._listen()
                for worker in self._alive():
                    worker.kill_overdue(time.monotonic())
                self._bury()
        return self._code

    def _alive(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.pid]

    def _start_due(self) -> None:
        for worker in self._workers:
            if worker.due is not None and worker.due <= time.monotonic() and self._code is None:
                self._start(worker)

    def _start(self, worker: Worker) -> None:
        worker.due, worker.overdue, worker.since = None, None, time.monotonic()
        worker.ready, worker.silent = False, 0
        useless: list[Closeable] = [self._signals, self._selector]
        useless += [other.line for other in self._workers if other.line is not None]
        try:
            worker.pid, end = forked(lambda end: self._job.work(worker.number, end), useless)
        except OSError as error:
            log.warning("worker %d cannot be started: %s", worker.number, error)
            self._ended(worker, FAILED)
            return
        worker.line = Line(end)
        self._selector.register(worker.line, selectors.EVENT_READ, worker)
        self._rollout.born(worker)

    def _listen(self) -> None:
        """Wait for what is next, be it a signal, a worker's message or a moment, and act on it."""
        events = self._selector.select(self._due())
        for key, _ in events:
            if key.data is not None:
                self._hear(key.data)
        came = self._signals.taken()
        if self._code is None and {signal.SIGTERM, signal.SIGINT} & {*came}:
            self._stop(0)
        if self._code is None:
            self._miss(time.monotonic())
            self._rollout.turn(time.monotonic(), asked=signal.SIGHUP in came)

    def _due(self) -> float:
        """Seconds until something has to be done even if nothing happens."""
        now = time.monotonic()
        instants = [worker.overdue for worker in self._alive()]
        if self._code is None:
            instants += [self._next_beat, *(worker.due for worker in self._workers)]
        waits = [max(0.0, instant - now) for instant in instants if instant is not None]
        rollout = self._rollout.due(now) if self._code is None else None
        return min([*waits, *([] if rollout is None else [rollout])], default=0.0)

    def _hear(self, worker: Worker) -> None:
        """Act on what a worker tells, if anything is left to hear."""
        if worker.line is None:
            return
        for message in worker.line.hear():
            worker.silent = 0
            match message:
                case {"ready": _}:
                    worker.ready = True
                    self._open_when_all_are_ready()
                case {"prepared": wanted, "found": found, "trouble": trouble}:
                    self._rollout.prepared(worker.number, wanted, found, trouble)
        if not worker.line.open:
            self._hang_up(worker)

    def _miss(self, now: float) -> None:
        """Count a beat, if one is over, that each worker gave no sign in; one that gave none for long is ended.

        SIGABRT makes it tell where it hung; one that cannot even do that is killed.
        """
        if now < self._next_beat:
            return
        self._next_beat = now + self._beat_s
        for worker in self._alive():
            worker.silent += 1
            if worker.silent == BEATS + 1:
                log.error("worker %d gave no sign of life for %.0f s: it is ended", worker.number, BEATS * self._beat_s)
                os.kill(worker.pid, signal.SIGABRT)
            elif worker.silent > BEATS + 1:
                os.kill(worker.pid, signal.SIGKILL)

    def _hang_up(self, worker: Worker) -> None:
        if worker.line is not None:
            self._selector.unregister(worker.line)
            worker.line.close()
            worker.line = None

    def _open_when_all_are_ready(self) -> None:
        if not self._all_ready and all(worker.ready for worker in self._workers):
            self._all_ready = True
            self._job.opened()

    def _bury(self) -> None:
        """Notice which workers have ended."""
        for worker in self._alive():
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._hear(worker)
                self._hang_up(worker)
                worker.pid = 0
                self._job.left(worker.number)
                self._rollout.gone(worker.number)
                if worker.overdue is not None:
                    worker.due = time.monotonic()
                elif self._code is None:
                    self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: Worker, code: int) -> None:
        """A worker ended that nobody told to: end with it when not all have been ready yet, else start another."""
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if not self._all_ready:
            log.error("worker %d %s before it was ready", worker.number, how)
            self._stop(code if code > 0 else BROKEN)
            return
        lived = time.monotonic() - worker.since
        worker.crashes = 1 if lived >= PROVEN_S else worker.crashes + 1
        delay = min(FIRST_DELAY_S * 2 ** min(worker.crashes - 1, _DOUBLINGS), LONGEST_DELAY_S)
        worker.due = time.monotonic() + delay
        log.error("worker %d %s after %.1f s; another is started in %.1f s", worker.number, how, lived, delay)

    def _stop(self, code: int) -> None:
        self._code = code
        self._job.ending()
        for worker in self._alive():
            worker.end()
