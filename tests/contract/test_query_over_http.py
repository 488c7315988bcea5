"""What a URL may say: the values each parameter accepts and refuses, and the paths that name a route."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from serving import Served, Who, served
from small_world import ANN, RECORDS

RUNS = "/stateful-runtime/runs"
RUN = f"{RUNS}/run-a"
RELIABILITY = "/stateful-runtime/reliability"
TOO_LARGE = 2**64


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """The small world, served once for all tests that only read."""
    async with served(tmp_path_factory.mktemp("world")) as sidecar:
        await sidecar.take(*RECORDS)
        yield sidecar


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(tmp_path: Path) -> AsyncIterator[Served]:
    """The small world, served for one test that changes it."""
    async with served(tmp_path) as sidecar:
        await sidecar.take(*RECORDS)
        yield sidecar


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
        ("0" * 30 + "7", 7),
    ],
)
async def test_limits_accepted(world: Served, sent: str, used: int) -> None:
    """A whole number in digits is a limit, with a plus sign and leading zeros too; out of range it is moved inside."""
    assert (await world.get(f"{RUNS}?limit={sent}", ANN))["limit"] == used


@pytest.mark.parametrize(
    "sent",
    [
        *("abc", "-1", "-0", "1.5", "1e3", "0x10", "%205", "5%20", "+5", "5+", "1_000", "%2B", "%2B%2B5", "5%00"),
        *("%EF%BC%95", "%D9%A5", "true", "null", "[5]", "5;limit=6", "%FF", "", str(TOO_LARGE), "9" * 5_000),
    ],
)
async def test_limits_refused(world: Served, sent: str) -> None:
    """Whatever is no whole number below 2^64 in ASCII digits is refused in JSON, by the name of its parameter."""
    status, body = await world.refused(f"{RUNS}?limit={sent}", ANN)
    assert status == 400
    assert (body["error"], body["parameter"]) == ("invalid_parameter", "limit")
    assert set(body) == {"error", "message", "parameter"}


async def test_bare_limit(world: Served) -> None:
    """A name without a value is a value that is empty."""
    status, body = await world.refused(f"{RUNS}?limit", ANN)
    assert (status, body["error"], body["parameter"]) == (400, "invalid_parameter", "limit")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2", 1),
        ("%2B2", 1),
        ("-2", 0),
        (str(TOO_LARGE - 1), 0),
        ("-%2B2", None),
        ("--2", None),
        ("", None),
        ("2.0", None),
    ],
)
async def test_columns_of_integers(world: Served, sent: str, kept: int | None) -> None:
    """A column of integers is asked for by a whole number, which may be negative."""
    answer = await world.ask("GET", f"/v1/records/event?seq={sent}", ANN)
    if kept is None:
        assert (answer.status, answer.body["error"], answer.body["parameter"]) == (400, "invalid_parameter", "seq")
    else:
        assert (answer.status, answer.body["count"]) == (200, kept)


@pytest.mark.parametrize(("sent", "kept"), [("true", 1), ("false", 2)])
async def test_flags_accepted(world: Served, sent: str, kept: int) -> None:
    """A flag is true or false, under any of its names."""
    for name in ("active_recovery_only", "activeRecoveryOnly", "active_only"):
        page = await world.get(f"{RELIABILITY}?{name}={sent}", ANN)
        assert page["counts"]["dead_letters"] == kept, name


@pytest.mark.parametrize("sent", ["1", "0", "True", "TRUE", "yes", "", "true%20", "on"])
async def test_flags_refused(world: Served, sent: str) -> None:
    """Nothing else is a flag, and the answer names the parameter as it was spelled."""
    status, body = await world.refused(f"{RELIABILITY}?activeRecoveryOnly={sent}", ANN)
    assert (status, body["error"], body["parameter"]) == (400, "invalid_parameter", "activeRecoveryOnly")


@pytest.mark.parametrize("name", ["before_created_at_ms", "before_created_at", "beforeCreatedAtMs", "beforeCreatedAt"])
async def test_bound_aliases(world: Served, name: str) -> None:
    """The bound has four names; it is told in its own, and excludes what was created at it."""
    page = await world.get(f"{RELIABILITY}?{name}=31", ANN)
    assert page["pagination"]["before_created_at_ms"] == 31
    assert [row["dead_letter_id"] for row in page["dead_letters"]] == ["d-1"]
    status, body = await world.refused(f"{RELIABILITY}?{name}=x", ANN)
    assert (status, body["parameter"]) == (400, name)


@pytest.mark.parametrize("name", ["after_collection", "after_kind", "afterCollection"])
@pytest.mark.parametrize(
    "spelled", ["tool_effects", "tool_effect", "Tool-Effects", "%20TOOL_EFFECT%20", "+tool-effect"]
)
async def test_collection_aliases(world: Served, name: str, spelled: str) -> None:
    """A collection is recognised in one or many, in any case, with dashes, under each name of the parameter."""
    page = await world.get(f"{RELIABILITY}?after_id=t-1&{name}={spelled}", ANN)
    assert page["pagination"]["after_collection"] == "tool_effects"
    assert [row["effect_id"] for row in page["tool_effects"]] == ["t-2"]


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        (RUNS, "limit=1&limit=1", "limit"),
        (RUNS, "status=&status=", "status"),
        (RUNS, "limit=1&lim%69t=2", "limit"),
        (RELIABILITY, "active_only=true&active_recovery_only=true", "active_recovery_only"),
        (RELIABILITY, "after_collection=outbox&afterCollection=outbox", "afterCollection"),
        (RELIABILITY, "before_created_at=1&beforeCreatedAt=1", "beforeCreatedAt"),
        (f"{RUN}/events", "tail=1&tail=1", "tail"),
    ],
)
async def test_duplicates(world: Served, path: str, query: str, named: str) -> None:
    """A parameter given twice, or beside its alias, is refused even with one value."""
    status, body = await world.refused(f"{path}?{query}", ANN)
    assert (status, body["error"], body["parameter"]) == (400, "invalid_parameter", named)
    assert "duplicate" in body["message"]


@pytest.mark.parametrize(
    ("path", "query", "nearest"),
    [
        (RUNS, "stauts=failed", "status"),
        (RUNS, "Status=failed", "status"),
        (RUNS, "org_unit=finance", "org_unit_id"),
        (RUNS, "event_limit=1", None),
        (RUN, "limits=1", None),
        (f"{RUN}/events", "after=1", "after_seq"),
        (f"{RUN}/snapshots", "tail=1", None),
        (f"{RUN}/snapshots/s-1", "limit=1", None),
        (RELIABILITY, "activeRecovery=true", "activeRecoveryOnly"),
        (f"{RUN}/reliability", "run_id=run-a", None),
        (f"{RUN}/resume-plan", "status=open", None),
        (f"{RUN}/resume-plan", "limits=1", "limit"),
        (f"{RUN}/observability", "event_limits=1", "event_limit"),
        ("/v1/records/wait", "wait_knd=timer", "wait_kind"),
        ("/v1/records/wait/run-a/w-1", "limit=1", None),
    ],
)
async def test_unknown_parameters(world: Served, path: str, query: str, nearest: str | None) -> None:
    """A parameter that a route does not know, or would ignore, is refused, with the nearest one it knows."""
    status, body = await world.refused(f"{path}?{query}", ANN)
    assert (status, body["error"]) == (400, "unknown_parameter")
    assert body["parameter"] == query.partition("=")[0]
    if nearest is not None:
        assert body["nearest"] == nearest
        assert nearest in body["message"]


async def test_forms(world: Served) -> None:
    """A query is a form: a plus is a space, empty pairs are nothing, a semicolon is a letter, names may be encoded."""
    found = await world.get(f"{RUNS}?&&li%6Dit=2&status=dry+run&&", ANN)
    assert (found["limit"], found["filters"]["status"]) == (2, "dry run")
    found = await world.get(f"{RUNS}?status=a;limit=1", ANN)
    assert (found["limit"], found["filters"]["status"]) == (250, "a;limit=1")
    found = await world.get(f"{RUNS}?workflow_id=%FFx%C3%A9", ANN)
    assert found["filters"]["workflow_id"] == "\ufffdxé"


async def test_empty_texts_are_given(world: Served) -> None:
    """An empty text is given: it filters nothing, and an empty ``kind`` turns ``source`` off."""
    assert (await world.get(f"{RUNS}?status=&trigger=all&workflow_id=%20ALL%20", ANN))["count"] == 3
    assert (await world.get(f"{RUNS}?source=automation", ANN))["count"] == 1
    disabled = await world.get(f"{RUNS}?kind=&source=automation", ANN)
    assert (disabled["count"], disabled["filters"]["kind"]) == (3, "")


async def test_impossible_filter_values_match_nothing(world: Served) -> None:
    """A value that no record has is no error: nothing matches it."""
    assert (await world.get(f"{RUNS}?status=no_such_status", ANN))["count"] == 0
    counts = (await world.get(f"{RELIABILITY}?status=no_such_status", ANN))["counts"]
    assert set(counts.values()) == {0}
    counts = (await world.get(f"{RELIABILITY}?source_type=stateful_wait", ANN))["counts"]
    assert counts == {"outbox": 2, "tool_effects": 0, "dead_letters": 1, "compensations": 2}


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
async def test_limits_told(world: Served, path: str, parameter: str, default: int, most: int) -> None:
    """Every page tells the limit that was used: its default, and the ends of its range."""
    assert (await world.get(path, ANN))["limit"] == default
    for sent, used in ((0, 1), (1, 1), (most, most), (most + 1, most)):
        assert (await world.get(f"{path}?{parameter}={sent}", ANN))["limit"] == used


@pytest.mark.parametrize("name", ["event_limit", "snapshot_limit", "reliability_limit", "audit_limit"])
async def test_observability_limits(world: Served, name: str) -> None:
    """Each of the four limits of observability is 100 unless given, and between 1 and 500."""
    for sent, used in (("", 100), (f"?{name}=0", 1), (f"?{name}=500", 500), (f"?{name}=501", 500)):
        limits = (await world.get(f"{RUN}/observability{sent}", ANN))["limits"]
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


async def test_greatest_integers(world: Served) -> None:
    """A number above what a record may hold is compared as the greatest one; above 2^64 it is refused."""
    assert (await world.get(f"{RUN}/events?before_seq={TOO_LARGE - 1}", ANN))["count"] == 2
    assert (await world.get(f"{RUN}/events?after_seq={2**63}", ANN))["count"] == 0
    status, body = await world.refused(f"{RUN}/events?after_seq={TOO_LARGE}", ANN)
    assert (status, body["parameter"]) == (400, "after_seq")
    status, body = await world.refused(f"{RUN}/events?after_seq=", ANN)
    assert (status, body["parameter"]) == (400, "after_seq")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/",
            "/stateful-runtime",
            "/stateful-runtime/",
            f"{RUNS}/",
            f"{RUN}/",
            f"{RUN}/events/",
            "/stateful-runtime//runs",
        ),
        *(
            "/Stateful-Runtime/runs",
            "/stateful-runtime/Runs",
            f"{RUN}/Events",
            f"{RUN}/snapshots/",
            f"{RUN}/snapshots/s-1/",
        ),
        *(f"{RUN}/snapshots/s-1/more", f"{RELIABILITY}/", "/v1/records", "/v1/records/", "/v1/records/wait/", "/livez"),
        *("/readyz", "/metrics", "/admin/v1/records", f"{RUN}/nothing"),
    ],
)
async def test_no_such_route(world: Served, path: str) -> None:
    """A path that is no route exactly, letter by letter, is 404 in JSON; the admin side's are none here."""
    status, body = await world.refused(path, ANN)
    assert status == 404
    assert body["error"] in ("not_found", "record_not_found")
    assert set(body) == {"error", "message"}


async def test_empty_segments(world: Served) -> None:
    """An empty segment inside a path is a run whose id is empty."""
    assert (await world.get(f"{RUNS}//events", ANN))["run_id"] == ""
    assert (await world.get(f"{RUNS}//snapshots", ANN))["run_id"] == ""
    for route in ("reliability", "observability", "resume-plan"):
        status, body = await world.refused(f"{RUNS}//{route}", ANN)
        assert (status, body["error"], body["run_id"]) == (404, "stateful_run_not_found", "")


@pytest.mark.parametrize(
    ("sent", "run_id"),
    [("a%2Fb", "a/b"), ("a+b", "a+b"), ("a%20b", "a b"), ("%C3%A9", "é"), ("a%252Fb", "a%2Fb"), ("%2e%2e", "..")],
)
async def test_ids_in_paths(fresh: Served, sent: str, run_id: str) -> None:
    """A segment is decoded once, after its route was found: an id may hold a slash, and a plus stays one."""
    wait = dict(RECORDS)["wait"]
    run = {**dict(RECORDS)["workflow_run"], "run_id": run_id}
    await fresh.take(("workflow_run", run), ("wait", {**wait, "run_id": run_id, "wait_id": run_id}))
    assert (await fresh.get(f"{RUNS}/{sent}", ANN))["run"]["run_id"] == run_id
    assert (await fresh.get(f"{RUNS}/{sent}/events", ANN))["run_id"] == run_id
    assert (await fresh.get(f"/v1/records/wait/{sent}/{sent}", ANN))["record"]["wait_id"] == run_id


@pytest.mark.parametrize(
    "path", [f"{RUNS}/%FF", f"{RUNS}/a%C3/events", f"{RUN}/snapshots/%80", "/v1/records/wait/a/%FE"]
)
async def test_paths_that_are_no_text(world: Served, path: str) -> None:
    """A segment that is not UTF-8 names nothing and is refused."""
    status, body = await world.refused(path, ANN)
    assert status == 400
    assert set(body) == {"error", "message", "parameter"}


async def test_order_of_checks(world: Served) -> None:
    """Identity comes before the query, the path before the query, the query before the run."""
    nobody = Who(org="", workspace="")
    for path in (f"{RUNS}?limit=x", f"{RUNS}/gone", "/nothing", f"{RUNS}/%FF"):
        status, body = await world.refused(path, nobody)
        assert (status, body["error"]) == (401, "unauthenticated"), path
    status, body = await world.refused(f"{RUNS}/gone?event_limit=x", ANN)
    assert (status, body["parameter"]) == (400, "event_limit")
    status, body = await world.refused(f"{RUNS}/%FF?event_limit=x", ANN)
    assert (status, body["parameter"]) == (400, "path")


GET_ROUTES = (
    *(RUNS, RUN, f"{RUN}/events", f"{RUN}/snapshots", f"{RUN}/snapshots/s-1", RELIABILITY, f"{RUN}/reliability"),
    *(f"{RUN}/observability", f"{RUN}/resume-plan", "/v1/records/wait", "/v1/records/wait/run-a/w-1"),
)


@pytest.mark.parametrize("path", GET_ROUTES)
async def test_head(world: Served, path: str) -> None:
    """HEAD is answered like GET, without the body."""
    got = await world.ask("GET", path, ANN)
    asked = await world.ask("HEAD", path, ANN)
    assert (asked.status, asked.raw) == (200, b"")
    own = {"Date"}
    assert {name: value for name, value in asked.headers.items() if name not in own} == {
        name: value for name, value in got.headers.items() if name not in own
    }


@pytest.mark.parametrize("path", GET_ROUTES)
async def test_other_methods(world: Served, path: str) -> None:
    """Any other method is 405 in JSON, with the methods that are allowed; there is no preflight either."""
    allowed = "GET, HEAD, POST" if path.endswith("/resume-plan") else "GET, HEAD"
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", *(() if "POST" in allowed else ("POST",))):
        answer = await world.ask(method, path, ANN)
        assert answer.status == 405, method
        assert answer.headers["Allow"] == allowed
        assert (answer.body["error"], set(answer.body)) == ("method_not_allowed", {"error", "message"})


@pytest.mark.parametrize("path", [*GET_ROUTES, "/nothing", f"{RUNS}?limit=x", f"{RUNS}/gone"])
async def test_headers_of_answers(world: Served, path: str) -> None:
    """Every answer, refusals too, is JSON, is kept by nobody, and names the policies that decided it."""
    answer = await world.ask("GET", path, ANN)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    current = world.service.bundles.current
    assert current is not None
    assert answer.headers["X-Sidecar-Policy"] == current.revision
    assert current.revision.startswith("sha256:")


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
        ("application/json", b"[" * 100_000, 400, "invalid_json"),
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
async def test_bodies_accepted(fresh: Served, content_type: str, data: bytes) -> None:
    """A JSON type of a vendor is one, members nobody knows are ignored, and six members may come by their places."""
    answer = await fresh.ask("POST", f"{RUN}/resume-plan", ANN, data=data, headers={"Content-Type": content_type})
    assert (answer.status, answer.body["choice"]) == (200, "compensate")


async def test_large_bodies(world: Served) -> None:
    """A body over ten megabytes is 413, and a packed one is not unpacked."""
    json = {"Content-Type": "application/json"}
    answer = await world.ask("POST", f"{RUN}/resume-plan", ANN, data=b" " * (10 * 2**20 + 1), headers=json)
    assert (answer.status, answer.body["error"]) == (413, "body_too_large")
    packed = {**json, "Content-Encoding": "gzip"}
    answer = await world.ask("POST", f"{RUN}/resume-plan", ANN, data=b"\x1f\x8b", headers=packed)
    assert (answer.status, answer.body["error"]) == (415, "unsupported_media_type")
