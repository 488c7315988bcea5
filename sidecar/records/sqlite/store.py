"""The SQLite store: its connections, and the transactions on them."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import orjson

from sidecar.errors import StoreError
from sidecar.records.kind import Kinds
from sidecar.records.layout import Strategy, Table
from sidecar.records.promotion import Accept
from sidecar.records.sqlite import lifecycle, migrate, promote, turns
from sidecar.records.sqlite.file import StoreFile
from sidecar.records.sqlite.lease import SqliteLease
from sidecar.records.sqlite.mirror import SqliteMirror
from sidecar.records.sqlite.readers import Readers, Reading
from sidecar.records.sqlite.snapshot import SqliteChange, SqliteSnapshot
from sidecar.records.sqlite.tables import PAGE_BYTES
from sidecar.records.sqlite.told import Told
from sidecar.records.sqlite.write import Interned, Writer
from sidecar.records.store import Count, LoadMark, Outcome, Prepared, Tenant, unlike

T = TypeVar("T")

STEP_BUDGET = 400_000
"""Virtual-machine steps that a round of reads may take on the event loop (a few milliseconds); beyond, a thread
reruns it."""
TICK = 20_000
"""Steps between two looks at the budget or the clock."""
OLDEST_SQLITE = (3, 38, 0)


class SqliteStore:
    """Records in one SQLite file: readers on the event loop under a step budget, one writer thread."""

    def __init__(
        self,
        path: Path,
        kinds: Kinds,
        accept: Accept,
        *,
        strategy: Strategy = "auto",
        read_connections: int = 16,
        statement_timeout_ms: int = 2_000,
        auto_migrate: bool = True,
    ) -> None:
        """Open or create the file. Raises StoreError, StoreVersionError."""
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; 3.38 or newer is needed")
        self._tables: Mapping[str, Table] = {name: Table(kind) for name, kind in kinds.items()}
        self._strategy = strategy
        self._interned = Interned()
        self._file = StoreFile(path)
        self._timeout = statement_timeout_ms / 1000
        self._readers = Readers(read_connections, self._file.connect)
        self._slow = ThreadPoolExecutor(2, thread_name_prefix="sqlite-slow")
        self._writes = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")
        self._writing = asyncio.Lock()
        self._committed = False
        self._changed = 0
        self._writer = self._file.first
        try:
            self._writer.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a new file; others keep theirs
            self.migrated = migrate.prepare(self._writer, self._tables, accept, allowed=auto_migrate)
            self._tables_version = -1  # the first transaction looks whether another process changed them meanwhile
        except sqlite3.Error as error:
            raise StoreError(f"{path} cannot be used as a store: {error}") from error

    def _require_same_kinds(self, connection: sqlite3.Connection) -> None:
        """Refuse to work on records that another process promoted to other schemas than this one judges by.

        Their labels hold other properties, so a deny could miss what it looks for. Raises StoreError.
        """
        version = _tables_version(connection)
        if version == self._tables_version:
            return
        known = dict(connection.execute("SELECT name, digest FROM kind").fetchall())
        changed = [name for name, table in self._tables.items() if known.get(name) != table.kind.digest]
        wrong = unlike(changed, [name for name in promote.set_aside(connection) if name in self._tables])
        if wrong:
            raise StoreError(wrong)
        self._tables_version = version

    def snapshot(self, tenant: Tenant) -> Reading[SqliteSnapshot]:
        """One consistent view of one tenant. Raises StoreError."""
        return Reading(self._readers, partial(self._seen, tenant))

    def _seen(self, tenant: Tenant, connection: sqlite3.Connection) -> SqliteSnapshot:
        """What a transaction that has read nothing yet shows of a tenant. Raises StoreError."""
        self._file.require_seen(connection)
        self._require_same_kinds(connection)
        return SqliteSnapshot(connection, tenant, self._tables, partial(self._budgeted, connection), self._strategy)

    async def _budgeted(self, connection: sqlite3.Connection, work: Callable[[], T]) -> T:
        """Run at once on the event loop; what exceeds the step budget runs again in a thread, in the same snapshot."""
        # SQLite counts a cached statement's steps over all its runs: the handler counts for itself.
        ticks = count(1)
        with Told("read"):
            try:
                return _watched(connection, lambda: next(ticks) * TICK > STEP_BUDGET, work)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
            deadline = time.monotonic() + self._timeout
            slow = asyncio.get_running_loop().run_in_executor(
                self._slow, lambda: _watched(connection, lambda: time.monotonic() > deadline, work)
            )
            return await _ended(slow, connection.interrupt)  # nobody else gets it while the thread is on it

    @asynccontextmanager
    async def change(self, tenant: Tenant) -> AsyncIterator[SqliteChange]:
        """One write transaction, durable when the context ends without an error. Raises StoreError."""
        async with self._written():
            run, writer = self._in_writer, self._changes()
            yield SqliteChange(self._writer, tenant, self._tables, run, self._strategy, writer)

    @asynccontextmanager
    async def mirror(self) -> AsyncIterator[SqliteMirror]:
        """One write transaction over all tenants, durable when the context ends without an error. Raises StoreError."""
        async with self._written():
            yield SqliteMirror(self._writer, self._tables, self._in_writer, self._changes())

    @asynccontextmanager
    async def _written(self) -> AsyncIterator[None]:
        """The writer's connection in a transaction of its own, committed unless the context fails or is cancelled."""
        async with self._writing:
            with Told("written"):
                try:
                    # here, for it may have begun although who waited for it has gone
                    given_up = Event()
                    await self._in_writer(lambda: self._begin(given_up), given_up.set)
                    yield
                    await self._in_writer(self._commit)
                except BaseException:
                    await self._in_writer(self._undo)
                    raise

    def _changes(self) -> Writer:
        """The work of one write transaction."""
        return Writer(self._writer, self._tables, self._interned)

    def _begin(self, given_up: Event) -> None:
        """Begin a write transaction, knowing nothing of tenants that were erased meanwhile. Raises StoreError."""
        self._committed = False
        turns.begin(self._writer, given_up)
        self._file.require_in_place()
        self._file.lineage.require(self._writer)
        self._changed = self._writer.total_changes
        self._require_same_kinds(self._writer)
        self._interned.since(lifecycle.erasures(self._writer))

    def _commit(self) -> None:
        changed = self._writer.in_transaction and self._writer.total_changes != self._changed
        if changed:
            self._file.lineage.mark(self._writer)
        self._file.require_in_place()
        # not commit(), which takes a transaction that SQLite undid by itself for one that has nothing to commit
        self._writer.execute("COMMIT")
        self._committed = True
        if changed:
            self._file.lineage.committed()
        with suppress(StoreError):  # what was laid down now is known to be ours; it is committed, whatever there is
            self._file.require_in_place()

    def _undo(self) -> None:
        """Undo what is not proven to be committed, and forget its ids, which others get now; a no-op after a commit.

        That no transaction is open is no proof: on a full disk SQLite undoes what it was asked to commit.
        """
        if not self._committed:
            self._interned.forget()
            self._writer.rollback()

    async def _in_writer(self, work: Callable[[], T], stop: Callable[[], None] | None = None) -> T:
        """Run in the writer's thread, to its end even when the request is cancelled: nothing is left half-done."""
        return await _ended(asyncio.get_running_loop().run_in_executor(self._writes, work), stop)

    async def put(self, records: Sequence[Prepared], mark: LoadMark | None = None) -> Outcome:
        """Store records of any tenants in one durable transaction. Raises StoreError, RecordConflict."""
        async with self._written():
            return await self._in_writer(lambda: self._put(records, mark))

    def _put(self, records: Sequence[Prepared], mark: LoadMark | None) -> Outcome:
        outcome = self._changes().put(records)
        if mark is not None:
            lifecycle.mark(self._writer, mark)
        return outcome

    async def conflicts(self, records: Sequence[Prepared]) -> list[int]:
        """The places of the append-only records that are stored already with other content. Raises StoreError."""
        async with self._writing:
            with Told("read"):
                return await self._in_writer(lambda: self._changes().conflicts(records))

    async def loaded(self, load_id: str) -> int:
        """How many records of an interrupted load are stored; 0 when it is new or was finished. Raises StoreError."""
        statement = "SELECT lines FROM load WHERE load_id = ? AND finished = 0"
        async with self._writing:
            with Told("read"):
                found = await self._in_writer(lambda: self._writer.execute(statement, (load_id,)).fetchone())
        return int(found[0]) if found else 0

    async def catalogue_version(self) -> int:
        """What grows with each change of any tenant's catalogue, and with each erasure. Raises StoreError."""
        async with self._writing:
            with Told("read"):
                return await self._in_writer(lambda: lifecycle.catalogue_version(self._writer))

    async def setting(self, name: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """The stored setting, or ``value`` stored now."""

        def keep() -> Mapping[str, Any]:
            self._writer.execute(
                "INSERT INTO setting VALUES (?, ?) ON CONFLICT DO NOTHING", (name, orjson.dumps(value).decode())
            )
            stored = self._writer.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
            parsed: Mapping[str, Any] = orjson.loads(stored[0])
            return parsed

        async with self._writing:
            with Told("written"):
                return await self._in_writer(keep)

    async def counts(self, tenant: Tenant | None = None) -> Sequence[Count]:
        """What is stored, of one tenant or of all. Raises StoreError."""
        return await self._aside(lambda connection: lifecycle.counts(connection, tenant))

    async def weight(self, kind: str, tenant: Tenant | None = None) -> int:
        """The bytes of a kind's documents. Raises StoreError."""
        return await self._aside(lambda connection: lifecycle.weight(connection, self._tables[kind], tenant))

    async def _aside(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Read something long over all tenants, in a thread and with a connection of its own."""

        def read() -> T:
            with Told("read"), closing(self._file.connect()) as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._slow, read)

    async def erase(self, tenant: Tenant) -> Mapping[str, int]:
        """Remove all records of a tenant, and write the file anew so that nothing of them is left in it.

        Raises StoreError; once the records are gone, that only traces of them may be left.
        """
        async with self._written():
            erased = await self._in_writer(lambda: lifecycle.erase(self._writer, self._tables, tenant))
        async with self._writing:
            await self._in_writer(lambda: lifecycle.purge(self._writer))
        return erased

    @asynccontextmanager
    async def lease(self, name: str) -> AsyncIterator[SqliteLease]:
        """What this name stands for, taken by the lock of a file beside the store's. Raises StoreError."""
        try:
            lease = SqliteLease(self._file.path.with_name(f"{self._file.path.name}-{name}"))
        except OSError as error:
            raise StoreError(f"{error.filename} cannot be opened: {error.strerror}") from error
        try:
            yield lease
        finally:
            lease.close()

    async def ready(self) -> None:
        """Prove that the store answers. Raises StoreError."""
        async with self.snapshot(Tenant("", "")):
            return

    async def close(self) -> None:
        """Release every connection."""
        self._slow.shutdown()
        self._writes.shutdown()
        self._readers.close()
        self._writer.close()


async def _ended(work: asyncio.Future[T], stop: Callable[[], None] | None = None) -> T:
    """What work in a thread gives. Whoever is cancelled, however often, asks it to stop and goes when it has ended."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        if stop is not None:
            stop()
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([work])
        work.exception()  # nobody asks for it any more, and asyncio would tell of it as of one that was overlooked
        raise


def _watched(connection: sqlite3.Connection, over: Callable[[], bool], work: Callable[[], T]) -> T:
    """Work whose statements are interrupted once it is over."""
    connection.set_progress_handler(over, TICK)
    try:
        return work()
    finally:
        connection.set_progress_handler(None, 0)  # or it would interrupt what comes next


def _tables_version(connection: sqlite3.Connection) -> int:
    """Changes whenever any process creates or drops a table."""
    version: int = connection.execute("PRAGMA schema_version").fetchone()[0]
    return version
