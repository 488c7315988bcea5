"""Taking turns with other processes that write to the same file.

SQLite waits too, but looks for its turn ever more seldom, up to ten times a second: a process that writes much, and
leaves the file alone for moments only, is then hardly ever found away. So we look often, and as long as the
connection's ``busy_timeout`` says.
"""

import sqlite3
import time
from threading import Event

LOOK_MS = 2
"""How long SQLite may wait by itself between two of our looks."""
PRIMARY_CODE = 0xFF
"""The part of an error's code that says which kind of error it is."""


def begin(connection: sqlite3.Connection, given_up: Event | None = None) -> None:
    """Begin a write transaction when no other process is in one. Whoever has given up is refused like the impatient."""
    _patiently(connection, "BEGIN IMMEDIATE", given_up or Event())


def write_ahead(connection: sqlite3.Connection) -> None:
    """Turn on the write-ahead log, for good. Where others do so to a new file SQLite fails instead of waiting."""
    _patiently(connection, "PRAGMA journal_mode = WAL", Event())


def _patiently(connection: sqlite3.Connection, statement: str, given_up: Event) -> None:
    """Execute a statement that needs the file for itself."""
    wait_ms: int = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    deadline = time.monotonic() + wait_ms / 1000
    connection.execute(f"PRAGMA busy_timeout = {LOOK_MS}")
    try:
        while not _executed(connection, statement):
            if given_up.wait(LOOK_MS / 1000) or time.monotonic() > deadline:
                connection.execute(statement)
                return
    finally:
        connection.execute(f"PRAGMA busy_timeout = {wait_ms}")


def _executed(connection: sqlite3.Connection, statement: str) -> bool:
    try:
        connection.execute(statement)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True
