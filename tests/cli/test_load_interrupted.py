"""``sidecar load`` interrupted: whatever ends it, what is stored is whole batches, and the same command goes on."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import stores
from cli_samples import letter, ndjson

from sidecar.records.load import BATCH

pytestmark = pytest.mark.usefixtures("store_name")

NUMBER = 2 * BATCH + 7


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of several batches."""
    return ndjson(tmp_path_factory.mktemp("input") / "letters", *map(letter, range(NUMBER)))


def begun(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """A load under way."""
    command = [sys.executable, "-m", "sidecar", "load", "--store", stores.url(folder / "sidecar.db"), *words]
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE)


def finished(folder: Path, *words: str) -> dict[str, Any]:
    """What a load that runs to its end tells."""
    command = [sys.executable, "-m", "sidecar", "load", "--store", stores.url(folder / "sidecar.db"), *words, "--json"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=True)
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def awaited(process: subprocess.Popen[bytes], ready: Callable[[], object]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + 60
    while not ready():
        assert process.poll() is None, "the load ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.002)


def ended(process: subprocess.Popen[bytes], sent: signal.Signals) -> tuple[int, str]:
    """How it ends by one signal: its exit code and what it said."""
    process.send_signal(sent)
    _, said = process.communicate(timeout=30)
    return process.returncode, said.decode()


def number(folder: Path, statement: str) -> int:
    """One number from the store; 0 while it is not there."""
    try:
        found = stores.rows(folder / "sidecar.db", statement)
    except (sqlite3.Error, asyncpg.PostgresError):
        return 0
    return int(found[0][0]) if found else 0


def progress(folder: Path) -> int:
    """How many records unfinished loads have stored."""
    return number(folder, "SELECT sum(lines) FROM load WHERE NOT finished HAVING count(*) > 0")


def count(folder: Path) -> int:
    """How many records are stored."""
    return number(folder, "SELECT count(*) FROM record_dead_letter")


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["killed", "Ctrl-C"])
def test_an_interrupted_load_goes_on_where_it_was(tmp_path: Path, letters: Path, sent: signal.Signals) -> None:
    """Killed or stopped while storing, it leaves whole batches; the same command stores the rest, other loads or not."""
    process = begun(tmp_path, str(letters))
    awaited(process, lambda: progress(tmp_path))
    code, said = ended(process, sent)
    assert code == (130 if sent is signal.SIGINT else -signal.SIGKILL)
    assert ("the same command goes on" in said) is (sent is signal.SIGINT)
    done = progress(tmp_path)
    assert 0 < done < NUMBER, "it was not interrupted on its way"
    assert done % BATCH == 0
    assert count(tmp_path) == done
    other = ndjson(tmp_path / "other", letter(1, updated_at_ms=2**40, status="resolved"), letter(NUMBER + 1))
    assert finished(tmp_path, str(other))["resumed"] == 0
    told = finished(tmp_path, str(letters))
    assert (told["resumed"], told["stored"]) == (done, True)
    assert count(tmp_path) == NUMBER + 1
    assert number(tmp_path, "SELECT count(*) FROM record_dead_letter WHERE status = 'resolved'") == 1
    assert finished(tmp_path, str(letters))["resumed"] == 0


def test_an_interrupted_reading_stores_nothing(tmp_path: Path, letters: Path) -> None:
    """Stopped while it reads, a load has stored nothing."""
    process = begun(tmp_path, str(letters))
    awaited(process, lambda: number(tmp_path, "SELECT count(*) FROM kind"))
    assert ended(process, signal.SIGINT)[0] == 130
    assert (progress(tmp_path), count(tmp_path)) == (0, 0)


def test_waiting_for_input_ends_at_once(tmp_path: Path) -> None:
    """One Ctrl-C ends a load that waits for somebody to write to its standard input."""
    process = begun(tmp_path, "-", "--keep-going")
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"[]\n")
    process.stdin.flush()
    assert process.stderr.readline().startswith(b"-:1: ")
    time.sleep(0.1)  # it reads again
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert b"interrupted" in process.stderr.read()
    process.stdin.close()
    process.stderr.close()
