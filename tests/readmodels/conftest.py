"""A fresh world for each test; the bundle is compiled once."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import stores
from shipped_kinds import intake, kinds
from world import World

from sidecar.policy.bundle import Bundle, build
from sidecar.shipped import shipped


@pytest.fixture(scope="session")
def shipped_bundle() -> Bundle:
    """The product's own policies."""
    return build([shipped("policies")], kinds())


@pytest.fixture
async def world(tmp_path: Path, shipped_bundle: Bundle) -> AsyncIterator[World]:
    """An empty store under the shipped policies."""
    async with stores.opened(tmp_path / "world.db", kinds(), intake().accept) as store:
        yield World(store, intake(), shipped_bundle)


@pytest.fixture
def masking(tmp_path: Path) -> Callable[[str, str], Bundle]:
    """The shipped policies and one more, which masks a field of a kind for all but auditors."""

    def bundle(kind: str, field: str) -> Bundle:
        folder = tmp_path / "more"
        folder.mkdir()
        (folder / "masks.yaml").write_text(
            "apiVersion: sidecar/v1\npolicy: masks\ndescription: Some of it is for auditors.\n"
            f"applies_to: [{kind}]\nrules:\n  - allow: everyone\n    when: 'true'\n"
            f"redact:\n  - field: record.{field}\n    unless: '\"auditor\" in caller.roles'\n"
        )
        return build([shipped("policies"), folder], kinds())

    return bundle


@pytest.fixture(autouse=True)
def _on_every_store(store_name: str) -> None:
    """Every test of this folder runs on every store."""
