"""What we compare with: a bare handler, SQL written by hand, stored bytes joined. It asks nobody who they are.

It is told an index, and labels: for that of the labels those which the caller sees, for that of the tenant those which
it does not. It gives byte for byte the answer that the sidecar gives, but for the cursor, which it does not seal, with
as many headers.
"""

import asyncio
import json
import sqlite3
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson
from aiohttp import web

if TYPE_CHECKING:  # at run time it cannot be subscripted
    from asyncpg.pool import PoolConnectionProxy

COLLECTIONS = {
    "compensations": "compensation",
    "dead_letters": "dead_letter",
    "outbox": "outbox",
    "tool_effects": "tool_effect",
}
HEADERS = {"Cache-Control": "no-store", "X-Sidecar-Policy": "sha256:" + "0" * 64, "Server": "sidecar"}
LANE = 'SELECT _k1, _doc, {rest} FROM "record_{kind}" INDEXED BY "record_{kind} label" WHERE _label = ?'
WALK = (
    'SELECT _k1, _doc FROM "record_{kind}" INDEXED BY "record_{kind} tenant" WHERE _tenant = ? '
    "AND _label NOT IN (SELECT value FROM json_each(?)) ORDER BY {place} LIMIT ?"
)
TENANT_OF = "SELECT tenant_id FROM tenant WHERE org_id = ? AND workspace_id = 'main' AND deployment_id = ''"
TENANT = f"({TENANT_OF.replace('?', '$1')})"
LATERAL = (
    "SELECT _k1, _doc FROM unnest($2::bigint[]) AS label (id) CROSS JOIN LATERAL (SELECT _k1, _doc, {rest} "
    'FROM "record_{kind}" AS one WHERE one._tenant = {tenant} AND one._label = label.id '
    "ORDER BY {place} LIMIT $3) AS found ORDER BY {place} LIMIT $3"
)
ALONG = (
    'SELECT _k1, _doc FROM "record_{kind}" WHERE _tenant = {tenant} AND _label <> ALL($2::bigint[]) '
    "ORDER BY {place} LIMIT $3"
)
GUARDED = "SELECT _k1, _doc FROM one ORDER BY _o1, _k1 LIMIT $1"

Rows = Sequence[Any]
Page = Callable[[str, int], Awaitable[Rows]]
"""The keys and documents of a kind's first records."""


@dataclass(frozen=True)
class Told:
    """Where the records are, whose they are, the index to walk, and the labels by kind or the policy's settings."""

    store: str
    org: str
    index: str
    labels: Mapping[str, Sequence[int]] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    def statement(self, text: str, kind: str) -> str:
        """A statement for a kind."""
        place, rest = ("_o1, _k1, _k2", "_o1, _k2") if kind == "event" else ("_o1, _k1", "_o1")
        return text.format(kind=kind, place=place, rest=rest, tenant=TENANT)


class Sqlite:
    """Pages out of a file."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._connection = sqlite3.connect(told.store, isolation_level=None, cached_statements=512)
        self._connection.execute("PRAGMA cache_size = -65536")
        self._connection.execute("PRAGMA mmap_size = 268435456")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Page]:
        """One read transaction of one tenant."""
        self._connection.execute("BEGIN")
        (tenant,) = self._connection.execute(TENANT_OF, (self._told.org,)).fetchone()
        yield partial(self._page, tenant)
        self._connection.execute("COMMIT")

    async def _page(self, tenant: int, kind: str, limit: int) -> Rows:
        told, labels = self._told, self._told.labels[kind]
        if told.index == "tenant":
            bound = (tenant, json.dumps(labels), limit)
            return self._connection.execute(told.statement(WALK, kind), bound).fetchall()
        walks = " UNION ALL ".join([told.statement(LANE, kind)] * len(labels))
        ordered = told.statement("ORDER BY {place} LIMIT ?", kind)
        return self._connection.execute(f"{walks} {ordered}", (*labels, limit)).fetchall()


class Postgres:
    """Pages out of a database, from a pool of connections."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Page]:
        """One read transaction with one view."""
        told, text = self._told, ALONG if self._told.index == "tenant" else LATERAL
        async with self._transaction() as connection:

            async def page(kind: str, limit: int) -> Rows:
                rows: Rows = await connection.fetch(told.statement(text, kind), told.org, told.labels[kind], limit)
                return rows

            yield page

    async def close(self) -> None:
        """End the connections."""
        if self._pool is not None:
            await self._pool.close()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator["PoolConnectionProxy[asyncpg.Record]"]:
        if self._pool is None:
            schema = {"search_path": "walls" if self._told.index == "policy" else "sidecar"}
            self._pool = await asyncpg.create_pool(self._told.store, min_size=1, max_size=16, server_settings=schema)
        options: dict[str, Any] = {"isolation": "repeatable_read", "readonly": True}
        async with self._pool.acquire() as connection, connection.transaction(**options):
            yield connection


class Walled(Postgres):
    """Pages out of a table that PostgreSQL's own policy guards, which is told who asks."""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Page]:
        """One read transaction with one view."""
        settings = self._told.settings
        named = ", ".join(f"set_config(${2 * at + 1}, ${2 * at + 2}, true)" for at in range(len(settings)))
        bound = [text for setting in settings.items() for text in setting]
        async with self._transaction() as connection:
            await connection.fetch(f"SELECT {named}", *bound)

            async def page(_: str, limit: int) -> Rows:
                rows: Rows = await connection.fetch(GUARDED, limit)
                return rows

            yield page


class Handlers:
    """The two routes."""

    def __init__(self, told: Told) -> None:
        postgres = Walled if told.index == "policy" else Postgres
        self._store = postgres(told) if told.store.startswith("postgresql:") else Sqlite(told)

    async def reliability(self, request: web.Request) -> web.Response:
        """The four pages, each asked for one row more than it shows."""
        limit = int(request.query["limit"])
        parts: dict[str, bytes] = {}
        counts, following = {}, {}
        async with self._store.reading() as page:
            for name, kind in COLLECTIONS.items():
                rows = await page(kind, limit + 1)
                shown = rows[:limit]
                parts[name] = joined(shown)
                counts[name] = len(shown)
                more = len(rows) > limit
                following[name] = {"after_collection": name, "after_id": shown[-1][0]} if more else None
        pagination = {"after_collection": None, "after_id": None, "before_created_at_ms": None, "next": following}
        source = "stateful_runtime_reliability"
        return _answer(parts, {"counts": counts, "limit": limit, "pagination": pagination, "source": source})

    async def records(self, request: web.Request) -> web.Response:
        """A page of one kind."""
        limit, kind = int(request.query["limit"]), request.match_info["kind"]
        async with self._store.reading() as page:
            rows = await page(kind, limit + 1)
        shown = rows[:limit]
        cursor = b64encode(orjson.dumps(shown[-1][0])).decode() if len(rows) > limit else None
        return _answer({"records": joined(shown)}, {"count": len(shown), "kind": kind, "limit": limit, "next": cursor})


def joined(rows: Rows) -> bytes:
    """The documents as a list."""
    return b"[" + b",".join([row[1] for row in rows]) + b"]"


def _answer(parts: dict[str, bytes], rest: Mapping[str, Any]) -> web.Response:
    parts.update((name, orjson.dumps(value)) for name, value in rest.items())
    body = b"{" + b",".join([b'"%s":%s' % (name.encode(), parts[name]) for name in sorted(parts)]) + b"}"
    return web.Response(body=body, content_type="application/json", headers=HEADERS)


async def started(told: Told) -> None:
    """Say where it answers."""
    handlers, app = Handlers(told), web.Application()
    app.router.add_get("/stateful-runtime/reliability", handlers.reliability)
    app.router.add_get("/v1/records/{kind}", handlers.records)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"answering on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)


def main() -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(started(Told(**json.loads(sys.argv[1]))))
    loop.run_forever()


if __name__ == "__main__":
    main()
