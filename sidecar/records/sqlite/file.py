"""The file of a store: connections to it, as long as it is where it was opened."""

import sqlite3
import time
from pathlib import Path

from sidecar.errors import StoreError

WAIT_S = 10.0
"""How long a process waits for others that write or open the file."""
LOOK_S = 0.1
"""How long readers rely on one look at the path. Whoever commits looks itself."""


class StoreFile:
    """One file, under its path. The first connection opens or creates it; ids and all else hold for this file alone."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Raises StoreError."""
        self.path = path.absolute()
        self.first = self._opened("rwc")
        self._identity = self._found()
        self._next_look = 0.0
        self._prepare(self.first)

    def connect(self) -> sqlite3.Connection:
        """Another connection to the same file. Raises StoreError, rather than create a new one or take another."""
        connection = self._opened("rw")
        try:
            self.require_in_place()  # before anything is read: with another file it would be read from our log
        except StoreError:
            connection.close()
            raise
        self._prepare(connection)
        return connection

    def require_seen(self) -> None:
        """Raises StoreError when the file was not in its place at the last look, which is not long ago."""
        now = time.monotonic()
        if now >= self._next_look:
            self.require_in_place()
            self._next_look = now + LOOK_S

    def require_in_place(self) -> None:
        """Raises StoreError when the file was moved, replaced or deleted: nobody would find what is written to it."""
        if self._found() != self._identity:
            self._next_look = 0.0
            raise StoreError(
                f"{self.path} was moved, replaced or deleted; put it back, or restart with what is there now"
            )

    def _found(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:  # it may be there, but nobody finds it
            return None
        return found.st_dev, found.st_ino

    def _opened(self, mode: str) -> sqlite3.Connection:
        try:
            return sqlite3.connect(
                f"{self.path.as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=512,
                timeout=WAIT_S,
            )
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} cannot be opened: {error}") from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cache_size = -65536")
            connection.execute("PRAGMA mmap_size = 268435456")
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} cannot be opened: {error}") from error
