"""The store on PostgreSQL, behind the protocol of every store."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import orjson

from sidecar.errors import StoreError
from sidecar.records.kind import Kinds
from sidecar.records.layout import Strategy, Table
from sidecar.records.postgres import lifecycle, migrate, second_wall
from sidecar.records.postgres.history import Histories, histories
from sidecar.records.postgres.labels import Interned
from sidecar.records.postgres.lease import PostgresLease
from sidecar.records.postgres.mirror import PostgresMirror
from sidecar.records.postgres.pages import Connection, Place
from sidecar.records.postgres.pool import PLANNED_ONCE, Pool, answering, connection, opened
from sidecar.records.postgres.replica import Replica
from sidecar.records.postgres.snapshot import Look, PostgresChange, PostgresSnapshot, look
from sidecar.records.postgres.turns import Turns
from sidecar.records.postgres.write import Writer, announce
from sidecar.records.promotion import Accept
from sidecar.records.store import Count, LoadMark, Migrated, Outcome, Prepared, Tenant, unlike

log = logging.getLogger(__name__)

T = TypeVar("T")

WRITE_CONNECTIONS = 4
OTHER_CONNECTIONS = 4
"""For what is neither a page nor a write, such as counts, leases and beats: made when needed, and behind no writer."""
WRITE_TIMEOUT_MS = 60_000
"""How long a writer waits for its turn, then for a connection; and each of its statements, that wait for the writers of
other processes too, may take as long again."""
LONGEST_END_S = 5.0
"""How long a cancelled request waits for its commit."""

_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; LOCK TABLE tenant IN ACCESS SHARE MODE"
"""Locked first: a snapshot taken before a wait for a migration would find tables that it cannot see into."""
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"


class PostgresStore:
    """Records in one PostgreSQL database: a pool for readers, a small one for writers, and one for all else."""

    def __init__(
        self,
        reads: Pool,
        writes: Pool,
        others: Pool,
        kinds: Mapping[str, Table],
        strategy: Strategy,
        wait_s: float,
    ) -> None:
        self.tables = kinds
        self._reads, self._writes, self._others = reads, writes, others
        self._turns = Turns()
        self._fitting: tuple[UUID, int] | None = None
        """The history and generation whose kinds were found to be ours."""
        self._strategy: Strategy = strategy
        self._wait_s = wait_s
        self._interned = Interned()
        self._row_security = False
        self._replica: Replica | None = None
        self._histories = Histories("''")  # until ``open`` has asked the server
        self.migrated = Migrated()

    @classmethod
    async def open(
        cls,
        url: str,
        kinds: Kinds,
        accept: Accept,
        *,
        strategy: Strategy = "auto",
        read_connections: int = 16,
        statement_timeout_ms: int = 2_000,
        auto_migrate: bool = True,
        read_url: str | None = None,
        read_staleness_ms: int = 1_000,
        row_security: bool = False,
    ) -> "PostgresStore":
        """Connect, and bring the database to the form of these kinds. Raises StoreError, StoreVersionError.

        Snapshots come from ``read_url``, a replica, as long as it is at most ``read_staleness_ms`` behind. With
        ``row_security`` the database is a second wall, which is proven to hold first.
        """
        tables = {name: Table(kind) for name, kind in kinds.items()}
        state, migrated = await migrate.prepare(url, tables, accept, allowed=auto_migrate and not row_security)
        walled = {"row_security": "on" if row_security else "off"}  # off: an error where rows would be missing
        reading = {**PLANNED_ONCE, **walled}
        readers = partial(opened, most=read_connections, timeout_ms=statement_timeout_ms, settings=reading)
        reads = await readers(url)
        writes = await opened(url, most=WRITE_CONNECTIONS, timeout_ms=WRITE_TIMEOUT_MS, settings=walled)
        others = await opened(url, least=0, most=OTHER_CONNECTIONS, timeout_ms=WRITE_TIMEOUT_MS, settings=walled)
        store = cls(reads, writes, others, tables, strategy, statement_timeout_ms / 1000)
        store.migrated, store._row_security = migrated, row_security
        try:
            store._histories = await histories(writes)
            if row_security:
                await second_wall.prove(writes)
            if read_url is not None:
                replica = await readers(read_url, least=0)
                await store._read_from(Replica(replica, state.id, store._histories, read_staleness_ms / 1000))
        except BaseException:
            await store.close()
            raise
        return store

    async def _read_from(self, replica: Replica) -> None:
        """Answer from a replica as long as it is fresh enough."""
        self._replica = replica
        if self._row_security:
            await second_wall.prove_reading(replica.reads)
        replica.start(self._others)

    async def _require_same_kinds(self, connection: Connection, history: UUID, generation: int) -> None:
        """Refuse to work on records that another process promoted to other schemas than this one judges by.

        Their labels hold other properties, so a deny could miss what it looks for. Raises StoreError.
        """
        if (history, generation) == self._fitting:
            return
        state = await migrate.read_state(connection)
        changed = [name for name, table in self.tables.items() if state.digests.get(name) != table.kind.digest]
        wrong = unlike(changed, sorted(set(state.unfinished) & set(self.tables)))
        if wrong:
            raise StoreError(wrong)
        self._fitting = (history, generation)

    def _require_all_seen(self) -> None:
        if self._row_security:
            raise StoreError(second_wall.ONE_AT_A_TIME)

    @asynccontextmanager
    async def snapshot(self, tenant: Tenant) -> AsyncIterator[PostgresSnapshot]:
        """One consistent view of one tenant, from the replica where that is fresh enough. Raises StoreError."""
        async with AsyncExitStack() as held:
            yield await self._of_replica(held, tenant) or (await self._begun(held, self._reads, tenant))[0]

    async def _of_replica(self, held: AsyncExitStack, tenant: Tenant) -> PostgresSnapshot | None:
        """A snapshot of the replica; None when there is none, none soon, or none that is fresh enough."""
        replica = self._replica
        if replica is None or not replica.asked():
            return None
        return await replica.begun(held, lambda entered: self._begun(entered, replica.reads, tenant))

    async def _begun(self, held: AsyncExitStack, pool: Pool, tenant: Tenant) -> tuple[PostgresSnapshot, Look]:
        """A snapshot that lasts until ``held`` ends, and what its first look found."""
        taken = await held.enter_async_context(connection(pool, _READ, self._wait_s))
        held.enter_context(answering())
        found = await look(taken, tenant)
        await self._require_same_kinds(taken, found.history, found.generation)
        place = Place(taken, found.tenant_id, self._strategy)
        return PostgresSnapshot(place, tenant, found, self.tables), found

    @asynccontextmanager
    async def change(self, tenant: Tenant) -> AsyncIterator[PostgresChange]:
        """One write transaction, durable when the context ends without an error. Raises StoreError."""
        async with self._writing([tenant], create=False) as (taken, writer):
            found = await look(taken, tenant)
            if found.tenant_id and writer.held(tenant) is None:  # made by another writer since it was to be locked
                await writer.lock([tenant])
                found = await look(taken, tenant)
            at = Place(taken, found.tenant_id, self._strategy)
            yield PostgresChange(at, tenant, found, self.tables, writer)

    @asynccontextmanager
    async def mirror(self) -> AsyncIterator[PostgresMirror]:
        """One write transaction over all tenants, durable when the context ends without an error. Raises StoreError."""
        self._require_all_seen()
        async with self._writing([], alone=True) as (taken, writer):
            yield PostgresMirror(taken, self.tables, writer)

    @asynccontextmanager
    async def _writing(
        self, tenants: Collection[Tenant], *, create: bool = True, alone: bool = False
    ) -> AsyncIterator[tuple[Connection, Writer]]:
        """A transaction that holds the locks of these tenants, or ``alone`` the lock of all of them.

        It commits when the context ends without an error.
        """
        wait_s = WRITE_TIMEOUT_MS / 1000
        async with self._turns.of(tenants, wait_s), connection(self._writes, _WRITE, wait_s) as taken:
            with answering():
                history = await self._histories.current(taken, _WRITE)
                writer = Writer(taken, self.tables, self._interned, history, copies=not self._row_security)
                if alone:
                    await taken.execute("LOCK TABLE tenant IN EXCLUSIVE MODE")
                await writer.lock(tenants, create=create)
                await self._require_same_kinds(taken, history, await taken.fetchval("SELECT generation FROM store"))
                yield taken, writer
                await _to_its_end(taken.execute("COMMIT"))
                writer.committed()

    async def put(self, records: Sequence[Prepared], mark: LoadMark | None = None) -> Outcome:
        """Store records of any tenants in one durable transaction. Raises StoreError, RecordConflict."""
        async with self._writing({record.tenant for record in records}) as (taken, writer):
            outcome = await writer.put(records)
            if mark is not None:
                await lifecycle.mark(taken, mark)
        return outcome

    async def conflicts(self, records: Sequence[Prepared]) -> list[int]:
        """The places of the append-only records that are stored already with other content."""
        async with connection(self._others, _READ, WRITE_TIMEOUT_MS / 1000) as taken:
            with answering():
                return await Writer(taken, self.tables, self._interned).conflicts(records)

    async def loaded(self, load_id: str) -> int:
        """How many records of an interrupted load are stored; 0 when it is new or was finished."""
        with answering():
            statement = "SELECT lines FROM load WHERE load_id = $1 AND NOT finished"
            return int(await self._others.fetchval(statement, load_id) or 0)

    async def catalogue_version(self) -> int:
        """What grows with each change of any tenant's catalogue, and with each erasure. Raises StoreError."""
        with answering():
            return await lifecycle.catalogue_version(self._others)

    async def setting(self, name: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """The stored setting, or ``value`` stored now."""
        with answering():
            await self._others.execute(
                "INSERT INTO setting VALUES ($1, $2) ON CONFLICT DO NOTHING", name, orjson.dumps(value).decode()
            )
            stored = await self._others.fetchval("SELECT value FROM setting WHERE name = $1", name)
        parsed: Mapping[str, Any] = orjson.loads(stored)
        return parsed

    async def counts(self, tenant: Tenant | None = None) -> Sequence[Count]:
        """What is stored, of one tenant or of all. Raises StoreError."""
        async with self._aside(tenant) as taken:
            return await lifecycle.counts(taken, tenant)

    async def weight(self, kind: str, tenant: Tenant | None = None) -> int:
        """The bytes of a kind's documents. Raises StoreError."""
        async with self._aside(tenant) as taken:
            return await lifecycle.weight(taken, self.tables[kind], tenant)

    @asynccontextmanager
    async def _aside(self, tenant: Tenant | None) -> AsyncIterator[Connection]:
        """A transaction for reading something long, of one tenant or of all."""
        if tenant is None:
            self._require_all_seen()
        async with connection(self._others, _READ, WRITE_TIMEOUT_MS / 1000) as taken:
            with answering():
                await lifecycle.unhurried(taken)
                await announce(taken, [] if tenant is None else [tenant])
                yield taken

    async def erase(self, tenant: Tenant) -> Mapping[str, int]:
        """Remove all records of a tenant. Raises StoreError."""
        async with self._writing([tenant], create=False) as (taken, writer):
            return await lifecycle.erase(taken, self.tables, tenant, writer.held(tenant))

    @asynccontextmanager
    async def lease(self, name: str) -> AsyncIterator[PostgresLease]:
        """What this name stands for, taken by a lock of a connection that is kept for it. Raises StoreError."""
        with answering():
            async with self._others.acquire(timeout=WRITE_TIMEOUT_MS / 1000) as taken:
                lease = PostgresLease(taken, name)
                try:
                    yield lease
                finally:
                    await lease.close()

    async def ready(self) -> None:
        """Prove that the store answers. Raises StoreError."""
        async with self.snapshot(Tenant("", "")):
            return

    async def close(self) -> None:
        """Release every connection."""
        if self._replica is not None:
            await self._replica.stop()
        for pool in (self._reads, self._writes, self._others):
            try:
                async with asyncio.timeout(self._wait_s):
                    await pool.close()
            except TimeoutError:
                pool.terminate()


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Wait for work even when the request is cancelled: nothing is left half-done, or done without being known.

    Only of a server that stands still is not known what it does.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=LONGEST_END_S)
        task.cancel()
        raise
