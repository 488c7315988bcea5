"""Handing records over: whole or not at all, durable before it is acknowledged, each kind by its write rule."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import serving
from answer import Answer
from offered import OPERATOR, RECORDS, TENANT, audit, event, line, lines, membership, scope, stored, unit, wait
from serving import Served
from yarl import URL

from sidecar.http import admin as admin_side

pytestmark = pytest.mark.usefixtures("store_name")


async def test_accepted_is_durable(served: Served, tmp_path: Path) -> None:
    """What was acknowledged is on disk, for another connection to find."""
    answer = await served.admin("POST", RECORDS, lines(("wait", wait("a")), ("event", event()), ("wait", wait("b"))))
    assert (answer.status, answer.body) == (200, {"accepted": 3})
    assert [record["wait_id"] for record in stored(tmp_path, "wait")] == ["a", "b"]
    assert len(stored(tmp_path, "event")) == 1


async def test_accepted_is_served(served: Served) -> None:
    """What was acknowledged is shown to the next request of a caller who may see it."""
    await served.admin("POST", RECORDS, line("wait", wait()))
    assert (await served.get("/v1/records/wait", OPERATOR))["count"] == 1


async def test_every_answer_has_the_same_headers(served: Served) -> None:
    """Nobody may keep an answer, and each names the policies in force, refusals too."""
    asked = [("POST", RECORDS, b""), ("POST", RECORDS, b"x"), ("GET", "/nowhere", None), ("GET", RECORDS, None)]
    for method, path, data in asked:
        answer = await served.admin(method, path, data)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Sidecar-Policy"] == served.service.bundles.current.revision
        assert answer.headers["Content-Type"] == "application/json"


async def test_one_bad_line_refuses_all(served: Served, tmp_path: Path) -> None:
    """Nothing of a body is stored when any line of it is wrong; every wrong one is told at its line, counted from 1."""
    body = b"\n" + line("wait", wait("a")) + b" \r\n" + line("wait", {"wait_id": 5}) + line("vait", {}) + b"[]"
    answer = await served.admin("POST", RECORDS, body)
    assert (answer.status, answer.body["error"]) == (422, "invalid_records")
    assert {reject["line"] for reject in answer.body["rejected"]} == {4, 5, 6}
    assert answer.body["rejected_count"] == len(answer.body["rejected"])
    assert all(set(reject) == {"line", "kind", "pointer", "message"} for reject in answer.body["rejected"])
    [unknown] = [reject for reject in answer.body["rejected"] if reject["line"] == 5]
    assert unknown["kind"] == "vait"
    assert "'wait'" in unknown["message"]
    assert stored(tmp_path, "wait") == []


async def test_rejects_are_bounded(served: Served) -> None:
    """An answer lists at most a thousand rejects with short texts, and still counts them all."""
    body = line("x" * 100_000, {}) + line("wait", {"y" * 100_000: 1, "wait_id": 5}) + b"{}\n" * 1_500
    answer = await served.admin("POST", RECORDS, body)
    assert len(answer.body["rejected"]) == 1_000
    assert answer.body["rejected_count"] >= 1_502
    assert len(answer.raw) < 300_000


async def test_nothing_is_accepted(served: Served) -> None:
    """A body of blank lines holds no records, and says so."""
    for body in (b"", b"\n \n\r\n"):
        answer = await served.admin("POST", RECORDS, body)
        assert (answer.status, answer.body) == (200, {"accepted": 0})


async def test_the_last_line_needs_no_end(served: Served) -> None:
    """Lines end with LF or CRLF, the last one with nothing if it likes."""
    body = line("wait", wait("a")).replace(b"\n", b"\r\n") + line("wait", wait("b")).rstrip(b"\n")
    assert (await served.admin("POST", RECORDS, body)).body == {"accepted": 2}


@pytest.mark.parametrize(
    ("given", "answered", "status"),
    [(19, {"accepted": 1, "stale": 1}, "waiting"), (20, {"accepted": 1}, "claimed"), (21, {"accepted": 1}, "claimed")],
)
async def test_the_newer_stays(served: Served, tmp_path: Path, given: int, answered: Any, status: str) -> None:
    """An older record never replaces a newer one and is counted as stale; an equal or a newer one replaces."""
    await served.admin("POST", RECORDS, line("wait", wait()))
    answer = await served.admin("POST", RECORDS, line("wait", wait(status="claimed", updated_at_ms=given)))
    assert (answer.status, answer.body) == (200, answered)
    assert [record["status"] for record in stored(tmp_path, "wait")] == [status]


async def test_the_last_write_wins_without_a_time(served: Served, tmp_path: Path) -> None:
    """A kind without a time of change takes the last record, within a body too."""
    body = lines(("org_unit_membership", membership(created_at_ms=9)), ("org_unit_membership", membership()))
    assert (await served.admin("POST", RECORDS, body)).body == {"accepted": 2}
    await served.admin("POST", RECORDS, line("org_unit_membership", membership(created_at_ms=7)))
    assert [record["created_at_ms"] for record in stored(tmp_path, "org_unit_membership")] == [7]


@pytest.mark.parametrize(("kind", "make"), [("event", event), ("protected_audit_event", audit)])
async def test_append_only(served: Served, tmp_path: Path, kind: str, make: Any) -> None:
    """What is append-only may come again unchanged; changed it refuses the whole body and names the line."""
    assert (await served.admin("POST", RECORDS, line(kind, make()))).body == {"accepted": 1}
    assert (await served.admin("POST", RECORDS, line(kind, make()))).body == {"accepted": 1}
    answer = await served.admin("POST", RECORDS, lines((kind, make("new")), (kind, make(event_type="other"))))
    assert (answer.status, answer.body["error"]) == (409, "record_conflict")
    [reject] = answer.body["rejected"]
    assert (reject["line"], reject["kind"], answer.body["rejected_count"]) == (2, kind, 1)
    assert [record["event_id"] for record in stored(tmp_path, kind)] == [make()["event_id"]]


async def test_a_body_may_not_contradict_itself(served: Served, tmp_path: Path) -> None:
    """Two append-only records of one key and two contents in one body are a conflict."""
    answer = await served.admin("POST", RECORDS, lines(("event", event()), ("event", event(seq=2))))
    assert (answer.status, answer.body["rejected"][0]["line"]) == (409, 2)
    assert stored(tmp_path, "event") == []


async def test_the_tenant_is_part_of_the_key(served: Served, tmp_path: Path) -> None:
    """The same id in two tenants is two records: what another tenant holds under it changes nothing."""
    mine, other = event(), event(seq=9, scope=scope(workspace_id="side"))
    deployed = event(seq=8, scope=scope(deployment_id="eu"))
    for record in (other, deployed, mine):
        assert (await served.admin("POST", RECORDS, line("event", record))).body == {"accepted": 1}
    assert len(stored(tmp_path, "event")) == 3
    older = wait(updated_at_ms=1, scope=scope(org_id="rival"))
    await served.admin("POST", RECORDS, line("wait", wait()))
    assert (await served.admin("POST", RECORDS, line("wait", older))).body == {"accepted": 1}


async def test_a_record_says_whose_it_is(served: Served) -> None:
    """Over HTTP nothing belongs to a default tenant."""
    answer = await served.admin("POST", RECORDS, line("wait", wait(scope={})))
    assert (answer.status, answer.body["rejected"][0]["pointer"]) == (422, "/scope/tenant_context")


async def test_catalogue_takes_effect(served: Served) -> None:
    """A membership that is acknowledged decides the very next request."""
    await served.admin("POST", RECORDS, line("wait", wait(scope={**scope(), "owning_org_unit_id": "finance"})))
    ann = serving.Who(units="")
    assert (await served.get("/v1/records/wait", ann))["count"] == 0
    body = lines(("org_unit", unit()), ("org_unit_membership", membership()))
    assert (await served.admin("POST", RECORDS, body)).body == {"accepted": 2}
    assert (await served.get("/v1/records/wait", ann))["count"] == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "identity, gzip"},
    ],
)
async def test_only_plain_ndjson(served: Served, tmp_path: Path, headers: dict[str, str]) -> None:
    """A body of another type, or a packed one, is not read at all, and the answer says which one would be."""
    answer = await served.admin("POST", RECORDS, line("wait", wait()), headers=headers)
    assert (answer.status, answer.body["error"]) == (415, "unsupported_media_type")
    assert ("Content-Encoding" if "Content-Encoding" in headers else "application/x-ndjson") in answer.body["message"]
    assert stored(tmp_path, "wait") == []


@pytest.mark.parametrize("chunked", [False, True])
async def test_bodies_are_bounded(tmp_path: Path, *, chunked: bool) -> None:
    """A body over the limit is refused, whether it announces its length or not, and nothing of it is stored."""
    whole = b"".join(line("wait", wait(f"w{number}")) for number in range(100))

    async def pieces() -> Any:
        for start in range(0, len(whole), 1_000):
            yield whole[start : start + 1_000]

    async with serving.served(tmp_path, body_bytes=len(whole) - 1) as sidecar:
        answer = await sidecar.admin("POST", RECORDS, pieces() if chunked else whole)
        assert (answer.status, answer.body["error"]) == (413, "body_too_large")
    assert stored(tmp_path, "wait") == []
    async with serving.served(tmp_path, body_bytes=len(whole)) as sidecar:
        assert (await sidecar.admin("POST", RECORDS, pieces() if chunked else whole)).body == {"accepted": 100}


async def test_an_announced_size_is_enough(served: Served) -> None:
    """A body that announces too many bytes is refused before any of them comes."""
    port = URL(served.admin_url).port
    head = (
        f"POST {RECORDS} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: {2**30}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode())
    async with asyncio.timeout(5):
        assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("end", [b"\n", b""])
async def test_lines_are_bounded(tmp_path: Path, end: bytes) -> None:
    """A record over the limit is refused with its line, and nothing of the body is stored."""
    long = line("wait", wait("long", run_id="r" * 2_000)).rstrip(b"\n") + end
    async with serving.served(tmp_path, record_bytes=1_000) as sidecar:
        answer = await sidecar.admin("POST", RECORDS, line("wait", wait()) + long)
        assert (answer.status, answer.body["error"], answer.body["line"]) == (413, "record_too_large", 2)
        assert (await sidecar.admin("POST", RECORDS, line("wait", wait()) * 50)).status == 200
    assert len(stored(tmp_path, "wait")) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        line("wait", wait(status="nothing-like-it", wait_kind=5)) * 2_000,
        b'{"kind":"wait","record":{"wake_payload":[' + b"1," * 150_000,
    ],
    ids=["many lines", "one line"],
)
async def test_long_bodies_give_way(served: Served, wrong: bytes) -> None:
    """While a long body, or a long record, is validated, other requests are answered."""
    importing = asyncio.create_task(served.admin("POST", RECORDS, wrong))
    answered = 0
    while not importing.done():
        await served.admin("GET", "/livez")
        answered += 1
    assert (await importing).status == 422
    assert answered >= 10


async def test_bodies_at_once_are_bounded(served: Served) -> None:
    """So many bodies are read at once, and the next one is told to come again; then there is room anew."""
    release = asyncio.Event()

    async def slow() -> Any:
        yield b"\n"
        await release.wait()

    async def hold() -> Answer:
        answer = await served.admin("POST", RECORDS, slow())
        return await hold() if answer.status == 429 else answer

    held = [asyncio.create_task(hold()) for _ in range(admin_side.MOST_IMPORTS)]
    async with asyncio.timeout(5):
        while (answer := await served.admin("POST", RECORDS, b"")).status == 200:
            pass
    assert (answer.status, answer.body["error"], answer.headers["Retry-After"]) == (429, "too_many_requests", "1")
    release.set()
    assert [one.status for one in await asyncio.gather(*held)] == [200] * len(held)
    assert (await served.admin("POST", RECORDS, b"")).status == 200


async def test_no_parameter_is_read(served: Served) -> None:
    """A parameter that would do nothing is refused, not ignored."""
    for method, path in (("POST", RECORDS), ("PUT", RECORDS + "/wait/r/w")):
        answer = await served.admin(method, path + "?org_id=acme", b"")
        assert (answer.status, answer.body["error"]) == (400, "unknown_parameter")


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allow"),
    [
        ("GET", RECORDS, 405, "method_not_allowed", "POST"),
        ("OPTIONS", RECORDS, 405, "method_not_allowed", "POST"),
        ("GET", RECORDS + "/wait/r/w", 405, "method_not_allowed", "DELETE, PUT"),
        ("POST", "/readyz", 405, "method_not_allowed", "GET, HEAD"),
        ("GET", "/", 404, "not_found", None),
        ("POST", RECORDS + "/", 404, "not_found", None),
        ("PUT", RECORDS + "/wait", 404, "not_found", None),
        ("GET", "/v1/records/wait", 404, "not_found", None),
    ],
)
async def test_unknown_routes(
    served: Served, method: str, path: str, status: int, code: str, allow: str | None
) -> None:
    """Unknown routes and methods are told in JSON; a method that is not known here gets those that are."""
    answer = await served.admin(method, path)
    assert (answer.status, answer.body["error"], answer.headers.get("Allow")) == (status, code, allow)


async def test_tenants_are_named_whole(served: Served) -> None:
    """A blank part of a tenant or a key is refused at its pointer."""
    for kind, record, pointer in (
        ("wait", wait(" "), "/wait_id"),
        ("event", event(scope=scope(deployment_id="")), "/scope/tenant_context/deployment_id"),
        ("org_unit", unit(tenant_context={**TENANT, "org_id": "\t"}), "/tenant_context/org_id"),
    ):
        answer = await served.admin("POST", RECORDS, line(kind, record))
        assert (answer.status, answer.body["rejected"][0]["pointer"]) == (422, pointer)
