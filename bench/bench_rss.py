"""An hour of mixed load on one ``serve`` (RSS_MINUTES), its memory looked at every ten seconds: does it grow?

The last quarter of the time is held against the second, behind a warm-up in which caches fill. What is mapped of the
store's file counts as resident, though the system takes it back when it likes: the rest is told apart.
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

from sidecar.shipped import shipped

BOUND = 1.05
MINUTES = "RSS_MINUTES"
LOOK_S = 10.0
WORLD = World(200_000, tenants=50)


@dataclass(frozen=True, slots=True)
class Look:
    """What a process had at one moment, in megabytes: all that is resident, and of it what is no mapped file."""

    resident: float
    own: float


@dataclass
class Memory:
    """What a process had at every look."""

    process: Process
    soak: Soak
    seen: list[Look] = field(default_factory=list)

    async def watch(self) -> None:
        """Look for ever, and tell."""
        began = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_S)
            look = looked(self.process.pid)
            if self.soak.haste == 1:
                self.seen.append(look)
            done = ", ".join(f"{number:,} {name}" for name, number in sorted(self.soak.done.items()))
            minutes, memory = (time.monotonic() - began) / 60, f"{look.resident:7.1f} MB, {look.own:.1f} of its own"
            print(f"# {minutes:6.1f} min {memory}: {done}, {len(self.soak.revisions)} revisions", flush=True)

    def grown(self, name: str, looks: list[float], bound: float | None) -> Result:
        """The last quarter of the time against the second."""
        size = len(looks) // 4
        second, last = (median(looks[number * size : (number + 1) * size]) for number in (1, 3))
        return Result(name, last, second, last / second, bound, "MB")


def looked(pid: int) -> Look:
    """What a process and its children have."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    resident, own = (int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon"))
    children = [looked(int(child)) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return Look(resident + sum(child.resident for child in children), own + sum(child.own for child in children))


def main(folder: Path) -> Iterator[Result]:
    minutes = max(1.0, float(os.environ.get(MINUTES, "60")))
    policies = folder / "policies"
    shutil.copytree(shipped("policies"), policies, dirs_exist_ok=True)
    store = fresh_sqlite(folder / "soaked.db", WORLD)
    with served(store, {"policies": [str(policies)], "log": {"level": "warning"}}) as process:
        soak = Soak(process, WORLD, policies)
        memory = Memory(process, soak)
        asyncio.run(soak.run(60 * minutes, memory.watch))
    name = f"memory after {minutes:g} min of mixed load"
    yield memory.grown(name, [look.resident for look in memory.seen], BOUND)
    yield memory.grown(f"{name}, its own alone", [look.own for look in memory.seen], None)
