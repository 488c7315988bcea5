"""The read side as an application: every request bounded, authenticated, answered from one bundle, without a trace."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web

from sidecar.config import Limits
from sidecar.errors import Refusal, StoreError
from sidecar.http.answer import POLICY_HEADER, fault, of_http, refused
from sidecar.http.decisions import Decisions
from sidecar.http.routes import ROUTES, is_written_out
from sidecar.http.service import BUNDLE, IDENTITY, SERVICE, Service
from sidecar.identity.authenticate import from_headers

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)


def create_app(service: Service, limits: Limits) -> web.Application:
    """The application of the public listener."""
    bounds = _Bounds(limits.requests_per_tenant, limits.handler_timeout_ms / 1000)
    app = web.Application(middlewares=[_decided, mapped, _proved, bounds], client_max_size=limits.choice_bytes)
    app[SERVICE] = service
    app.add_routes(ROUTES)
    return app


@web.middleware
async def _decided(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Names the bundle that decides, once for the whole request, and logs one event for its answer."""
    service = request.app[SERVICE]
    bundle, event = service.bundles.current, Decisions.begin(request)
    if bundle is None:
        response: web.StreamResponse = fault(503, "not_ready", "no policies are loaded, so nothing is shown")
    else:
        request[BUNDLE] = bundle
        response = await handler(request)
        response.headers[POLICY_HEADER] = bundle.revision
    service.metrics.answered(event.route, response.status, event.seconds)
    event.end(response.status, None if bundle is None else bundle.revision, request.get(IDENTITY))
    return response


@web.middleware
async def mapped(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure as its answer: a refusal by its class, the rest without a word about the inside."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return refused(refusal)
    except web.HTTPException as error:
        return of_http(error)
    except Exception as error:  # noqa: BLE001 - a failure is an answer too
        return _failure(error)


def _failure(error: Exception) -> web.Response:
    """What is nobody's refusal: logged, and answered with nothing of the inside."""
    if isinstance(error, ConnectionError):
        log.info("a client left before its request was whole")
        return fault(400, "bad_request", "the body ended before it was whole")
    if isinstance(error, TimeoutError):
        log.warning("a request took too long and was ended")
        return fault(503, "timeout", "the answer took too long")
    if isinstance(error, StoreError):
        log.error("the store did not answer: %s", error)
        return fault(503, "store_unavailable", "the records cannot be reached now")
    log.error("a request failed", exc_info=error)
    return fault(503, "unavailable", "the request could not be answered")


@web.middleware
async def _proved(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Nothing is answered to nobody, not even that a route does not exist."""
    trust = request.app[SERVICE].trust
    headers = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
    trusted = trust.peers.trust(_peer(request))
    request[IDENTITY] = from_headers(headers, trusted=trusted, claim_required=trust.unit_claim_required)
    if not is_written_out(request):  # the router decodes a path before it looks for its route
        raise web.HTTPNotFound
    return await handler(request)


def _peer(request: web.Request) -> str | None:
    """The address of the peer; None on a Unix socket, and an empty one, which nobody trusts, when it cannot be told."""
    transport = request.transport
    peer = None if transport is None else transport.get_extra_info("peername")
    if isinstance(peer, str | bytes):
        return None
    return str(peer[0]) if isinstance(peer, tuple) else ""


class _Bounds:
    """How much of one tenant is worked on at once, and for how long. A middleware."""

    __middleware_version__ = 1

    def __init__(self, per_tenant: int, timeout_s: float) -> None:
        self._per_tenant = per_tenant
        self._timeout_s = timeout_s
        self._running: Counter[tuple[str, str, str]] = Counter()

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer within the bounds, or refuse. Raises TimeoutError."""
        if request.can_read_body:
            await request.read()  # a body has its own time, which the connection measures, and is no work of ours
        tenant = request[IDENTITY].tenant
        key = (tenant.org_id, tenant.workspace_id, tenant.deployment_id)
        if self._running[key] >= self._per_tenant:
            response = fault(429, "too_many_requests", "this tenant has as many requests running as it may")
            response.headers["Retry-After"] = "1"
            return response
        self._running[key] += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                return await handler(request)
        finally:
            self._running[key] -= 1
            if not self._running[key]:
                del self._running[key]
