"""A tenant's first moments on PostgreSQL: who decides about records has the tenant to itself, however new it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import stores
from store_notes import KINDS, A, note, refuse, seen_by, walk

from sidecar.records.postgres import PostgresStore, lifecycle
from sidecar.records.postgres import store as module
from sidecar.records.postgres.snapshot import look
from sidecar.records.reading import Read
from sidecar.records.store import Outcome, Tenant

BLOCKED_S = 0.3

pytestmark = pytest.mark.usefixtures("on_postgres")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PostgresStore]:
    async with stores.opened(tmp_path / "s.db", KINDS, refuse) as opened:
        assert isinstance(opened, PostgresStore)
        yield opened


@pytest.fixture
async def beside(store: PostgresStore, tmp_path: Path) -> AsyncIterator[PostgresStore]:
    """The same store in another process, which knows nothing of who writes in this one."""
    async with stores.opened(tmp_path / "s.db", KINDS, refuse) as opened:
        assert isinstance(opened, PostgresStore)
        yield opened


async def test_a_tenant_that_another_writer_made_just_now_is_locked_all_the_same(
    store: PostgresStore, beside: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that finds records of a tenant which was not there yet when it began keeps other writers out."""

    async def late(*given: Any) -> Any:
        monkeypatch.setattr(module, "look", look)
        await beside.put([note(A, "first", 1, "u")])
        return await look(*given)

    monkeypatch.setattr(module, "look", late)
    async with store.change(A) as change:
        assert await change.labels("note", 0), "the other writer's record is seen"
        other = asyncio.create_task(beside.put([note(A, "second", 2, "u")]))
        _, waiting = await asyncio.wait([other], timeout=BLOCKED_S)
        assert waiting == {other}
    await other


async def test_what_comes_beside_an_erasure_of_nothing_stays(
    store: PostgresStore, beside: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of records that others store while their tenant is new and being erased, each is erased or shown."""
    original, reached, go_on = lifecycle.read_state, asyncio.Event(), asyncio.Event()

    async def read_state(*given: Any) -> Any:
        await beside.put([note(A, "first", 1, "u")])
        reached.set()
        await go_on.wait()
        return await original(*given)

    monkeypatch.setattr(lifecycle, "read_state", read_state)
    erasing = asyncio.create_task(store.erase(A))
    await reached.wait()
    async with beside.change(A) as change:
        await change.put([note(A, "second", 2, "u")])
        go_on.set()
        await asyncio.wait([erasing], timeout=BLOCKED_S)
    erased = (await erasing).get("note", 0)
    eyes = await seen_by(store, ["u"])
    assert erased + len(await walk(store, Read("note", 5), eyes)) == 2


@asynccontextmanager
async def making(address: str, tenant: Tenant) -> AsyncIterator[None]:
    """Somebody makes a tenant while the context lasts, and then thinks better of it."""
    other = await asyncpg.connect(address, server_settings={"search_path": "sidecar"})
    transaction = other.transaction()
    await transaction.start()
    try:
        triple = (tenant.org_id, tenant.workspace_id, tenant.deployment_id)
        await other.execute("INSERT INTO tenant (org_id, workspace_id, deployment_id) VALUES ($1, $2, $3)", *triple)
        yield
    finally:
        await transaction.rollback()
        await other.close()


async def test_writers_that_make_the_same_tenants_never_wait_in_a_circle(
    store: PostgresStore, beside: PostgresStore, tmp_path: Path
) -> None:
    """Each is held up at a tenant before those that both want, of which somebody else makes one in the meantime."""
    address = stores.url(tmp_path / "s.db")
    before, both, made = (Tenant("a", "1"), Tenant("a", "2")), Tenant("b", "w"), Tenant("c", "w")

    def put(number: int) -> "asyncio.Task[Outcome]":
        wanted = [note(tenant, f"n{number}", 1, "u") for tenant in (before[number], both, made)]
        return asyncio.create_task((store, beside)[number].put(wanted))

    async with making(address, before[1]):
        async with making(address, before[0]):
            one = put(0)
            await asyncio.wait([one], timeout=BLOCKED_S)
            async with stores.opened(tmp_path / "s.db", KINDS, refuse) as third:
                await third.put([note(made, "n", 1, "u")])
            two = put(1)
            await asyncio.wait([two], timeout=BLOCKED_S)
        await asyncio.wait([one], timeout=BLOCKED_S)
    await asyncio.gather(one, two)
    assert [count.records for count in await store.counts()] == [1, 1, 2, 3]
