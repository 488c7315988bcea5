"""What only one of the processes on a database may do: whoever holds a lock of their session, which dies with them."""

from hashlib import blake2b

from sidecar.records.postgres.pages import Connection


class PostgresLease:
    """An advisory lock, for one connection: exclusive at first, shared by its holder once it has shown it."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._key = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
        self._held = self._shown = False

    async def take(self) -> bool:
        """Have it, unless another process has. A connection that broke has lost it, and is told by an error."""
        statement = "SELECT $1::bigint IS NOT NULL" if self._held else "SELECT pg_try_advisory_lock($1)"
        self._held = await self._connection.fetchval(statement, self._key)
        return self._held

    async def show(self) -> None:
        """Show the others that what it is for is done once."""
        if not self._shown:
            await self._connection.fetchval("SELECT pg_try_advisory_lock_shared($1)", self._key)
            await self._connection.fetchval("SELECT pg_advisory_unlock($1)", self._key)
            self._shown = True

    async def shown(self) -> bool:
        """Whether another process has it and has shown it."""
        shown: bool = await self._connection.fetchval("SELECT pg_try_advisory_lock_shared($1)", self._key)
        if shown:
            await self._connection.fetchval("SELECT pg_advisory_unlock_shared($1)", self._key)
        return shown

    async def close(self) -> None:
        """Leave it to others."""
        await self._connection.execute("SELECT pg_advisory_unlock_all()")
