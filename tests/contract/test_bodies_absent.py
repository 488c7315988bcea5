"""Every field of the answer when a run, a row or a record is not there."""

import pytest
from routes import RUNS
from serving import Served
from small_world import ANN


@pytest.mark.parametrize("route", ["", "/reliability", "/observability", "/resume-plan"])
async def test_no_such_run(world: Served, route: str) -> None:
    """A run that is not there is named in the answer."""
    status, body = await world.refused(f"{RUNS}/nothing%2Fhere{route}", ANN)
    assert status == 404
    assert set(body) == {"error", "message", "run_id"}
    assert (body["error"], body["run_id"]) == ("stateful_run_not_found", "nothing/here")


async def test_no_such_rows(world: Served) -> None:
    """A snapshot, a dead letter and a compensation that are not there are named in their answers."""
    status, body = await world.refused(f"{RUNS}/run-a/snapshots/s%209", ANN)
    assert status == 404
    assert set(body) == {"error", "message", "run_id", "snapshot_id"}
    assert (body["error"], body["run_id"], body["snapshot_id"]) == ("stateful_snapshot_not_found", "run-a", "s 9")
    for row in ("dead_letter", "compensation"):
        named = {"choice": "compensate", f"{row}_id": "gone"}
        answer = await world.post(f"{RUNS}/run-a/resume-plan", ANN, named)
        assert answer.status == 404
        assert set(answer.body) == {"error", "message", f"{row}_id"}
        assert (answer.body["error"], answer.body[f"{row}_id"]) == (f"stateful_{row}_not_found", "gone")


@pytest.mark.parametrize("path", ["tool_effect/gone", "tool_effect/run-a/t-1", "no_such_kind/t-1", "no_such_kind"])
async def test_no_such_record(world: Served, path: str) -> None:
    """A record that is not there, under its kind or any other, is answered without a word about it."""
    status, body = await world.refused(f"/v1/records/{path}", ANN)
    assert (status, body["error"], set(body)) == (404, "record_not_found", {"error", "message"})
