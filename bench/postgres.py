"""The tests' PostgreSQL for benchmarks, set as one would set it in earnest: durable, with room for its work."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import postgres_server

SETTINGS = {
    "fsync": "on",
    "shared_buffers": "512MB",
    "effective_cache_size": "8GB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "max_connections": "100",
    "autovacuum_naptime": "1min",
}


class Server(postgres_server.Server):
    """A server whose databases are found by their names."""

    def run(self, statement: str, database: str = "postgres") -> str:
        """What a statement gives, as bare lines."""
        psql = postgres_server.program("psql")
        command = [psql, self.url(database), "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement]
        told = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own
        return told.stdout.strip()

    def holds(self, database: str) -> bool:
        """Whether there is a database of that name."""
        return bool(self.run(f"SELECT 1 FROM pg_database WHERE datname = '{database}'"))

    def fresh(self, database: str) -> str:
        """The URL of an empty database of that name."""
        self.drop(database)
        self.run(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        """End a database, if there is one of that name."""
        self.run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A server over the data in ``folder/postgres``, which are made when they are not there and stay."""
    sockets = Path(tempfile.mkdtemp(prefix="pg-"))
    found = Server(sockets, SETTINGS, passing=True, kept=folder.resolve() / "postgres", owner="bench")
    found.start()
    try:
        yield found
    finally:
        found.stop()
