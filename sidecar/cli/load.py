"""``sidecar load``."""

import argparse
import asyncio
import gc
import io
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tqdm import tqdm

from sidecar.cli.terminal import Terminal, counted
from sidecar.config import Config
from sidecar.errors import ConfigError
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.load import Load, Loaded, Refused
from sidecar.records.opening import opened
from sidecar.records.runtime_files import runtime_files
from sidecar.records.schemas import load_kinds
from sidecar.records.sources import Lines, Runtime, Source, sources

SHOWN = 100
"""How many faults are shown to people; programs get all."""
GARBAGE = 1_000_000
"""Objects that may come to be before cycles are looked for among them."""


def run(asked: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    """Load; 1 when a record was refused. Raises ConfigError, FindingsError, RecordConflict, StoreError."""
    kinds = load_kinds(config.schema_folders)
    found = list(_sources(asked, config, kinds))
    watcher = Watcher(terminal, asked.json)
    with _explained(terminal), watcher.showing(), rarely_collected():
        loaded = asyncio.run(_loaded(found, config, kinds, watcher, keep_going=asked.keep_going))
    if asked.json:
        terminal.json(_as_json(loaded))
    else:
        _summary(loaded, watcher, terminal)
    return int(bool(loaded.refused))


async def _loaded(
    found: Sequence[Source], config: Config, kinds: Kinds, watcher: "Watcher", *, keep_going: bool
) -> Loaded:
    intake = Intake(kinds, assume_unscoped=config.runtime.assume_unscoped)
    async with opened(config, kinds, Intake(kinds)) as store:  # its own: what a promotion finds is no part of the load
        return await Load(kinds, intake, store, watcher, keep_going, config.limits.record_bytes).run(found)


def _sources(asked: argparse.Namespace, config: Config, kinds: Kinds) -> Iterator[Source]:
    if not asked.paths and asked.from_runtime is None:
        raise ConfigError("load what? Name a file, a folder, - for standard input, or --from-runtime DIR")
    for path in asked.paths:
        if path == "-":
            yield Lines("-", _standard_input)
        else:
            yield from sources(Path(path), kinds)
    if asked.from_runtime is not None:
        runtime = config.runtime
        files = runtime_files(Path(asked.from_runtime), runtime.paths, assume_unscoped=runtime.assume_unscoped)
        yield Runtime(files)


class _StandardInput(io.BufferedReader):
    """Waits for whoever writes, as long as it takes, and Ctrl-C ends that at once."""

    def readline(self, size: int | None = -1, /) -> bytes:
        """The next line. Raises KeyboardInterrupt, where an event loop would hear of it only after the wait."""
        usual = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return super().readline(size)
        finally:
            signal.signal(signal.SIGINT, usual)


def _standard_input() -> BinaryIO:
    return _StandardInput(io.FileIO(sys.stdin.fileno(), closefd=False))


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Records hold no cycles: they go when nobody refers to them, and looking for cycles costs a tenth of a load."""
    usual = gc.get_threshold()
    gc.set_threshold(GARBAGE)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@contextmanager
def _explained(terminal: Terminal) -> Iterator[None]:
    """Say how to go on when the load is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        terminal.say("what was stored is whole; the same command goes on where this one was interrupted")
        raise


@dataclass(slots=True)
class Watcher:
    """Shows faults as they are found, and on a terminal a bar."""

    terminal: Terminal
    all_as_json: bool
    faults: int = 0
    _bar: Any = field(default=None)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Take the bar away at the end, however it comes."""
        try:
            yield
        finally:
            self._end()

    def refused(self, fault: Refused) -> None:
        """Tell a fault: programs every one, people the first ones."""
        self.faults += 1
        if self.all_as_json:
            self.terminal.json(
                {
                    "path": fault.path,
                    "line": fault.line,
                    "kind": fault.kind,
                    "pointer": fault.pointer,
                    "message": fault.message,
                }
            )
        elif self.faults <= SHOWN:
            if self._bar is not None:
                self._bar.clear()
            self.terminal.say(str(fault))

    def stage(self, name: str, unit: str, total: int | None) -> None:
        """Begin a bar, in the place of the last one."""
        self._end()
        if self.terminal.watched:
            self._bar = tqdm(
                desc=name, unit=unit, total=total, unit_scale=True, file=self.terminal.err, leave=False, mininterval=0.2
            )

    def advance(self, units: int) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(units)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _counts(loaded: Loaded) -> dict[str, dict[str, int]]:
    """What came of the records, by kind."""
    names = sorted({*loaded.accepted, *loaded.refused, *loaded.dropped})
    return {
        name: {
            "accepted": loaded.accepted.get(name, 0),
            "stale": loaded.stale.get(name, 0),
            "refused": loaded.refused.get(name, 0),
            "dropped_properties": loaded.dropped.get(name, 0),
        }
        for name in names
    }


def _as_json(loaded: Loaded) -> dict[str, Any]:
    return {
        "load_id": loaded.load_id,
        "stored": loaded.stored,
        "resumed": loaded.resumed,
        "kinds": _counts(loaded),
        "exposed": dict(loaded.exposed),
    }


def _summary(loaded: Loaded, watcher: Watcher, terminal: Terminal) -> None:
    if watcher.faults > SHOWN:
        terminal.say(f"… and {watcher.faults - SHOWN} more faults; --json tells all")
    for kind, number in loaded.exposed.items():
        terminal.say(
            f"warning: {number} {kind} records name no unit, though a unit owns their run: "
            "everybody in their tenant sees them"
        )
    counts = _counts(loaded)
    width = max((len(kind) for kind in counts), default=4)
    terminal.line(f"{'kind':<{width}}  accepted     stale   refused  dropped properties")
    for kind, row in counts.items():
        accepted, stale, refused, dropped = row.values()
        terminal.line(f"{kind:<{width}}  {accepted:>8}  {stale:>8}  {refused:>8}  {dropped:>18}")
    terminal.line(_outcome(loaded))


def _outcome(loaded: Loaded) -> str:
    if not loaded.stored:
        return "nothing is stored, for not all records are valid; mend them, or store the others with --keep-going"
    resumed = f", {loaded.resumed} of them by an earlier load that was interrupted" if loaded.resumed else ""
    stored = sum(loaded.accepted.values()) - sum(loaded.stale.values())
    return f"{counted(stored, 'record is', 'records are')} stored{resumed}; load {loaded.load_id[:16]}"
