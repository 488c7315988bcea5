"""A file that another process holds is a store that does not answer: the product's own error, whoever meets it."""

import asyncio
import gc
import sqlite3
import time
from pathlib import Path

import pytest
from serving import Who, served
from shipped_kinds import kinds

from sidecar.errors import StoreError
from sidecar.records.ingest import Intake
from sidecar.records.sqlite import SqliteStore
from sidecar.records.sqlite.file import WAIT_S
from sidecar.records.store import Tenant


async def test_a_locked_file_is_a_store_error(tmp_path: Path) -> None:
    """Beginning a change, not only making it, fails as a store does; afterwards changes are made as before."""
    store = SqliteStore(tmp_path / "sidecar.db", kinds(), Intake(kinds()).accept)
    store._writer.execute("PRAGMA busy_timeout = 20")
    with_lock = sqlite3.connect(tmp_path / "sidecar.db", isolation_level=None)
    with_lock.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        with pytest.raises(StoreError, match="database is locked"):
            async with store.change(Tenant("acme", "main")):
                pytest.fail("the change began")
        with pytest.raises(StoreError, match="database is locked"):
            await store.put([])
    with_lock.close()
    async with store.change(Tenant("acme", "main")):
        pass
    await store.close()


async def test_a_write_that_waits_for_another_process_ends_when_its_time_is_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever gave up waits no longer for the file, and nothing is told of how that ended; the next write is made."""
    store = SqliteStore(tmp_path / "sidecar.db", kinds(), Intake(kinds()).accept)
    with_lock = sqlite3.connect(tmp_path / "sidecar.db", isolation_level=None)
    with_lock.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await store.put([])
    assert time.monotonic() - began < WAIT_S / 2
    with_lock.close()
    await store.put([])
    await store.close()
    gc.collect()  # what was overlooked is told of when it is forgotten
    await asyncio.sleep(0)
    assert not caplog.records


async def test_a_locked_file_is_503_and_reading_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A recovery choice that cannot be written is answered with store_unavailable; reads do not wait for the lock.

    Why it could not be written is in the log, and not in the answer.
    """
    async with served(tmp_path) as sidecar:
        run = {
            "run_id": "r",
            "workflow_id": "w",
            "status": "failed",
            "tenant_context": {"org_id": "acme", "workspace_id": "main"},
            "created_at_ms": 1,
            "updated_at_ms": 1,
        }
        await sidecar.take(("workflow_run", run))
        sidecar.service.store._writer.execute("PRAGMA busy_timeout = 20")  # type: ignore[attr-defined]
        with_lock = sqlite3.connect(tmp_path / "sidecar.db", isolation_level=None)
        with_lock.execute("BEGIN IMMEDIATE")
        path = "/stateful-runtime/runs/r/resume-plan"
        answer = await sidecar.post(path, Who(), {"choice": "abandon_with_audit"})
        assert (answer.status, answer.body["error"]) == (503, "store_unavailable")
        assert "the store could not be written: database is locked" in caplog.text
        assert "locked" not in str(answer.body)
        assert (await sidecar.ask("GET", "/v1/records/wait", Who())).status == 200
        with_lock.close()
        assert (await sidecar.post(path, Who(), {"choice": "abandon_with_audit"})).status == 200
