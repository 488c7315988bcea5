"""Retention while serving: what is kept no longer is removed, again and again, beside all requests."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sidecar.errors import StoreError
from sidecar.http.service import Service
from sidecar.records.retention import expire

log = logging.getLogger(__name__)


@asynccontextmanager
async def retaining(service: Service, every_s: float | None) -> AsyncIterator[None]:
    """Remove what is kept no longer until the context ends; without rules, or without an ``every_s``, do nothing."""
    if not service.retention or every_s is None:
        yield
        return
    task = asyncio.create_task(_run(service, every_s))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _run(service: Service, every_s: float) -> None:
    while True:
        try:
            removed = await expire(service.store, service.retention, service.clock())
        except StoreError as error:
            log.warning("retention goes on later: %s", error)
        except Exception:
            log.exception("retention goes on later")  # or what is to go would stay for good, and nobody would hear
        else:
            log.info("retention removed %s", ", ".join(f"{many} {kind}" for kind, many in removed.items()))
        await asyncio.sleep(every_s)
