"""Answering on both sides, behind doors that are open already, until told to end; then cutting nobody off."""

import asyncio
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from sidecar.config import Config
from sidecar.errors import ConfigError
from sidecar.http.admin import create_admin_app
from sidecar.http.app import create_app
from sidecar.http.connections import Bounds
from sidecar.http.following import caught_up, following
from sidecar.http.health import DRAINING, WORKER
from sidecar.http.listening import Door, Listener
from sidecar.http.retaining import retaining
from sidecar.http.service import Service
from sidecar.http.sharing import Share
from sidecar.http.tokens import Tokens
from sidecar.policy.current import Bundles

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Doors:
    """The public door and the admin one."""

    public: Door
    admin: Door

    @classmethod
    def take(cls, config: Config) -> Self:
        """Bind to both addresses. Raises ConfigError."""
        if config.listen == config.admin_listen and (config.listen.path or config.listen.port):
            raise ConfigError(f"listen and admin_listen are both {config.listen}; name two addresses")
        admin = Door.take(config.admin_listen)
        try:
            return cls(Door.take(config.listen), admin)
        except BaseException:
            admin.close()
            raise

    def shared(self, public: Share, admin: Share) -> "Doors":
        """The doors as one of several processes opens them."""
        return Doors(self.public.shared(public), self.admin.shared(admin))

    def close(self) -> None:
        """Let nobody in any more."""
        self.public.close()
        self.admin.close()

    def say(self, bundles: Bundles) -> None:
        """Tell on standard output where requests are answered, and under what."""
        revision = _revision(bundles) or "no policies, so nothing is shown"
        sys.stdout.write(f"sidecar: answering on {self.public.url} under {revision}\n")
        sys.stdout.write(f"sidecar: administered on {self.admin.url}\n")
        sys.stdout.flush()


@dataclass
class End:
    """When answering ends. ``abandoned``: nobody watches over this process, and a successor may need its addresses."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    abandoned: bool = False


@dataclass(frozen=True)
class Answering:
    """What answers: one service under its configuration, behind its doors. ``worker`` counts from 1 among several."""

    config: Config
    service: Service
    tokens: Tokens
    doors: Doors
    worker: int | None = None

    @property
    def _retention_s(self) -> float | None:
        """How often this process removes what is kept no longer; None where another worker does."""
        return self.config.retention.every_ms / 1000 if self.worker in (None, 1) else None

    async def until(self, end: End, opened: Callable[[], None]) -> None:
        """Answer until the end is asked for, then let the requests under way end."""
        service, limits = self.service, self.config.limits
        app, admin_app = create_app(service, limits), create_admin_app(service, self.tokens, limits)
        admin_app[WORKER] = self.worker
        bounds, drain_s = Bounds.of(limits), limits.drain_timeout_ms / 1000
        public = Listener(self.doors.public, app, bounds, drain_s)
        admin = Listener(self.doors.admin, admin_app, bounds, drain_s)
        try:
            async with following(service.follower), retaining(service, self._retention_s):
                await admin.open(lambda: _revision(service.bundles))
                if await caught_up(service.follower, end.asked):
                    await public.open(lambda: _revision(service.bundles))
                    opened()
                await end.asked.wait()
        finally:
            admin_app[DRAINING].set()
            if end.abandoned:
                admin.shut()
            await _close(public, admin, drain_s)


async def _close(public: Listener, admin: Listener, drain_s: float) -> None:
    """End the public listener and then the admin one, which tells meanwhile that no more should come."""
    try:
        async with asyncio.timeout(drain_s):
            await public.close()
            await admin.close()
    except TimeoutError:
        log.warning("requests that took longer than limits.drain_timeout_ms were cut off")
        await asyncio.gather(public.cut(), admin.cut())


def _revision(bundles: Bundles) -> str | None:
    return None if bundles.current is None else bundles.current.revision
