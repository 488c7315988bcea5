"""The file of a store: connections to it, as long as it is where it was opened, and what it was."""

import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from sidecar.errors import StoreError
from sidecar.records.sqlite.lineage import Lineage

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
        found = self._found()
        self._identity = found[:2] if found else None
        self._next_look = 0.0
        self._changed_ns = 0
        self.lineage = Lineage()
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

    def require_seen(self, connection: sqlite3.Connection) -> None:
        """Raises StoreError when the file was not in its place, or was taken back, at the last look, not long ago.

        The connection is in a transaction that has read nothing yet.
        """
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = 0.0
            self.require_in_place()
            self.lineage.require(connection)
            self._next_look = now + LOOK_S

    def require_in_place(self) -> None:
        """Raises StoreError when the file was moved, replaced or deleted: nobody would find what is written to it.

        So when another one was copied over it, by what it says itself and what it says under its log.
        """
        found = self._found()
        if found is None or found[:2] != self._identity:
            self._next_look = 0.0
            raise StoreError(
                f"{self.path} was moved, replaced or deleted; put it back, or restart with what is there now"
            )
        if found[2] != self._changed_ns:  # a process laid down its log in the file, or it was copied over
            self._next_look = 0.0
            self._require_gone_on()
            self._changed_ns = found[2]

    def _require_gone_on(self) -> None:
        """Read with connections that remember no page. Raises StoreError."""
        with closing(self._opened("ro&immutable=1")) as bare, suppress(sqlite3.Error):
            self.lineage.require_laid_down(bare)
        try:
            with closing(self._opened("rw")) as fresh:
                self.lineage.require(fresh)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} cannot be read: {error}") from error

    def _found(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:  # it may be there, but nobody finds it
            return None
        return found.st_dev, found.st_ino, found.st_ctime_ns

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
