"""The processes that answer, and the client that asks them all in the same way."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

HERE = Path(__file__).parent
STOP_S = 30.0
OPERATOR = {"x-tandem-roles": "workspace_operator", "x-tandem-actor-id": "olga"}
MEMBER = {"x-tandem-org-units": "finance", "x-tandem-actor-id": "mona"}


class Client:
    """One connection kept alive, made when it is first needed: asks, and waits for the whole answer."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").rpartition(":")
        self._address = (host, int(port))
        self._room = bytearray(4 * 1024 * 1024)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    @cached_property
    def _socket(self) -> socket.socket:
        connected = socket.create_connection(self._address, timeout=60)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def get(self, path: str, headers: Mapping[str, str]) -> bytes:
        """The body of an answer that must be 200, with a length."""
        sent = {"Host": "bench", "x-tandem-org-id": "acme", "x-tandem-workspace-id": "main", **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        self._socket.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        room = memoryview(self._room)
        filled = head = length = 0
        while not head or filled < head + length:
            taken = self._socket.recv_into(room[filled:])
            assert taken, "the server closed the connection"
            filled += taken
            if not head and (at := self._room.find(b"\r\n\r\n", 0, filled)) >= 0:
                head, length = at + 4, _length(bytes(room[:at]))
        return bytes(room[head:filled])


def _length(head: bytes) -> int:
    status, *lines = head.decode().split("\r\n")
    assert status.split(" ")[1] == "200", head
    return int(next(line for line in lines if line.lower().startswith("content-length:")).partition(":")[2])


@dataclass(frozen=True, slots=True)
class Process:
    """A process that answers, and where; the sidecar's admin side too."""

    pid: int
    url: str
    admin_url: str = ""


@contextmanager
def sidecar(store: Path | str, *, log: str = "warning") -> Iterator[Client]:
    """``sidecar serve`` over a store, an SQLite file or a URL, as users run it."""
    with served(store, {"log": {"level": log}}) as process, connected(process) as client:
        yield client


@contextmanager
def bare(told: Mapping[str, Any]) -> Iterator[Client]:
    """The hand-written handler over the same store, with what it is told."""
    command = [sys.executable, str(HERE / "baseline.py"), json.dumps(told)]
    with answering(command, 1) as process, connected(process) as client:
        yield client


@contextmanager
def served(store: Path | str, settings: Mapping[str, Any], options: Sequence[str] = ()) -> Iterator[Process]:
    """A process of ``sidecar serve`` with these settings and options."""
    config = {
        "listen": "127.0.0.1:0",
        "admin_listen": "127.0.0.1:0",
        "store": {"url": store if isinstance(store, str) else f"sqlite:///{store}"},
        **settings,
    }
    with TemporaryDirectory(prefix="sidecar-bench-") as folder:
        file = Path(folder) / "sidecar.yaml"
        file.write_text(json.dumps(config))
        with answering([sys.executable, "-m", "sidecar", "serve", "-c", str(file), *options], 2) as process:
            yield process


@contextmanager
def connected(process: Process) -> Iterator[Client]:
    """A client of a process."""
    client = Client(process.url)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def answering(command: Sequence[str], lines: int) -> Iterator[Process]:
    """A process whose first lines name its addresses, one each; it is ended with the context."""
    with TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)  # noqa: S603 - our own
        try:
            assert process.stdout is not None
            told = [process.stdout.readline().split() for _ in range(lines)]
            urls = [word for line in told for word in line if word.startswith("http://")]
            if len(urls) < lines:
                said.seek(0)
                raise SystemExit(f"{' '.join(command)} did not start:\n{said.read()}")
            yield Process(process.pid, *urls)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)
