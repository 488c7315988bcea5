"""The ten scenarios of a runtime once more, behind row-level security: nothing that must be seen is lost by that wall."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_runtime_scenarios import *  # noqa: F403 - the same tests, one for one
from walled import everything_walled


@pytest.fixture(autouse=True)
def _on_every_store(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every test runs on PostgreSQL behind the wall, the command line included."""
    config = Path(tmp_path_factory.mktemp("config")) / "sidecar.yaml"
    config.write_text("store:\n  row_level_security: true\n")
    monkeypatch.setenv("SIDECAR_CONFIG", str(config))
    with everything_walled(monkeypatch):
        yield
