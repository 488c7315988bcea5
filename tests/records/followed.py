"""A store that follows files in a folder, looked at step by step; and the store that a fresh load of the files makes."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import stores
from record_samples import LEAST
from shipped_kinds import intake

from sidecar.identity.caller import Identity
from sidecar.identity.callers import Callers
from sidecar.records.follow.follower import Follower
from sidecar.records.load import Load, Refused
from sidecar.records.runtime_files import find_runtime_files, runtime_files
from sidecar.records.runtime_read import KINDS
from sidecar.records.sources import Runtime
from sidecar.records.store import Store, Tenant

Held = dict[tuple[str, Tenant, tuple[str, ...]], bytes]
FOLLOWED = sorted({kind for kinds in KINDS.values() for kind in kinds})
LONG_AGO_S = 1_700_000_000


def event(name: str, **changed: Any) -> str:
    """A line of the log of events."""
    return json.dumps({**LEAST["event"], "event_id": name, **changed}) + "\n"


@dataclass
class Files:
    """The folder of a runtime. A file is replaced by a rename, or overwritten where ``torn`` says so."""

    folder: Path
    written: int = field(default=0)

    def json(self, name: str, document: Any, *, torn: bool = False) -> Path:
        """Write a whole file."""
        return self.text(name, json.dumps(document, indent=2), torn=torn)

    def text(self, name: str, text: str, *, torn: bool = False) -> Path:
        """Write a whole file as it stands."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path if torn else path.with_name(path.name + ".tmp")
        target.write_text(text, encoding="utf-8")
        self._age(target)
        target.replace(path)
        return path

    def append(self, name: str, text: str) -> None:
        """Append to a log."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            log.write(text)
        self._age(path)

    def _age(self, path: Path) -> None:
        """Every write has its own time, long ago, so that nothing depends on how fast a test runs."""
        self.written += 1
        os.utime(path, (LONG_AGO_S + self.written, LONG_AGO_S + self.written))


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    """A store of the shipped kinds."""
    door = intake()
    async with stores.opened(path, door._kinds, door.accept) as store:
        yield store


def follower_of(store: Store, folder: Path, *, now_ms: int = LONG_AGO_S * 2_000) -> Follower:
    """Follows the folder, when it is told to look. Its clock stands still, long after everything was written."""
    door = intake()
    return Follower(store, door._kinds, door, folder, partial(find_runtime_files, folder), 0.05, lambda: now_ms)


async def held(store: Store, kinds: Iterable[str] = FOLLOWED) -> Held:
    """Everything that is stored of the kinds, of every tenant, by digests."""
    async with store.mirror() as mirror:
        return {(kind, one.tenant, one.key): one.content for kind in kinds async for one in mirror.held(kind)}


async def silence_rules(store: Store, workspace: str = "main") -> bool:
    """Whether a stranger who says nothing of units is an operator."""
    tenant = Tenant("acme", workspace)
    who = Identity.of({"tenant": {"org_id": "acme", "workspace_id": workspace}, "actor_id": "stranger"})
    async with store.snapshot(tenant) as snap:
        return (await Callers().caller(who, snap, LONG_AGO_S * 1_000)).is_workspace_operator


class _Deaf:
    def refused(self, fault: Refused) -> None:
        """Faults are looked for elsewhere."""

    def stage(self, name: str, unit: str, total: int | None) -> None:
        """There is no bar."""

    def advance(self, units: int) -> None:
        """There is no bar."""


async def loaded_afresh(path: Path, folder: Path) -> Held:
    """What ``load --from-runtime --keep-going`` makes of the files in an empty store."""
    door = intake()
    async with opened(path) as store:
        load = Load(door._kinds, door, store, _Deaf(), keep_going=True)
        await load.run([Runtime(await asyncio.to_thread(runtime_files, folder))])
        return await held(store)
