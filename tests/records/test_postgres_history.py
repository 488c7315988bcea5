"""Where a new history of a PostgreSQL database begins: wherever ids may be given a second time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
import stores
from postgres_server import Server, replica, server
from test_promote import NEW, OLD, T, accept, before

from sidecar.records.kind import Kinds
from sidecar.records.postgres import PostgresStore
from sidecar.records.postgres.history import Histories, histories
from sidecar.records.store import Tenant

RESTORED = (
    "CREATE TABLE sidecar.again (LIKE sidecar.store INCLUDING ALL)",
    "INSERT INTO sidecar.again SELECT * FROM sidecar.store",
    "DROP TABLE sidecar.store",
    "ALTER TABLE sidecar.again RENAME TO store",
)
"""What a restored dump leaves: a table with the same row."""
ELSEWHERE = "UPDATE sidecar.store SET timeline = 'of another server'"

pytestmark = pytest.mark.usefixtures("on_postgres")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PostgresStore]:
    async with stores.opened(tmp_path / "s.db", Kinds({"note": OLD}), accept) as opened:
        assert isinstance(opened, PostgresStore)
        yield opened


async def history(store: PostgresStore) -> str:
    """That of a snapshot taken now."""
    async with store.snapshot(T) as snap:
        return snap.history


async def tell(tmp_path: Path, *statements: str) -> None:
    connection = await asyncpg.connect(stores.url(tmp_path / "s.db"))
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def test_a_history_lasts_while_nothing_is_lost(store: PostgresStore, tmp_path: Path) -> None:
    """Writes, and another process that opens the store, leave the history what it is."""
    await store.put([before("n1")])
    first = await history(store)
    await store.put([before("n2")])
    async with stores.opened(tmp_path / "s.db", Kinds({"note": OLD}), accept) as other:
        await other.put([before("n3")])
    assert await history(store) == first


@pytest.mark.parametrize("statements", [RESTORED, (ELSEWHERE,)], ids=["a restored dump", "another server"])
async def test_the_first_write_elsewhere_begins_a_history(
    store: PostgresStore, tmp_path: Path, statements: tuple[str, ...]
) -> None:
    """Behind a restore or a failover the first write begins a history, and of several writers just one does."""
    await store.put([before("n1")])
    first = await history(store)
    await tell(tmp_path, *statements)
    at_once = [before("m")._replace(tenant=Tenant(f"org-{number}", "main")) for number in range(8)]
    await asyncio.gather(*(store.put([record]) for record in at_once))
    second = await history(store)
    assert second != first
    await store.put([before("n2")])
    assert await history(store) == second


async def test_nobody_waits_for_whoever_begins_a_history(store: PostgresStore, tmp_path: Path) -> None:
    """However long the first write takes, others write meanwhile."""
    await tell(tmp_path, ELSEWHERE)
    async with store.change(T) as change, asyncio.timeout(10):
        await store.put([before("n1")._replace(tenant=Tenant("another", "main"))])
        assert await history(store) == change.history


async def test_a_history_outlives_a_write_that_fails(store: PostgresStore, tmp_path: Path) -> None:
    """What the write learnt of ids that nobody keeps is not used, and the history goes on."""
    await store.put([before("n1")])
    first = await history(store)
    await tell(tmp_path, ELSEWHERE)
    begun: list[str] = []

    async def undone() -> None:
        async with store.change(T) as change:
            begun.append(change.history)
            raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        await undone()
    await store.put([before("n2")])
    assert await history(store) == begun[0] != first


async def test_a_migration_elsewhere_begins_a_history(store: PostgresStore, tmp_path: Path) -> None:
    """The tables' generation may be counted a second time as well, so a migration is a write like others."""
    await store.put([before("n1")])
    first = await history(store)
    await tell(tmp_path, ELSEWHERE)
    other = Kinds({"note": OLD, "memo": replace(NEW, name="memo")})
    async with stores.opened(tmp_path / "s.db", other, accept) as opened:
        assert await history(opened) != first  # type: ignore[arg-type]


async def test_a_replica_is_no_server_that_cannot_tell() -> None:
    """Whoever starts while the server is a replica tells histories apart like whoever started before."""
    with server(fsync="off") as primary:
        await there(primary, "CREATE SCHEMA sidecar", "CREATE TABLE sidecar.store ()")
        with replica(primary) as copy:
            assert await there(primary) == await there(copy) != Histories("''")


async def there(server: Server, *statements: str) -> Histories:
    """How a server tells histories apart, behind some statements."""
    connection = await asyncpg.connect(server.url())
    for statement in statements:
        await connection.execute(statement)
    found = await histories(connection)
    await connection.close()
    return found
