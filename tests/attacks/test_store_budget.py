"""The budget of one read is that read's: a costly request takes nothing from the next on its connection."""

from pathlib import Path

from serving import Clock, service_on

from sidecar.records.sqlite.snapshot import SqliteSnapshot
from sidecar.records.sqlite.store import STEP_BUDGET, TICK
from sidecar.records.store import Tenant

NEARLY_ALL = STEP_BUDGET // 20
"""Rounds of the loop below that leave nothing of the budget, and are not interrupted."""
LOOP = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {NEARLY_ALL}) SELECT max(i) FROM n"


async def test_a_costly_read_does_not_interrupt_the_next_request(tmp_path: Path) -> None:
    """After a read that spent its whole budget, requests on the same connection begin as ever, however many come."""
    service, tenant = await service_on(tmp_path / "store.db", Clock()), Tenant("acme", "main")
    async with service.store.snapshot(tenant) as snap:
        assert isinstance(snap, SqliteSnapshot)
        await snap._run(lambda: snap._connection.execute(LOOP).fetchall())
    for _ in range(TICK // 2):  # a cached statement of two steps and more comes to its tick
        async with service.store.snapshot(tenant):
            pass
    await service.store.close()
