"""The HTTP parser: aiohttp's compiled one, which bounds each line, with a bound on a header block as a whole."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiohttp import EMPTY_PAYLOAD, StreamReader, web
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError, LineTooLong
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy, RawRequestMessage
from aiohttp.web_protocol import RequestPayloadError

from sidecar.errors import ConfigError

MOST_HEADERS = 100
READ_AHEAD = 2**16
"""How much of a body waits for its reader before the peer is told to wait."""

CONTINUE = "100-continue"
"""All that a request may expect: that it is told to go on."""

Messages = tuple[Sequence[tuple[RawRequestMessage, StreamReader]], bool, bytes]


def require_strict_parser() -> None:
    """Refuse to serve with aiohttp's parser in Python, which is laxer and slower. Raises ConfigError."""
    if issubclass(HttpRequestParser, HttpRequestParserPy):
        raise ConfigError(
            "aiohttp has no compiled parser here; install it from a wheel for this platform, "
            "and unset AIOHTTP_NO_EXTENSIONS"
        )


class UnmetExpectation(HttpProcessingError):  # noqa: N818 - what is unmet is the request
    """A request expects what this server does not do; aiohttp would answer past every handler, quoting it."""


class Parser(HttpRequestParser):
    """Knows where in a request it is. ``body`` is that of the last request whose headers are whole."""

    def __init__(self, connection: web.RequestHandler, header_bytes: int, **named: Any) -> None:
        super().__init__(
            connection,
            asyncio.get_running_loop(),
            READ_AHEAD,
            max_line_size=header_bytes,
            max_field_size=header_bytes,
            max_headers=MOST_HEADERS,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            **named,
        )
        self._header_bytes = header_bytes
        self._header_seen = 0
        self._carried = 0  # at most so much of the next header block came with what went before it
        self.body: StreamReader = EMPTY_PAYLOAD
        self.body_broken = False

    @property
    def inside_headers(self) -> bool:
        """Whether a header block has begun and not ended."""
        return self._header_seen > 0

    @property
    def inside_body(self) -> bool:
        """Whether the body is not whole yet."""
        return not self.body.is_eof()

    def feed_data(self, data: bytes) -> Messages:  # type: ignore[override]  # the compiled one takes just this
        """Parse what came; a body that breaks is told in ``body_broken``. Raises HttpProcessingError."""
        inside_body = self.inside_body
        try:
            messages, upgraded, tail = super().feed_data(data)
        except HttpProcessingError:
            if not inside_body:
                raise
            self.body_broken = True  # aiohttp tells the next request, which will never be; its reader would wait
            return (), False, b""
        seen = self._header_seen + self._carried + len(data)
        if messages:
            self._header_seen, self.body = 0, messages[-1][1]
            # what is short altogether has no block that is too long
            largest = max(_size(message) for message, _ in messages) if seen > self._header_bytes else seen
        else:
            self._header_seen += 0 if inside_body else len(data)
            largest = self._header_seen
        if messages or inside_body:
            self._carried = len(data)
        if largest > self._header_bytes:
            raise LineTooLong(b"the header block", self._header_bytes)
        if not all(_answerable(message) for message, _ in messages):
            raise UnmetExpectation
        return messages, upgraded, tail


def too_large(error: BaseException | None) -> bool:
    """Whether a request line or its headers are too large; for too many the parser has no error of its own."""
    if isinstance(error, LineTooLong):
        return True
    return isinstance(error, BadHttpMessage) and error.message.startswith("Too many headers")


def _answerable(message: RawRequestMessage) -> bool:
    """Whether a request expects nothing but to be told to go on."""
    headers = message.headers
    return "Expect" not in headers or all(expected.lower() == CONTINUE for expected in headers.getall("Expect"))


def _size(message: RawRequestMessage) -> int:
    """The bytes of a header block, near enough."""
    return len(message.path) + sum(len(name) + len(value) + 4 for name, value in message.raw_headers)
