"""``load`` of 50,000 dead letters into PostgreSQL, against a bare COPY of ready rows into the same tables."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from bench_load import KIND, LABELS, RECORDS, Unwatched
from measure import Result, compared, in_turns
from postgres import Server, server
from telling import SCHEMA
from world import dead_letters, kinds

from sidecar.config import Config, StoreConfig
from sidecar.records.ingest import Intake
from sidecar.records.load import BATCH, Load
from sidecar.records.opening import opened
from sidecar.records.sources import sources

ROUNDS = 5
TABLES = ("tenant", "label", f"record_{KIND}")

Rows = list[tuple[Any, ...]]


def main(folder: Path) -> Iterator[Result]:
    file = folder / f"{KIND}.ndjson"
    lines = ({"kind": kind, "record": record} for kind, record in dead_letters(RECORDS, LABELS))
    file.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    with server(folder) as running:
        first = _empty(running, "loaded")
        asyncio.run(_load(file, first))
        ready = asyncio.run(_ready(first))
        loaded, copied = ([_empty(running, f"{name}_{at}") for at in range(ROUNDS)] for name in ("loaded", "copied"))
        of_ours, of_theirs = iter(loaded), iter(copied)
        works = {
            "load": lambda: asyncio.run(_load(file, next(of_ours))),
            "copy": lambda: asyncio.run(_copy(ready, next(of_theirs))),
        }
        taken = in_turns(works, ROUNDS)
        assert asyncio.run(_ready(copied[-1])) == asyncio.run(_ready(loaded[-1])), "the baseline stores something else"
        for at in range(ROUNDS):
            running.drop(f"loaded_{at}")
            running.drop(f"copied_{at}")
    yield Result("load into PostgreSQL, records a second", RECORDS / (min(taken["load"]) / 1000), unit="1/s")
    name = f"load of {RECORDS:,} records into PostgreSQL, against COPY"
    yield compared(name, taken["load"], taken["copy"], None)


def _empty(running: Server, database: str) -> str:
    """The URL of a store without records."""
    url = running.fresh(database)

    async def migrated() -> None:
        async with opened(_config(url), kinds(), Intake(kinds())):
            return

    asyncio.run(migrated())
    return url


def _config(url: str) -> Config:
    return replace(Config(), store=StoreConfig(url=url))


async def _load(file: Path, url: str) -> None:
    intake = Intake(kinds())
    async with opened(_config(url), kinds(), intake) as store:
        loaded = await Load(kinds(), intake, store, Unwatched()).run(sources(file, kinds()))
    assert loaded.accepted[KIND] == RECORDS


@dataclass(frozen=True, slots=True)
class Ready:
    """The rows of a store, ready to be copied into another."""

    tenants: Rows
    labels: Rows
    records: Rows


async def _ready(url: str) -> Ready:
    connection = await asyncpg.connect(url, server_settings=SCHEMA)
    try:
        found = [await connection.fetch(f"TABLE {table} ORDER BY 1, 2, 3") for table in TABLES]
        return Ready(*([tuple(row) for row in rows] for rows in found))
    finally:
        await connection.close()


async def _copy(ready: Ready, url: str) -> None:
    """Copy all of them, in batches of the size that ``load`` has, each durable; counts as they grow."""
    connection = await asyncpg.connect(url, server_settings=SCHEMA)
    await connection.copy_records_to_table("tenant", records=ready.tenants)
    await connection.copy_records_to_table("label", records=[(*label[:-1], 0) for label in ready.labels])
    for start in range(0, len(ready.records), BATCH):
        rows = ready.records[start : start + BATCH]
        async with connection.transaction():
            await connection.copy_records_to_table(f"record_{KIND}", records=rows)
            counts = [(number, label) for label, number in Counter(row[1] for row in rows).items()]
            await connection.executemany("UPDATE label SET records = records + $1 WHERE label_id = $2", counts)
    await connection.close()
