"""What the hand-written handler is told: the labels that a caller sees, found in the store beforehand."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import asyncpg
import orjson

Scope = Mapping[str, Any]
Seen = Callable[[Scope], bool]

SQLITE = "sqlite:///"
SCHEMA = {"search_path": "sidecar"}
LABELS = (
    "SELECT kind, label_id, body FROM label WHERE records > 0 AND tenant_id = (SELECT tenant_id FROM tenant "
    "WHERE org_id = {place} AND workspace_id = 'main' AND deployment_id = '')"
)


def told(store: str, org: str, index: Literal["label", "tenant"], seen: Seen = lambda _: True) -> dict[str, Any]:
    """The store and, by kind, the labels with scopes that are seen, or for the tenant's index those that are not."""
    name = store.removeprefix(SQLITE)
    labels: dict[str, list[int]] = {}
    for kind, label, body in _of_postgres(name, org) if name.startswith("postgresql:") else _of_sqlite(name, org):
        listed = labels.setdefault(kind, [])
        if seen(orjson.loads(body).get("scope", {})) == (index == "label"):
            listed.append(label)
    return {"store": name, "org": org, "labels": labels, "index": index}


def _of_sqlite(path: str, org: str) -> Iterable[tuple[str, int, bytes]]:
    connection = sqlite3.connect(path)
    found = connection.execute(LABELS.format(place="?"), (org,)).fetchall()
    connection.close()
    return found


def _of_postgres(url: str, org: str) -> Iterable[tuple[str, int, bytes]]:
    async def found() -> list[Any]:
        connection = await asyncpg.connect(url, server_settings=SCHEMA)
        try:
            return await connection.fetch(LABELS.format(place="$1"), org)
        finally:
            await connection.close()

    return [tuple(row) for row in asyncio.run(found())]
