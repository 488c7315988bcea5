"""Two sidecars on one store, writers and readers on both: no answer that could not have been true.

``HISTORY_OPERATIONS`` says how many operations; ``make soak`` asks for a hundred thousand.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import stores
from recording import Recorder, Sidecar, Tenant
from serving_process import serving

pytestmark = pytest.mark.usefixtures("store_name")

OPERATIONS = int(os.environ.get("HISTORY_OPERATIONS", "2000"))
SEED = int(os.environ.get("HISTORY_SEED", "7"))
TENANTS, WORLDS = 3, 2
SHOWN = 3


@contextmanager
def sidecars(folder: Path, number: int) -> Iterator[list[Sidecar]]:
    """Several sidecars, each a process of its own, on one store."""
    store = {"url": stores.url(folder / "shared.db")}
    with ExitStack() as stack:
        started = []
        for place in range(number):
            own = folder / f"sidecar-{place}"
            own.mkdir()
            process = stack.enter_context(serving(own, store=store, admin_listen="127.0.0.1:0"))
            assert process.process.stdout is not None
            said = process.process.stdout.readline()
            assert said.startswith("sidecar: administered on "), said
            started.append(Sidecar(process.public, said.split()[3]))
        yield started


def test_no_answer_is_lost_torn_or_stale_and_nothing_is_shown_to_whom_it_is_closed(tmp_path: Path) -> None:
    """Whichever sidecar was written to and whichever is asked, each answer shows one instant, and one late enough."""
    # each tenant's worlds are changed at once, through both sidecars: memberships, grants, units and records
    tenants = [
        Tenant(f"org-{number}-{uuid4().hex[:8]}", [f"w{number}{place}" for place in range(WORLDS)])
        for number in range(TENANTS)
    ]
    with sidecars(tmp_path, 2) as started:
        recorder = Recorder(started, OPERATIONS, SEED, tenants)
        asyncio.run(recorder.run())
    faults = [fault for tenant in tenants for fault in tenant.faults()]
    assert not faults, "\n".join(f"{fault.told}\n{fault.read}" for fault in faults[:SHOWN])
    writes, reads = sum(len(tenant.writes) for tenant in tenants), sum(len(tenant.reads) for tenant in tenants)
    assert writes + reads >= OPERATIONS
    assert min(writes, reads) > OPERATIONS // 10, "both were written and read"
    assert any(read.seen for tenant in tenants for read in tenant.reads)
