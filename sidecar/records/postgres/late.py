"""Waiting for what may hang as long as a budget lasts. What is late ends by itself, and gives back what it took."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

T = TypeVar("T")

LATEST_S = 5.0
"""How long what is late may go on, as to connect, which whoever asks next finds done. Then it is cancelled."""


class Late:
    """What was waited for in vain, until it has ended."""

    def __init__(self) -> None:
        self._ending: dict[asyncio.Task[None], asyncio.Task[Any]] = {}
        """Who waits for the end of what."""

    async def within(
        self, budget_s: float, held: AsyncExitStack, work: Callable[[AsyncExitStack], Coroutine[Any, Any, T]]
    ) -> T:
        """What some work comes to; what it enters lasts until ``held`` ends.

        Raises what the work raises, and TimeoutError when it takes longer than the budget. Whoever is told so, or is
        cancelled, waits for no end of it.
        """
        entered = AsyncExitStack()
        task = asyncio.create_task(work(entered))
        try:
            async with asyncio.timeout(budget_s):
                found = await asyncio.shield(task)
        except BaseException:
            self._left(task, entered)
            raise
        held.push_async_exit(entered)
        return found

    def _left(self, task: asyncio.Task[Any], entered: AsyncExitStack) -> None:
        ending = asyncio.create_task(_ended(task, entered))
        self._ending[ending] = task
        ending.add_done_callback(self._ending.pop)

    async def close(self) -> None:
        """Cancel what is late, and wait until it has given back what it took."""
        for task in self._ending.values():
            task.cancel()
        if self._ending:
            await asyncio.wait(self._ending)


async def _ended(task: asyncio.Task[Any], entered: AsyncExitStack) -> None:
    """Wait for work to end, in its time or cancelled; what it comes to nobody wants to know."""
    await asyncio.wait([task], timeout=LATEST_S)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await entered.aclose()
