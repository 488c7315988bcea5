"""When changed policy files are read again: once for each change, and never while they are being written."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from sidecar.http.watch import Watch
from sidecar.policy.current import Bundles, Fingerprint, Proof, Reload
from sidecar.policy.steps import Steps

LOOK_S = 0.02


class Files:
    """Stands for the bundles: files that change when told, and how often they were read."""

    def __init__(self) -> None:
        self.now: Fingerprint = (("a.yaml", 1, 1),)
        self.read: Fingerprint | None = self.now
        self.reloads: list[Fingerprint] = []
        self.looks = 0
        self.writing = 0
        self.steps = 0

    def fingerprint(self) -> Fingerprint:
        self.looks += 1
        if self.writing > 0:
            self.writing -= 1
            self.change()
        return self.now

    def proving(self) -> Steps[Proof]:
        self.read = self.now
        self.reloads.append(self.now)
        yield from (None,) * self.steps
        return Proof(None, "nothing")

    def settle(self, proof: Proof) -> Reload:
        return Reload("sha256:now", swapped=True, trouble=proof.trouble)

    def change(self) -> Fingerprint:
        name, changed, size = self.now[0]
        self.now = ((name, changed + 1, size),)
        return self.now

    async def looked(self, times: int) -> None:
        """Wait for so many further looks."""
        until = self.looks + times
        async with asyncio.timeout(5):
            while self.looks < until:  # noqa: ASYNC110 - the looks come from another thread
                await asyncio.sleep(LOOK_S / 10)


@asynccontextmanager
async def watched(every_s: float | None = LOOK_S) -> AsyncIterator[tuple[Files, asyncio.Event]]:
    files, asked = Files(), asyncio.Event()
    task = asyncio.create_task(Watch(cast("Bundles", files), asked, every_s).run())
    await asyncio.sleep(0)
    yield files, asked
    assert not task.done()
    task.cancel()


async def test_nothing_is_read_again_without_a_change() -> None:
    """Files that stay as they were read are looked at and left alone."""
    async with watched() as (files, _):
        await files.looked(5)
        assert files.reloads == []


async def test_one_change_is_read_once() -> None:
    """A change is read when it kept still for one look, and not again."""
    async with watched() as (files, _):
        await files.looked(2)
        changed = files.change()
        await files.looked(6)
        assert files.reloads == [changed]


async def test_files_being_written_are_left_alone() -> None:
    """While every look finds another state nothing is read; then the last state is."""
    async with watched() as (files, _):
        files.writing = 5
        await files.looked(12)
        assert files.reloads == [files.now]
        assert files.now == (("a.yaml", 6, 1),)


async def test_a_change_during_a_reload_is_seen_afterwards() -> None:
    """What was read is what counts: a file that changes under the reader is read again."""
    async with watched() as (files, _):
        await files.looked(2)
        files.change()
        files.read = None
        second = files.change()
        await files.looked(6)
        assert files.reloads == [second]


async def test_who_asks_is_served_at_once() -> None:
    """A signal reads the files whatever they look like, also when nobody looks at them."""
    async with watched(every_s=None) as (files, asked):
        asked.set()
        await asyncio.sleep(0.1)
        assert files.reloads == [files.now]
        assert not asked.is_set()
        assert files.looks == 0
