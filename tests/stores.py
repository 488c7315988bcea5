"""The stores that tests run on: the same tests, the same expectations, whatever keeps the records.

``chosen.name`` says which store it is now; the fixture ``store_name`` of ``conftest.py`` sets it. A path stands for a
store, as a file does for SQLite: whoever opens the same path finds the same records.
"""

import atexit
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from postgres_server import FORGETFUL, Databases, Server

from sidecar.errors import Reject
from sidecar.records.kind import Kinds
from sidecar.records.postgres import PostgresStore
from sidecar.records.postgres.snapshot import PostgresSnapshot
from sidecar.records.sqlite import SqliteStore
from sidecar.records.sqlite.snapshot import SqliteSnapshot
from sidecar.records.store import Prepared

STORES = ("sqlite", "postgres")
Accept = Callable[[str, object], Prepared | list[Reject]]
AnyStore = SqliteStore | PostgresStore


@dataclass
class Chosen:
    """Which store it is now, and the databases that stand for paths: each with the template it is like."""

    name: str = "sqlite"
    databases: dict[Path, tuple[str, str | None]] = field(default_factory=dict)
    held: int = 0
    """How many stores are open that have to be closed before it is another."""


chosen = Chosen()


@cache
def databases() -> Databases:
    """The databases of a server that lasts as long as the test run."""
    found = Server(Path(tempfile.mkdtemp(prefix="pg-")), FORGETFUL, passing=True)
    found.start()
    atexit.register(found.stop)
    return Databases(found)


def url(path: Path, kinds: Kinds | None = None) -> str:
    """How a process is told of the store of a path; with ``kinds`` their tables are there already."""
    if chosen.name == "sqlite":
        return f"sqlite:///{path}"
    path = path.resolve()
    if path not in chosen.databases:
        like = None if kinds is None else _like(kinds)
        chosen.databases[path] = (databases().take(like), like)
    return databases().server.url(chosen.databases[path][0])


async def open_store(path: Path, kinds: Kinds, accept: Accept, **settings: Any) -> AnyStore:
    """The store of a path, opened; made when it is not there."""
    if chosen.name == "sqlite":
        return SqliteStore(path, kinds, accept, **settings)
    return await PostgresStore.open(url(path, kinds), kinds, accept, **settings)


@asynccontextmanager
async def opened(path: Path, kinds: Kinds, accept: Accept, **settings: Any) -> AsyncIterator[AnyStore]:
    """The store of a path while the context lasts."""
    store = await open_store(path, kinds, accept, **settings)
    try:
        with held():
            yield store
    finally:
        await store.close()


@contextmanager
def held() -> Iterator[None]:
    """Say that a store is open."""
    chosen.held += 1
    try:
        yield
    finally:
        chosen.held -= 1


def damage(path: Path, statement: str) -> None:
    """Do to the store of a path what only someone past the product can do; nobody else gets it afterwards."""
    if chosen.name == "sqlite":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement)
        return
    name, _ = chosen.databases[path.resolve()]
    chosen.databases[path.resolve()] = (name, None)
    databases().wait(_done(databases().server.url(name), statement))


def rows(path: Path, question: str) -> list[tuple[Any, ...]]:
    """What another connection finds in the store of a path; the question is one that every database understands."""
    if chosen.name == "sqlite":
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(question).fetchall()
    return [tuple(row) for row in databases().wait(_done(url(path), question))]


def documents(path: Path, kind: str) -> list[Any]:
    """The kind's records in the store of a path, as they are kept, in the order of their keys."""
    return [orjson.loads(doc) for (doc,) in rows(path, f'SELECT _doc FROM "record_{kind}" ORDER BY _k1, _tenant')]


async def _done(address: str, statement: str) -> list[Any]:
    connection = await asyncpg.connect(address, server_settings={"search_path": "sidecar"})
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


def snapshots() -> type[SqliteSnapshot] | type[PostgresSnapshot]:
    """The class of the store's snapshots, for tests that come between it and a request."""
    return SqliteSnapshot if chosen.name == "sqlite" else PostgresSnapshot


def give_back(path: Path | None = None) -> None:
    """The store of a path, or of every path, is not needed any more."""
    for known in [path.resolve()] if path is not None else list(chosen.databases):
        if known in chosen.databases:
            databases().give_back(*chosen.databases.pop(known))


def _like(kinds: Kinds) -> str:
    """The template with the tables of some kinds."""
    digest = blake2b("".join(f"{name} {kind.digest} {kind}" for name, kind in kinds.items()).encode(), digest_size=8)
    like = digest.hexdigest()
    if not databases().knows(like):
        name = databases().take()
        databases().wait(_made(databases().server.url(name), kinds))
        databases().keep(like, name)
    return like


async def _made(address: str, kinds: Kinds) -> None:
    def nothing(kind: str, record: object) -> Prepared:
        raise AssertionError((kind, record))

    await (await PostgresStore.open(address, kinds, nothing)).close()
