"""What the server itself answers, past every handler of ours, keeps the same laws."""

from pathlib import Path

import pytest
from attacked import LOW, hostile
from wire import ask, request

pytestmark = pytest.mark.usefixtures("store_name")

TARGETS = (b"/stateful-runtime/runs", b"/v1/records/event/open/open", b"/nowhere")


@pytest.mark.parametrize("expected", [b"200-ok", b"\xff", b"100-continue, x", b"<script>"])
async def test_an_expectation_is_refused_as_json_without_quoting_it(tmp_path: Path, expected: bytes) -> None:
    """A request that expects what nobody does here is told so as anybody is told anything, whatever bytes it sends."""
    async with hostile(tmp_path) as there:
        for target in TARGETS:
            got = await ask(there.port, request(target, LOW[0], headers=((b"Expect", expected),)))
            assert (got.status, got.told["error"]) == (417, "expectation_failed")
            assert got.headers["cache-control"] == "no-store"
            assert got.headers["x-sidecar-policy"]
            assert expected not in got.body


async def test_who_may_go_on_is_told_to(tmp_path: Path) -> None:
    """A request that waits to be told to go on is told so, and answered; an empty expectation is none."""
    async with hostile(tmp_path) as there:
        for expected in (b"100-continue", b"100-Continue"):
            got = await ask(there.port, request(TARGETS[0], LOW[0], headers=((b"Expect", expected),)))
            assert got.status == 200
