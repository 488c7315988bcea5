"""Stores filled with the records of a world, built once and found again by their name."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from many_tenants import World
from postgres import Server
from templates import prepared
from world import kinds

from sidecar.config import Config, StoreConfig
from sidecar.records.ingest import Intake
from sidecar.records.opening import open_store
from sidecar.records.postgres.tables import STORE_VERSION as POSTGRES_VERSION
from sidecar.records.sqlite.tables import STORE_VERSION
from sidecar.records.store import Prepared

BATCH = 50_000


def sqlite_filled(folder: Path, world: World) -> Path:
    """The SQLite file with the world's records, all of its log written back into it."""
    path = folder / f"{world.name}-v{STORE_VERSION}.db"
    if not path.exists():
        fresh_sqlite(path.with_suffix(".part"), world).rename(path)
    return path


def fresh_sqlite(path: Path, world: World) -> Path:
    """The SQLite file with the world's records and nothing else."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    fill(f"sqlite:///{path}", world)
    return path


def postgres_filled(server: Server, world: World) -> str:
    """The URL of the database with the world's records, its statistics made."""
    name, part = f"{world.name}_v{POSTGRES_VERSION}", f"{world.name}_part"
    if not server.holds(name):
        fill(server.fresh(part), world)
        server.run("VACUUM (ANALYZE)", part)
        server.run(f'ALTER DATABASE "{part}" RENAME TO "{name}"')
    return server.url(name)


def fill(url: str, world: World) -> None:
    """Put every record of the world into the store, and say how long it took."""
    began = time.perf_counter()
    put(url, prepared(world))
    taken = time.perf_counter() - began
    print(f"# {world.name}: {world.records:,} records in {taken:,.0f} s, {world.records / taken:,.0f} a second")


def put(url: str, records: Iterator[Prepared]) -> None:
    """Put records into the store, in large batches."""
    asyncio.run(_put(url, records))


async def _put(url: str, records: Iterator[Prepared]) -> None:
    config = replace(Config(), store=StoreConfig(url=url))
    store = await open_store(config, kinds(), Intake(kinds()))
    while batch := list(islice(records, BATCH)):
        await store.put(batch)
    await store.close()
