"""Where PostgreSQL says no, is slow, away or shared: the product's own errors, and nothing half done."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import stores
from test_promote import NEW, OLD, Stubborn, T, accept, before, stored

from sidecar.errors import StoreError, StoreVersionError
from sidecar.records.kind import Kinds
from sidecar.records.postgres import PostgresStore, migrate

KINDS = Kinds({"note": NEW})
SLEEP: tuple[str, list[Any]] = ("SELECT pg_sleep(60)", [])
BY_DEFAULT = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {}', current_database()); END $$"
A_NOTE = {"id": "n", "unit": "u"}


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """A database for all tests of this file: to create one takes long."""
    name = stores.databases().take()
    yield stores.databases().server.url(name)
    stores.databases().give_back(name, None)


@pytest.fixture
async def url(database: str) -> AsyncIterator[str]:
    """An empty database."""
    yield database
    async with beside(database) as other:
        await other.execute("DROP SCHEMA sidecar CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public")


@asynccontextmanager
async def opened(url: str, kinds: Kinds = KINDS, **settings: Any) -> AsyncIterator[PostgresStore]:
    """The store of a database while the context lasts."""
    store = await PostgresStore.open(url, kinds, accept, **settings)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def beside(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Somebody else in the same database."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_statement_that_takes_too_long_is_a_store_error(url: str) -> None:
    """It is ended by the server, and the connection serves the next request."""
    async with opened(url, read_connections=1, statement_timeout_ms=100) as store:
        await store.put([accept("note", A_NOTE)])
        with pytest.raises(StoreError, match="statement timeout"):
            async with store.snapshot(T) as snap:
                await snap._at.fetch(SLEEP)
        assert await stored(store) == ["n"]


async def test_a_read_waits_for_no_lock_longer_than_a_statement_may_take(url: str) -> None:
    """Whoever locks the tables makes reads fail as a store does; afterwards they are answered again."""
    async with opened(url, statement_timeout_ms=100) as store, beside(url) as other:
        await store.put([accept("note", A_NOTE)])
        async with other.transaction():
            await other.execute("LOCK TABLE sidecar.tenant IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(StoreError, match="statement timeout"):
                await store.ready()
        assert await stored(store) == ["n"]


async def test_a_busy_pool_is_a_store_error(url: str) -> None:
    """Who finds every connection taken waits as long as a statement may take, then hears so."""
    async with opened(url, read_connections=1, statement_timeout_ms=100) as store:
        async with store.snapshot(T):
            with pytest.raises(StoreError, match="busy"):
                await store.ready()
        await store.ready()


async def test_a_read_that_is_given_up_leaves_its_connection_usable(url: str) -> None:
    """When a request is cancelled in the middle of a statement, the next one gets an idle connection."""
    async with opened(url, read_connections=1, statement_timeout_ms=60_000) as store:
        await store.put([accept("note", A_NOTE)])
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), store.snapshot(T) as snap:
                    await snap._at.fetch(SLEEP)
        assert await stored(store) == ["n"]


async def test_connections_that_broke_while_idle_are_replaced(url: str) -> None:
    """After the server cut every connection, as a restart does, reads and writes go on without an error."""
    async with opened(url, read_connections=2) as store, beside(url) as other:
        async with store.snapshot(T), store.snapshot(T):
            await store.put([accept("note", A_NOTE)])
        cut = await other.fetch(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'sidecar' "
            "AND datname = current_database()"
        )
        assert len(cut) >= 3
        assert await stored(store) == ["n"]
        await store.put([accept("note", {"id": "m", "unit": "u"})])
        assert await stored(store) == ["m", "n"]


async def test_a_newer_store_is_refused(url: str) -> None:
    """A database of a newer release is refused, with both versions, and left as it is."""
    async with opened(url), beside(url) as other:
        await other.execute("UPDATE sidecar.store SET version = 99")
    with pytest.raises(StoreVersionError, match="version 99"):
        await PostgresStore.open(url, Kinds({"note": OLD}), accept)
    async with beside(url) as other:
        assert await other.fetchval("SELECT digest FROM sidecar.kind") == NEW.digest


async def test_a_database_serves_others_too(url: str) -> None:
    """Tables of the same names outside our schema are neither used nor touched."""
    async with beside(url) as other:
        await other.execute("CREATE TABLE label (mine text); INSERT INTO label VALUES ('mine')")
        await other.execute('CREATE TABLE tenant (mine text); CREATE TABLE "record_note" (mine text)')
        async with opened(url) as store:
            await store.put([accept("note", A_NOTE)])
            assert await stored(store) == ["n"]
        assert await other.fetch("SELECT * FROM public.label") == [("mine",)]
        assert await other.fetch("SELECT * FROM public.tenant") == []


async def test_a_database_must_keep_every_text() -> None:
    """One that is not encoded in UTF-8 is refused, with what would be right."""
    server = stores.databases().server
    async with beside(server.url()) as admin:
        await admin.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        try:
            with pytest.raises(StoreError, match="LATIN1; create it WITH ENCODING 'UTF8'"):
                await PostgresStore.open(server.url("latin"), KINDS, accept)
        finally:
            await admin.execute("DROP DATABASE latin WITH (FORCE)")


@pytest.mark.parametrize("where", ["//postgres:tell-nobody@/none?", "///none?user=postgres&password=tell-nobody&"])
async def test_an_error_tells_the_address_and_no_password(where: str) -> None:
    """What cannot be reached is named as it was written, but for the password, wherever that stands."""
    address = f"postgresql:{where}host={stores.databases().server.folder}"
    with pytest.raises(StoreError, match="none") as told:
        await PostgresStore.open(address, KINDS, accept)
    assert "tell-nobody" not in str(told.value)
    assert "does not exist" in str(told.value)


async def test_starters_together_migrate_once(url: str) -> None:
    """Of processes that open an empty database at once one creates its tables, and all can use them."""
    starters = await asyncio.gather(*(PostgresStore.open(url, KINDS, accept) for _ in range(5)))
    assert sorted(store.migrated.created for store in starters) == [()] * 4 + [("note",)]
    for number, store in enumerate(starters):
        await store.put([accept("note", {"id": f"n{number}", "unit": "u"})])
    assert [await stored(store) for store in starters] == [[f"n{number}" for number in range(5)]] * 5
    for store in starters:
        await store.close()


async def test_a_starter_waits_however_short_the_servers_limits_are(url: str) -> None:
    """For another one that migrates it waits as long as that takes, whatever a statement may take by default."""
    async with beside(url) as other:
        await other.execute(BY_DEFAULT.format("SET statement_timeout = 100"))
        await other.execute("SELECT pg_advisory_lock($1)", migrate.LOCK)
        try:
            starting = asyncio.create_task(PostgresStore.open(url, KINDS, accept))
            await asyncio.wait([starting], timeout=0.5)
            assert not starting.done()
        finally:
            await other.execute("SELECT pg_advisory_unlock($1)", migrate.LOCK)
            await other.execute(BY_DEFAULT.format("RESET statement_timeout"))
        await (await starting).close()


async def test_a_store_that_may_not_be_migrated_is_left_as_it_is(url: str) -> None:
    """Neither an empty database nor one of other schemas is changed by who is not allowed to."""
    async with beside(url) as other:
        with pytest.raises(StoreError, match="migrate"):
            await PostgresStore.open(url, KINDS, accept, auto_migrate=False)
        assert await other.fetchval("SELECT to_regclass('sidecar.store')") is None
        async with opened(url, Kinds({"note": OLD})) as store:
            await store.put([before("n")])
        with pytest.raises(StoreError, match="migrate"):
            await PostgresStore.open(url, KINDS, accept, auto_migrate=False)
        async with opened(url, Kinds({"note": OLD}), auto_migrate=False) as store:
            assert await store.conflicts([before("n")]) == []
        assert await other.fetchval("SELECT digest FROM sidecar.kind") == OLD.digest


async def test_a_promotion_that_stopped_goes_on(url: str) -> None:
    """A start that fails on the last batch of a changed kind's records loses none, and the next one finishes."""
    names = [f"n{number:04}" for number in range(2_500)]
    async with opened(url, Kinds({"note": OLD})) as store:
        await store.put([before(name) for name in names])

    for proven in (1, 0):
        with pytest.raises(StoreError, match="/unit: is not of this world"):
            await PostgresStore.open(url, KINDS, Stubborn("n2400", admits=proven))
    async with opened(url) as store:
        assert await stored(store) == names
