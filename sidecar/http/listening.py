"""Doors and listeners: a door is an address that is ours, a listener an application that answers behind it."""

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from aiohttp import web

from sidecar.config import Address
from sidecar.errors import ConfigError
from sidecar.http.connections import Bounds, Connection, Connections
from sidecar.http.sharing import Acceptor, Share

BACKLOG = 512
KNOCK_S = 1.0
"""How long a socket file is given to show that somebody answers there."""
NOBODY_ELSE = 0o117
"""The umask of a socket file: its owner and group may connect, others may not."""
NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What a machine says that does not speak one of the protocols under which a name has an address."""


@dataclass(frozen=True)
class Door:
    """An address that is ours: connections queue behind it until a listener accepts them.

    ``take`` makes one; whoever took it closes it. ``shared`` is the same door for one of several processes.
    """

    address: Address
    sockets: tuple[socket.socket, ...]
    file: tuple[int, int] | None = None
    share: Share | None = None

    @classmethod
    def take(cls, address: Address) -> "Door":
        """Bind to an address, in place of a dead process that left its socket file. Raises ConfigError."""
        try:
            if address.path:
                return cls(address, (_on_file(address.path),), _identity(address.path))
            return cls(address, tuple(_on_ports(address)))
        except OSError as error:
            raise ConfigError(_why_not(address, error)) from None

    def shared(self, share: Share) -> "Door":
        """The door as one of several forked processes opens it. What was taken stays with whoever took it."""
        return replace(self, file=None, share=share)

    def close(self) -> None:
        """Let nobody in any more, as far as this process goes; the socket file goes if it is still ours."""
        for one in self.sockets:
            one.close()
        if self.file is not None and _identity(self.address.path) == self.file:
            Path(self.address.path).unlink(missing_ok=True)

    @property
    def url(self) -> str:
        """Where it is, with the port that was found when any would do."""
        if self.address.path:
            return str(self.address)
        return f"http://{Address(self.address.host, self.sockets[0].getsockname()[1])}"


class Listener:
    """An application behind a door, opened with its bounds and closed without cutting anybody off."""

    def __init__(self, door: Door, app: web.Application, bounds: Bounds, drain_s: float) -> None:
        self.door, self._bounds = door, bounds
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=drain_s)
        self._accepting: list[Acceptor] = []

    async def open(self, revision: Callable[[], str | None]) -> None:
        """Accept connections; ``revision`` names the bundle in force."""
        await self._runner.setup()
        assert self._runner.server is not None
        protocol = Connections(self._runner.server, self._bounds, revision, self.door.share)
        self._accepting = [Acceptor(one, protocol, self.door.share) for one in self.door.sockets]

    def shut(self) -> None:
        """Accept nobody any more."""
        for one in self._accepting:
            one.close()
        self.door.close()
        if self.door.share is not None:
            self.door.share.leave()

    async def close(self) -> None:
        """Accept nobody any more, let the requests under way end, and end idle connections."""
        self.shut()
        await self._runner.cleanup()

    async def cut(self) -> None:
        """Give up the requests that are still under way; they have ended when this returns."""
        self.shut()
        if self._runner.server is not None:
            left = [one for one in self._runner.server.connections if isinstance(one, Connection)]
            await asyncio.gather(*(one.cut() for one in left))


def _on_ports(address: Address) -> list[socket.socket]:
    """A socket for each address that a host's name has here. Raises OSError."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError:
        raise OSError(errno.EADDRNOTAVAIL, "its host is no name that a machine can have") from None
    missing = OSError(errno.EADDRNOTAVAIL, "its name has no address here")
    bound: list[socket.socket] = []
    for family, _, _, _, place in dict.fromkeys(found):
        try:
            bound.append(socket.create_server(place, family=family, backlog=BACKLOG))
        except OSError as error:
            missing = error
            if error.errno not in NOT_HERE:
                for one in bound:
                    one.close()
                raise
    if not bound:
        raise missing
    return bound


def _on_file(path: str) -> socket.socket:
    """A socket at a path, in place of one that a dead process left. Raises OSError, ConfigError."""
    _clear(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(NOBODY_ELSE)
    try:
        bound.bind(path)
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    finally:
        os.umask(before)
    return bound


def _clear(path: str) -> None:
    """Remove a socket file at which nobody answers. Raises OSError, ConfigError."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"unix:{path} is no socket; remove it, or listen elsewhere")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
        knock.settimeout(KNOCK_S)
        if knock.connect_ex(path) == errno.ECONNREFUSED:
            Path(path).unlink(missing_ok=True)
            return
    raise OSError(errno.EADDRINUSE, "in use")


def _identity(path: str) -> tuple[int, int] | None:
    """Which file is at a path; None when there is none."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _why_not(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"cannot listen on {address}: another process does already; stop it, or listen elsewhere"
    return f"cannot listen on {address}: {error.strerror or error}"
