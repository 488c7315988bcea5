"""The connections that read, and the transactions on them."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Generic, TypeVar

from sidecar.records.sqlite.told import Told

T = TypeVar("T")


class Readers:
    """So many connections at most, each opened when no other is idle, and lent to one reader at a time."""

    def __init__(self, most: int, connect: Callable[[], sqlite3.Connection]) -> None:
        self._free = asyncio.Semaphore(most)
        self._connect = connect
        self._idle: list[sqlite3.Connection] = []

    async def lend(self) -> sqlite3.Connection:
        """A connection that is in no transaction, as soon as one is free. Raises StoreError."""
        await self._free.acquire()
        try:
            return self._idle.pop() if self._idle else self._connect()
        except BaseException:
            self._free.release()
            raise

    def take_back(self, connection: sqlite3.Connection) -> None:
        """End the transaction on a connection that was lent."""
        try:
            if connection.in_transaction:  # not rollback(), which has its statement compiled each time
                connection.execute("ROLLBACK")
            self._idle.append(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close the connections that are not lent."""
        while self._idle:
            self._idle.pop().close()


class Reading(Generic[T]):
    """A read transaction: what is ``begun`` with the connection that it has for itself.

    A class of its own, for a page would feel what a generator of contextlib costs.
    """

    __slots__ = ("_begun", "_connection", "_readers")
    _connection: sqlite3.Connection

    def __init__(self, readers: Readers, begun: Callable[[sqlite3.Connection], T]) -> None:
        self._readers = readers
        self._begun = begun

    async def __aenter__(self) -> T:
        """Raises StoreError."""
        self._connection = await self._readers.lend()
        with Told("read"):
            try:
                self._connection.execute("BEGIN")
                return self._begun(self._connection)
            except BaseException:
                self._readers.take_back(self._connection)
                raise

    async def __aexit__(self, *_: object) -> None:
        """Raises StoreError."""
        with Told("read"):
            self._readers.take_back(self._connection)
