"""What every request works with: assembled once at start, and never changed but for the current bundle."""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property

from aiohttp import web

from sidecar.http.cursor import Sealer
from sidecar.http.metrics import Metrics
from sidecar.http.query import Form, RecordsAsked, records_form
from sidecar.identity.authenticate import Peers
from sidecar.identity.caller import Caller, Identity
from sidecar.identity.callers import Callers
from sidecar.policy.bundle import Bundle
from sidecar.policy.current import Bundles
from sidecar.policy.judge import Judge, Verdicts
from sidecar.readmodels.catalogue import CATALOGUE_KINDS, SeenCatalogue, seen_catalogue
from sidecar.readmodels.plan import Plan, T, carried_out
from sidecar.records.follow.follower import Follower
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.retention import Rule
from sidecar.records.store import Change, Snapshot, Store, Tenant

MOST_CATALOGUES = 1_000


def clock_ms() -> int:
    """The time, in Unix milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Trust:
    """Whom the read side believes."""

    peers: Peers
    unit_claim_required: bool = False


Key = tuple[str, str, Tenant, str, int]


class Catalogues:
    """The part of a tenant's catalogue that a caller sees, kept under everything it is a function of."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, SeenCatalogue] = OrderedDict()

    async def seen(self, asked: "Asked") -> SeenCatalogue:
        """The units, grants and bindings this caller sees. Raises StoreError."""
        verdicts, tenant = asked.verdicts, asked.snap.tenant
        key = (verdicts.revision, verdicts.caller.digest, tenant, asked.snap.history, asked.snap.authority_version)
        known = self._kept.get(key)
        if known is None:
            known = await asked.carry_out(seen_catalogue())
            if not any(verdicts.lanes(kind).depends for kind in CATALOGUE_KINDS):  # the clock may decide about those
                self._kept[key] = known
                if len(self._kept) > MOST_CATALOGUES:
                    self._kept.popitem(last=False)
        return known


@dataclass(frozen=True)
class Service:
    """The parts. ``clock`` is read once for each request."""

    kinds: Kinds
    store: Store
    intake: Intake
    bundles: Bundles
    judge: Judge
    callers: Callers
    sealer: Sealer
    trust: Trust
    clock: Callable[[], int] = clock_ms
    follower: Follower | None = None
    retention: Sequence[Rule] = ()
    catalogues: Catalogues = field(default_factory=Catalogues)
    metrics: Metrics = field(default_factory=Metrics)

    @cached_property
    def record_forms(self) -> Mapping[str, Form[RecordsAsked]]:
        """The parameters of each kind's page."""
        return {name: records_form(kind) for name, kind in self.kinds.items()}


SERVICE: web.AppKey[Service] = web.AppKey("service", Service)
IDENTITY: web.RequestKey[Identity] = web.RequestKey("identity", Identity)
BUNDLE: web.RequestKey[Bundle] = web.RequestKey("bundle", Bundle)
NOW: web.RequestKey[int] = web.RequestKey("now_ms", int)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request inside its snapshot: one caller, one bundle, one clock reading."""

    service: Service
    snap: Snapshot
    verdicts: Verdicts

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return self.verdicts.caller

    async def carry_out(self, plan: Plan[T]) -> T:
        """The view of a plan, over what this caller sees. Raises Absent, StoreError."""
        return await carried_out(plan, self.snap, self.verdicts)

    async def catalogue(self) -> SeenCatalogue:
        """The part of the catalogue that this caller sees. Raises StoreError."""
        return await self.service.catalogues.seen(self)


@asynccontextmanager
async def reading(request: web.Request, kinds: Sequence[str]) -> AsyncIterator[Asked]:
    """The request in one read transaction of its tenant, with the verdicts on these kinds. Raises StoreError."""
    async with request.app[SERVICE].store.snapshot(request[IDENTITY].tenant) as snap:
        yield await _asked(request, snap, kinds)


@asynccontextmanager
async def changing(request: web.Request, kinds: Sequence[str]) -> AsyncIterator[tuple[Asked, Change]]:
    """The request in one write transaction of its tenant; it commits when the context ends. Raises StoreError."""
    async with request.app[SERVICE].store.change(request[IDENTITY].tenant) as change:
        yield await _asked(request, change, kinds), change


async def _asked(request: web.Request, snap: Snapshot, kinds: Sequence[str]) -> Asked:
    service = request.app[SERVICE]
    if NOW not in request:
        request[NOW] = service.clock()
    now_ms = request[NOW]
    caller = await service.callers.caller(request[IDENTITY], snap, now_ms)
    return Asked(service, snap, await service.judge.judge(request[BUNDLE], caller, snap, kinds, now_ms))
