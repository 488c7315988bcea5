"""Long work beside an event loop, given up with whoever waits for it."""

import asyncio
import threading
from typing import TypeVar

from sidecar.policy.steps import Steps

T = TypeVar("T")


async def in_thread(steps: Steps[T]) -> T:
    """Take the steps in a thread; what came of them. When this is cancelled the thread ends with its step."""
    given_up = threading.Event()

    def taken() -> T:
        while not given_up.is_set():
            try:
                next(steps)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
        raise asyncio.CancelledError

    try:
        return await asyncio.to_thread(taken)
    finally:
        given_up.set()
