"""A tenant's first moments on PostgreSQL: who decides about records has the tenant to itself, however new it is."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import stores
from store_notes import KINDS, A, note, refuse

from sidecar.records.postgres import PostgresStore
from sidecar.records.postgres import store as module

BLOCKED_S = 0.3

pytestmark = pytest.mark.usefixtures("on_postgres")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PostgresStore]:
    async with stores.opened(tmp_path / "s.db", KINDS, refuse) as opened:
        assert isinstance(opened, PostgresStore)
        yield opened


async def test_a_tenant_that_another_writer_made_just_now_is_locked_all_the_same(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that finds records of a tenant which was not there yet when it began keeps other writers out."""
    original = module._look

    async def look(*given: Any) -> Any:
        monkeypatch.setattr(module, "_look", original)
        await store.put([note(A, "first", 1, "u")])
        return await original(*given)

    monkeypatch.setattr(module, "_look", look)
    async with store.change(A) as change:
        assert await change.labels("note", 0), "the other writer's record is seen"
        other = asyncio.create_task(store.put([note(A, "second", 2, "u")]))
        _, waiting = await asyncio.wait([other], timeout=BLOCKED_S)
        assert waiting == {other}
    await other
