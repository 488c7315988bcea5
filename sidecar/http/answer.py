"""Answers: JSON bodies with their headers, and every error as one of a few codes."""

from typing import Any

import orjson
from aiohttp import web

from sidecar.errors import Absent, BadRequest, Conflict, Forbidden, Refusal, Unauthenticated, Unprocessable

STATUSES: dict[type[Refusal], int] = {
    BadRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    Absent: 404,
    Conflict: 409,
    Unprocessable: 422,
}
"""The HTTP status of each refusal."""

POLICY_HEADER = "X-Sidecar-Policy"


def respond(body: Any, status: int = 200) -> web.Response:
    """A JSON body; stored records in it go out as they are. Nobody may keep it: it is one caller's."""
    return web.Response(
        body=orjson.dumps(body, option=orjson.OPT_SORT_KEYS),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def fault(status: int, code: str, message: str, **details: Any) -> web.Response:
    """An error body."""
    return respond({"error": code, "message": message, **details}, status)


def refused(refusal: Refusal) -> web.Response:
    """A refusal as its answer."""
    response = fault(STATUSES[type(refusal)], refusal.code, refusal.message, **refusal.details)
    if isinstance(refusal, Unauthenticated):
        response.headers["WWW-Authenticate"] = "sidecar-proxy"
    return response


def of_http(error: web.HTTPException) -> web.Response:
    """What the server itself refuses: unknown routes, methods, bodies that are too large."""
    code, message = _OF_HTTP.get(error.status, ("refused", None))
    response = fault(error.status, code, message or error.reason)
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    return response


_OF_HTTP: dict[int, tuple[str, str | None]] = {
    400: ("bad_request", "the request is not HTTP/1.1 as this server reads it"),
    404: ("not_found", "there is no such route"),
    405: ("method_not_allowed", "this route does not know the method"),
    408: ("request_timeout", "the body took too long to come"),
    413: ("body_too_large", "the body is larger than this server takes"),
    415: ("unsupported_media_type", None),  # whoever refuses it says what is read there
}
