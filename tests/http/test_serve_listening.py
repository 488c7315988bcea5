"""Opening and closing one listener: where it may be, who may connect, whose place is taken, and what is left behind."""

import asyncio
import os
import socket
from pathlib import Path

import pytest
from aiohttp import web
from serving import Clock, service_on

from sidecar.config import Address, Config, Limits, Writer
from sidecar.errors import ConfigError
from sidecar.http.answering import Doors
from sidecar.http.app import create_app
from sidecar.http.connections import Bounds
from sidecar.http.listening import Door, Listener
from sidecar.http.service import Trust
from sidecar.http.tokens import Tokens, require_guarded
from sidecar.identity.authenticate import Peers

ASK = (
    b"GET /v1/records/wait HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
    b"X-Tandem-Org-Id: acme\r\nX-Tandem-Workspace-Id: main\r\n\r\n"
)


def listener(address: Address, app: web.Application | None = None) -> Listener:
    return Listener(Door.take(address), app or web.Application(), Bounds.of(Limits()), 1.0)


def at(path: Path) -> Address:
    return Address("", 0, str(path))


async def opened(address: Address, app: web.Application | None = None) -> Listener:
    found = listener(address, app)
    await found.open(lambda: None)
    return found


async def status(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    writer.write(ASK)
    raw = await reader.read()
    writer.close()
    return int(raw.split(b" ")[1])


async def test_a_socket_file_is_for_its_owner_and_group_and_goes_with_the_listener(tmp_path: Path) -> None:
    """The file is made closed to others, whatever the umask is, and removed at the end."""
    before = os.umask(0)
    try:
        found = await opened(at(tmp_path / "s.sock"))
    finally:
        assert os.umask(before) == 0
    assert (tmp_path / "s.sock").stat().st_mode & 0o777 == 0o660
    assert found.door.url == f"unix:{tmp_path}/s.sock"
    await found.close()
    assert not (tmp_path / "s.sock").exists()


async def test_a_socket_file_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    """A file at which nobody answers does not keep us from starting."""
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "s.sock"))
    dead.close()
    found = await opened(at(tmp_path / "s.sock"))
    _, writer = await asyncio.open_unix_connection(str(tmp_path / "s.sock"))
    writer.close()
    await found.close()


async def test_a_socket_file_in_use_is_not_taken(tmp_path: Path) -> None:
    """A file at which somebody answers is left to them, and they still answer."""
    first = await opened(at(tmp_path / "s.sock"))
    with pytest.raises(ConfigError, match=r"s\.sock: another process does already"):
        await opened(at(tmp_path / "s.sock"))
    _, writer = await asyncio.open_unix_connection(str(tmp_path / "s.sock"))
    writer.close()
    await first.close()


async def test_a_file_that_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    """A misspelt path costs nobody a file."""
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(ConfigError, match="is no socket"):
        await opened(at(tmp_path / "notes"))
    assert (tmp_path / "notes").read_text() == "mine"


async def test_the_file_of_a_successor_is_left_alone(tmp_path: Path) -> None:
    """When another process took the path over, closing does not remove its socket."""
    first = await opened(at(tmp_path / "s.sock"))
    (tmp_path / "s.sock").unlink()
    second = await opened(at(tmp_path / "s.sock"))
    await first.close()
    assert (tmp_path / "s.sock").exists()
    await second.close()


@pytest.mark.parametrize("where", ["missing/s.sock", "x" * 200])
async def test_an_impossible_path_is_said_clearly(tmp_path: Path, where: str) -> None:
    """A folder that is not there, or a path too long for a socket, is a sentence with the address in it."""
    with pytest.raises(ConfigError, match="cannot listen on unix:"):
        await opened(at(tmp_path / where))


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "no-such-host.invalid"])
async def test_a_host_that_is_none_is_said_clearly(host: str) -> None:
    """A name with an empty or too long part, and one that nobody knows, is a sentence with the address in it."""
    with pytest.raises(ConfigError, match=f"cannot listen on {host}:80: "):
        await opened(Address(host, 80))


async def test_a_port_in_use_is_said_clearly() -> None:
    """The sentence names the address and the way out."""
    first = await opened(Address("127.0.0.1", 0))
    port = int(first.door.url.rpartition(":")[2])
    with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port}: another process does already; stop it, or"):
        await opened(Address("127.0.0.1", port))
    await first.close()


async def test_identities_are_believed_on_the_socket_and_from_no_other_peer(tmp_path: Path) -> None:
    """With no trusted proxy the same headers are answered on the socket file, and 401 over TCP."""
    service = await service_on(tmp_path / "s.db", Clock(), trust=Trust(Peers(())))
    near = await opened(at(tmp_path / "s.sock"), create_app(service, Limits()))
    far = await opened(Address("127.0.0.1", 0), create_app(service, Limits()))
    assert await status(*await asyncio.open_unix_connection(str(tmp_path / "s.sock"))) == 200
    assert await status(*await asyncio.open_connection("127.0.0.1", int(far.door.url.rpartition(":")[2]))) == 401
    await near.close()
    await far.close()
    await service.store.close()


@pytest.mark.parametrize(
    "listen", ["127.0.0.1:8481", "127.9.9.9:1", "[::1]:8481", "localhost:8481", "unix:/run/a.sock"]
)
def test_without_a_token_only_this_machine(listen: str) -> None:
    """Without a token the admin side may listen where only this machine reaches it."""
    require_guarded(Address.of(listen), Tokens())


@pytest.mark.parametrize("listen", ["0.0.0.0:8481", "[::]:8481", "10.0.0.1:1", "example.test:8481", "[fe80::1]:1"])
def test_with_a_token_anywhere(listen: str) -> None:
    """Everywhere else it needs a token, and says how to set one."""
    with pytest.raises(ConfigError, match="SIDECAR_ADMIN_TOKEN"):
        require_guarded(Address.of(listen), Tokens())
    require_guarded(Address.of(listen), Tokens([Writer(bytes(32))]))


def test_the_two_sides_have_an_address_each(tmp_path: Path) -> None:
    """One address for both sides is a wrong configuration that names the two settings; two free ports are not one."""
    for one in (at(tmp_path / "s.sock"), Address("127.0.0.1", 8480)):
        with pytest.raises(ConfigError, match="listen and admin_listen are both "):
            Doors.take(Config(listen=one, admin_listen=one))
    free = Address("127.0.0.1", 0)
    Doors.take(Config(listen=free, admin_listen=free)).close()
