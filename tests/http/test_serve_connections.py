"""The bounds of one connection, asked over raw sockets: aiohttp's handler under our clocks."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web

from sidecar.config import Address, Limits
from sidecar.errors import ConfigError
from sidecar.http import parser
from sidecar.http.answer import respond
from sidecar.http.app import mapped
from sidecar.http.connections import Bounds
from sidecar.http.listening import Door, Listener

USUAL = Bounds.of(Limits())
QUICK = Bounds(
    header_timeout_s=0.2,
    body_timeout_s=0.3,
    keepalive_timeout_s=0.5,
    lingering_s=0.2,
    header_bytes=4_096,
    connections=4,
)
GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
POST, BODY = b"POST /body HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\n", b"body"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n"


@dataclass
class Listening:
    """A listener whose application counts what reaches it."""

    port: int
    asked: list[str] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self, *pieces: bytes, pause_s: float = 0.0, within_s: float = 3.0) -> bytes:
        """Send pieces with a pause after each, and read until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            reading = asyncio.create_task(_until_closed(reader))
            for piece in pieces:
                if reading.done():
                    break
                writer.write(piece)
                await asyncio.sleep(pause_s)
            async with asyncio.timeout(within_s):
                return await reading
        finally:
            writer.close()


async def _until_closed(reader: asyncio.StreamReader) -> bytes:
    """Everything that came, also when the server closed on what it had not read."""
    raw = b""
    with suppress(ConnectionError):
        while piece := await reader.read(65_536):
            raw += piece
    return raw


@asynccontextmanager
async def listening(bounds: Bounds = QUICK, drain_s: float = 2.0) -> AsyncIterator[Listening]:
    """The application: ``/`` answers at once, ``/body`` with the size of the body, ``/wait`` and ``/later`` when told, ``/big`` much."""
    found = Listening(0)

    async def at_once(request: web.Request) -> web.Response:
        found.asked.append(request.path)
        return respond({"path": request.path})

    async def body(request: web.Request) -> web.Response:
        found.asked.append(request.path)
        return respond({"size": len(await request.read())})

    async def later(request: web.Request) -> web.Response:
        found.asked.append(request.path)
        await found.release.wait()
        return respond({"size": len(await request.read())})

    async def wait(request: web.Request) -> web.Response:
        found.asked.append(request.path)
        await found.release.wait()
        return respond({"waited": True})

    async def big(request: web.Request) -> web.Response:
        found.asked.append(request.path)
        return web.Response(body=b"x" * 64 * 2**20)

    app = web.Application(middlewares=[mapped], client_max_size=30 * 2**20)
    app.add_routes([web.get("/", at_once), web.post("/body", body), web.get("/wait", wait), web.get("/big", big)])
    app.add_routes([web.post("/later", later)])
    listener = Listener(Door.take(Address("127.0.0.1", 0)), app, bounds, drain_s)
    await listener.open(lambda: "sha256:here")
    found.port = int(listener.door.url.rpartition(":")[2])
    try:
        yield found
    finally:
        found.release.set()
        await listener.close()


def split(raw: bytes) -> tuple[int, dict[str, str], dict[str, object]]:
    """Status, headers and JSON body of one answer."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split(" ")[1]), headers, json.loads(body)


async def test_a_half_sent_header_block_is_told_and_closed_in_time() -> None:
    """A client that dribbles its headers is answered 408 when their time is over, however often it sends a byte."""
    async with listening() as there:
        began = asyncio.get_running_loop().time()
        status, headers, body = split(await there.talk(b"GET / HTTP/1.1\r\nHost: h", *[b"a"] * 40, pause_s=0.05))
        assert (status, body["error"]) == (408, "request_timeout")
        assert headers["connection"] == "close"
        assert headers["cache-control"] == "no-store"
        assert headers["x-sidecar-policy"] == "sha256:here"
        assert asyncio.get_running_loop().time() - began < 1.0
        assert there.asked == []


async def test_a_silent_connection_is_closed_in_time() -> None:
    """A connection on which nothing ever comes is closed without a word."""
    async with listening() as there:
        assert await there.talk(within_s=1.0) == b""


async def test_headers_on_a_kept_connection_have_the_same_time() -> None:
    """The clock starts anew for the second request of a connection, with its first byte."""
    async with listening() as there:
        raw = await there.talk(GET, b"GET /", *[b"a"] * 40, pause_s=0.05)
        first, _, second = raw.partition(b'{"path":"/"}')
        assert first.startswith(b"HTTP/1.1 200")
        assert split(second)[0] == 408


async def test_a_slow_body_is_told_and_closed_in_time() -> None:
    """A body that does not come whole in its time is answered 408, and its connection ends."""
    async with listening() as there:
        head = b"POST /body HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n\r\n"
        status, headers, body = split(await there.talk(head, *[b"a"] * 40, pause_s=0.05))
        assert (status, body["error"]) == (408, "request_timeout")
        assert headers["connection"] == "close"


async def test_a_body_that_breaks_is_told_at_once() -> None:
    """A chunk that is none ends the body: its reader answers 400 without waiting, and nothing behind it is read."""
    async with listening(USUAL) as there:
        head = b"POST /body HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"
        raw = await there.talk(head, b"zz\r\n" + SMUGGLED, pause_s=0.1, within_s=1.0)
        status, headers, body = split(raw)
        assert (status, body["error"]) == (400, "bad_request")
        assert headers["connection"] == "close"
        assert there.asked == ["/body"]


async def test_a_client_that_leaves_amid_its_body_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    """A body that breaks off because its sender is gone ends its request quietly, whoever was still reading."""
    async with listening(USUAL) as there:
        for sent in (b"a", b"a" * 10 * 2**20):
            _, writer = await asyncio.open_connection("127.0.0.1", there.port)
            writer.write(b"POST /later HTTP/1.1\r\nHost: here\r\nContent-Length: 20000000\r\n\r\n" + sent)
            await asyncio.sleep(0.1)
            writer.transport.abort()
            await asyncio.sleep(0.1)
            there.release.set()
            await asyncio.sleep(0.1)
        assert there.asked == ["/later", "/later"]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_dribbling_connections_keep_nobody_waiting() -> None:
    """While many connections send their headers byte by byte, an honest client is answered at once; then they are gone."""
    async with listening(replace(USUAL, header_timeout_s=4.0, connections=400)) as there:
        slow = [await asyncio.open_connection("127.0.0.1", there.port) for _ in range(200)]
        closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        for byte in b"GET /":
            for _, writer in slow:
                writer.write(bytes([byte]))
            assert split(await there.talk(closing, within_s=0.5))[0] == 200
        answers = await asyncio.wait_for(asyncio.gather(*(reader.read() for reader, _ in slow)), 20)
        assert {split(raw)[0] for raw in answers} == {408}
        for _, writer in slow:
            writer.close()


async def test_a_body_nobody_reads_does_not_hold_the_connection() -> None:
    """A request answered before its body came keeps its connection no longer than we linger."""
    async with listening() as there:
        head = b"GET / HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n\r\n"
        assert split(await there.talk(head, *[b"a"] * 40, pause_s=0.05))[0] == 200


async def test_an_idle_connection_is_closed_after_keep_alive() -> None:
    """A connection answers several requests, and is closed when none comes for a while."""
    async with listening() as there:
        raw = await there.talk(GET, GET, pause_s=0.1, within_s=1.5)
        assert raw.count(b"HTTP/1.1 200") == 2
        assert there.asked == ["/", "/"]


@pytest.mark.parametrize(
    "headers",
    [
        b"X-Long: " + b"a" * 10_000 + b"\r\n",
        b"".join(b"X-%d: %s\r\n" % (number, b"a" * 100) for number in range(60)),
        b"".join(b"X-%d: a\r\n" % number for number in range(150)),
    ],
    ids=["one long line", "many lines", "too many lines"],
)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "unended"])
async def test_headers_beyond_the_bound_are_431(headers: bytes, whole: bool) -> None:
    """A header block too large in one line, in sum or in number is refused before anybody is asked."""
    async with listening() as there:
        sent = b"GET / HTTP/1.1\r\nHost: here\r\n" + headers + (b"\r\n" if whole else b"X-Next: ")
        status, answered, body = split(await there.talk(sent))
        if not whole and headers.count(b"\r\n") == 150:
            assert status in (408, 431)
        else:
            assert (status, body["error"]) == (431, "headers_too_large")
        assert answered["connection"] == "close"
        assert there.asked == []


async def test_a_dribbled_header_block_beyond_the_bound_is_431() -> None:
    """The bound holds for what came so far, so a block that never ends takes no memory."""
    async with listening() as there:
        pieces = [b"GET / HTTP/1.1\r\nHost: here\r\n", *[b"X-A: " + b"a" * 1_000 + b"\r\n"] * 20]
        assert split(await there.talk(*pieces, pause_s=0.005))[0] == 431


@pytest.mark.parametrize(
    "first",
    [[b""], [GET], [POST, BODY], [POST + BODY[:1], BODY[1:] + GET]],
    ids=["alone", "behind a request", "behind a body", "behind both"],
)
async def test_no_place_in_a_stream_hides_a_header_block_beyond_the_bound(first: list[bytes]) -> None:
    """However the pieces are cut, also where it begins in the piece in which another request ends, it is refused."""
    large = b"GET / HTTP/1.1\r\nHost: here\r\n" + b"".join(
        b"X-%d: %s\r\n" % (number, b"a" * 90) for number in range(60)
    )
    async with listening() as there:
        *before, last = first
        raw = await there.talk(*before, last + large, b"\r\n", pause_s=0.02)
        assert raw.count(b" 431 ") == 1
        assert len(there.asked) == sum(piece.count(b"HTTP/1.1\r\n") for piece in first)


async def test_one_connection_too_many_is_told_so() -> None:
    """Beyond the bound a connection is answered 503 and closed; when one ends, the next is served."""
    async with listening(replace(USUAL, connections=2)) as there:
        held = [await asyncio.open_connection("127.0.0.1", there.port) for _ in range(2)]
        await asyncio.sleep(0.05)
        status, _, body = split(await there.talk())
        assert (status, body["error"]) == (503, "too_many_connections")
        for _, writer in held:
            writer.close()
        await asyncio.sleep(0.05)
        assert split(await there.talk(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))[0] == 200


async def test_an_answer_nobody_takes_is_dropped() -> None:
    """A client that asks for much and reads nothing does not hold its connection."""
    async with listening(replace(USUAL, body_timeout_s=0.3, connections=1)) as there:
        _, writer = await asyncio.open_connection("127.0.0.1", there.port, limit=1)
        writer.write(GET.replace(b"/ ", b"/big ", 1))
        statuses = [0]
        for _ in range(40):  # as soon as the first connection is given up there is room for the next
            await asyncio.sleep(0.25)
            statuses.append(split(await there.talk(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))[0])
            if statuses[-1] == 200:
                break
        assert statuses[-1] == 200
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
        b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 0, 5\r\n\r\n",
        b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: +0\r\n\r\n",
        b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 0x0\r\n\r\n",
        b"POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST /body HTTP/1.1\r\nHost: h\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /body HTTP/1.1\r\nHost: h\r\nX: a\n Content-Length: 0\r\n\r\n",
        b"GET / HTTP/1.1\nHost: h\n\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nHost: other\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/2.5\r\nHost: h\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_ambiguous_requests_are_refused_and_end_their_connection(head: bytes) -> None:
    """What two parsers may read two ways is answered 400 in JSON, and nothing behind it is ever read."""
    async with listening() as there:
        status, headers, body = split(await there.talk(head + SMUGGLED))
        assert (status, body["error"]) == (400, "bad_request")
        assert headers["connection"] == "close"
        assert headers["cache-control"] == "no-store"
        assert there.asked in ([], ["/body"])


async def test_a_connect_or_an_upgrade_never_opens_a_tunnel() -> None:
    """Methods and headers that would turn the connection into another protocol are answered like any other request."""
    async with listening() as there:
        raw = await there.talk(b"CONNECT here:80 HTTP/1.1\r\nHost: here\r\n\r\n" + SMUGGLED)
        assert b" 200 " not in raw.partition(b"\r\n")[0]
        upgrade = b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        assert (await there.talk(upgrade, pause_s=0.1)).startswith(b"HTTP/1.1 200")


async def test_closing_lets_a_request_under_way_end_and_its_body_come() -> None:
    """When the listener closes, a request that waits for its body gets it, answers, and only then ends."""
    async with listening(USUAL, drain_s=3.0) as there:
        reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
        writer.write(b"POST /body HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\nhalf-")
        await asyncio.sleep(0.1)
        assert there.asked == ["/body"]

        async def send_the_rest() -> bytes:
            await asyncio.sleep(0.3)
            writer.write(b"done!" + SMUGGLED)
            return await reader.read()

        rest = asyncio.create_task(send_the_rest())
    status, _, body = split(await rest)
    assert (status, body) == (200, {"size": 10})
    assert there.asked == ["/body"]
    writer.close()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", there.port)


def test_the_parser_in_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the compiled parser there is no serving: the other one reads more than HTTP allows."""
    parser.require_strict_parser()
    monkeypatch.setattr(parser, "HttpRequestParser", parser.HttpRequestParserPy)
    with pytest.raises(ConfigError, match="compiled parser"):
        parser.require_strict_parser()
