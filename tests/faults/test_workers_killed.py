"""Processes are killed while they take records in: what was acknowledged is there afterwards, whoever was killed.

``FAULT_ROUNDS`` says how often (3).
"""

import os
import signal
from pathlib import Path

import pytest
from ingesting import MORE, PATIENCE_S, ROUNDS, History, goes_on, ingesting
from serving_process import eventually
from workers_process import Workers, workers

pytestmark = pytest.mark.usefixtures("store_name")


def killed(served: Workers) -> list[int]:
    """Kill the supervisor; the workers that it leaves."""
    pids = served.pids
    served.process.process.send_signal(signal.SIGKILL)
    served.process.process.wait(10)
    return pids


def test_no_acknowledged_record_is_lost_with_a_worker(tmp_path: Path) -> None:
    """Workers are killed in turn under two clients: another takes over each time, and every acknowledged batch is there."""
    history = History()
    with workers(tmp_path) as served:
        with ingesting(history, served.admin):
            for number in range(ROUNDS):
                goes_on(history)
                before = served.pids
                os.kill(before[number % 2], signal.SIGKILL)
                served.replaced(before, PATIENCE_S)
        history.check(served.public)
    assert history.refused == []
    assert len(history.acknowledged) >= ROUNDS * MORE


def test_no_acknowledged_record_is_lost_with_the_supervisor(tmp_path: Path) -> None:
    """The supervisor is killed and another started at once on the same store: the workers left behind end by themselves."""
    history = History()
    orphans: list[int] = []
    for _ in range(ROUNDS):
        with workers(tmp_path) as served, ingesting(history, served.admin):
            goes_on(history)
            orphans += killed(served)
    with workers(tmp_path) as served:
        history.check(served.public)
    assert history.refused == []
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans), PATIENCE_S)
    assert len(history.acknowledged) >= ROUNDS * MORE
