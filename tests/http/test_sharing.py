"""How several processes share the connections of one door."""

import asyncio
import socket
import time
from pathlib import Path

import pytest
from aiohttp import web

from sidecar.config import Address, Limits
from sidecar.http import sharing
from sidecar.http.connections import Bounds
from sidecar.http.listening import Door, Listener
from sidecar.http.sharing import Shares


def test_who_has_the_fewest_connections_lets_nobody_go_first() -> None:
    """Only a process that has more than another is ahead; one that left, or never came, is no measure."""
    shares = Shares(3)
    first, second, _ = (shares.share(place) for place in range(3))
    first.has(4)
    assert not first.ahead
    second.has(3)
    assert (first.ahead, second.ahead) == (True, False)
    first.has(3)
    assert (first.ahead, second.ahead) == (False, False)
    second.leave()
    second.has(0)
    first.has(9)
    assert not first.ahead


async def test_a_burst_is_shared_evenly(tmp_path: Path) -> None:
    """However many connections come at once, no process has many more than another."""
    door, shares = Door.take(Address("", 0, str(tmp_path / "s.sock"))), Shares(2)
    listeners = [
        Listener(
            Door(door.address, (one.dup(),), share=shares.share(place)), web.Application(), Bounds.of(Limits()), 1.0
        )
        for place, one in enumerate(door.sockets * 2)
    ]
    for listener in listeners:
        await listener.open(lambda: None)
    clients = await asyncio.gather(*[asyncio.open_unix_connection(door.address.path) for _ in range(40)])
    for reader, writer in clients:
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
    counts = [*shares.share(0)._counts]
    assert sum(counts) == len(clients)
    assert max(counts) - min(counts) <= 2
    for _, writer in clients:
        writer.close()
    for listener in listeners:
        await listener.close()
    door.close()


async def test_a_process_that_does_not_accept_keeps_nobody_waiting(tmp_path: Path) -> None:
    """A process that stopped turning, with no connections, is given its chance, and then another accepts."""
    door, shares = Door.take(Address("", 0, str(tmp_path / "s.sock"))), Shares(2)
    shares.share(1).has(0)
    turning = Listener(door.shared(shares.share(0)), web.Application(), Bounds.of(Limits()), 1.0)
    await turning.open(lambda: None)
    kept = []
    async with asyncio.timeout(10):
        for _ in range(5):
            reader, writer = await asyncio.open_unix_connection(door.address.path)
            writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 404")
            kept.append(writer)
    assert shares.share(0)._counts[0] == len(kept)
    for writer in kept:
        writer.close()
    await turning.close()


@pytest.mark.parametrize("alone", [True, False])
async def test_a_machine_without_room_is_waited_for(
    alone: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """When a connection cannot be accepted that is told once, the next try comes later, and then it is accepted."""
    monkeypatch.setattr(sharing, "RELIEF_S", 0.05)
    failures = [OSError(24, "Too many open files")] * 3

    class Full(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            if failures:
                raise failures.pop()
            return super().accept()

    door, share = Door.take(Address("", 0, str(tmp_path / "s.sock"))), None if alone else Shares(1).share(0)
    full = Full(fileno=door.sockets[0].detach())
    listener = Listener(Door(door.address, (full,), share=share), web.Application(), Bounds.of(Limits()), 1.0)
    await listener.open(lambda: None)
    began = time.monotonic()
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_unix_connection(door.address.path)
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
    assert time.monotonic() - began > 3 * sharing.RELIEF_S
    told = ["a connection could not be accepted: [Errno 24] Too many open files"] * 3
    assert (failures, [record.getMessage() for record in caplog.records]) == ([], told)
    writer.close()
    await listener.close()


async def test_a_connection_that_fails_stops_no_acceptor(tmp_path: Path) -> None:
    """Whatever goes wrong with one connection, the next one is accepted."""
    door, made = Door.take(Address("", 0, str(tmp_path / "s.sock"))), asyncio.Semaphore(0)
    failures = iter([RuntimeError("there are no more of these")])

    def protocol() -> asyncio.Protocol:
        for failure in failures:
            raise failure
        made.release()
        return asyncio.Protocol()

    acceptor = sharing.Acceptor(door.sockets[0], protocol, Shares(1).share(0))
    clients = [await asyncio.open_unix_connection(door.address.path) for _ in range(2)]
    async with asyncio.timeout(10):
        await made.acquire()
    for _, writer in clients:
        writer.close()
    acceptor.close()
    door.close()
