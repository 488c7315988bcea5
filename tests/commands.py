"""The product as other processes use it: commands with an exit code, and a server stopped by its own pid.

Nothing from outside reaches them: no setting of the environment, no import path, no configuration file beside them.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

COMMAND_S = 120.0
STOP_S = 15.0


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Serving:
    """A server under way."""

    port: int

    def get(self, path: str, **identity: str) -> tuple[int, Any]:
        """Status and JSON of one GET, ``org_id="acme"`` being sent as ``x-tandem-org-id: acme``."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            named = {"org_id": "acme", "workspace_id": "main", **identity}
            headers = {f"x-tandem-{name.replace('_', '-')}": value for name, value in named.items()}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


@dataclass(frozen=True)
class Commands:
    """One way to start the product, in one working directory."""

    folder: Path
    program: Sequence[str] = (sys.executable, "-P", "-m", "sidecar")

    def run(self, *words: str | Path, given: str | None = None) -> Ran:
        """Run one command to its end."""
        ended = subprocess.run(
            [*self.program, *map(str, words)],
            cwd=self.folder,
            env=_environment(),
            input=given,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    @contextmanager
    def serving(self, *words: str | Path) -> Iterator[Serving]:
        """``serve`` on a free port until the block ends; then it must end well."""
        listen = ("--listen", "127.0.0.1:0", "--admin-listen", f"unix:{self.folder}/admin.sock")
        process = subprocess.Popen(
            [*self.program, "serve", *listen, *map(str, words)],
            cwd=self.folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first.startswith("sidecar: answering on "), (first, process.stderr and process.stderr.read())
            yield Serving(int(first.split(" ")[3].rpartition(":")[2]))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                _, said = process.communicate(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise
        assert process.returncode == 0, said


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SIDECAR_", "PYTHON")) and name != "VIRTUAL_ENV"
    }
