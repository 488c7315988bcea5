"""Asking for everything: whole lists walked by cursor, and single records."""

import asyncio
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from answer import Answer
from serving import Served, Who

AT_ONCE = 20
ABSENT = {"error": "record_not_found", "message": "there is no such record, or it is not yours to see"}


async def walked(sidecar: Served, kind: str, who: Who, limit: int = 17) -> list[Any]:
    """Every record of a kind that a caller is given, page by page."""
    records: list[Any] = []
    cursor = ""
    while True:
        page = await sidecar.get(f"/v1/records/{kind}?limit={limit}{cursor}", who)
        assert page["count"] == len(page["records"]) <= limit
        records += page["records"]
        if page["next"] is None:
            return records
        assert page["count"] == limit
        cursor = f"&cursor={page['next']}"


async def each(sidecar: Served, paths: Iterable[str], who: Who) -> list[Answer]:
    """The answers to many GETs, in their order, several under way at once."""
    several = asyncio.Semaphore(AT_ONCE)

    async def one(path: str) -> Answer:
        async with several:
            return await sidecar.ask("GET", path, who)

    return await asyncio.gather(*map(one, paths))


def plain(answer: Answer, *echoes: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """Everything that an answer says, save the time and what of the request it repeats."""
    raw = answer.raw
    for echo in echoes:
        raw = raw.replace(f'"{echo}"'.encode(), b'"echo"')
    headers = [(name, value) for name, value in answer.headers.items() if name not in ("Date", "Content-Length")]
    return answer.status, headers, raw


def path(*parts: str) -> str:
    """A path of these segments."""
    return "".join("/" + "/".join(quote(name, safe="") for name in part.split("/")) for part in parts)
