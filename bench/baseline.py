"""What we compare with: a bare handler, SQL written by hand, stored bytes joined. It asks nobody who they are.

It gives byte for byte the answer that the sidecar gives to an operator, with as many headers.
"""

import asyncio
import sqlite3
import sys

import orjson
from aiohttp import web

COLLECTIONS = {
    "compensations": "compensation",
    "dead_letters": "dead_letter",
    "outbox": "outbox",
    "tool_effects": "tool_effect",
}
OF_TENANT = (
    'SELECT _k1, _doc, _o1 FROM "record_{kind}" INDEXED BY "record_{kind} tenant" '
    "WHERE _tenant = ? ORDER BY _o1, _k1 LIMIT ?"
)
OF_LABEL = 'SELECT _k1, _doc, _o1 FROM "record_{kind}" INDEXED BY "record_{kind} label" WHERE _label = ?'
LABELS = "SELECT label_id FROM label WHERE kind = ? AND records > 0"
HEADERS = {"Cache-Control": "no-store", "X-Sidecar-Policy": "sha256:" + "0" * 64, "Server": "sidecar"}

connection = sqlite3.connect(sys.argv[1], isolation_level=None, check_same_thread=False, cached_statements=512)
connection.execute("PRAGMA cache_size = -65536")
connection.execute("PRAGMA mmap_size = 268435456")
(tenant,) = connection.execute("SELECT tenant_id FROM tenant WHERE org_id = 'acme'").fetchone()
labels = {kind: [label for (label,) in connection.execute(LABELS, (kind,))] for kind in COLLECTIONS.values()}


def page_of_tenant(kind: str, limit: int) -> list[tuple[str, bytes, int]]:
    """The newest records, as if everybody saw everything."""
    return connection.execute(OF_TENANT.format(kind=kind), (tenant, limit)).fetchall()


def page_of_labels(kind: str, limit: int) -> list[tuple[str, bytes, int]]:
    """The newest records of the labels that the handler was told are the caller's."""
    walks = " UNION ALL ".join([OF_LABEL.format(kind=kind)] * len(labels[kind]))
    return connection.execute(f"{walks} ORDER BY _o1, _k1 LIMIT ?", (*labels[kind], limit)).fetchall()


PAGES = {"tenant": page_of_tenant, "label": page_of_labels}


async def reliability(request: web.Request) -> web.Response:
    """The four pages, each asked for one row more than it shows."""
    limit, page = int(request.query["limit"]), PAGES[request.query["index"]]
    parts: dict[str, bytes] = {}
    counts, following = {}, {}
    for name, kind in COLLECTIONS.items():
        rows = page(kind, limit + 1)
        shown = rows[:limit]
        parts[name] = b"[" + b",".join([doc for _, doc, _ in shown]) + b"]"
        counts[name] = len(shown)
        more = len(rows) > limit
        following[name] = {"after_collection": name, "after_id": shown[-1][0]} if more else None
    pagination = {"after_collection": None, "after_id": None, "before_created_at_ms": None, "next": following}
    rest = {"counts": counts, "limit": limit, "pagination": pagination, "source": "stateful_runtime_reliability"}
    parts.update((name, orjson.dumps(value)) for name, value in rest.items())
    body = b"{" + b",".join([b'"%s":%s' % (name.encode(), parts[name]) for name in sorted(parts)]) + b"}"
    return web.Response(body=body, content_type="application/json", headers=HEADERS)


async def started(app: web.Application) -> None:
    """Say where it answers."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"answering on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)


def main() -> None:
    app = web.Application()
    app.router.add_get("/stateful-runtime/reliability", reliability)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(started(app))
    loop.run_forever()


if __name__ == "__main__":
    main()
