"""Stores behind row-level security: real databases, the shipped SQL run by its owner, and a role that it holds."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import stores
from postgres_server import program
from shipped_kinds import kinds

from sidecar.records.kind import Kinds
from sidecar.records.postgres import PostgresStore

SQL = Path(__file__).parents[1] / "deploy" / "postgres" / "row_level_security.sql"
APP = "walled"
"""The role that the wall is made for; every test's roles are of one server."""
_plain = stores.url


def owner(path: Path) -> str:
    """How the owner reaches the database of a path; a superuser."""
    return _plain(path, kinds())


def app(path: Path, role: str = APP) -> str:
    """How a role reaches it."""
    return owner(path).replace("//postgres@", f"//{role}@")


def make_role(name: str, what: str = "") -> str:
    """A role that may log in; made once a server."""
    statement = f"CREATE ROLE {name} LOGIN {what}"
    done = f"DO $$ BEGIN {statement}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    stores.databases().wait(run(stores.databases().server.url(), done))
    return name


def raise_wall(path: Path) -> None:
    """Run the SQL as the guide says. The database is nobody else's from now on."""
    make_role(APP)
    address = owner(path)
    name, _ = stores.chosen.databases[path.resolve()]
    stores.chosen.databases[path.resolve()] = (name, None)
    words = [program("psql"), "-qX", "-v", f"app={APP}", "-f", str(SQL), address]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def run(address: str, *statements: str) -> list[Any]:
    """Run statements, each in a transaction of its own; what the last one found."""
    found: list[Any] = []
    connection = await asyncpg.connect(address, server_settings={"search_path": "sidecar"})
    try:
        for statement in statements:
            found = await connection.fetch(statement)
    finally:
        await connection.close()
    return found


@contextmanager
def everything_walled(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever opens a store of tests inside opens one on PostgreSQL, behind the wall."""
    before, stores.chosen.name = stores.chosen.name, "postgres"
    raised: set[Path] = set()

    def url(path: Path, _: Kinds | None = None) -> str:
        if path.resolve() not in raised:
            raised.add(path.resolve())
            raise_wall(path)
        return app(path)

    async def open_store(path: Path, given: Kinds, accept: stores.Accept, **settings: Any) -> PostgresStore:
        return await PostgresStore.open(url(path), given, accept, row_security=True, **settings)

    patch.setattr(stores, "url", url)
    patch.setattr(stores, "open_store", open_store)
    yield
    stores.chosen.name = before
