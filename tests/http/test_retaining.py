"""Retention goes on while serving, whatever went wrong with it once."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sidecar.errors import StoreError
from sidecar.http.retaining import retaining


class Failing:
    """A store that fails at first, each time in another way."""

    def __init__(self) -> None:
        self.asked = 0
        self.answered = asyncio.Event()

    async def counts(self) -> list[Any]:
        """Nothing is stored, once it answers."""
        self.asked += 1
        if self.asked < 3:
            raise (StoreError("it is away"), RuntimeError("nobody foresaw it"))[self.asked - 1]
        self.answered.set()
        return []


async def test_retention_survives_what_nobody_foresaw(caplog: pytest.LogCaptureFixture) -> None:
    """A failure of any kind is logged and retention tried again: records would stay for good, and nobody would hear."""
    store = Failing()
    rule = SimpleNamespace(kind=SimpleNamespace(name="note"))
    service = cast("Any", SimpleNamespace(store=store, retention=[rule], clock=lambda: 0))
    async with retaining(service, 0.0), asyncio.timeout(10):
        await store.answered.wait()
    assert "it is away" in caplog.text
    assert "nobody foresaw it" in caplog.text
