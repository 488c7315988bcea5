"""Reading a body line by line, so that no more than one line of it is ever held unread."""

from collections.abc import AsyncIterator

from aiohttp import web

from sidecar.errors import SidecarError

_SPACE = b" \t\r"


class LineTooLong(SidecarError):  # noqa: N818 - the line is what is too long
    """One line is longer than a record may be."""

    def __init__(self, line: int, most: int) -> None:
        super().__init__(f"line {line} is longer than {most} bytes, which is the most for one record")
        self.line = line


async def body_lines(request: web.Request, *, body_bytes: int, line_bytes: int) -> AsyncIterator[tuple[int, bytes]]:
    """The lines of a body that are not blank, each with its number from 1.

    Raises LineTooLong, and HTTPRequestEntityTooLarge as soon as the body is known to be too large.
    """
    taken = request.content_length or 0
    if taken > body_bytes:
        raise web.HTTPRequestEntityTooLarge(body_bytes, taken)
    taken, number, rest = 0, 1, bytearray()
    async for chunk in request.content.iter_any():
        taken += len(chunk)
        if taken > body_bytes:
            raise web.HTTPRequestEntityTooLarge(body_bytes, taken)
        first, *others = chunk.split(b"\n")
        rest += first
        for other in others:
            if line := _bounded(rest, number, line_bytes).strip(_SPACE):
                yield number, bytes(line)
            number, rest = number + 1, bytearray(other)
        _bounded(rest, number, line_bytes)
    if line := rest.strip(_SPACE):
        yield number, bytes(line)


def _bounded(line: bytearray, number: int, most: int) -> bytearray:
    if len(line) > most:
        raise LineTooLong(number, most)
    return line
