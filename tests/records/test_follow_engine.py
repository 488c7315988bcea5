"""Whatever an engine does to its files, and wherever a follower is interrupted, the store ends as the files are."""

import asyncio
import random
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from followed import follower_of, held, loaded_afresh, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime_engine import NEVER, Engine

from sidecar.errors import StoreError
from sidecar.records.follow import cut
from sidecar.records.follow.follower import Follower
from sidecar.records.store import Store

pytestmark = pytest.mark.usefixtures("store_name")


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_a_followed_store_is_what_a_load_would_make(seed: int) -> None:
    """Look as often as you like, begin anew in between: the last look leaves what a load into nothing would."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_followed(Path(folder), seed))


async def _followed(folder: Path, seed: int) -> None:
    chance, engine = random.Random(seed), Engine(folder / "state", seed, hasty=True, forgets=False)
    engine.begin()
    async with opened(folder / "followed.db") as store:
        follower = follower_of(store, engine.folder)
        for _ in range(60):
            engine.change()
            if chance.random() < 0.3:
                await follower.look()
            if chance.random() < 0.05:
                follower = follower_of(store, engine.folder)
        await follower.look()
        assert await held(store) == await loaded_afresh(folder / "fresh.db", engine.folder)


class Failing:
    """A store that fails in the midst of its work, as a full disk or a lost connection has it."""

    def __init__(self, store: Store, chance: random.Random) -> None:
        self._store, self._chance = store, chance
        self.failing = True
        self.failures = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _perhaps(self) -> None:
        if self.failing and self._chance.random() < 0.15:
            self.failures += 1
            raise StoreError("it failed")

    @asynccontextmanager
    async def mirror(self) -> AsyncIterator[Any]:
        """Fail before anything is done, before it is committed, or after."""
        self._perhaps()
        async with self._store.mirror() as mirror:
            yield mirror
            self._perhaps()
        self._perhaps()


async def test_a_store_that_fails_again_and_again_is_brought_up(tmp_path: Path) -> None:
    """A failed write, also one of which nobody knows whether it was done, costs nothing but another look."""
    engine = Engine(tmp_path / "state", 5, hasty=True, forgets=False)
    engine.begin()
    async with opened(tmp_path / "followed.db") as store:
        failing = Failing(store, random.Random(5))
        follower: Follower = follower_of(failing, engine.folder)  # type: ignore[arg-type]
        for _ in range(60):
            engine.change()
            await follower.turn()
        failing.failing = False
        await follower.turn()
        await follower.turn()
        assert failing.failures > 5
        assert await held(store) == await loaded_afresh(tmp_path / "fresh.db", engine.folder)


async def test_a_withdrawn_grant_and_what_it_opened_never_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an engine swaps a grant and a wait, a slow disk never has a look store both: there was no such moment."""
    read = cut.read_bytes

    def slowly(path: Path) -> bytes:
        data = read(path)
        time.sleep(0.002)
        return data

    monkeypatch.setattr(cut, "read_bytes", slowly)
    engine = Engine(tmp_path / "state", 3, hasty=True)
    engine.begin()
    ending = threading.Event()

    def swap() -> None:
        while not ending.wait(engine.random.random() * 0.012):
            engine.swap()

    async with opened(tmp_path / "followed.db") as store:
        follower = follower_of(store, engine.folder)
        await follower.look()
        swapping = threading.Thread(target=swap)
        swapping.start()
        try:
            met: list[int] = []
            async with asyncio.timeout(60):
                while len(met) < 120 or engine.swapped <= 20:
                    met.append(await _together(follower, store))
        finally:
            ending.set()
            swapping.join()
    assert 2 not in met


async def _together(follower: Follower, store: Store) -> int:
    """How many of the two are stored after another look."""
    await follower.turn()
    return sum(NEVER in key for _, _, key in await held(store, ["wait", "org_unit_access_grant"]))
