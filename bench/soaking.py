"""Mixed load on a sidecar for as long as wanted: reads by many callers, writes, revocations, changed policies."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from aiohttp import ClientSession, ClientTimeout
from many_tenants import World
from serving import Process
from tenant_records import LEAST_OTHER, WORKSPACE, Fields, catalogue, made, organisation

READERS, CALLERS = 6, 400
READ_PAUSE_S, WRITE_PAUSE_S, REVOKE_PAUSE_S, RELOAD_PAUSE_S = 0.1, 0.5, 3.0, 60.0
WRITTEN_AT_ONCE, EARLY = 20, 500
WARM_UP_S, HASTE = 180.0, 20
"""At first all goes so much faster, until every caller has asked and every record has come: caches fill once."""
TIMEOUT = ClientTimeout(total=30)
PATHS = (
    "/stateful-runtime/runs?limit=50",
    "/stateful-runtime/reliability?limit=50",
    "/v1/records/event?limit=100",
    "/stateful-runtime/runs/run-0000001/observability",
    "/stateful-runtime/runs/run-0000002/events",
    "/v1/records/dead_letter?status=open",
)
DELEGATED = Fields("run-delegated", "delegated", "0" * 32, 1, 1, 1)
"""Of a record in each tenant that only the grant opens to finance."""


Work = Callable[[], Coroutine[None, None, None]]


@dataclass
class Soak:
    """The load on one process, and what was done so far."""

    process: Process
    world: World
    policies: Path
    done: Counter[str] = field(default_factory=Counter)
    revisions: set[str] = field(default_factory=set)
    haste: int = HASTE
    randomly: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - the same load every time

    async def run(self, seconds: float, watch: Work) -> None:
        """All of it at once, until the time after the warm-up is over; the first trouble ends it."""
        async with ClientSession(timeout=TIMEOUT) as session:
            await self._delegate(session)
            try:
                async with asyncio.timeout(WARM_UP_S + seconds), asyncio.TaskGroup() as together:
                    for _ in range(READERS):
                        together.create_task(self._again(READ_PAUSE_S, lambda: self._read(session)))
                    together.create_task(self._again(WRITE_PAUSE_S, lambda: self._write(session)))
                    together.create_task(self._again(REVOKE_PAUSE_S, lambda: self._revoke(session)))
                    together.create_task(self._again(RELOAD_PAUSE_S, self._change_policies))
                    together.create_task(watch())
                    await asyncio.sleep(WARM_UP_S)
                    self.haste = 1
            except TimeoutError:
                return

    async def _again(self, pause_s: float, work: Work) -> None:
        while True:
            await work()
            await asyncio.sleep(pause_s / self.haste)

    async def _read(self, session: ClientSession) -> None:
        """One of many callers asks for one of the read models."""
        number = self.randomly.randrange(CALLERS)
        headers = _headers(number % self.world.tenants, f"caller-{number}")
        if number % 4:
            headers["x-tandem-org-units"] = ("finance", "archive", f"team-{number % 40:02}")[number % 3]
        else:
            headers["x-tandem-roles"] = "workspace_operator"
        async with session.get(self.process.url + self.randomly.choice(PATHS), headers=headers) as answer:
            await answer.read()
            assert answer.status in (200, 404), f"{answer.status} for a read"
            self.revisions.add(answer.headers["X-Sidecar-Policy"])
        self.done["reads"] += 1

    async def _write(self, session: ClientSession) -> None:
        """Records that are stored already come again, so that the store does not grow."""
        tenant = self.randomly.randrange(self.world.tenants)
        drawn = [self.world.of(tenant, self.randomly.randrange(EARLY)) for _ in range(WRITTEN_AT_ONCE)]
        lines = (orjson.dumps({"kind": one.kind, "record": one.record()}) for one in drawn)
        await self._post(session, b"\n".join(lines))
        self.done["written"] += WRITTEN_AT_ONCE

    async def _revoke(self, session: ClientSession) -> None:
        """The grant of a tenant ends, which its holder has to see in the next answer, and is given again."""
        tenant = self.randomly.randrange(self.world.tenants)
        kind, grant = list(catalogue(tenant))[-1]
        headers = {**_headers(tenant, "mona"), "x-tandem-org-units": "finance"}
        for state, status in (("disabled", 404), ("active", 200)):
            record = {"kind": kind, "record": {**grant, "state": state}}
            await self._post(session, orjson.dumps(record))
            async with session.get(f"{self.process.url}/v1/records/dead_letter/delegated", headers=headers) as answer:
                assert answer.status == status, f"{answer.status} with the grant {state}"
        self.done["revocations"] += 1

    async def _delegate(self, session: ClientSession) -> None:
        """What the grants open."""
        for tenant in range(self.world.tenants):
            record = made("dead_letter", tenant, LEAST_OTHER, DELEGATED)
            await self._post(session, orjson.dumps({"kind": "dead_letter", "record": record}))

    async def _post(self, session: ClientSession, lines: bytes) -> None:
        headers = {"Content-Type": "application/x-ndjson"}
        url = f"{self.process.admin_url}/admin/v1/records"
        async with session.post(url, data=lines, headers=headers) as answer:
            assert answer.status == 200, f"{answer.status} for a write: {await answer.text()}"

    async def _change_policies(self) -> None:
        """Another sentence in a policy file is another revision."""
        self.done["reloads"] += 1
        file = self.policies / "receipts.yaml"
        lines = [line for line in file.read_text().splitlines() if not line.startswith("description:")]
        lines.insert(3, f"description: Changed {self.done['reloads']} times.")
        file.write_text("\n".join(lines) + "\n")


def _headers(tenant: int, actor: str) -> dict[str, str]:
    return {
        "x-tandem-org-id": organisation(tenant),
        "x-tandem-workspace-id": WORKSPACE,
        "x-tandem-actor-id": actor,
    }
