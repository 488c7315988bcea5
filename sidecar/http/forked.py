"""Processes and signals for a supervisor that has no event loop: forking a worker, and hearing signals one by one."""

import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn, Protocol

from sidecar.errors import SidecarError

HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
FAILED, BROKEN = 2, 1
"""Exit codes of a process: what it needs is not there; something happened that nobody foresaw."""

log = logging.getLogger(__name__)


class Closeable(Protocol):
    """What a forked process has no use for."""

    def close(self) -> None:
        """Let go of it, in this process."""


class Signals:
    """Signals as something that a selector waits for."""

    def __init__(self) -> None:
        self._heard, self._wake = socket.socketpair()
        self._heard.setblocking(False)
        self._wake.setblocking(False)
        self._came: list[int] = []

    def fileno(self) -> int:
        """What a selector watches."""
        return self._heard.fileno()

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hear signals until the context ends, and then leave them to whoever had them before."""
        before = {number: signal.signal(number, lambda came, _: self._came.append(came)) for number in HEARD}
        woken = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(woken)
            for number, handler in before.items():
                signal.signal(number, handler)
            self.close()

    def taken(self) -> list[int]:
        """The signals that came since this was last asked."""
        with suppress(BlockingIOError):
            while self._heard.recv(4_096):
                pass
        came, self._came = self._came, []
        return came

    def close(self) -> None:
        """Release both ends."""
        self._heard.close()
        self._wake.close()


def forked(work: Callable[[socket.socket], int], useless: Iterable[Closeable]) -> tuple[int, socket.socket]:
    """Start a process that does some work with its end of a line; its id, and our end. Raises OSError.

    Signals wait meanwhile: one that reached the new process too early would be taken for the supervisor's.
    """
    assert threading.active_count() == 1, "a fork would lose the other threads"
    ours, theirs = socket.socketpair()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    try:
        pid = os.fork()
        if pid == 0:
            _become(work, theirs, [ours, *useless], mask)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return pid, ours


def _become(
    work: Callable[[socket.socket], int], line: socket.socket, useless: Iterable[Closeable], mask: Iterable[int]
) -> NoReturn:
    """Live as the new process, and end: nothing of what the supervisor would do on its way out is done here."""
    code = BROKEN
    faulthandler.enable()  # a crash, or SIGABRT, tells where every thread was
    try:
        signal.set_wakeup_fd(-1)
        for number in HEARD:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the supervisor's: it reads policies for all at once
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for one in useless:  # a sibling that held the supervisor's end would never let us see that it is gone
            one.close()
        code = work(line)
    except (SidecarError, OSError) as error:
        log.critical("%s", error)
        code = FAILED
    except BaseException:
        log.exception("this process failed")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
