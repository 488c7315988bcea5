"""Which history of the database this is: another one begins where something acknowledged may have been lost.

A replica that is promoted without having received everything, or a database that is restored from a dump, gives ids and
versions a second time. The first writer that finds itself there begins a new history before it writes: what anybody
learnt of ids and versions before is of another one, and is not used.
"""

import logging
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from sidecar.errors import StoreError
from sidecar.records.postgres.pages import Connection
from sidecar.records.postgres.pool import Pool, answering

log = logging.getLogger(__name__)

_TABLE_AND_TIMELINE = "'sidecar.store'::regclass::oid::text, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)"
_TIMELINES = (
    f"concat_ws('/', (SELECT system_identifier FROM pg_control_system()), {_TABLE_AND_TIMELINE})",
    f"concat_ws('/', {_TABLE_AND_TIMELINE})",
)
"""What is another one behind every promotion and every restored dump: the cluster, the table's own number, and the
server's timeline. A server that does not tell its cluster tells the rest.
"""
_UNABLE = (asyncpg.UndefinedFunctionError, asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError)


@dataclass(frozen=True, slots=True)
class Histories:
    """Tells one history from the next. ``timeline`` is the SQL of what changes with them."""

    timeline: str

    async def current(self, connection: Connection, begin: str) -> UUID:
        """The history that a transaction writes which has only just begun, by ``begin``.

        Where another one is due it is begun first, and committed: nobody waits for it longer than for that. Raises
        StoreError when this server's is taken for another one at the same time.
        """
        kept = f"SELECT history FROM store WHERE timeline = {self.timeline}"
        found = await connection.fetchval(kept)
        if found is None:
            await connection.execute("ROLLBACK")
            await self.begun(connection)
            await connection.execute(begin)
            found = await connection.fetchval(kept)
        if found is None:
            raise StoreError("several servers, or sidecars with different rights, write the store at once")
        history: UUID = found
        return history

    async def begun(self, connection: Connection) -> None:
        """Begin another history where one is due; of several who find that, just one does. Outside a transaction."""
        await connection.execute(
            f"UPDATE store SET history = gen_random_uuid(), timeline = {self.timeline} "
            f"WHERE timeline <> {self.timeline}"
        )

    @property
    def beat(self) -> str:
        """The statement that counts a beat, and tells of which history it is."""
        return (
            "UPDATE store SET beat = beat + 1, timeline = here.timeline, "
            "history = CASE WHEN store.timeline = here.timeline THEN history ELSE gen_random_uuid() END "
            f"FROM (SELECT {self.timeline} AS timeline) AS here RETURNING history, beat"
        )


async def histories(server: "Pool | Connection") -> Histories:
    """How this server tells them apart. One that cannot is believed to lose nothing. Raises StoreError."""
    with answering():
        for timeline in _TIMELINES:
            try:
                await server.fetchval(f"SELECT {timeline}")
            except asyncpg.ObjectNotInPrerequisiteStateError:
                pass  # it is a replica as yet: once it can be written to, it can tell
            except _UNABLE as error:
                trouble = error
                continue
            return Histories(timeline)
    log.warning("this server does not tell of failovers (%s): restart every sidecar after one", trouble)
    return Histories("''")
