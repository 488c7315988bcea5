"""Signals that reach ``sidecar serve`` before it answers."""

import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from serving_process import configured, eventually

READY = "sidecar: answering on "


def imports(pid: int) -> bool:
    """Whether a process is past what the interpreter does by itself, and imports what a command line needs."""
    return re.search("lib-dynload|site-packages", Path(f"/proc/{pid}/maps").read_text()) is not None


def hears(pid: int) -> bool:
    """Whether it has imported all that, and takes signals itself."""
    status = Path(f"/proc/{pid}/status").read_text()
    sets = {name: int(mask, 16) for name, mask in re.findall(r"^(Sig\w+):\t([0-9a-f]{16})$", status, re.MULTILINE)}
    return bool(sets["SigCgt"] & ~sets["SigBlk"] & 1 << (signal.SIGTERM - 1))


@contextmanager
def starting(folder: Path, workers: int) -> "Iterator[subprocess.Popen[str]]":
    """A sidecar that runs but does not answer yet."""
    command = configured(folder, {"workers": workers})
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        eventually(lambda: imports(process.pid))
        yield process
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.parametrize("workers", [1, 2])
def test_sighup_never_ends_a_sidecar_that_starts(workers: int, tmp_path: Path) -> None:
    """However often and early it comes, the sidecar begins to answer, and ends well."""
    with starting(tmp_path, workers) as process:
        for _ in range(30):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.05)
        assert process.stdout is not None
        assert process.stdout.readline().startswith(READY)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=15)
        assert process.returncode == 0
        assert "Traceback" not in said


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("reached", [imports, hears])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_sidecar_that_is_told_to_end_while_it_starts_does(
    number: signal.Signals, reached: Callable[[int], bool], workers: int, tmp_path: Path
) -> None:
    """It exits 0 before it answers anybody, and leaves no trace but what it said before."""
    with starting(tmp_path, workers) as process:
        eventually(lambda: reached(process.pid))
        process.send_signal(number)
        out, said = process.communicate(timeout=15)
        assert (process.returncode, out) == (0, "")
        assert all(" WARNING " in line for line in said.splitlines()), said
