"""Opening the store that the configuration names."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sidecar.config import Config
from sidecar.errors import ConfigError
from sidecar.records.address import shown
from sidecar.records.backup import placed
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.postgres import PostgresStore
from sidecar.records.postgres import backup as postgres_backup
from sidecar.records.sqlite import SqliteStore
from sidecar.records.sqlite import backup as sqlite_backup
from sidecar.records.store import Store

log = logging.getLogger(__name__)

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")


@asynccontextmanager
async def opened(config: Config, kinds: Kinds, intake: Intake, *, create: bool = True) -> AsyncIterator[Store]:
    """The store as ``open_store`` opens it, for as long as the context lasts."""
    store = await open_store(config, kinds, intake, create=create)
    try:
        yield store
    finally:
        await store.close()


async def open_store(config: Config, kinds: Kinds, intake: Intake, *, create: bool = True) -> Store:
    """Open the store, or create it; without ``create`` it has to be there. Raises ConfigError, StoreError.

    What a promotion left out of stored records is told in the log.
    """
    store = await _open(config, kinds, intake, create=create)
    for kind, number in store.migrated.dropped.items():
        log.warning("%s: %d properties that its changed schema does not declare were dropped", kind, number)
    return store


async def _open(config: Config, kinds: Kinds, intake: Intake, *, create: bool) -> Store:
    url = config.store.url
    if url.startswith(_POSTGRES):
        return await _postgres(config, kinds, intake, create=create)
    path = _file(url, create=create)
    if config.store.row_level_security:
        raise ConfigError("store.row_level_security is a wall inside PostgreSQL; this store is an SQLite file")
    if config.store.read_url is not None:
        raise ConfigError("store.read_url names a replica of a PostgreSQL store; this store is an SQLite file")
    return SqliteStore(
        path,
        kinds,
        intake.accept,
        read_connections=config.store.read_connections,
        statement_timeout_ms=config.store.statement_timeout_ms,
        auto_migrate=config.store.auto_migrate and create,
    )


async def _postgres(config: Config, kinds: Kinds, intake: Intake, *, create: bool) -> PostgresStore:
    store = config.store
    if store.row_level_security and (config.runtime.follow is not None or config.retention.keep):
        raise ConfigError(
            "runtime.follow and retention.keep are about the records of all tenants, of which "
            "store.row_level_security shows one at a time; leave them to a process that connects as the owner of the "
            "tables, with a configuration without it"
        )
    return await PostgresStore.open(
        store.url,
        kinds,
        intake.accept,
        read_connections=store.read_connections,
        statement_timeout_ms=store.statement_timeout_ms,
        auto_migrate=store.auto_migrate and create,
        row_security=store.row_level_security,
        read_url=store.read_url,
        read_staleness_ms=store.read_staleness_ms,
    )


def copy_store(config: Config, file: Path, *, force: bool = False) -> str:
    """Copy the whole store, as it is at one moment, into a file; how to restore it. Raises ConfigError, StoreError."""
    url = config.store.url
    if url.startswith(_POSTGRES):
        with placed(file, force=force) as part:
            postgres_backup.copy(url, part)
        return f"pg_restore --dbname URL {file} restores it into an empty database"
    path = _file(url, create=False)
    sqlite_backup.require_unused(path, file)
    with placed(file, force=force) as part:
        sqlite_backup.copy(path, part)
    return f"--store {_SQLITE}{file} is the store as it was"


def _file(url: str, *, create: bool) -> Path:
    """The file of an SQLite store, which can be there or is. Raises ConfigError."""
    name = url.removeprefix(_SQLITE)
    if name == url or not name:
        raise ConfigError(
            f"store {shown(url)!r} is not known; write {_SQLITE}path.db (absolute: {_SQLITE}/path.db) "
            f"or {_POSTGRES[0]}user@host/database"
        )
    path = Path(name)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ConfigError(f"store {shown(url)!r}: {path} must be a file in a folder that is there")
    if not create and not path.exists():
        raise ConfigError(f"store {shown(url)!r}: there is no file {path}; load records into it first")
    return path
