"""Two sidecars on one store, writers and readers on both: no answer that could not have been true.

``HISTORY_OPERATIONS`` says how many operations; ``make soak`` asks for a hundred thousand.
"""

import asyncio
import os
from collections.abc import Awaitable
from pathlib import Path
from uuid import uuid4

import asyncpg
import stores
from history import Fault
from postgres_server import Server, replica, server
from recording import Recorder, Tenant, sidecars

OPERATIONS = int(os.environ.get("HISTORY_OPERATIONS", "2000"))
SEED = int(os.environ.get("HISTORY_SEED", "7"))
TENANTS, WORLDS = 3, 2
SHOWN = 3
STALENESS_MS = 1_000


def tenants() -> list[Tenant]:
    """Tenants whose worlds are changed at once, through both sidecars: memberships, grants, units and records."""
    return [
        Tenant(f"org-{number}-{uuid4().hex[:8]}", [f"w{number}{place}" for place in range(WORLDS)])
        for number in range(TENANTS)
    ]


def told(faults: list[Fault]) -> str:
    """The first faults, for whoever has to find their cause."""
    return "\n".join(f"{fault.told}\n{fault.read}" for fault in faults[:SHOWN])


def test_no_answer_is_lost_torn_or_stale_and_nothing_is_shown_to_whom_it_is_closed(
    store_name: str, tmp_path: Path
) -> None:
    """Whichever sidecar was written to and whichever is asked, each answer shows one instant, and one late enough."""
    recorder = Recorder((), OPERATIONS, SEED, tenants())
    with sidecars(tmp_path, url=stores.url(tmp_path / "shared.db")) as recorder.sidecars:
        asyncio.run(recorder.run())
    faults = [fault for tenant in recorder.tenants for fault in tenant.faults()]
    assert not faults, told(faults)
    writes = sum(len(tenant.writes) for tenant in recorder.tenants)
    reads = sum(len(tenant.reads) for tenant in recorder.tenants)
    assert writes + reads >= OPERATIONS
    assert min(writes, reads) > OPERATIONS // 10, "both were written and read"
    assert any(read.seen for tenant in recorder.tenants for read in tenant.reads)


async def stopping(replica: Server, work: Awaitable[None]) -> None:
    """Do some work while a replica stands still now and then, for less long than an answer may be old."""
    connection = await asyncpg.connect(replica.url())
    task = asyncio.ensure_future(work)
    while not task.done():
        for statement in ("SELECT pg_wal_replay_pause()", "SELECT pg_wal_replay_resume()"):
            await connection.execute(statement)
            await asyncio.wait([task], timeout=STALENESS_MS / 2_000)
    await connection.close()
    await task


def test_no_answer_of_a_replica_is_older_than_is_allowed(tmp_path: Path) -> None:
    """With ``store.read_url`` answers are older than what was acknowledged, by ``read_staleness_ms`` and no more."""
    recorder = Recorder((), OPERATIONS, SEED, tenants())
    with server() as primary, replica(primary) as copy:
        reading = {"read_url": copy.url(), "read_staleness_ms": STALENESS_MS}
        with sidecars(tmp_path, url=primary.url(), **reading) as recorder.sidecars:
            asyncio.run(stopping(copy, recorder.run()))
    faults = [fault for tenant in recorder.tenants for fault in tenant.faults(lag=STALENESS_MS * 1_000_000)]
    assert not faults, told(faults)
    assert any(tenant.faults() for tenant in recorder.tenants), "the replica answered, and behind the primary"
