"""Following a runtime while serving: nothing is shown before the store is what the runtime's files are."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sidecar.config import RuntimeConfig
from sidecar.errors import ConfigError, Conflict
from sidecar.http.service import Service
from sidecar.records.follow.follower import Follower
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.runtime_files import find_runtime_files
from sidecar.records.runtime_read import KINDS
from sidecar.records.store import Store

log = logging.getLogger(__name__)

FOLLOWED_KINDS = frozenset(kind for kinds in KINDS.values() for kind in kinds)
"""The kinds whose truth the files own."""


def follower_of(
    runtime: RuntimeConfig, store: Store, kinds: Kinds, intake: Intake, clock: Callable[[], int]
) -> Follower | None:
    """Who follows the runtime that the configuration names; None when it names none. Raises ConfigError."""
    if runtime.follow is None:
        return None
    folder = Path(runtime.follow)
    if not folder.is_dir():
        raise ConfigError(
            f"runtime.follow names {folder}, which is no folder; name the one in which the runtime writes"
        )
    find = partial(find_runtime_files, folder, runtime.paths, assume_unscoped=runtime.assume_unscoped)
    return Follower(store, kinds, intake, folder, find, runtime.poll_ms / 1000, clock)


@asynccontextmanager
async def following(follower: Follower | None) -> AsyncIterator[None]:
    """Follow until the context ends, and then be done with it. Should it end before, that is told."""
    if follower is None:
        yield
        return
    task = asyncio.create_task(follower.run())
    task.add_done_callback(_tell_of_an_end)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _tell_of_an_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        log.critical("the runtime is followed no more; restart the sidecar", exc_info=task.exception())


async def caught_up(follower: Follower | None, end: asyncio.Event) -> bool:
    """Wait until records may be shown; False when the end came first."""
    if follower is None:
        return True
    waits = [asyncio.create_task(event.wait()) for event in (follower.progress.caught_up, end)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return not end.is_set()


def require_writable(service: Service, kind: str | None = None) -> None:
    """Raises Conflict where the files of a runtime own the truth: of one of its kinds, or of what a choice changes."""
    if service.follower is not None and (kind is None or kind in FOLLOWED_KINDS):
        raise Conflict("read_only", "these records follow the files of a runtime, so they change only there")


def told(follower: Follower, now_ms: int) -> dict[str, Any]:
    """How following goes, without a record's or a tenant's name."""
    progress = follower.progress
    return {
        "following": progress.following,
        "caught_up": progress.caught_up.is_set(),
        "data_age_ms": progress.data_age_ms(now_ms),
        "lag_ms": progress.lag_ms,
        "unreadable": list(progress.unreadable),
        "refused": progress.refused,
    }
