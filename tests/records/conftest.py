"""An empty store of the shipped kinds, and a follower that keeps it equal to what a runtime writes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from followed import Files, follower_of, opened

from sidecar.records.follow.follower import Follower
from sidecar.records.store import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store of the shipped kinds."""
    async with opened(tmp_path / "s.db") as store:
        yield store


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """The folder of a runtime that has written nothing yet."""
    files = Files(tmp_path / "state")
    files.folder.mkdir()
    return files


@pytest.fixture
def follower(store: Store, files: Files) -> Follower:
    """Follows the folder, when it is told to look."""
    return follower_of(store, files.folder)
