"""PostgreSQL that refuses, ends a session, or stands still: the product's own errors, told without a value."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
import stores
from test_promote import NEW, T, accept, stored

from sidecar.errors import StoreError
from sidecar.records.kind import Kinds
from sidecar.records.layout import Table
from sidecar.records.postgres import PostgresStore, migrate
from sidecar.records.postgres.pool import connection

LONGEST_S = 20.0
"""Less than a writer's statement may take: whoever waits for the server waits longer."""

pytestmark = pytest.mark.usefixtures("on_postgres")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PostgresStore]:
    """A store of notes with one connection for readers."""
    async with stores.opened(tmp_path / "s.db", Kinds({"note": NEW}), accept, read_connections=1) as opened:
        assert isinstance(opened, PostgresStore)
        yield opened


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """A process of the server stands still while the context lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_who_is_told_to_stop_stops_although_the_server_stands_still(store: PostgresStore) -> None:
    """A cancelled write neither waits for a server that stands still nor goes on; others are answered meanwhile."""
    async with store.change(T) as change:
        pid = await change._at.connection.fetchval("SELECT pg_backend_pid()")

    async def write() -> None:
        await store.put([accept("note", {"id": "n", "unit": "u"})])

    with standing_still(pid):
        writing = asyncio.create_task(write())
        await asyncio.wait([writing], timeout=0.1)
        writing.cancel()
        await asyncio.wait([writing], timeout=LONGEST_S)
        assert writing.cancelled()
        await store.put([accept("note", {"id": "m", "unit": "u"})])
    assert await stored(store) == ["m"]


async def test_who_is_told_to_stop_waits_for_no_commit_for_ever(store: PostgresStore) -> None:
    """A commit is awaited, so that nothing is done without being known, but not of a server that stands still."""
    still, stopped = ExitStack(), asyncio.Event()

    async def write() -> None:
        async with store.change(T) as change:
            await change.put([accept("note", {"id": "n", "unit": "u"})])
            still.enter_context(standing_still(await change._at.connection.fetchval("SELECT pg_backend_pid()")))
            stopped.set()

    with still:
        writing = asyncio.create_task(write())
        await stopped.wait()
        await asyncio.wait([writing], timeout=0.1)
        writing.cancel()
        await asyncio.wait([writing], timeout=LONGEST_S)
        assert writing.cancelled()


async def test_a_transaction_that_may_not_begin_is_a_store_error(store: PostgresStore) -> None:
    """What the server says to BEGIN, as a replica says to a writer, is the store's error; the connection is kept."""
    for _ in range(3):
        with pytest.raises(StoreError, match="could not be used"):
            async with connection(store._reads, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1/0", 1.0):
                raise AssertionError("no transaction began")
    await store.ready()


async def test_a_begin_that_is_given_up_is_rolled_back(
    store: PostgresStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its connection serves the next request, and the log has no error of the driver's, which would find it open."""
    other = await asyncpg.connect(stores.url(tmp_path / "s.db"), server_settings={"search_path": "sidecar"})
    async with other.transaction():
        await other.execute("LOCK TABLE tenant IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await store.ready()
    await other.close()
    await store.ready()
    assert caplog.records == []


async def test_an_error_of_the_server_tells_no_value(store: PostgresStore, tmp_path: Path) -> None:
    """Of what the server says only the sentence is told: its details name rows, which are somebody's."""
    stores.damage(tmp_path / "s.db", "ALTER TABLE record_note ADD CHECK (_k1 <> 'of-acme')")
    with pytest.raises(StoreError, match="violates check constraint") as told:
        await store.put([accept("note", {"id": "of-acme", "unit": "u"})])
    assert "of-acme" not in str(told.value)


async def test_a_read_that_waited_for_a_migration_finds_no_emptied_tables(store: PostgresStore, tmp_path: Path) -> None:
    """What it would see is what was committed before, in tables that are new: it is refused, not answered empty."""
    await store.put([accept("note", {"id": "n", "unit": "u"})])
    other = await asyncpg.connect(stores.url(tmp_path / "s.db"), server_settings={"search_path": "sidecar"})
    async with other.transaction():
        await migrate._change(other, {"note": Table(replace(NEW, digest="newer"))})
        reading = asyncio.create_task(stored(store))
        await asyncio.wait([reading], timeout=0.3)
    with pytest.raises(StoreError, match="changed by another process"):
        await reading
    await other.close()
    stores.damage(tmp_path / "s.db", "SELECT 'nobody else gets its tables'")


async def test_a_migration_that_waits_for_a_backup_keeps_nobody_waiting(
    store: PostgresStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A backup holds every table as long as it takes: until it has ended nothing changes, and others are answered."""
    await store.put([accept("note", {"id": "n", "unit": "u"})])
    backup = await asyncpg.connect(stores.url(tmp_path / "s.db"), server_settings={"search_path": "sidecar"})
    newer = Kinds({"note": replace(NEW, digest="newer")})
    async with backup.transaction():
        await backup.execute("LOCK TABLE tenant, record_note IN ACCESS SHARE MODE")
        migrating = asyncio.create_task(stores.open_store(tmp_path / "s.db", newer, accept))
        async with asyncio.timeout(LONGEST_S):
            while "in use" not in caplog.text:
                assert await stored(store) == ["n"]
                await asyncio.sleep(0.05)
        assert not migrating.done()
    await backup.close()
    promoted = await migrating
    assert await stored(promoted) == ["n"]
    assert caplog.text.count("in use") == 1
    await promoted.close()
    stores.damage(tmp_path / "s.db", "SELECT 'nobody else gets its tables'")


async def test_a_file_that_is_gone_is_not_the_stores_error(store: PostgresStore, tmp_path: Path) -> None:
    """Who reads files inside a transaction hears of them, and nothing of it is stored."""

    async def follow() -> None:
        async with store.mirror() as mirror:
            await mirror.put([accept("note", {"id": "n", "unit": "u"})])
            (tmp_path / "gone").read_bytes()

    with pytest.raises(FileNotFoundError):
        await follow()
    assert await stored(store) == []


async def other_store(name: str) -> str:
    """The address of another store, whose beat is far on, with a note of another world."""
    address = stores.url(Path(name))
    async with stores.opened(Path(name), Kinds({"note": NEW}), accept) as other:
        await other.put([accept("note", {"id": "of another world", "unit": "u"})])
    stores.damage(Path(name), "UPDATE store SET beat = 1000000")
    return address


async def what_is_written_is_read(path: Path, read_url: str) -> None:
    """Of a store with this replica, after the replica was looked at."""
    async with stores.opened(path, Kinds({"note": NEW}), accept, read_url=read_url) as store:
        await store.put([accept("note", {"id": "n", "unit": "u"})])
        assert isinstance(store, PostgresStore)
        assert store._replica is not None
        await store._replica.beat(store._writes)
        assert await stored(store) == ["n"]


async def test_a_replica_of_another_store_is_never_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Labels and tenants of another database have other ids: one that store.read_url names by mistake shows nothing."""
    wrong = await other_store(str(tmp_path / "wrong.db"))
    stores.url(tmp_path / "right.db")
    await what_is_written_is_read(tmp_path / "right.db", wrong)
    assert "store.read_url names another store than store.url" in caplog.text


async def test_a_start_waits_for_no_replica(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A replica that is away when the sidecar starts is told, and the primary answers."""
    away = f"postgresql:///none?user=postgres&host={tmp_path}"
    await what_is_written_is_read(tmp_path / "s.db", away)
    assert "the replica is not read, so the primary answers" in caplog.text


async def test_a_servers_own_lock_timeout_costs_no_writer_its_turn(tmp_path: Path) -> None:
    """Whoever waits for another writer of its tenant waits as long as its statement may take, whatever the default is."""
    path, kinds = tmp_path / "s.db", Kinds({"note": NEW})
    set_for_all = "EXECUTE format('ALTER DATABASE %I SET lock_timeout = ''20ms''', current_database())"
    stores.url(path, kinds)
    stores.damage(path, f"DO $$ BEGIN {set_for_all}; END $$")
    async with stores.opened(path, kinds, accept) as store, stores.opened(path, kinds, accept) as beside:
        await store.put([accept("note", {"id": "first", "unit": "u"})])
        async with beside.change(T) as change:
            await change.put([accept("note", {"id": "n", "unit": "u"})])
            waiting = asyncio.create_task(store.put([accept("note", {"id": "m", "unit": "u"})]))
            await asyncio.wait([waiting], timeout=0.3)
        await waiting
        assert await stored(store) == ["first", "m", "n"]


@asynccontextmanager
async def relayed(path: Path) -> AsyncIterator[str]:
    """An address of a store behind a relay, which passes on at once what the server says, and its end a while later."""
    behind = urlsplit(stores.url(path))
    socket = f"{parse_qs(behind.query)['host'][0]}/.s.PGSQL.5432"

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(socket)
        sending = asyncio.create_task(passed(reader, to_server))
        await passed(from_server, writer)
        await asyncio.sleep(1.0)
        sending.cancel()
        writer.close()
        to_server.close()

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"postgresql://{behind.username}@127.0.0.1:{port}{behind.path}"
        server.close()


async def test_a_connection_that_the_server_is_ending_costs_no_answer(store: PostgresStore, tmp_path: Path) -> None:
    """That the server ends it is said before it is ended; what is asked in between is asked of another connection."""
    await store.put([accept("note", {"id": "n", "unit": "u"})])
    async with relayed(tmp_path / "s.db") as address:
        far = await PostgresStore.open(address, Kinds({"note": NEW}), accept)
        assert await stored(far) == ["n"]
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        stores.rows(tmp_path / "s.db", f"{ending} AND pid <> pg_backend_pid()")
        await asyncio.sleep(0.1)
        assert await stored(far) == ["n"]
        await far.close()
