"""Pages out of the store itself, without HTTP: against hand-written SQL on the same driver, in one process.

The store is told the labels that a caller sees, as it is by the verdicts; both read in a transaction of their own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson
from baseline import COLLECTIONS, Postgres, Sqlite, Told, joined
from bench_scale import CALLERS, Caller
from filled import postgres_filled, sqlite_filled
from many_tenants import World
from measure import Result, compared, in_turns
from postgres import server
from telling import told
from tenant_records import WORKSPACE, organisation
from world import kinds

from sidecar.config import Config, StoreConfig
from sidecar.records.ingest import Intake
from sidecar.records.opening import open_store
from sidecar.records.reading import Lanes, Read, Row
from sidecar.records.store import Store, Tenant

BOUND = 1.3
ROUNDS, EACH, AT_ONCE = 30, 3, 20
LIMIT = 100
WORLD = World(1_000_000)
TENANT = Tenant(organisation(0), WORKSPACE)
PAGES = {"one kind": ("event",), "four kinds": tuple(COLLECTIONS.values())}

Page = Callable[[], Awaitable[list[bytes]]]


@dataclass(frozen=True)
class Sees:
    """The labels of each kind that a caller sees; nothing is masked."""

    labels: Mapping[str, Lanes]

    def lanes(self, kind: str, _: object) -> Lanes:
        """The labels to page over."""
        return self.labels[kind]

    def show(self, row: Row, _: object) -> Row | None:
        """Nobody asks: nothing is judged or masked."""
        raise AssertionError(row)


def main(folder: Path) -> Iterator[Result]:
    yield from _measured("SQLite", f"sqlite:///{sqlite_filled(folder, WORLD)}")
    with server(folder) as running:
        yield from _measured("PostgreSQL", postgres_filled(running, WORLD))


def _measured(name: str, url: str) -> Iterator[Result]:
    with asyncio.Runner() as runner, _opened(runner, url) as store:
        for caller in CALLERS:
            knows = Told(**told(url, TENANT.org_id, caller.index, caller.seen))
            hand = Postgres(knows) if url.startswith("postgresql:") else Sqlite(knows)
            sees = runner.run(_sees(store, knows, caller))
            for what, named in PAGES.items():
                ours, theirs = partial(_of_store, store, sees, named), partial(_by_hand, hand, named)
                assert runner.run(ours()) == runner.run(theirs()), f"{name}, {what}: not the same records by hand"
                works = {"ours": partial(_often, runner, ours), "theirs": partial(_often, runner, theirs)}
                taken = in_turns(works, ROUNDS, EACH)
                title = f"{name}, {what} out of the store, {caller.name}"
                yield compared(title, *([ms / AT_ONCE for ms in times] for times in taken.values()), BOUND)
            if isinstance(hand, Postgres):
                runner.run(hand.close())


@contextmanager
def _opened(runner: asyncio.Runner, url: str) -> Iterator[Store]:
    async def opening() -> Store:
        return await open_store(Config(store=StoreConfig(url=url)), kinds(), Intake(kinds()))

    store = runner.run(opening())
    try:
        yield store
    finally:
        runner.run(store.close())


async def _sees(store: Store, knows: Told, caller: Caller) -> Sees:
    """What the caller sees: the labels that are told, or all but those."""
    seen: dict[str, frozenset[int]] = {}
    async with store.snapshot(TENANT) as snap:
        for kind in {name for named in PAGES.values() for name in named}:
            every, told_of = {label for label, _ in await snap.labels(kind, 0)}, set(knows.labels.get(kind, ()))
            seen[kind] = frozenset(every - told_of if caller.index == "tenant" else told_of)
    return Sees({kind: Lanes(labels, frozenset(), labels) for kind, labels in seen.items()})


async def _of_store(store: Store, sees: Sees, named: tuple[str, ...]) -> list[bytes]:
    async with store.snapshot(TENANT) as snap:
        pages = await snap.read([Read(kind, LIMIT) for kind in named], sees)
    return [orjson.dumps(page.shown) for page in pages]


async def _by_hand(hand: Sqlite | Postgres, named: tuple[str, ...]) -> list[bytes]:
    async with hand.reading() as page:
        return [joined((await page(kind, LIMIT + 1))[:LIMIT]) for kind in named]


def _often(runner: asyncio.Runner, page: Page) -> None:
    async def repeated() -> None:
        for _ in range(AT_ONCE):
            await page()

    runner.run(repeated())
