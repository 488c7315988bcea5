"""Bringing a database to the form that this program works with: create, refuse what is newer, promote changed kinds.

One starter does it at a time, under an advisory lock; the others wait, and find it done. Every step is a
transaction: whatever interrupts them, the next starter goes on.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from sidecar.errors import StoreError, StoreVersionError
from sidecar.records.layout import Table
from sidecar.records.postgres import tables as ddl
from sidecar.records.postgres.history import histories
from sidecar.records.postgres.pages import Connection
from sidecar.records.postgres.pool import CONNECT_TIMEOUT_S, PLAN, SCHEMA, answering, reached
from sidecar.records.postgres.promote import promote, prove, put_aside
from sidecar.records.promotion import Accept
from sidecar.records.store import NOT_MIGRATED, Migrated

log = logging.getLogger(__name__)

LOCK = 0x51DECA12
LOCK_MS, PAUSE_S = 1_000, 2.0
"""How long a change waits for the tables at a time, less than the statements of others may take; then it pauses."""
OLDEST_SERVER = 13
_EVERY_ROW = {"row_security": "off"}
"""An error where row-level security would keep rows from being carried over."""
_LIMITS = ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")
"""What the server may end a connection's work by; not every server knows all of them."""


@dataclass(frozen=True, slots=True)
class State:
    """What a database holds: the version of its tables (None when there are none) and of each kind its digest.

    ``generation`` counts the changes of the kinds' tables; kinds in ``unfinished`` are being promoted. ``id`` is the
    store's, and that of its replicas.
    """

    version: int | None
    generation: int = 0
    digests: Mapping[str, str] = field(default_factory=dict)
    unfinished: Sequence[str] = ()
    id: UUID | None = None

    def fits(self, tables: Mapping[str, Table]) -> bool:
        """Whether nothing is left to do for these kinds."""
        same = all(self.digests.get(name) == table.kind.digest for name, table in tables.items())
        return self.version == ddl.STORE_VERSION and same and not set(self.unfinished) & set(tables)

    def changed(self, tables: Mapping[str, Table]) -> list[str]:
        """The kinds that are stored under another schema."""
        known = self.digests
        return [name for name, table in tables.items() if known.get(name, table.kind.digest) != table.kind.digest]


async def prepare(url: str, tables: Mapping[str, Table], accept: Accept, *, allowed: bool) -> tuple[State, Migrated]:
    """Make the database ready for these kinds. Raises StoreError, StoreVersionError.

    Unless it is ``allowed``, a database that is not ready is refused as it is.
    """
    async with _connected(url) as connection:
        with answering():
            state = await _checked(connection)
            if state.fits(tables):
                return state, Migrated()
            if not allowed:
                raise StoreError(f"the store {NOT_MIGRATED}")
            await _locked(connection)
            if state.version is not None:
                await (await histories(connection)).begun(connection)
            state = await _checked(connection)  # anew, for nobody else changes it from here on
            for name in state.changed(tables):
                await prove(connection, tables[name], accept, aside=name in state.unfinished)
            created = await _change(connection, tables)
            promoted = sorted(set((await read_state(connection)).unfinished) & set(tables))
            dropped = {name: await promote(connection, tables, accept, name) for name in promoted}
            told = {name: number for name, number in dropped.items() if number}
            return await read_state(connection), Migrated(tuple(created), tuple(promoted), told)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    """A connection of its own, whose statements may take as long as they need."""
    with reached(url):
        async with (
            asyncpg.create_pool(
                url, min_size=1, max_size=1, timeout=CONNECT_TIMEOUT_S, server_settings={**SCHEMA, **PLAN, **_EVERY_ROW}
            ) as pool,
            pool.acquire() as connection,
        ):
            unlimited = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = ANY($1)"
            await connection.execute(unlimited, _LIMITS)
            yield connection


async def read_state(connection: Connection) -> State:
    """What the database holds."""
    if await connection.fetchval("SELECT to_regclass('sidecar.store')") is None:
        return State(None)
    found = await connection.fetchrow("SELECT version, generation, id FROM store")
    version, generation, identity = found or (None, 0, None)
    kinds = await connection.fetch("SELECT name, digest, promoted FROM kind")
    digests = {name: digest for name, digest, _ in kinds}
    return State(version, generation, digests, [name for name, _, promoted in kinds if not promoted], identity)


async def _checked(connection: Connection) -> State:
    version = connection.get_server_version()
    if version.major < OLDEST_SERVER:
        raise StoreError(f"PostgreSQL {version.major} is too old; {OLDEST_SERVER} or newer is needed")
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise StoreError(f"the database keeps texts as {encoding}; create it WITH ENCODING 'UTF8'")
    state = await read_state(connection)
    if state.version is not None and state.version > ddl.STORE_VERSION:
        raise StoreVersionError(
            f"the store is of version {state.version}, this program knows {ddl.STORE_VERSION}: run the newer release, "
            f"or restore a backup of version {ddl.STORE_VERSION}"
        )
    return state


async def _locked(connection: Connection) -> None:
    """Take the lock of this connection, which ends with it."""
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
        log.info("another process brings the store to its new form; waiting for it")
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)


async def _change(connection: Connection, tables: Mapping[str, Table]) -> list[str]:
    """Create what is missing and set aside the records of changed kinds, all of it or nothing; what was created.

    A backup that holds the tables is waited for so that whoever comes later is answered: they queue behind a lock that
    is asked for as behind one that is held.
    """
    told = False
    while True:
        try:
            return await _changed(connection, tables)
        except asyncpg.LockNotAvailableError:
            if not told:
                log.warning("the store is in use, by a backup or a long write; waiting for that to end")
            told = True
            await asyncio.sleep(PAUSE_S)


async def _changed(connection: Connection, tables: Mapping[str, Table]) -> list[str]:
    """As ``_change``. Raises LockNotAvailableError when others hold what it needs for longer than moments."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
        state = await _checked(connection)
        if state.fits(tables):
            return []
        if state.version is None:
            await connection.execute("CREATE SCHEMA IF NOT EXISTS sidecar")
            for statement in ddl.BASE:
                await connection.execute(statement)
        # no writer is between its look at the generation and its commit while the kinds change
        await connection.execute("LOCK TABLE tenant IN ACCESS EXCLUSIVE MODE")
        for name, table in tables.items():
            if name not in state.digests:
                await _create(connection, table, promoted=True)
            elif state.digests[name] != table.kind.digest:
                await put_aside(connection, table, aside=name in state.unfinished)
                await _create(connection, table, promoted=False)
        await connection.execute("UPDATE store SET generation = generation + 1")
    return [name for name in tables if name not in state.digests]


async def _create(connection: Connection, table: Table, *, promoted: bool) -> None:
    for statement in ddl.statements(table):
        await connection.execute(statement)
    await connection.execute(
        "INSERT INTO kind VALUES ($1, $2, $3) "
        "ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, promoted = excluded.promoted",
        *(table.kind.name, table.kind.digest, promoted),
    )
