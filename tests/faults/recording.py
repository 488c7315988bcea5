"""Writers and readers on several sidecars at once, and the history of what they did and saw."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import orjson
from aiohttp import ClientSession, ClientTimeout, TCPConnector
from history import Fault, Read, Write, check
from serving_process import serving
from worlds import KINDS, OPERATOR, Asked, Author, Position, State, Step
from yarl import URL

READERS_A_TENANT = 2
READS_A_WRITE = 4
"""Readers wait for writers beyond this: writers of one file follow one another."""
BUSY, PAUSE_S = 429, 0.02
TIMEOUT = ClientTimeout(total=60)
_COLLECTIONS = {"dead_letter": "dead_letters", "compensation": "compensations", "outbox": "outbox"}


@dataclass(frozen=True)
class Sidecar:
    """Where one sidecar answers, and where it is administered."""

    public: str
    admin: str


@contextmanager
def sidecars(folder: Path, **store: Any) -> Iterator[list[Sidecar]]:
    """Two sidecars, each a process of its own, on one store."""
    with ExitStack() as stack:
        started = []
        for place in range(2):
            own = folder / f"sidecar-{place}"
            own.mkdir()
            process = stack.enter_context(serving(own, store=store, admin_listen="127.0.0.1:0"))
            assert process.process.stdout is not None
            said = process.process.stdout.readline()
            assert said.startswith("sidecar: administered on "), said
            started.append(Sidecar(process.public, said.split()[3]))
        yield started


@dataclass
class Tenant:
    """One tenant: its worlds, each with one writer, and what happened in it."""

    org_id: str
    worlds: Sequence[str]
    writes: list[Write] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)

    def faults(self, *, lag: int = 0) -> list[Fault]:
        """What broke a law, where an answer may be older than acknowledged by so many nanoseconds."""
        return check({name: State(name) for name in self.worlds}, self.writes, self.reads, lag=lag)


@dataclass
class Recorder:
    """A run of so many operations; whatever is refused ends it."""

    sidecars: Sequence[Sidecar]
    operations: int
    seed: int
    tenants: Sequence[Tenant]
    done: int = 0
    _versions: Any = field(default_factory=lambda: count(2))

    async def run(self) -> None:
        """Let all write and read until there were enough operations."""
        connector = TCPConnector(limit=0)
        async with ClientSession(connector=connector, timeout=TIMEOUT) as session, asyncio.TaskGroup() as group:
            for number, tenant in enumerate(self.tenants):
                await self._manage(session, tenant)
                for world in tenant.worlds:
                    group.create_task(self._write(session, tenant, world, Random(f"{self.seed} {world}")))
                for reader in range(READERS_A_TENANT):
                    group.create_task(self._read(session, tenant, Random(f"{self.seed} {number} {reader}")))

    async def _manage(self, session: ClientSession, tenant: Tenant) -> None:
        kind, record = Author(tenant.org_id, Random(self.seed)).managed()
        path = f"/admin/v1/records/{kind}/{record['membership_id']}"
        data, headers = orjson.dumps(record), {"Content-Type": "application/json"}
        async with session.put(self.sidecars[0].admin + path, data=data, headers=headers) as answer:
            assert answer.status == 200, await answer.text()

    async def _write(self, session: ClientSession, tenant: Tenant, world: str, chance: Random) -> None:
        author, state = Author(tenant.org_id, chance), State(world)
        while self._one_more():
            step = author.next(state, next(self._versions))
            start = time.monotonic_ns()
            await _carry_out(session, chance.choice(self.sidecars).admin, tenant, step)
            state = step.state
            tenant.writes.append(Write(world, start, time.monotonic_ns(), state))

    async def _read(self, session: ClientSession, tenant: Tenant, chance: Random) -> None:
        people = [OPERATOR, *(f"{name}-{world}" for world in tenant.worlds for name in ("ann", "bob"))]
        while self._one_more():
            while self._ahead(tenant):  # noqa: ASYNC110 - looked at now and then, for nobody knows when writers end
                await asyncio.sleep(PAUSE_S)
            reader = Reader(self, session, tenant, chance, chance.choice(people))
            await chance.choice([reader.walk, reader.walk, reader.one, reader.reliability])()

    def _ahead(self, tenant: Tenant) -> bool:
        """Whether readers have come too far for the writers, who are not done yet."""
        return self.done < self.operations and len(tenant.reads) > READS_A_WRITE * (1 + len(tenant.writes))

    def _one_more(self) -> bool:
        self.done += 1
        return self.done <= self.operations


async def _carry_out(session: ClientSession, admin: str, tenant: Tenant, step: Step) -> None:
    path = "/admin/v1/records" + (f"/{step.path}" if step.path else "")
    if step.method == "DELETE":
        path += f"?org_id={tenant.org_id}&workspace_id=main"
    headers = {"Content-Type": "application/x-ndjson" if step.method == "POST" else "application/json"}
    while True:
        async with session.request(step.method, admin + path, data=step.body, headers=headers) as answer:
            body = await answer.read()
        if answer.status != BUSY:  # so many bodies of records are read at once, and no more
            assert answer.status == 200, (step, answer.status, body)
            return
        await asyncio.sleep(PAUSE_S)


@dataclass(frozen=True)
class Reader:
    """One caller who asks, each time whichever sidecar."""

    recorder: Recorder
    session: ClientSession
    tenant: Tenant
    chance: Random
    actor: str

    async def walk(self) -> None:
        """All pages of a kind, of the tenant or of one run."""
        kind, world = self.chance.choice(KINDS), self.chance.choice([None, None, *self.tenant.worlds])
        query = {"limit": str(self.chance.choice([2, 5, 1_000]))} | ({"run_id": f"run-{world}"} if world else {})
        behind: Position | None = None
        while True:
            start, body = await self._get(f"/v1/records/{kind}", query)
            rows = body["records"]
            to = _position(kind, rows[-1]) if body["next"] is not None else None
            self._saw(start, [(kind, row) for row in rows], Asked(self.actor, (kind,), world, behind=behind, to=to))
            if to is None or not self.recorder._one_more():
                return
            behind, query = to, {**query, "cursor": body["next"]}

    async def one(self) -> None:
        """A record that is there, or is not."""
        kind, world = self.chance.choice(KINDS), self.chance.choice(self.tenant.worlds)
        record_id = f"{world}-{self.chance.randrange(12)}"
        start, body = await self._get(f"/v1/records/{kind}/{record_id}", {}, absent=True)
        rows = [] if body is None else [(kind, body["record"])]
        self._saw(start, rows, Asked(self.actor, (kind,), world, record_id))

    async def reliability(self) -> None:
        """All kinds at once, of the tenant or of one run."""
        world = self.chance.choice([None, *self.tenant.worlds])
        query = {"limit": "1000"} | ({"run_id": f"run-{world}"} if world else {})
        start, body = await self._get("/stateful-runtime/reliability", query)
        rows = [(kind, row) for kind, name in _COLLECTIONS.items() for row in body[name]]
        self._saw(start, rows, Asked(self.actor, KINDS, world))

    async def _get(self, path: str, query: dict[str, str], *, absent: bool = False) -> tuple[int, Any]:
        """When it was asked for, and the body; None when there is nothing and that may be."""
        identity = {"x-tandem-org-id": self.tenant.org_id, "x-tandem-workspace-id": "main"}
        identity["x-tandem-actor-id"] = self.actor
        if self.actor == OPERATOR:
            identity["x-tandem-roles"] = "workspace_operator"
        url = URL(self.chance.choice(self.recorder.sidecars).public + path).with_query(query)
        start = time.monotonic_ns()
        async with self.session.get(url, headers=identity) as answer:
            body = await answer.read()
        if absent and answer.status == 404:
            return start, None
        assert answer.status == 200, (path, answer.status, body)
        return start, orjson.loads(body)

    def _saw(self, start: int, rows: Sequence[tuple[str, Any]], asked: Asked) -> None:
        seen: dict[str, dict[str, int]] = {}
        for kind, row in rows:
            version, record_id = _position(kind, row)
            of_world = seen.setdefault(row["run_id"].removeprefix("run-"), {})
            name = f"{kind}/{record_id}"
            of_world[name] = -version if name not in of_world else -1  # nothing stands in an answer twice
        self.tenant.reads.append(Read(start, time.monotonic_ns(), seen, asked.shows))


def _position(kind: str, row: Any) -> Position:
    return -row["updated_at_ms"], row[f"{kind}_id"]
