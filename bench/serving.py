"""The processes that answer, and the client that asks them all in the same way."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
STOP_S = 15.0
OPERATOR = {"x-tandem-roles": "workspace_operator", "x-tandem-actor-id": "olga"}
MEMBER = {"x-tandem-org-units": "finance", "x-tandem-actor-id": "mona"}


class Client:
    """One connection kept alive: asks, and waits for the whole answer."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._room = bytearray(4 * 1024 * 1024)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

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


@contextmanager
def sidecar(store: Path, *, log: str = "warning") -> Iterator[Client]:
    """``sidecar serve`` over a store, as users run it."""
    config = {
        "listen": "127.0.0.1:0",
        "admin_listen": "127.0.0.1:0",
        "store": {"url": f"sqlite:///{store}"},
        "log": {"level": log},
    }
    file = store.with_suffix(f".{log}.yaml")
    file.write_text(json.dumps(config))
    with _answering([sys.executable, "-m", "sidecar", "serve", "-c", str(file)]) as client:
        yield client


@contextmanager
def bare(store: Path) -> Iterator[Client]:
    """The hand-written handler over the same file."""
    with _answering([sys.executable, str(HERE / "baseline.py"), str(store)]) as client:
        yield client


@contextmanager
def _answering(command: list[str]) -> Iterator[Client]:
    """A client of a process whose first line names its address last; the process ends with it."""
    with Path(os.devnull).open("w") as nowhere:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=nowhere, text=True)  # noqa: S603 - our own
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        client = Client(next(word for word in words if word.startswith("http://")))
        yield client
        client.close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_S)
