"""Several workers from outside: their processes, and connections that are known to be held by one of them."""

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from answer import Answer
from multidict import CIMultiDict
from serving_process import Process, eventually, serving

MOST_TRIES = 200
MEMBER = {"x-tandem-org-id": "acme", "x-tandem-workspace-id": "main"}


class Held:
    """A connection kept alive."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=20)
        self._connection.connect()

    @property
    def ends(self) -> tuple[int, int]:
        """The port here and the port there."""
        at: socket.socket = self._connection.sock
        return at.getsockname()[1], at.getpeername()[1]

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request and its answer; ``content_type="x/y"`` is sent as ``content-type: x/y``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, {**MEMBER, **named})
        answer = self._connection.getresponse()
        return Answer(answer.status, CIMultiDict(answer.getheaders()), answer.read())

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True)
class Workers:
    """A supervisor with its workers."""

    process: Process
    public: int
    admin: int

    @property
    def pids(self) -> list[int]:
        """The processes that serve."""
        pid = self.process.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    @contextmanager
    def held(self, pid: int, port: int) -> Iterator[Held]:
        """A connection to a port that this worker holds; others are kept open meanwhile, so that it gets its turn."""
        with ExitStack() as stack:
            for _ in range(MOST_TRIES):
                connection = Held(port)
                stack.callback(connection.close)
                connection.ask("GET", "/livez")
                if holds(pid, connection):
                    yield connection
                    return
            raise AssertionError(f"worker {pid} accepted none of {MOST_TRIES} connections")

    def readiness(self, pid: int) -> Answer:
        """What one worker says of itself."""
        with self.held(pid, self.admin) as connection:
            return connection.ask("GET", "/readyz")

    def replaced(self, before: Sequence[int], within_s: float = 20.0) -> int:
        """Wait until another process has the place of the one that ended among those that there were before."""
        fresh: list[int] = []
        eventually(lambda: fresh.extend(pid for pid in self.pids if pid not in before) or fresh, within_s)
        return fresh[0]


def holds(pid: int, connection: Held) -> bool:
    """Whether a process holds the other end of a TCP connection on this machine."""
    here, there = connection.ends
    wanted = (f":{there:04X}", f":{here:04X}")
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if (row[1][8:], row[2][8:]) == wanted}
    return bool(inodes & sockets(pid))


def sockets(pid: int) -> set[str]:
    """The sockets that a process has open."""
    found: set[str] = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            match = re.fullmatch(r"socket:\[(\d+)\]", str(entry.readlink()))
        except FileNotFoundError:
            continue
        found |= {match[1]} if match else set()
    return found


@contextmanager
def workers(folder: Path, number: int = 2, **settings: Any) -> Iterator[Workers]:
    """A sidecar with several workers on a fresh store; ended with SIGTERM if it has not ended by itself."""
    with serving(folder, workers=number, **{"admin_listen": "127.0.0.1:0", **settings}) as process:
        assert process.process.stdout is not None
        second = process.process.stdout.readline()
        assert second.startswith("sidecar: administered on "), second
        yield Workers(process, port(process.public), port(second.split()[3]))


def port(url: str) -> int:
    """The port of an address; 0 for a socket file."""
    return int(url.rpartition(":")[2]) if url.startswith("http://") else 0
