"""What a supervisor does with workers that do not do as they should."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from sidecar.http import supervise
from sidecar.http.forked import Signals
from sidecar.http.supervise import FIRST_DELAY_S, LONGEST_DELAY_S, PROVEN_S, Supervisor
from sidecar.http.worker import Worker
from sidecar.policy.current import Bundles

SCRIPT = """
import logging, os, signal, socket, sys, time
from types import SimpleNamespace
from sidecar.http import rollout, supervise
from sidecar.http.forked import Signals
from sidecar.http.orders import line as message
from sidecar.policy.current import Bundles, Proof

supervise.GRACE_S = 1.0 if sys.argv[1] == "late" else 0.2
rollout.LONGEST_S = 0.5
how = sys.argv[1]

def say(text):
    os.write(1, text.encode() + b"\\n")

def stuck_here():
    time.sleep(60)

def drain(*_):
    time.sleep(0.3)
    say("drained")
    sys.exit(0)

class New(Bundles):
    def proving(self, known=None):
        yield
        return Proof(SimpleNamespace(revision="new"))

class Job:
    healthy = how != "stuck"
    def work(self, number, line):
        if how == "hangs":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if how == "late":
            signal.signal(signal.SIGTERM, drain)
        say(f"began {number}")
        if how == "fails" and number == 2:
            return 7
        if how == "breaks" and number == 2:
            raise RuntimeError("broken")
        if how == "misses" and number == 2:
            raise FileNotFoundError("there is no such thing")
        line.send(message({"ready": True}))
        if number == 2 and not self.healthy:
            stuck_here()
        for _ in range(1200):
            line.send(message({"alive": True}))
            time.sleep(0.05)
        return 0
    def opened(self):
        say("opened")
    def left(self, number):
        say(f"left {number}")
        self.healthy = True
    def ending(self):
        say("ending")

signals = Signals()
with signals.heard():
    job = supervise.Supervisor(Job(), 2, New([], {}), signals, every_s=None, drain_s=0.1, beat_s=0.3)
    sys.exit(job.run())
"""


def started(how: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    ("how", "code", "sentence"),
    [("fails", 7, ""), ("breaks", 1, "RuntimeError: broken"), ("misses", 2, "there is no such thing")],
)
def test_a_worker_that_never_becomes_ready_ends_all(how: str, code: int, sentence: str) -> None:
    """Its exit code is the supervisor's, with the reason on standard error; nobody is told that requests are answered."""
    process = started(how)
    out, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert sentence in said
    assert ("Traceback" in said) == (how == "breaks")
    assert "before it was ready" in said
    assert out.count("began 2") == 1
    assert "opened" not in out
    assert "ending" in out


def test_a_worker_that_does_not_end_is_killed() -> None:
    """Draining is bounded whatever a worker does: afterwards it is killed, and the end is an ordinary one."""
    process = started("hangs")
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(3)]
    assert told[-1] == "opened\n"
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert sorted(out.split("\n")) == ["", "ending", "left 1", "left 2"]


def test_a_worker_that_hangs_tells_where_and_is_replaced() -> None:
    """Who gives no sign of life for so many beats is ended, with its stack on standard error; who does is left alone."""
    process = started("stuck")
    assert process.stdout is not None
    told = [process.stdout.readline().strip() for _ in range(5)]
    assert (sorted(told[:2]), told[2:]) == (["began 1", "began 2"], ["opened", "left 2", "began 2"])
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "worker 2 gave no sign of life for 2 s: it is ended" in said
    assert "in stuck_here" in said
    assert "worker 2 was killed by signal 6" in said


def test_workers_that_are_late_with_new_policies_are_replaced_in_turn() -> None:
    """Each ends as SIGTERM ends it, after what it was asked, and the next one when its successor is ready."""
    process = started("late")
    assert process.stdout is not None
    told = [process.stdout.readline().strip() for _ in range(3)]
    assert told[-1] == "opened"
    process.send_signal(signal.SIGHUP)
    told = [process.stdout.readline().strip() for _ in range(6)]
    assert told == [word for number in (1, 2) for word in ("drained", f"left {number}", f"began {number}")]
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert sorted(out.split()) == sorted(["ending", "drained", "drained", "left", "1", "left", "2"])
    assert "worker 1 is replaced: it has not prepared the new policies within 1 s" in said


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    signals = Signals()
    yield Supervisor(cast("Any", None), 2, Bundles([], cast("Any", {})), signals, every_s=None, drain_s=1.0, beat_s=1.0)
    signals.close()


def test_crashes_in_a_row_are_answered_ever_later(supervisor: Supervisor) -> None:
    """Each delay is twice the one before, up to the longest; a worker that lived for a while begins anew."""
    supervisor._all_ready = True
    worker = Worker(1, patience_s=1.0)

    def delay(lived_s: float) -> float:
        now = time.monotonic()
        worker.since = now - lived_s
        supervisor._ended(worker, -9)
        assert worker.due is not None
        return worker.due - now

    delays = [delay(0.0) for _ in range(9)]
    expected = [min(FIRST_DELAY_S * 2**crashes, LONGEST_DELAY_S) for crashes in range(9)]
    assert delays == pytest.approx(expected, abs=FIRST_DELAY_S / 2)
    assert delays[-1] == pytest.approx(LONGEST_DELAY_S, abs=FIRST_DELAY_S / 2)
    worker.crashes = 5_000  # a night without a database
    assert delay(0.0) == pytest.approx(LONGEST_DELAY_S, abs=FIRST_DELAY_S / 2)
    assert delay(PROVEN_S) == pytest.approx(FIRST_DELAY_S, abs=FIRST_DELAY_S / 2)


def test_a_machine_without_room_for_a_process_is_asked_again(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that cannot be forked is tried again later, as one that crashed."""

    def full(*_: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(supervise, "forked", full)
    supervisor._all_ready = True
    (worker, _) = supervisor._workers
    supervisor._start(worker)
    assert (worker.pid, worker.crashes) == (0, 1)
    assert worker.due is not None
    assert supervisor._code is None
