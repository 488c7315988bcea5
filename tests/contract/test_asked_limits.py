"""Limits and other whole numbers of a URL: what is one, and what is made of it."""

from pathlib import Path

import pytest
from routes import RELIABILITY, RUNS
from serving import Served, served
from small_world import ANN, RECORDS, RUN

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOO_LARGE = 2**64


@pytest.mark.parametrize(
    ("sent", "used"),
    [
        ("5", 5),
        ("%2B5", 5),
        ("007", 7),
        ("%2B007", 7),
        ("0", 1),
        ("1000", 1_000),
        ("1001", 1_000),
        (str(2**63), 1_000),
        (str(TOO_LARGE - 1), 1_000),
        ("0" * 5_000 + "7", 7),
    ],
)
async def test_limits_accepted(shared_world: Served, sent: str, used: int) -> None:
    """A whole number in digits is a limit, with a plus sign and leading zeros too; out of range it is moved inside."""
    assert (await shared_world.get(f"{RUNS}?limit={sent}", ANN))["limit"] == used


@pytest.mark.parametrize(
    "sent",
    [
        *("abc", "-1", "-0", "1.5", "1e3", "0x10", "%205", "5%20", "+5", "5+", "1_000", "%2B", "%2B%2B5", "5%00"),
        *("%EF%BC%95", "%D9%A5", "true", "null", "[5]", "5;limit=6", "%FF", "", str(TOO_LARGE), "9" * 5_000),
    ],
)
async def test_limits_refused(shared_world: Served, sent: str) -> None:
    """Whatever is no whole number below 2^64 in ASCII digits is refused in JSON, by the name of its parameter."""
    status, body = await shared_world.refused(f"{RUNS}?limit={sent}", ANN)
    assert status == 400
    assert (body["error"], body["parameter"]) == ("invalid_parameter", "limit")
    assert set(body) == {"error", "message", "parameter"}


async def test_bare_limit(shared_world: Served) -> None:
    """A name without a value is a value that is empty."""
    status, body = await shared_world.refused(f"{RUNS}?limit", ANN)
    assert (status, body["error"], body["parameter"]) == (400, "invalid_parameter", "limit")


@pytest.mark.parametrize(
    ("path", "parameter", "default", "most"),
    [
        (RUNS, "limit", 250, 1_000),
        (f"{RUN}/events", "limit", 250, 1_000),
        (f"{RUN}/snapshots", "limit", 250, 1_000),
        (RELIABILITY, "limit", 250, 1_000),
        (f"{RUN}/reliability", "limit", 250, 1_000),
        ("/v1/records/wait", "limit", 100, 1_000),
    ],
)
async def test_limits_told(shared_world: Served, path: str, parameter: str, default: int, most: int) -> None:
    """Every page tells the limit that was used: its default, and the ends of its range."""
    assert (await shared_world.get(path, ANN))["limit"] == default
    for sent, used in ((0, 1), (1, 1), (most, most), (most + 1, most)):
        assert (await shared_world.get(f"{path}?{parameter}={sent}", ANN))["limit"] == used


@pytest.mark.parametrize("name", ["event_limit", "snapshot_limit", "reliability_limit", "audit_limit"])
async def test_observability_limits(shared_world: Served, name: str) -> None:
    """Each of the four limits of observability is 100 unless given, and between 1 and 500."""
    for sent, used in (("", 100), (f"?{name}=0", 1), (f"?{name}=500", 500), (f"?{name}=501", 500)):
        limits = (await shared_world.get(f"{RUN}/observability{sent}", ANN))["limits"]
        assert limits[name] == used
        assert [value for other, value in limits.items() if other != name] == [100, 100, 100]


async def test_untold_limits(tmp_path: Path) -> None:
    """The detail shows 50 events and 10 snapshots unless asked for more, and never more than a thousand of either."""
    async with served(tmp_path) as sidecar:
        records = dict(RECORDS)
        kept = [("automation_run", records["automation_run"])]
        for seq in range(1, 1_003):
            kept.append(("event", {**records["event"], "event_id": f"e-{seq}", "seq": seq}))
            kept.append(("snapshot", {**records["snapshot"], "snapshot_id": f"s-{seq}", "seq": seq}))
        await sidecar.take(*kept)
        detail = await sidecar.get(RUN, ANN)
        assert [event["seq"] for event in detail["events"]] == list(range(953, 1_003))
        assert [snapshot["seq"] for snapshot in detail["snapshots"]] == list(range(993, 1_003))
        detail = await sidecar.get(f"{RUN}?event_limit=1001&snapshot_limit=9999", ANN)
        assert (len(detail["events"]), len(detail["snapshots"])) == (1_000, 1_000)
        events = await sidecar.get(f"{RUN}/events?tail=1001", ANN)
        assert (events["count"], events["limit"], events["last_seq"]) == (1_000, 1_000, 1_002)
        log = await sidecar.get(f"{RUN}/events?limit=1000&after_seq={2**64 - 1}", ANN)
        assert log["count"] == 0


async def test_greatest_integers(shared_world: Served) -> None:
    """A number above what a record may hold is above every record; above 2^64-1 it is refused."""
    assert (await shared_world.get(f"{RUN}/events?before_seq={TOO_LARGE - 1}", ANN))["count"] == 2
    assert (await shared_world.get(f"{RUN}/events?after_seq={2**63}", ANN))["count"] == 0
    status, body = await shared_world.refused(f"{RUN}/events?after_seq={TOO_LARGE}", ANN)
    assert (status, body["parameter"]) == (400, "after_seq")
    status, body = await shared_world.refused(f"{RUN}/events?after_seq=", ANN)
    assert (status, body["parameter"]) == (400, "after_seq")
