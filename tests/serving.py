"""A real sidecar for tests: a fresh store (``stores`` says which), the shipped policies, both listeners on loopback, a clock to set.

Use it as ``async with served(tmp_path) as sidecar``, hand records over with ``await sidecar.take(("wait", record), …)``
and ask with ``await sidecar.get("/stateful-runtime/runs", ANN)``, or talk to the admin side with
``await sidecar.admin("POST", "/admin/v1/records", lines)``. Everything goes over real HTTP: paths and queries are sent
exactly as written.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import orjson
import stores
from aiohttp import ClientSession, web
from answer import Answer
from shipped_kinds import kinds
from yarl import URL

from sidecar.config import Limits, Writer
from sidecar.http.admin import create_admin_app
from sidecar.http.app import create_app
from sidecar.http.cursor import Sealer, new_key
from sidecar.http.health import DRAINING
from sidecar.http.service import Service, Trust
from sidecar.http.tokens import Tokens
from sidecar.identity.authenticate import Peers
from sidecar.identity.callers import Callers
from sidecar.policy.current import Bundles
from sidecar.policy.judge import Judge
from sidecar.records.ingest import Intake
from sidecar.records.store import Prepared
from sidecar.shipped import shipped

NOW_MS = 1_750_000_000_000
PATIENT_MS = 30_000
"""How long an answer may take here: tests share their machine, and what is too long is for others to test."""
LOOPBACK = Trust(Peers((ip_network("127.0.0.0/8"),)))


@dataclass
class Clock:
    """The time that a test says it is, in Unix milliseconds."""

    now_ms: int = NOW_MS

    def __call__(self) -> int:
        """One reading."""
        return self.now_ms


@dataclass(frozen=True)
class Who:
    """The identity headers of a request. ``units``, ``roles`` and ``classes`` are sent when they are not None."""

    org: str = "acme"
    workspace: str = "main"
    actor: str | None = "ann"
    deployment: str | None = None
    units: str | None = None
    roles: str | None = None
    classes: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """As a trusted proxy would set them."""
        values = {
            "x-tandem-org-id": self.org,
            "x-tandem-workspace-id": self.workspace,
            "x-tandem-actor-id": self.actor,
            "x-tandem-deployment-id": self.deployment,
            "x-tandem-org-units": self.units,
            "x-tandem-roles": self.roles,
            "x-tandem-data-classes": self.classes,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Served:
    """A sidecar under way."""

    service: Service
    url: str
    clock: Clock
    session: ClientSession = field(repr=False)
    admin_url: str
    draining: asyncio.Event = field(repr=False)

    async def ask(
        self, method: str, path: str, who: Who, *, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request; the path is sent as it is written."""
        return await self._send(method, self.url + path, {**who.headers, **(headers or {})}, data)

    async def admin(
        self, method: str, path: str, data: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request to the admin side. Its body has the type that the method takes, unless ``headers`` say another."""
        types = {"POST": "application/x-ndjson", "PUT": "application/json"}
        sent = {"Content-Type": types[method]} if method in types else {}
        return await self._send(method, self.admin_url + path, {**sent, **(headers or {})}, data)

    async def _send(self, method: str, url: str, headers: Mapping[str, str], data: Any) -> Answer:
        async with self.session.request(method, URL(url, encoded=True), headers=headers, data=data) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, who: Who) -> Any:
        """The body of a GET that must be answered with 200."""
        answer = await self.ask("GET", path, who)
        assert answer.status == 200, (path, answer.status, answer.raw[:2_000])
        return answer.body

    async def refused(self, path: str, who: Who) -> tuple[int, Any]:
        """Status and body of a GET that must not be answered with 200."""
        answer = await self.ask("GET", path, who)
        assert answer.status != 200, (path, answer.raw[:2_000])
        return answer.status, answer.body

    async def post(self, path: str, who: Who, body: Any) -> Answer:
        """A POST of JSON."""
        return await self.ask("POST", path, who, data=orjson.dumps(body), headers={"Content-Type": "application/json"})

    async def take(self, *records: tuple[str, Any]) -> None:
        """Store records, each with its kind; the test fails when one is refused."""
        prepared = [self.service.intake.accept(kind, record) for kind, record in records]
        for (kind, record), result in zip(records, prepared, strict=True):
            assert isinstance(result, Prepared), (kind, record, result)
        await self.service.store.put(prepared)


@cache
def shipped_bundles() -> Bundles:
    """The shipped policies, compiled and proven once."""
    bundles = Bundles([shipped("policies")], kinds())
    assert bundles.reload().trouble is None
    return bundles


async def service_on(
    store_path: Path, clock: Clock, *, bundles: Bundles | None = None, trust: Trust = LOOPBACK
) -> Service:
    """The parts of a sidecar over the store of a path, with the shipped policies unless others are given."""
    intake = Intake(kinds())
    return Service(
        kinds=kinds(),
        store=await stores.open_store(store_path, kinds(), intake.accept),
        intake=intake,
        bundles=bundles or shipped_bundles(),
        judge=Judge(),
        callers=Callers(),
        sealer=Sealer([new_key()]),
        trust=trust,
        clock=clock,
    )


@asynccontextmanager
async def served(
    folder: Path,
    *,
    store: str = "sidecar.db",
    bundles: Bundles | None = None,
    trust: Trust = LOOPBACK,
    writers: Sequence[Writer] = (),
    **limits: int,
) -> AsyncIterator[Served]:
    """A sidecar over a store of a folder (a new one when there is none), listening on loopback twice.

    ``writers`` are the admin side's tokens, ``limits`` what differs from the usual limits.
    """
    clock = Clock()
    service = await service_on(folder / store, clock, bundles=bundles, trust=trust)
    given = Limits(**{"handler_timeout_ms": PATIENT_MS, **limits})
    admin = create_admin_app(service, Tokens(writers), given)
    async with (
        _listening(create_app(service, given)) as url,
        _listening(admin) as admin_url,
        ClientSession(auto_decompress=False) as session,
    ):
        with stores.held():
            yield Served(service, url, clock, session, admin_url, admin[DRAINING])
    await service.store.close()


@asynccontextmanager
async def _listening(app: web.Application) -> AsyncIterator[str]:
    """An application on a free loopback port; its address."""
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
