"""Who sees what, on every store."""

import pytest


@pytest.fixture(autouse=True)
def _on_every_store(store_name: str) -> None:
    """Every test of this folder runs on every store."""
