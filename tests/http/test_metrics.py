"""What is counted: each answer once, by few labels, told to those who have a token."""

import hashlib
from pathlib import Path

import pytest
import serving
from serving import Served, Who

from sidecar.config import Writer

pytestmark = pytest.mark.usefixtures("store_name")

READ_ROUTES = 12


async def counts(served: Served) -> dict[str, float]:
    answer = await served.admin("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = [line.rsplit(" ", 1) for line in answer.raw.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


async def test_metrics_need_a_token(tmp_path: Path) -> None:
    """How much is asked is nobody's business: with a token set, metrics are told to whoever has one."""
    async with serving.served(tmp_path, writers=[Writer(hashlib.sha256(b"secret").digest())]) as sidecar:
        assert (await sidecar.admin("GET", "/metrics")).status == 401
        answer = await sidecar.admin("GET", "/metrics", headers={"Authorization": "Bearer secret"})
        assert answer.status == 200
        assert (await sidecar.refused("/metrics", Who()))[0] == 404


async def test_every_answer_is_counted_once(served: Served) -> None:
    """Counts by status add up to the requests, refused ones included, and each has its duration."""
    asked = 0
    for path, times in (("/v1/records/wait", 3), ("/v1/records/wait?limit=x", 2), ("/nowhere", 4)):
        for _ in range(times):
            await served.ask("GET", path, Who())
            asked += 1
    await served.ask("GET", "/v1/records/wait", Who(org=""))
    found = await counts(served)
    assert found['sidecar_requests_total{route="/v1/records/{kind}",status="200"}'] == 3
    assert found['sidecar_requests_total{route="/v1/records/{kind}",status="401"}'] == 1
    assert sum(value for name, value in found.items() if name.startswith("sidecar_requests_total")) == asked + 1
    timed = {name: value for name, value in found.items() if name.startswith("sidecar_request_duration_seconds_count")}
    assert sum(timed.values()) == asked + 1


async def test_whatever_is_asked_there_are_few_metrics(served: Served) -> None:
    """Paths, methods and ids that a caller makes up become no labels."""
    for number in range(40):
        await served.ask("GET", f"/v1/records/kind{number}/id{number}", Who(org=f"org{number}"))
        await served.ask(f"M{number}", f"/stateful-runtime/runs/run{number}", Who())
        await served.ask("GET", f"/{number}", Who())
    routes = {name for name in await counts(served) if name.startswith("sidecar_request_duration_seconds_count")}
    assert len(routes) <= READ_ROUTES + 1
    assert not [name for name in await counts(served) if "run1" in name or "id1" in name or "org1" in name]


async def test_nothing_of_following_is_told_where_nothing_is_followed(served: Served) -> None:
    """A gauge that is always nothing would look like a fresh store."""
    assert not [name for name in await counts(served) if "follow" in name.partition("{")[0]]
