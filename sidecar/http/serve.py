"""Serving as the configuration says, from this process or several, until a signal says stop."""

import asyncio
import gc
import logging
import os
import signal

from sidecar.config import Config
from sidecar.http.answering import Answering, Doors, End
from sidecar.http.assemble import assembled, grounded
from sidecar.http.early import ended_at_once
from sidecar.http.logs import log_to_stderr
from sidecar.http.parser import require_strict_parser
from sidecar.http.tokens import Tokens, require_guarded
from sidecar.http.watch import Watch
from sidecar.http.workers import together

log = logging.getLogger(__name__)


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT, then drain; the exit code. Raises ConfigError, FindingsError, StoreError."""
    require_strict_parser()
    tokens = Tokens(config.admin.writers(os.environ))
    require_guarded(config.admin_listen, tokens)
    log_to_stderr(config.log.level)
    _warn(config, tokens)
    if config.workers > 1:
        return together(config, tokens)
    asyncio.run(_alone(config, tokens))
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


async def _alone(config: Config, tokens: Tokens) -> None:
    """Serve from this process."""
    end, reload, loop = End(), asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    with ended_at_once():
        service = await assembled(config, await asyncio.to_thread(grounded, config))
    loop.add_signal_handler(signal.SIGTERM, end.asked.set)
    loop.add_signal_handler(signal.SIGINT, end.asked.set)
    watch = Watch(service.bundles, reload, config.reload.poll_ms / 1000 if config.reload.watch else None)
    watching = asyncio.create_task(watch.run())
    gc.collect()
    gc.freeze()  # the bundle and the schemas stay: no collection need look at them again
    try:
        doors = Doors.take(config)
        await Answering(config, service, tokens, doors).until(end, lambda: doors.say(service.bundles))
    finally:
        watching.cancel()
        await service.store.close()
