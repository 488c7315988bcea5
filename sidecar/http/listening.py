"""One listener: an application at one address, opened with its bounds and closed without cutting anybody off."""

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from sidecar.config import Address
from sidecar.errors import ConfigError
from sidecar.http.connections import Bounds, Connections

BACKLOG = 512
KNOCK_S = 1.0
"""How long a socket file is given to show that somebody answers there."""
NOBODY_ELSE = 0o117
"""The umask of a socket file: its owner and group may connect, others may not."""


class Listener:
    """An application at one address."""

    def __init__(self, address: Address, app: web.Application, bounds: Bounds, drain_s: float) -> None:
        self._address, self._bounds = address, bounds
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=drain_s)
        self._server: asyncio.Server | None = None
        self._socket_file: tuple[int, int] | None = None

    async def open(self, revision: Callable[[], str | None]) -> None:
        """Accept connections; ``revision`` names the bundle in force. Raises ConfigError."""
        await self._runner.setup()
        assert self._runner.server is not None
        protocol = Connections(self._runner.server, self._bounds, revision)
        loop, address = asyncio.get_running_loop(), self._address
        try:
            if address.path:
                server = await loop.create_unix_server(protocol, sock=_socket(address.path), backlog=BACKLOG)
                self._socket_file = _identity(address.path)
            else:
                server = await loop.create_server(protocol, address.host, address.port, backlog=BACKLOG)
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(_why_not(address, error)) from None
        self._server = server

    async def close(self) -> None:
        """Accept nobody any more, let the requests under way end, and end idle connections."""
        if self._server is not None:
            self._server.close()
        if self._socket_file is not None:
            _remove(self._address.path, self._socket_file)
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Where it listens, with the port that was found when any would do."""
        if self._server is None or self._address.path:
            return str(self._address)
        port = self._server.sockets[0].getsockname()[1]
        return f"http://{Address(self._address.host, port)}"


def _socket(path: str) -> socket.socket:
    """A bound socket at a path, in place of one that a dead process left. Raises OSError, ConfigError."""
    _clear(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(NOBODY_ELSE)
    try:
        bound.bind(path)
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


def _remove(path: str, ours: tuple[int, int]) -> None:
    """Remove our socket file, and nobody else's that took its place."""
    if _identity(path) == ours:
        Path(path).unlink(missing_ok=True)


def _why_not(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"cannot listen on {address}: another process does already; stop it, or listen elsewhere"
    return f"cannot listen on {address}: {error.strerror or error}"
