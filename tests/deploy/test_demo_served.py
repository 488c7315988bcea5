"""``make demo`` as a newcomer meets it: the process, what it prints, and the questions it proposes."""

import os
import re
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest

DEMO = Path(__file__).parents[2] / "deploy" / "demo" / "demo.py"
README = Path(__file__).parents[2] / "README.md"
PATIENCE_S = 30


@dataclass(frozen=True)
class Asked:
    """A curl line as the demo prints it."""

    url: str
    headers: dict[str, str]

    @classmethod
    def of(cls, line: str) -> "Asked":
        words = shlex.split(line)
        headers = [words[at + 1] for at, word in enumerate(words) if word == "-H"]
        return cls(words[-1], dict(header.split(": ", 1) for header in headers))

    def answer(self) -> tuple[int, dict]:
        """Status and body, once the server listens."""
        parts = urlsplit(self.url)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            connection = HTTPConnection(parts.netloc, timeout=PATIENCE_S)
            try:
                connection.request("GET", parts._replace(scheme="", netloc="").geturl(), headers=self.headers)
                response = connection.getresponse()
                return response.status, orjson.loads(response.read())
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, f"nobody listens on {parts.netloc}"
                time.sleep(0.05)
            finally:
                connection.close()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Asked]]:
    """The demo under way on free ports, and the curl lines it prints; it has to end well when it is told to."""
    listen, admin = free_address(), free_address()
    command = [sys.executable, DEMO, "--listen", listen, "--admin-listen", admin]
    given = {name: value for name, value in os.environ.items() if not name.startswith("SIDECAR_")}
    environment = {**given, "TMPDIR": str(tmp_path_factory.mktemp("demo"))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        late = threading.Timer(PATIENCE_S, process.kill)
        late.start()
        try:
            lines: list[Asked] = []
            while len(lines) < 3 and (line := process.stdout.readline()):
                lines += [Asked.of(line)] if line.startswith("curl ") else []
            late.cancel()
            yield lines
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
        finally:
            late.cancel()
            process.kill()


def free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_the_three_questions_are_answered(asked: list[Asked]) -> None:
    """An operator gets a list, an analyst what went wrong, and a stranger to the run the answer for what is not there."""
    listed, observed, hidden = (question.answer() for question in asked)
    assert listed[0] == 200
    assert [row["run"]["status"] for row in listed[1]["runs"]] == ["awaiting_approval"] * 3
    assert observed[0] == 200
    assert observed[1]["run"]["status"] == "failed"
    assert observed[1]["operator_summary"]["is_blocked"]
    assert hidden == (404, {**hidden[1], "error": "stateful_run_not_found"})


def test_the_first_question_is_that_of_the_readme(asked: list[Asked]) -> None:
    """The curl line that the README shows is the first that the demo prints, but for where it listens."""
    line = re.search(r"^curl .+?'$", README.read_text(), re.DOTALL | re.MULTILINE)
    assert line is not None
    told = Asked.of(line[0].replace("\\\n", " "))
    assert told.headers == asked[0].headers
    assert told.url == asked[0].url.replace(urlsplit(asked[0].url).netloc, "127.0.0.1:8480")


def test_hidden_is_answered_like_absent(asked: list[Asked]) -> None:
    """The answer to the third question differs from that for a run nobody has ever started by the run's id only."""
    run_id = asked[2].url.rpartition("/")[2]
    status, body = Asked(asked[2].url.replace(run_id, "run-never-started"), asked[2].headers).answer()
    hidden_status, hidden = asked[2].answer()
    assert (status, orjson.dumps(body).replace(b"run-never-started", run_id.encode())) == (
        hidden_status,
        orjson.dumps(hidden),
    )
