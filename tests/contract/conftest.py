"""What clients are promised over HTTP: paths, parameters, whole answers, and who is told what.

Most tests put a few records of one organisation (``acme_records``) into an empty store and ask (``acme_asking``); those of
whole bodies ask about a small world in which everything has a value somewhere.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from serving import Served, served
from small_world import RECORDS


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[Served]:
    """A sidecar on an empty store of its own."""
    async with served(tmp_path) as found:
        yield found


@pytest.fixture
async def world(sidecar: Served) -> Served:
    """The small world, served for one test."""
    await sidecar.take(*RECORDS)
    return sidecar


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_world(store_name: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """The small world, served for all tests of a module; they only read."""
    async with served(tmp_path_factory.mktemp("world")) as found:
        await found.take(*RECORDS)
        yield found


@pytest.fixture(autouse=True)
def _on_every_store(store_name: str) -> None:
    """Every test of this folder runs on every store."""
