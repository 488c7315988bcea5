"""Answers a second from two workers against one, over the same store, asked by a client that costs next to nothing.

The client shares the processors with what it asks, so it only counts bytes: every answer is as long as the first.
"""

import selectors
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from bench_page import PATH, page_store
from measure import Result, compared
from serving import OPERATOR, served

BOUND = 1 / 1.6
CONNECTIONS, DEPTH = 16, 2
ROUNDS, ROUND_S = 7, 2.0
LABELS = 3


class Crowd:
    """Many connections kept alive, each with so many requests under way."""

    def __init__(self, url: str, path: str, headers: Mapping[str, str]) -> None:
        host, _, port = url.removeprefix("http://").rpartition(":")
        sent = {"Host": "bench", "x-tandem-org-id": "acme", "x-tandem-workspace-id": "main", **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        self._request = f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()
        self._room = bytearray(2**20)
        self._sockets = [socket.create_connection((host, int(port)), timeout=60) for _ in range(CONNECTIONS)]
        self._length = self._first(self._sockets[0])

    def _first(self, one: socket.socket) -> int:
        """How long an answer is, with its headers."""
        one.sendall(self._request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += one.recv(65_536)
        head, _, _ = answer.partition(b"\r\n\r\n")
        assert b" 200 " in head, head
        body = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
        length = len(head) + 4 + body
        while len(answer) < length:
            answer += one.recv(65_536)
        assert len(answer) == length
        return length

    def ms_each(self, seconds: float) -> float:
        """The milliseconds that an answer takes when all ask at once for so long."""
        began = time.perf_counter()
        pending = dict.fromkeys(self._sockets, 0)
        answered = 0
        with selectors.DefaultSelector() as selector:
            for one in self._sockets:
                selector.register(one, selectors.EVENT_READ)
                one.sendall(self._request * DEPTH)
                pending[one] = DEPTH * self._length
            while any(pending.values()):
                going_on = time.perf_counter() - began < seconds
                for key, _ in selector.select():
                    one = key.fileobj
                    assert isinstance(one, socket.socket)
                    before = -(-pending[one] // self._length)
                    taken = one.recv_into(self._room)
                    assert 0 < taken <= pending[one], "an answer was longer, or the connection was closed"
                    pending[one] -= taken
                    done = before - -(-pending[one] // self._length)
                    answered += done
                    if going_on and done:
                        one.sendall(self._request * done)
                        pending[one] += done * self._length
        return (time.perf_counter() - began) * 1000 / answered

    def close(self) -> None:
        """End all connections."""
        for one in self._sockets:
            one.close()


def main(folder: Path) -> Iterator[Result]:
    store = page_store(folder, LABELS)
    with ExitStack() as stack:
        crowds = []
        for workers in (1, 2):
            process = stack.enter_context(served(store, {"log": {"level": "warning"}, "workers": workers}))
            crowds.append(Crowd(process.url, PATH, OPERATOR))
            stack.callback(crowds[-1].close)
        for crowd in crowds:
            crowd.ms_each(1.0)
        taken = [[crowd.ms_each(ROUND_S) for crowd in crowds] for _ in range(ROUNDS)]
    one, two = ([times[place] for times in taken] for place in (0, 1))
    yield compared(f"a page from two workers, {CONNECTIONS} connections", two, one, BOUND)
