"""Connections: how they are set up, how many there are, and the driver's errors as ours."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeAlias

import asyncpg

from sidecar.errors import StoreError
from sidecar.records.address import require_address, shown
from sidecar.records.postgres.pages import Connection

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

CONNECT_TIMEOUT_S = 5.0
IDLE_IN_TRANSACTION_MS = 60_000
"""A process that stands still inside a transaction for so long has lost it, with its locks."""
STATEMENTS_KEPT, STATEMENTS_KEPT_S = 512, 10
"""How many prepared statements a connection keeps, and how long: plans have to follow the growth of the tables."""
LONGEST_RETURN_S = 1.0
"""How long a connection may take to end what it was on. Longer, and it is closed."""
UNREACHABLE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection that the server has ended, before its end has come
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
)
_CUT_OFF = (asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.IdleSessionTimeoutError)
"""What the server says to a connection that it ends, whatever was asked of it."""

SCHEMA = {"application_name": "sidecar", "search_path": "sidecar", "lock_timeout": "0"}
"""Everything is kept in a schema of its own, so that the database may serve others too. Who waits for another writer
waits as long as a statement may take, whatever the server's default is."""
PLAN = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_sort": "off",
    "enable_material": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
"""Every statement is written for one plan, along an index; these keep the planner from guessing at another."""
PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan"}
"""For reads, which planning would cost as much again. Writers plan anew: what they fill was small when they began."""

logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)
"""Below, it says with a stack trace that it tries again, which whoever asks for a connection is told in a sentence."""


async def opened(url: str, *, most: int, timeout_ms: int, settings: Mapping[str, str], least: int = 1) -> Pool:
    """A pool of connections whose statements end after a time, ``least`` of them made. Raises StoreError."""
    settings = {
        **SCHEMA,
        **PLAN,
        **settings,
        "statement_timeout": str(timeout_ms),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
    }
    with reached(url):
        return await asyncpg.create_pool(
            url,
            min_size=least,
            max_size=most,
            timeout=CONNECT_TIMEOUT_S,
            statement_cache_size=STATEMENTS_KEPT,
            max_cached_statement_lifetime=STATEMENTS_KEPT_S,
            max_inactive_connection_lifetime=300,
            server_settings=settings,
            init=_durable,
            reset=_as_it_is,
        )


async def _durable(made: Any) -> None:
    """A write is acknowledged when it is durable, also where the server would let that wait."""
    await made.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )


async def _as_it_is(_: Any) -> None:
    """Nothing is set on a connection beyond its transaction, so there is nothing to reset."""


@asynccontextmanager
async def connection(pool: Pool, begin: str, wait_s: float) -> AsyncIterator[Connection]:
    """A connection inside a transaction, which is rolled back at the end unless it was committed. Raises StoreError.

    A connection that broke while it was idle, as all do when the server is restarted, is replaced.
    """
    taken = await _begun(pool, begin, wait_s)
    failed = True
    try:
        yield taken
        failed = False
    finally:
        await _returned(pool, taken, failed=failed)


async def _begun(pool: Pool, begin: str, wait_s: float) -> Connection:
    for left in reversed(range(pool.get_max_size() + 1)):
        with answering():
            try:
                taken = await pool.acquire(timeout=wait_s)
            except TimeoutError as error:
                raise StoreError("every connection to the store is busy") from error
            try:
                await taken.execute(begin)
            except (*UNREACHABLE, *_CUT_OFF) as error:
                await _returned(pool, taken, failed=True)
                if not left:
                    raise StoreError("the store does not answer") from error
            except BaseException:
                await _returned(pool, taken, failed=True)
                raise
            else:
                return taken
    raise AssertionError("the last round returns or raises")


async def _returned(pool: Pool, taken: Connection, *, failed: bool) -> None:
    """Give a connection back outside any transaction; one that cannot be brought there is closed.

    Of one that ``failed`` it is not known whether it is in one: a BEGIN that is given up may take effect all the same.
    """
    try:
        async with asyncio.timeout(LONGEST_RETURN_S):  # whoever waits for a server that is stuck waits for ever
            if failed or taken.is_in_transaction():
                await taken.execute("ROLLBACK")
    except (*UNREACHABLE, asyncpg.PostgresError):
        with suppress(asyncpg.InterfaceError):  # it broke, and the pool has taken it back already
            taken.terminate()
    finally:
        with suppress(*UNREACHABLE, asyncpg.PostgresError):  # the pool has closed it, and why nobody needs to hear
            await pool.release(taken, timeout=LONGEST_RETURN_S)  # which goes on when whoever waits is cancelled


@contextmanager
def answering() -> Iterator[None]:
    """The driver's errors as ours. One that names a file is of whoever works inside: what is followed is read there."""
    try:
        yield
    except (asyncpg.PostgresError, *UNREACHABLE) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise StoreError(f"the store could not be used: {_said(error)}") from error


@contextmanager
def reached(url: str) -> Iterator[None]:
    """What goes wrong while connecting, told with the address but without the password."""
    try:
        require_address(url)  # the driver would say what it cannot read, which may be of a password
        yield
    except (asyncpg.PostgresError, *UNREACHABLE, TimeoutError, ValueError) as error:
        raise StoreError(f"store {shown(url)}: {_said(error)}") from error


def _said(error: BaseException) -> str:
    """The sentence alone: what PostgreSQL adds to it names rows and their values."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno) if error.errno > 0 else error.strerror or str(error)
    said = error.args[0] if isinstance(error, asyncpg.PostgresError) and error.args else error
    return str(said) or type(error).__name__
