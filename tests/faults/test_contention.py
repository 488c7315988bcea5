"""Many writers of the same records, through two sidecars on one store: the newest wins, whoever comes last."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import orjson
import stores
from aiohttp import ClientSession
from recording import Sidecar, sidecars

VERSIONS, LETTERS, WRITERS = 30, 4, 6
ORG = "org-of-many"
IDENTITY = {"x-tandem-org-id": ORG, "x-tandem-workspace-id": "main", "x-tandem-actor-id": "olga"}


def letter(name: str, version: int) -> bytes:
    """One version of a record, each of another unit, so of another label."""
    scope = {"tenant_context": {"org_id": ORG, "workspace_id": "main"}, "owning_org_unit_id": f"unit-{version % 5}"}
    shape = {"source_type": "effect", "source_id": "e", "reason": "late", "status": "open", "scope": scope}
    return orjson.dumps({"dead_letter_id": name, "created_at_ms": 1, "updated_at_ms": version, **shape})


async def seen(session: ClientSession, at: Sidecar, name: str) -> int:
    """The version that a sidecar shows; 0 while there is none."""
    async with session.get(f"{at.public}/v1/records/dead_letter/{name}", headers=IDENTITY) as answer:
        body = await answer.read()
    assert answer.status in (200, 404), body
    return int(orjson.loads(body)["record"]["updated_at_ms"]) if answer.status == 200 else 0


class Race:
    """Writers who hand the versions of some records over in any order, and who looks on."""

    def __init__(self, session: ClientSession, started: Sequence[Sidecar], seed: int) -> None:
        self.session, self.started, self.chance = session, started, Random(seed)
        self.newest: dict[str, int] = {f"letter-{number}": 0 for number in range(LETTERS)}
        self.left = [(name, version) for name in self.newest for version in range(1, VERSIONS + 1)]
        self.chance.shuffle(self.left)

    async def write(self) -> None:
        """Hand over what is left, one by one."""
        while self.left:
            name, version = self.left.pop()
            url = f"{self.chance.choice(self.started).admin}/admin/v1/records/dead_letter/{name}"
            headers = {"Content-Type": "application/json"}
            async with self.session.put(url, data=letter(name, version), headers=headers) as answer:
                assert answer.status == 200, await answer.text()
            self.newest[name] = max(self.newest[name], version)

    async def look_on(self) -> None:
        """What is shown is never older than the newest that was acknowledged before, nor than what was shown."""
        shown = dict.fromkeys(self.newest, 0)
        while self.left:
            name = self.chance.choice([*self.newest])
            least = max(shown[name], self.newest[name])
            shown[name] = await seen(self.session, self.chance.choice(self.started), name)
            assert shown[name] >= least, name


async def raced(started: Sequence[Sidecar], seed: int) -> tuple[list[int], list[Any]]:
    """The versions that each sidecar shows after a race, and the list of records."""
    async with ClientSession() as session:
        race = Race(session, started, seed)
        await asyncio.gather(*(race.write() for _ in range(WRITERS)), race.look_on(), race.look_on())
        versions = [await seen(session, at, name) for at in started for name in race.newest]
        async with session.get(f"{started[0].public}/v1/records/dead_letter", headers=IDENTITY) as answer:
            return versions, orjson.loads(await answer.read())["records"]


def test_of_many_versions_the_newest_stays_whatever_came_last(store_name: str, tmp_path: Path) -> None:
    """Versions of one record, handed over at once through both sidecars, leave the newest, once, and no other."""
    with sidecars(tmp_path, url=stores.url(tmp_path / "shared.db")) as started:
        versions, records = asyncio.run(raced(started, 7))
    assert versions == [VERSIONS] * LETTERS * len(started)
    assert sorted(record["dead_letter_id"] for record in records) == [f"letter-{number}" for number in range(LETTERS)]
