"""Which bodies are taken as a recovery choice."""

import pytest
from routes import RUNS
from serving import Served
from small_world import ANN, RUN


@pytest.mark.parametrize(
    ("content_type", "data", "status", "error"),
    [
        (None, b'{"choice":"compensate"}', 415, "unsupported_media_type"),
        ("text/plain", b'{"choice":"compensate"}', 415, "unsupported_media_type"),
        ("application/x-json", b'{"choice":"compensate"}', 415, "unsupported_media_type"),
        ("application/json", b"", 400, "invalid_json"),
        ("application/json", b'{"choice":"compensate"} 1', 400, "invalid_json"),
        ("application/json", b'{"choice":"compensate","choice":"compensate"}', 400, "invalid_json"),
        ("application/json", b'{"choice":NaN}', 400, "invalid_json"),
        ("application/json", b"[" * 60_000, 400, "invalid_json"),
        ("application/json", b'\xef\xbb\xbf{"choice":"compensate"}', 400, "invalid_json"),
        ("application/json", b'{"choice":"\\ud800"}', 400, "invalid_json"),
        ("application/json", b"{}", 422, "invalid_body"),
        ("application/json", b'"compensate"', 422, "invalid_body"),
        ("application/json", b'{"choice":null}', 422, "invalid_body"),
        ("application/json", b'{"choice":1}', 422, "invalid_body"),
        ("application/json", b'{"choice":"compensate","reason":true}', 422, "invalid_body"),
        ("application/json", b'{"choice":"compensate","dead_letter_id":7}', 422, "invalid_body"),
        ("application/json", b'["compensate",null,null,null,null]', 422, "invalid_body"),
        ("application/json", b'{"choice":" "}', 400, "stateful_recovery_choice_required"),
        ("application/json", b'{"choice":"burn"}', 400, "unknown_recovery_choice"),
    ],
)
async def test_bodies_refused(world: Served, content_type: str | None, data: bytes, status: int, error: str) -> None:
    """A body is JSON by its type and by its bytes, an object of texts with a known choice; nothing is recorded else."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await world.ask("POST", f"{RUN}/resume-plan", ANN, data=data, headers=headers)
    assert (answer.status, answer.body["error"]) == (status, error)
    assert (await world.get(f"{RUN}/events", ANN))["count"] == 2


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("application/json; charset=utf-8", b'{"choice":"compensate","more":[1]}'),
        ("application/vnd.acme+json", b' {"choice":"COMPENSATE","reason":null} '),
        ("application/json", b'["compensate","because",null,null,null,"t-1"]'),
    ],
)
async def test_bodies_accepted(world: Served, content_type: str, data: bytes) -> None:
    """A JSON type of a vendor is one, members nobody knows are ignored, and six members may come by their places."""
    answer = await world.ask("POST", f"{RUN}/resume-plan", ANN, data=data, headers={"Content-Type": content_type})
    assert (answer.status, answer.body["choice"]) == (200, "compensate")


async def test_large_bodies(world: Served) -> None:
    """A choice over 64 KiB is 413, and a packed one is not unpacked."""
    json = {"Content-Type": "application/json"}
    answer = await world.ask("POST", f"{RUN}/resume-plan", ANN, data=b" " * (64 * 2**10 + 1), headers=json)
    assert (answer.status, answer.body["error"]) == (413, "body_too_large")
    packed = {**json, "Content-Encoding": "gzip"}
    answer = await world.ask("POST", f"{RUN}/resume-plan", ANN, data=b"\x1f\x8b", headers=packed)
    assert (answer.status, answer.body["error"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("data", "status", "error"),
    [
        (b"{", 400, "invalid_json"),
        (b"{}", 422, "invalid_body"),
        (b'{"choice":"burn"}', 404, "stateful_run_not_found"),
        (b'{"choice":" "}', 404, "stateful_run_not_found"),
        (b'{"choice":"compensate","dead_letter_id":"gone"}', 404, "stateful_run_not_found"),
    ],
)
async def test_the_body_is_read_before_the_run_and_understood_after(
    world: Served, data: bytes, status: int, error: str
) -> None:
    """A body that is no body of a choice is refused before anything is looked up; what it says, after the run is found."""
    json = {"Content-Type": "application/json"}
    answer = await world.ask("POST", f"{RUNS}/gone/resume-plan", ANN, data=data, headers=json)
    assert (answer.status, answer.body["error"]) == (status, error)


async def test_a_choice_has_no_parameters(world: Served) -> None:
    """A choice is said in its body: the parameters of the plan itself are unknown to it."""
    answer = await world.post(f"{RUN}/resume-plan?limit=1", ANN, {"choice": "compensate"})
    assert (answer.status, answer.body["error"], answer.body["parameter"]) == (400, "unknown_parameter", "limit")
