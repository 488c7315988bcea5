"""One served sidecar for each test that asks for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import serving


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[serving.Served]:
    """A sidecar on a fresh store, without tokens."""
    async with serving.served(tmp_path) as sidecar:
        yield sidecar
