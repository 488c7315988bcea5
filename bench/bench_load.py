"""``load`` of 50,000 dead letters from a file, against inserting ready rows into the same tables as they come.

Beside it the rate for what many tenants of different size leave behind, which is mostly events. Garbage is collected
as seldom as by ``sidecar load``.
"""

import asyncio
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from many_tenants import World
from measure import Result, compared, in_turns
from world import Made, dead_letters, kinds

from sidecar.cli.load import rarely_collected
from sidecar.records.ingest import Intake
from sidecar.records.load import BATCH, Load, Loaded, Refused
from sidecar.records.sources import sources
from sidecar.records.sqlite import SqliteStore

BOUND = 3.0
ROUNDS = 5
RECORDS, LABELS = 50_000, 150
KIND = "dead_letter"
MIXED = World(100_000, tenants=50)


class Unwatched:
    """Nobody looks on."""

    def refused(self, fault: Refused) -> None:
        """Every record is valid."""
        raise AssertionError(fault)

    def stage(self, name: str, unit: str, total: int | None) -> None:
        """Say nothing."""

    def advance(self, units: int) -> None:
        """Say nothing."""


def main(folder: Path) -> Iterator[Result]:
    file = _written(folder / f"{KIND}.ndjson", dead_letters(RECORDS, LABELS))
    mixed = _written(folder / "mixed.ndjson", ((drawn.kind, drawn.record()) for drawn in MIXED.drawn()))
    target = folder / "loaded.db"
    _load(file, target)
    ready = _Ready(target)
    computed: list[float] = []
    works = {
        "load": lambda: computed.append(_load(file, target)),
        "executemany": lambda: ready.insert(folder / "inserted.db"),
        "mixed": lambda: _load(mixed, folder / "mixed.db", MIXED.records),
    }
    with _one_core(), rarely_collected():
        taken = in_turns(works, ROUNDS)
    assert _Ready(folder / "inserted.db").rows == ready.rows, "the baseline stores something else"
    for clock, seconds in (("one core", min(taken["load"]) / 1000), ("its processor time alone", min(computed))):
        yield Result(f"load, records a second of {clock}", RECORDS / seconds, unit="1/s")
    yield Result("load, records a second of many tenants", MIXED.records / (min(taken["mixed"]) / 1000), unit="1/s")
    yield compared(f"load of {RECORDS:,} records, {LABELS} labels", taken["load"], taken["executemany"], BOUND)


def _written(path: Path, records: Iterable[Made]) -> Path:
    """The records as lines of a file."""
    lines = (orjson.dumps({"kind": kind, "record": record}) + b"\n" for kind, record in records)
    path.write_bytes(b"".join(lines))
    return path


@contextmanager
def _one_core() -> Iterator[None]:
    """Whatever threads there are, they share one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _empty(path: Path) -> SqliteStore:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return SqliteStore(path, kinds(), Intake(kinds()).accept)


def _load(file: Path, target: Path, records: int = RECORDS) -> float:
    """Load into an empty store; the seconds of processor time it took."""
    began = time.process_time()
    loaded = asyncio.run(_loaded(file, target))
    assert loaded.accepted.total() == records
    return time.process_time() - began


async def _loaded(file: Path, target: Path) -> Loaded:
    store = _empty(target)
    try:
        return await Load(kinds(), Intake(kinds()), store, Unwatched()).run(sources(file, kinds()))
    finally:
        await store.close()


class _Ready:
    """The rows of a store, ready to be inserted into another."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        self.tenants = self._all("tenant")
        self.labels = self._all("label")
        self.rows = [row[1:] for row in self._all(f"record_{KIND} ORDER BY _k1")]  # the order of the file
        self._connection.close()

    def _all(self, table: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(f"SELECT * FROM {table}").fetchall()

    def insert(self, path: Path) -> None:
        """Insert all of them, in batches of the size that ``load`` has, each durable; counts as they grow."""
        asyncio.run(_empty(path).close())
        connection = sqlite3.connect(path, isolation_level=None)  # the pages are as large as ours: the file is there
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA mmap_size = 268435456")
        _insert(connection, "tenant", self.tenants)
        _insert(connection, "label", [(*label[:-1], 0) for label in self.labels])
        for start in range(0, len(self.rows), BATCH):
            rows = self.rows[start : start + BATCH]
            connection.execute("BEGIN IMMEDIATE")
            _insert(connection, f"record_{KIND}", [(None, *row) for row in rows])
            counts = [(number, label) for label, number in Counter(row[1] for row in rows).items()]
            connection.executemany("UPDATE label SET records = records + ? WHERE label_id = ?", counts)
            connection.execute("COMMIT")
        connection.close()


def _insert(connection: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
