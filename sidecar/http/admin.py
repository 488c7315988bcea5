"""The admin side: records in, records out of the store, answers explained, and how the process is doing."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from sidecar.config import Limits
from sidecar.errors import BadRequest, Forbidden, Unauthenticated
from sidecar.http import explaining, health
from sidecar.http import query as forms
from sidecar.http.answer import POLICY_HEADER, fault, respond
from sidecar.http.app import Handler, mapped
from sidecar.http.body import refuse_packed
from sidecar.http.following import require_writable
from sidecar.http.ndjson import LineTooLong, body_lines
from sidecar.http.offer import Offer
from sidecar.http.service import SERVICE, Service
from sidecar.http.tokens import ANYBODY, WRITER, Tokens, require_kind, require_tenant
from sidecar.readmodels.records import no_record
from sidecar.records.forms import WHITE_SPACE
from sidecar.records.kind import Kind
from sidecar.records.store import Tenant

MOST_IMPORTS = 4
"""Bodies of records that are read at once: each holds what it read until it is stored."""
LONGEST_TURN_S = 0.005
"""How long one body keeps the event loop before others get their turn."""
LONG_RECORD_BYTES = 2**16
"""A longer record is validated in a thread, for alone it could keep the event loop too long."""
_KIND = 4

TENANT: forms.Form[dict[str, Any]] = forms.Form(
    dict, [forms.text(name) for name in ("org_id", "workspace_id", "deployment_id")]
)


@dataclass(frozen=True)
class Admin:
    """What the admin side works with beside the service."""

    tokens: Tokens
    body_bytes: int
    record_bytes: int
    imports: asyncio.Semaphore


ADMIN: web.AppKey[Admin] = web.AppKey("admin", Admin)


def create_admin_app(service: Service, tokens: Tokens, limits: Limits) -> web.Application:
    """The application of the admin listener."""
    app = web.Application(middlewares=[_stamped, mapped, _admitted], client_max_size=limits.record_bytes)
    app[SERVICE] = service
    app[ADMIN] = Admin(tokens, limits.body_bytes, limits.record_bytes, asyncio.Semaphore(MOST_IMPORTS))
    app[explaining.EXPLAINING] = asyncio.Semaphore(explaining.MOST_AT_ONCE)
    app[health.DRAINING] = asyncio.Event()
    app[health.WORKER] = None
    app.add_routes([*health.ROUTES, *explaining.ROUTES, *ROUTES])
    return app


@web.middleware
async def _stamped(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Names the bundle in force when the answer goes out."""
    response = await handler(request)
    bundle = request.app[SERVICE].bundles.current
    if bundle is not None:
        response.headers[POLICY_HEADER] = bundle.revision
    return response


@web.middleware
async def _admitted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whoever has no token learns whether the process is well, and nothing else."""
    if request.path in health.PATHS:
        return await handler(request)
    tokens = request.app[ADMIN].tokens
    if tokens.guarded:
        try:
            request[WRITER] = tokens.bearer(request.headers.getall("Authorization", []))
        except Unauthenticated as refusal:
            response = fault(401, refusal.code, refusal.message)
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
    elif "Origin" in request.headers:  # a web page, led here through the browser of someone on this machine
        raise Forbidden("forbidden", "without a token, no web page may write records")
    else:
        request[WRITER] = ANYBODY
    return await handler(request)


async def import_records(request: web.Request) -> web.Response:
    """Store the records of a body, one a line: all of them, or none."""
    admin = request.app[ADMIN]
    forms.NOTHING.read(request.rel_url.raw_query_string)
    _expect(request, "application/x-ndjson")
    if admin.imports.locked():
        response = fault(429, "too_many_requests", f"{MOST_IMPORTS} bodies of records are being read already")
        response.headers["Retry-After"] = "1"
        return response
    async with admin.imports:
        try:
            offer = await _read(request, admin)
        except LineTooLong as error:
            return fault(413, "record_too_large", str(error), line=error.line)
        return await offer.answer()


async def _read(request: web.Request, admin: Admin) -> Offer:
    """Validate a whole body; others on the event loop get their turn meanwhile. Raises LineTooLong, Forbidden."""
    offer = Offer(request.app[SERVICE], request[WRITER])
    began = time.perf_counter()
    async for line, data in body_lines(request, body_bytes=admin.body_bytes, line_bytes=admin.record_bytes):
        await _apart(len(data), partial(offer.take, line, data))
        if time.perf_counter() - began > LONGEST_TURN_S:
            await asyncio.sleep(0)
            began = time.perf_counter()
    return offer


async def _apart(size: int, work: Callable[[], object]) -> None:
    """Work on a record of so many bytes: at once when it is short, else where it keeps nobody waiting."""
    if size > LONG_RECORD_BYTES:
        await asyncio.to_thread(work)
    else:
        work()


async def put_record(request: web.Request) -> web.Response:
    """Store one record under the key that its path names."""
    forms.NOTHING.read(request.rel_url.raw_query_string)
    kind, key = _named(request)
    _expect(request, "application/json")
    require_kind(request[WRITER], kind.name)
    offer = Offer(request.app[SERVICE], request[WRITER])
    data = await request.read()
    await _apart(len(data), partial(offer.take_at, kind, key, data))
    return await offer.answer()


async def delete_record(request: web.Request) -> web.Response:
    """Remove one record of the tenant that the query names."""
    kind, key = _named(request)
    require_kind(request[WRITER], kind.name)
    if kind.write == "append_only":
        raise web.HTTPMethodNotAllowed("DELETE", ["PUT"])
    tenant = _tenant(request)
    require_tenant(request[WRITER], tenant)
    require_writable(request.app[SERVICE], kind.name)
    async with request.app[SERVICE].store.change(tenant) as change:
        if not await change.delete(kind.name, key):
            raise no_record()
    return respond({"deleted": 1})


def _named(request: web.Request) -> tuple[Kind, tuple[str, ...]]:
    """The kind and the key that a path names. Raises Absent for a kind that there is not."""
    kinds = request.app[SERVICE].kinds
    name, *key = forms.path_parts(request.rel_url.raw_path)[_KIND:]
    if name not in kinds:
        raise no_record()
    return kinds[name], tuple(key)


def _tenant(request: web.Request) -> Tenant:
    """The tenant that the query names. Raises BadRequest."""
    given = TENANT.read(request.rel_url.raw_query_string)
    for name in ("org_id", "workspace_id"):
        if given[name] is None:
            raise BadRequest("invalid_parameter", f"{name} is needed: it says whose record is meant", parameter=name)
    for name, value in given.items():
        if value is not None and not value.strip(WHITE_SPACE):
            raise BadRequest("invalid_parameter", f"{name} is blank; leave it out if there is none", parameter=name)
    return Tenant(given["org_id"], given["workspace_id"], given["deployment_id"] or "")


def _expect(request: web.Request, content_type: str) -> None:
    """Raises HTTPUnsupportedMediaType for a body of another type, or a packed one."""
    refuse_packed(request)
    if request.content_type.lower() != content_type:
        raise web.HTTPUnsupportedMediaType(reason=f"a body is read here whose Content-Type is {content_type}")


ROUTES = (
    web.post("/admin/v1/records", import_records),
    web.put("/admin/v1/records/{kind}/{key:.+}", put_record),
    web.delete("/admin/v1/records/{kind}/{key:.+}", delete_record),
)
