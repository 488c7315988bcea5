"""What one caller may take of what its whole tenant shares."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from attacked import LOW, SHORT, hostile
from wire import ask, request

pytestmark = pytest.mark.usefixtures("store_name")

RUNS = b"/stateful-runtime/runs"


async def test_bodies_that_do_not_come_take_nobodys_turn(tmp_path: Path) -> None:
    """Of a tenant that may have two requests running, one caller's half-sent bodies leave both to the others."""
    async with hostile(tmp_path, replace(SHORT, requests_per_tenant=2)) as there:
        choice = request(RUNS + b"/open/resume-plan", LOW[0], method=b"POST", body=b"{}")
        dribbling = [await asyncio.open_connection("127.0.0.1", there.port) for _ in range(8)]
        for _, writer in dribbling:
            writer.write(choice[:-1])
            await writer.drain()
        await asyncio.sleep(0.1)
        assert (await ask(there.port, request(RUNS, LOW[1]))).status == 200
        for _, writer in dribbling:
            writer.close()
