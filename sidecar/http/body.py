"""Reading request bodies: bounded, as sent, strictly."""

from typing import Any

from aiohttp import web

from sidecar.errors import BadRequest
from sidecar.records.places import BadJson
from sidecar.records.strict import read_json


async def json_body(request: web.Request) -> Any:
    """The JSON value of a body. Raises BadRequest; HTTPUnsupportedMediaType and HTTPRequestEntityTooLarge."""
    kind = request.content_type.lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise web.HTTPUnsupportedMediaType(reason="a body is read here whose Content-Type is application/json")
    try:
        return read_json(await plain_body(request))
    except BadJson as error:
        where = f" at {error.pointer}" if error.pointer else ""
        raise BadRequest("invalid_json", f"the body is no clean JSON{where}: {error.message}") from None


async def plain_body(request: web.Request) -> bytes:
    """The body as sent. Raises HTTPUnsupportedMediaType and HTTPRequestEntityTooLarge."""
    refuse_packed(request)
    return await request.read()


def refuse_packed(request: web.Request) -> None:
    """A packed body could grow without bound. Raises HTTPUnsupportedMediaType."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise web.HTTPUnsupportedMediaType(reason="a body is read here as it is, without a Content-Encoding")
