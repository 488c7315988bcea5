"""Serving: both listeners from the configuration until a signal says stop, and then an end that cuts nobody off."""

import asyncio
import gc
import logging
import os
import signal
import sys

from sidecar.config import Config
from sidecar.http.admin import create_admin_app
from sidecar.http.app import create_app
from sidecar.http.assemble import assembled
from sidecar.http.connections import Bounds
from sidecar.http.health import DRAINING
from sidecar.http.listening import Listener
from sidecar.http.parser import require_strict_parser
from sidecar.http.service import Service
from sidecar.http.tokens import Tokens, require_guarded
from sidecar.http.watch import Watch

log = logging.getLogger(__name__)


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT, then drain; the exit code. Raises ConfigError, FindingsError, StoreError."""
    require_strict_parser()
    tokens = Tokens(config.admin.writers(os.environ))
    require_guarded(config.admin_listen, tokens)
    logging.basicConfig(level=config.log.level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _warn(config, tokens)
    asyncio.run(_serve(config, tokens))
    return 0


def _warn(config: Config, tokens: Tokens) -> None:
    """Say what is set wider than some would think."""
    if config.identity.operator_without_units == "when-no-membership":
        log.warning(
            "identity.operator_without_units is when-no-membership: in a tenant that never had a membership, "
            "a caller whose proxy says nothing about units is a workspace operator; set it to never to end that"
        )
    if not tokens.guarded:
        log.warning(
            "no admin token is set: whoever reaches %s on this machine may write records; set SIDECAR_ADMIN_TOKEN",
            config.admin_listen,
        )


async def _serve(config: Config, tokens: Tokens) -> None:
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    service = await assembled(config)
    watch = Watch(service.bundles, reload, config.reload.poll_ms / 1000 if config.reload.watch else None)
    watching = asyncio.create_task(watch.run())
    gc.collect()
    gc.freeze()  # the bundle and the schemas stay: no collection need look at them again
    try:
        await _listen(config, service, tokens, stop)
    finally:
        watching.cancel()
        await service.store.close()


async def _listen(config: Config, service: Service, tokens: Tokens, stop: asyncio.Event) -> None:
    """Answer on both listeners until told to stop. Raises ConfigError."""
    limits = config.limits
    app = create_app(service, choice_bytes=limits.choice_bytes, handler_timeout_s=limits.handler_timeout_ms / 1000)
    admin_app = create_admin_app(service, tokens, body_bytes=limits.body_bytes, record_bytes=limits.record_bytes)
    bounds, drain_s = _bounds(config), limits.drain_timeout_ms / 1000
    public = Listener(config.listen, app, bounds, drain_s)
    admin = Listener(config.admin_listen, admin_app, bounds, drain_s)

    def revision() -> str | None:
        bundle = service.bundles.current
        return None if bundle is None else bundle.revision

    try:
        await admin.open(revision)
        await public.open(revision)
        _say(f"answering on {public.url} under {revision() or 'no policies, so nothing is shown'}")
        _say(f"administered on {admin.url}")
        await stop.wait()
    finally:
        admin_app[DRAINING].set()
        await _close(public, admin, drain_s)


async def _close(public: Listener, admin: Listener, drain_s: float) -> None:
    """End the public listener and then the admin one, which tells meanwhile that no more should come."""
    try:
        async with asyncio.timeout(drain_s):
            await public.close()
            await admin.close()
    except TimeoutError:
        log.warning("requests that took longer than limits.drain_timeout_ms were cut off")


def _bounds(config: Config) -> Bounds:
    limits = config.limits
    return Bounds(
        header_timeout_s=limits.header_timeout_ms / 1000,
        body_timeout_s=limits.body_timeout_ms / 1000,
        keepalive_timeout_s=limits.keepalive_timeout_ms / 1000,
        header_bytes=limits.header_bytes,
        connections=limits.connections,
    )


def _say(line: str) -> None:
    sys.stdout.write(f"sidecar: {line}\n")
    sys.stdout.flush()
