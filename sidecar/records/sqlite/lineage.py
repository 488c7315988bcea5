"""Whether a file goes on from what was read of it before, or was taken back, as by a backup that is copied over it.

Ids are given again in a file that was taken back. So every write transaction counts on, and each turn of a process, one
write after the other, is kept with the number of its first: which process wrote a number that was seen once is told for
as long, and no process writes a number twice.
"""

import secrets
import sqlite3
from typing import NamedTuple

from sidecar.errors import StoreError

TURNS = 1_000
"""Turns that are kept. Whoever has not looked for longer is believed, for others may write that much."""


class Mark(NamedTuple):
    """One write transaction: its number, and the process that made it."""

    number: int
    writer: str


class Lineage:
    """What one process knows of the writes to one file."""

    def __init__(self) -> None:
        self._writer = secrets.token_hex(8)
        self._seen: Mark | None = None
        self._left: Mark | None = None
        self._next: Mark | None = None
        self._laid_down = 0

    def require(self, connection: sqlite3.Connection) -> None:
        """Raises StoreError unless the store holds the last write that was seen. It has to be read from now on."""
        seen, newest = self._seen, _newest(connection)
        if seen is not None and newest != seen and not _goes_on(connection, seen, newest):
            raise StoreError(_COPIED_OVER)
        self._seen = newest

    def require_laid_down(self, bare: sqlite3.Connection) -> None:
        """Raises StoreError when the file without its log holds less than it did.

        It is read while others write to it, so nothing else tells.
        """
        before, newest = self._laid_down, _newest(bare)
        if newest is not None:
            if newest.number < before:
                raise StoreError(_COPIED_OVER)
            self._laid_down = newest.number

    def mark(self, connection: sqlite3.Connection) -> None:
        """Count a write transaction, inside of it."""
        newest = _newest(connection)
        self._next = Mark(newest.number + 1 if newest else 1, self._writer)
        if newest is None or newest != self._left:
            connection.execute("INSERT INTO setting VALUES (?, ?)", (_turn(self._next.number), self._writer))
            connection.execute(_FORGET, (TURNS,))
        connection.execute(_COUNT, ("{} {}".format(*self._next),))

    def committed(self) -> None:
        """What was counted last is in the file."""
        self._seen = self._left = self._next


_COPIED_OVER = "another file was copied over the store's; put it back, or restart with what is there now"
_COUNT = "INSERT INTO setting VALUES ('written', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_KEPT = "FROM setting WHERE name BETWEEN 'turn ' AND"
_FORGET = f"DELETE FROM setting WHERE name = (SELECT name {_KEPT} 'turn :' ORDER BY name DESC LIMIT 1 OFFSET ?)"


def _newest(connection: sqlite3.Connection) -> Mark | None:
    found = connection.execute("SELECT value FROM setting WHERE name = 'written'").fetchone()
    if found is None:
        return None
    number, writer = found[0].split()
    return Mark(int(number), writer)


def _goes_on(connection: sqlite3.Connection, seen: Mark, newest: Mark | None) -> bool:
    """Whether the newest write came after one that was seen; so if that is too long ago to be told."""
    if newest is None or newest.number <= seen.number:
        return False
    statement = f"SELECT value {_KEPT} ? ORDER BY name DESC LIMIT 1"
    found = connection.execute(statement, (_turn(seen.number),)).fetchone()
    return found is None or found[0] == seen.writer


def _turn(number: int) -> str:
    """The setting of a turn that begins with a number. The names have the order of the numbers."""
    return f"turn {number:019}"
