"""A served sidecar on an empty store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from serving import Served, served


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[Served]:
    """A sidecar on an empty store of its own."""
    async with served(tmp_path) as found:
        yield found
