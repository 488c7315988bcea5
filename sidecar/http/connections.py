"""Bounds on one connection: how long and how large a request may be, and how many connections there may be.

aiohttp bounds each header line and idle connections, but lets a half-sent request wait for ever, and bounds no header
block as a whole. Its request handler is the protocol of one connection, so ours is that one with clocks.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from sidecar.config import Limits
from sidecar.http.answer import POLICY_HEADER, fault
from sidecar.http.parser import MOST_HEADERS, Parser, UnmetExpectation, too_large
from sidecar.http.sharing import Share

SERVER = "sidecar"
"""What we say we are: nobody outside need know the versions."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection, and one listener, may take. ``lingering_s`` is spent on a body that nobody reads."""

    header_timeout_s: float
    body_timeout_s: float
    keepalive_timeout_s: float
    header_bytes: int
    connections: int
    lingering_s: float = 2.0

    @classmethod
    def of(cls, limits: Limits) -> Self:
        """What the configuration lets a connection take."""
        return cls(
            header_timeout_s=limits.header_timeout_ms / 1000,
            body_timeout_s=limits.body_timeout_ms / 1000,
            keepalive_timeout_s=limits.keepalive_timeout_ms / 1000,
            header_bytes=limits.header_bytes,
            connections=limits.connections,
        )


class Connections:
    """Makes the protocol of every connection of one listener. ``revision`` names the bundle in force.

    ``share`` tells other processes, which accept at the same door, how many connections there are.
    """

    def __init__(
        self, server: web.Server, bounds: Bounds, revision: Callable[[], str | None], share: Share | None = None
    ) -> None:
        self.server, self.bounds, self.revision, self._share = server, bounds, revision, share
        self.open = 0
        self.count(0)

    def __call__(self) -> "Connection":
        """A protocol for the connection that is about to be made."""
        return Connection(self)

    def count(self, more: int) -> None:
        """So many connections came, or went."""
        self.open += more
        if self._share is not None:
            self._share.has(self.open)

    def answer(self, status: int, code: str, message: str) -> web.Response:
        """An error that ends its connection."""
        response = fault(status, code, message)
        revision = self.revision()
        if revision is not None:
            response.headers[POLICY_HEADER] = revision
        response.force_close()
        response.headers["Connection"] = "close"
        return response


class Connection(web.RequestHandler):
    """One connection, closed when a request takes too long to come or its answer too long to be taken."""

    def __init__(self, listener: Connections) -> None:
        bounds = listener.bounds
        super().__init__(
            listener.server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # as the documentation says; the decision log tells more
            keepalive_timeout=bounds.keepalive_timeout_s,
            lingering_time=bounds.lingering_s,
        )
        self._parser: Parser = Parser(self, bounds.header_bytes, max_msg_queue_size=self._max_msg_queue_size)
        self._listener = listener
        self._arriving: asyncio.TimerHandle | None = None
        self._leaving: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and expect a request soon; one too many is told so and closed."""
        self._listener.count(1)
        if self._listener.open > self._listener.bounds.connections:
            self.transport = transport  # type: ignore[assignment]
            self._part(503, "too_many_connections", "this listener has as many connections as it may")
            return
        super().connection_made(transport)
        self._expect(self._listener.bounds.header_timeout_s, self._headers_late)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop the clocks."""
        self._listener.count(-1)
        self._expect(None)
        self._written()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, and set the clock by what is still missing."""
        if self.transport is None:
            return  # the peer is gone, and the parser with it
        before, was_inside_body = self._request_count, self._parser.inside_body
        if self._ending and was_inside_body:
            self._finish_body(data)
            return
        super().data_received(data)
        bounds = self._listener.bounds
        if self._parser.body_broken:
            self._end_body(web.HTTPBadRequest())
        elif self._parser.inside_body:
            if self._request_count != before:
                self._expect(bounds.body_timeout_s, self._body_late)
        elif self._request_count != before or was_inside_body:
            self._expect(None)
        elif self._parser.inside_headers and self._arriving is None:
            self._expect(bounds.header_timeout_s, self._headers_late)

    def pause_writing(self) -> None:
        """The peer does not take its answer: it may do so for as long as it may take to send a body."""
        super().pause_writing()
        self._leaving = self._loop.call_later(self._listener.bounds.body_timeout_s, self._answer_late)

    def resume_writing(self) -> None:
        """The peer took some of it."""
        self._written()
        super().resume_writing()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer, and say when it is the last of its connection."""
        resp.headers.setdefault("Server", SERVER)
        if self._ending:
            resp.force_close()
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,  # noqa: ARG002 - the error says more
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what the peer sent
    ) -> web.StreamResponse:
        """What is no HTTP, or larger than we take, as JSON; the connection ends with it."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way, so there is no room for another")
        if too_large(exc):
            return self._listener.answer(431, "headers_too_large", _too_large(self._listener.bounds))
        if isinstance(exc, UnmetExpectation):
            return self._listener.answer(417, "expectation_failed", _UNMET)
        if not isinstance(exc, HttpProcessingError):
            log.error("a request failed outside its handler", exc_info=exc)
            return self._listener.answer(503, "unavailable", "the request could not be answered")
        log.info("what a peer sent is no HTTP: %s", type(exc).__name__)
        return self._listener.answer(400, "bad_request", "the request is not HTTP/1.1 as this server reads it")

    async def cut(self) -> None:
        """Give up the request under way and wait until it has undone what it began; the connection ends with it."""
        self.force_close()
        if self._task_handler is not None:
            self._task_handler.cancel()
            await asyncio.wait([self._task_handler])

    @property
    def _ending(self) -> bool:
        """Whether no further request begins here."""
        return self._close or self._force_close

    def _finish_body(self, data: bytes) -> None:
        """Let the request under way have its body though the connection is about to close; none begins any more."""
        with suppress(HttpProcessingError):  # of what comes behind the body
            self._parser.feed_data(data)
        if self._parser.body_broken:
            self._end_body(web.HTTPBadRequest())
        elif not self._parser.inside_body:
            self._expect(None)

    def _expect(self, seconds: float | None, late: Callable[[], None] | None = None) -> None:
        """Set the clock for what must come next; None stops it."""
        if self._arriving is not None:
            self._arriving.cancel()
        self._arriving = None if seconds is None or late is None else self._loop.call_later(seconds, late)

    def _headers_late(self) -> None:
        self._arriving = None
        if self._current_request is not None or self._messages:
            self.close()  # after the answers that are owed
        elif self._parser.inside_headers:
            self._part(408, "request_timeout", "the headers took too long to come")
        else:
            self.force_close()

    def _body_late(self) -> None:
        self._arriving = None
        self._end_body(web.HTTPRequestTimeout())

    def _end_body(self, error: web.HTTPException) -> None:
        """Stop waiting for a body: whoever reads it answers with the error, and the connection ends."""
        self._expect(None)
        self._lingering_time = 0.0
        if self._current_request is not None:
            self._parser.body.set_exception(error)
            self.close()
        else:
            self.force_close()

    def _answer_late(self) -> None:
        self._leaving = None
        if self.transport is not None:
            self.transport.abort()

    def _written(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _part(self, status: int, code: str, message: str) -> None:
        """Say why, outside of any request, and close."""
        if self.transport is not None:
            self.transport.write(_bytes(self._listener.answer(status, code, message)))
        self.force_close()


_UNMET = "the Expect header asks for something this server does not do"


def _too_large(bounds: Bounds) -> str:
    return f"the request line or the headers are larger than {bounds.header_bytes} bytes, or more than {MOST_HEADERS}"


def _bytes(response: web.Response) -> bytes:
    """A response as it goes over the wire."""
    body = response.body
    assert isinstance(body, bytes)
    headers = {**response.headers, "Content-Length": str(len(body))}
    lines = [f"HTTP/1.1 {response.status} {response.reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
