"""A copy of an SQLite store while others read and write it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sidecar.errors import ConfigError, StoreError
from sidecar.records.sqlite.tables import APPLICATION_ID


def require_unused(path: Path, target: Path) -> None:
    """Raises ConfigError when a copy must not be put there: over the store itself, or beside the log of another."""
    if target.exists() and target.samefile(path):
        raise ConfigError(f"{target} is the store itself; name another file")
    log = target.with_name(f"{target.name}-wal")
    if log.exists():
        raise ConfigError(f"{log} shows that {target} is in use, and would be taken for the copy's; name another file")


def copy(path: Path, target: Path) -> None:
    """Copy the store as it is at one moment into an empty file. Raises StoreError."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as store:
            if store.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise StoreError(f"{path} is no store of this program; name the file that serve and load work with")
            with closing(sqlite3.connect(target)) as copied:
                store.backup(copied)  # in one step, so in one read transaction
    except sqlite3.Error as error:
        raise StoreError(f"{path} could not be copied: {error}") from error
