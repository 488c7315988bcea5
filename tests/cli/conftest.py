"""The command line run as people run it, in an empty folder of its own."""

from pathlib import Path

import pytest
import stores
from cli_samples import Ran, Sidecar
from shipped_kinds import kinds

from sidecar.cli import main


@pytest.fixture
def sidecar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sidecar:
    """Runs one command in this process, in ``tmp_path``, with no setting from outside."""
    monkeypatch.chdir(tmp_path)
    for name in ("STORE", "POLICIES", "SCHEMAS", "CONFIG"):
        monkeypatch.delenv(f"SIDECAR_{name}", raising=False)
    if stores.chosen.name != "sqlite":
        monkeypatch.setenv("SIDECAR_STORE", stores.url(tmp_path / "sidecar.db", kinds()))

    def run(*words: str) -> Ran:
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as error:
            code = int(error.code or 0)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run
