"""``sidecar serve`` as a process of its own, bounded in time and stopped by its own pid."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stores
import yaml
from answer import Answer

START_S = 30.0
STOP_S = 15.0
SAID = "standard-error.txt"
IDENTITY = "X-Tandem-Org-Id: acme\r\nX-Tandem-Workspace-Id: main\r\n"


def read_answer(connection: socket.socket) -> Answer:
    """Everything until the server closes, as one answer."""
    return Answer.read(b"".join(iter(lambda: connection.recv(65_536), b"")))


@dataclass(frozen=True)
class Process:
    """A sidecar that serves: the public side on a port or a socket file, the admin side on a socket file."""

    folder: Path
    public: str
    process: subprocess.Popen[str]

    def connect(self) -> socket.socket:
        """A connection to the public side."""
        if self.public.startswith("unix:"):
            return _on_file(self.public.removeprefix("unix:"))
        host, _, port = self.public.removeprefix("http://").rpartition(":")
        return socket.create_connection((host, int(port)), timeout=10)

    def get(self, path: str = "/v1/records/wait", identity: str = IDENTITY) -> Answer:
        """One GET of the public side."""
        return _get(self.connect(), path, identity)

    def administer(self) -> socket.socket:
        """A connection to the admin side."""
        return _on_file(str(self.folder / "admin.sock"))

    def readiness(self) -> Answer:
        """What the admin side says of itself."""
        return _get(self.administer(), "/readyz", "")

    def policy(self) -> str:
        """The revision that decides now."""
        return self.get().headers["x-sidecar-policy"]

    def end(self) -> tuple[int, str]:
        """Wait for the process to end by itself; its exit code and what it wrote to standard error."""
        self.process.communicate(timeout=STOP_S)
        return self.process.returncode, (self.folder / SAID).read_text()


def _on_file(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(path)
    return connection


def _get(connection: socket.socket, path: str, identity: str) -> Answer:
    with connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{identity}\r\n".encode())
        return read_answer(connection)


def configured(folder: Path, settings: Mapping[str, Any]) -> list[str]:
    """The command line of ``serve`` with these settings, its store and its admin side in a folder."""
    given = {
        "listen": "127.0.0.1:0",
        "admin_listen": f"unix:{folder}/admin.sock",
        "store": {"url": stores.url(folder / "sidecar.db")},
        **settings,
    }
    (folder / "sidecar.yaml").write_text(yaml.safe_dump(given))
    return [sys.executable, "-m", "sidecar", "serve", "-c", str(folder / "sidecar.yaml")]


def refused(folder: Path, settings: Mapping[str, Any], **environment: str) -> tuple[int, str]:
    """Exit code and standard error of a ``serve`` that must not start."""
    ended = subprocess.run(
        configured(folder, settings),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    return ended.returncode, ended.stderr


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Process]:
    """A sidecar with these settings that says it answers; ended with SIGTERM if it has not ended by itself."""
    command = configured(folder, settings)
    with (folder / SAID).open("w") as said:  # a pipe that nobody reads would keep it waiting when it says much
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, cwd=folder)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("sidecar: answering on "), (first, (folder / SAID).read_text())
        yield Process(folder, first.split(" ")[3], process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=STOP_S)


def eventually(true: Any, within_s: float = 10.0) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.02)
