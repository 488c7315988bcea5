"""Requests as bytes and answers as bytes: what a client library would not let through."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import orjson
from serving import Who

PATIENCE_S = 2.0
"""How long an answer may take before it is a hang."""


@dataclass(frozen=True)
class Got:
    """One answer. ``bare`` tells that no body came, as for HEAD."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, object]:
        """The JSON of the body."""
        found: dict[str, object] = orjson.loads(self.body)
        return found


def request(
    target: bytes,
    who: Who,
    *,
    method: bytes = b"GET",
    headers: Iterator[tuple[bytes, bytes]] | tuple[tuple[bytes, bytes], ...] = (),
    body: bytes | None = None,
) -> bytes:
    """A request, its target as it is written."""
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: here", b"Connection: close"]
    lines += [name.encode() + b": " + value.encode() for name, value in who.headers.items()]
    lines += [name + b": " + value for name, value in headers]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body or b""])


async def exchange(port: int, sent: bytes) -> bytes:
    """Everything that the server says to some bytes, until it closes. Raises TimeoutError when it hangs."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    raw = b""
    try:
        writer.write(sent)
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                while piece := await reader.read(2**16):
                    raw += piece
    finally:
        writer.close()
    return raw


def answers(raw: bytes, *, bodiless: bool = False) -> Iterator[Got]:
    """The answers in some bytes, one behind the other. Fails the test when they are not HTTP."""
    while raw:
        head, end, rest = raw.partition(b"\r\n\r\n")
        assert end, raw[:500]
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, *_ = first.split(" ")
        assert version.startswith("HTTP/"), raw[:500]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        if status == "100":
            raw = rest
            continue
        length = int(headers["content-length"])
        if bodiless and not rest:
            length = 0
        assert len(rest) >= length, raw[:500]
        yield Got(int(status), headers, rest[:length])
        raw = rest[length:]


async def ask(port: int, sent: bytes) -> Got:
    """The one answer to one request."""
    [got] = answers(await exchange(port, sent), bodiless=sent.startswith(b"HEAD"))
    return got
