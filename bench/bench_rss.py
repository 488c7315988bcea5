"""An hour of mixed load on one ``serve`` (RSS_MINUTES), its memory looked at every ten seconds: does it grow?

The last quarter of the time is held against the second; in the first one caches fill.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from filled import fresh_sqlite
from many_tenants import World
from measure import Result
from serving import Process, served
from soaking import Soak

from sidecar.policy.bundle import shipped_policies

BOUND = 1.05
MINUTES = "RSS_MINUTES"
LOOK_S = 10.0
WORLD = World(200_000, tenants=50)
MEGABYTE = 1024 * 1024


@dataclass
class Memory:
    """What a process had resident at every look, in bytes."""

    process: Process
    soak: Soak
    seen: list[int] = field(default_factory=list)

    async def watch(self) -> None:
        """Look for ever, and tell."""
        began = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_S)
            self.seen.append(resident(self.process.pid))
            done = ", ".join(f"{number:,} {name}" for name, number in sorted(self.soak.done.items()))
            minutes = (time.monotonic() - began) / 60
            revisions = len(self.soak.revisions)
            print(f"# {minutes:6.1f} min {self.seen[-1] / MEGABYTE:8.1f} MB  {done}, {revisions} revisions", flush=True)

    def quarter(self, number: int) -> float:
        """The median of a quarter of the time, in megabytes."""
        size = len(self.seen) // 4
        return median(self.seen[number * size : (number + 1) * size]) / MEGABYTE


def resident(pid: int) -> int:
    """The bytes of memory that a process and its children have."""
    kilobytes = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return 1024 * int(kilobytes.split()[1]) + sum(resident(int(child)) for child in children)


def main(folder: Path) -> Iterator[Result]:
    minutes = max(1.0, float(os.environ.get(MINUTES, "60")))
    policies = folder / "policies"
    shutil.copytree(shipped_policies(), policies, dirs_exist_ok=True)
    store = fresh_sqlite(folder / "soaked.db", WORLD)
    with served(store, {"policies": [str(policies)], "log": {"level": "warning"}}) as process:
        soak = Soak(process, WORLD, policies)
        memory = Memory(process, soak)
        asyncio.run(soak.run(60 * minutes, memory.watch))
    second, last = memory.quarter(1), memory.quarter(3)
    name = f"memory after {minutes:g} min of mixed load, and in its second quarter"
    yield Result(name, last, second, last / second, BOUND, "MB")
