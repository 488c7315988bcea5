"""Whether the process lives and whether it can answer, which needs no token; and what is counted of it."""

import asyncio
import logging
from typing import Any

from aiohttp import web

from sidecar.errors import StoreError
from sidecar.http.answer import respond
from sidecar.http.following import told
from sidecar.http.metrics import CONTENT_TYPE, State
from sidecar.http.service import SERVICE
from sidecar.records.store import Store

PATHS = frozenset(("/livez", "/readyz"))
STORE_TIMEOUT_S = 2.0
DRAINING: web.AppKey[asyncio.Event] = web.AppKey("draining", asyncio.Event)
"""Set by the server when it stops: no new requests should be sent to it then."""
WORKER: web.AppKey[int | None] = web.AppKey("worker", int)
"""Which of several processes this is, counted from 1; None when it is the only one."""

log = logging.getLogger(__name__)


async def livez(_: web.Request) -> web.Response:
    """The process runs, and its event loop turns."""
    return respond({"status": "live"})


async def readyz(request: web.Request) -> web.Response:
    """Whether requests can be answered: a bundle is in force and the store answers. A failed reload is told."""
    service = request.app[SERVICE]
    bundle, stored = service.bundles.current, await _answers(service.store)
    draining = request.app[DRAINING].is_set()
    follower = service.follower
    ready = (
        bundle is not None and stored and not draining and (follower is None or follower.progress.caught_up.is_set())
    )
    policy = {
        "revision": None if bundle is None else bundle.revision,
        "loaded_at_ms": service.bundles.loaded_at_ms,
        "trouble": service.bundles.trouble,
    }
    body: dict[str, Any] = {
        "status": "ready" if ready else "draining" if draining else "unready",
        "policy": policy,
        "store": "ok" if stored else "unavailable",
    }
    if follower is not None:
        body["follow"] = told(follower, service.clock())
    if (worker := request.app[WORKER]) is not None:
        body["worker"] = worker
    return respond(body, 200 if ready else 503)


async def metrics(request: web.Request) -> web.Response:
    """What is counted of this process."""
    service = request.app[SERVICE]
    progress = None if service.follower is None else service.follower.progress
    state = State(service.bundles, progress, service.clock(), request.app[WORKER])
    return web.Response(body=service.metrics.text(state), headers={"Content-Type": CONTENT_TYPE})


async def _answers(store: Store) -> bool:
    try:
        async with asyncio.timeout(STORE_TIMEOUT_S):
            await store.ready()
    except (StoreError, TimeoutError) as error:
        log.warning("the store is not ready: %s", str(error) or "it takes too long")
        return False
    return True


ROUTES = (web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics))
