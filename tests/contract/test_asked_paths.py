"""Which paths and methods name a route, and what every answer carries."""

import pytest
from routes import RELIABILITY, RUNS
from serving import Served, Who
from small_world import ANN, RUN

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
        *("/stateful-runtime/%72uns", "/%73tateful-runtime/runs", f"{RUN}/%65vents", f"{RUN}/snapshots%2Fs-1"),
        *("/stateful%2Druntime/runs", "/v1/%72ecords/wait", "/stateful-runtime/reliabilit%79", f"{RUN}/resume%2Dplan"),
    ],
)
async def test_no_such_route(shared_world: Served, path: str) -> None:
    """A path that is no route exactly, letter by letter as it was sent, is 404 in JSON; the admin side's are none here."""
    status, body = await shared_world.refused(path, ANN)
    assert status == 404
    assert body["error"] in ("not_found", "record_not_found")
    assert set(body) == {"error", "message"}
    if body["error"] == "not_found":
        assert (await shared_world.ask("POST", path, ANN)).status == 404


async def test_empty_segments(shared_world: Served) -> None:
    """An empty segment inside a path is a run whose id is empty."""
    assert (await shared_world.get(f"{RUNS}//events", ANN))["run_id"] == ""
    assert (await shared_world.get(f"{RUNS}//snapshots", ANN))["run_id"] == ""
    for route in ("reliability", "observability", "resume-plan"):
        status, body = await shared_world.refused(f"{RUNS}//{route}", ANN)
        assert (status, body["error"], body["run_id"]) == (404, "stateful_run_not_found", "")


@pytest.mark.parametrize(
    "path", [f"{RUNS}/%FF", f"{RUNS}/a%C3/events", f"{RUN}/snapshots/%80", "/v1/records/wait/a/%FE"]
)
async def test_paths_that_are_no_text(shared_world: Served, path: str) -> None:
    """A segment that is not UTF-8 names nothing and is refused."""
    status, body = await shared_world.refused(path, ANN)
    assert status == 400
    assert set(body) == {"error", "message", "parameter"}


async def test_order_of_checks(shared_world: Served) -> None:
    """Identity comes before the query, the path before the query, the query before the run."""
    nobody = Who(org="", workspace="")
    for path in (f"{RUNS}?limit=x", f"{RUNS}/gone", "/nothing", f"{RUNS}/%FF"):
        status, body = await shared_world.refused(path, nobody)
        assert (status, body["error"]) == (401, "unauthenticated"), path
    status, body = await shared_world.refused(f"{RUNS}/gone?event_limit=x", ANN)
    assert (status, body["parameter"]) == (400, "event_limit")
    status, body = await shared_world.refused(f"{RUNS}/%FF?event_limit=x", ANN)
    assert (status, body["parameter"]) == (400, "path")


GET_ROUTES = (
    *(RUNS, RUN, f"{RUN}/events", f"{RUN}/snapshots", f"{RUN}/snapshots/s-1", RELIABILITY, f"{RUN}/reliability"),
    *(f"{RUN}/observability", f"{RUN}/resume-plan", "/v1/records/wait", "/v1/records/wait/run-a/w-1"),
)


@pytest.mark.parametrize("path", GET_ROUTES)
async def test_head(shared_world: Served, path: str) -> None:
    """HEAD is answered like GET, without the body."""
    got = await shared_world.ask("GET", path, ANN)
    asked = await shared_world.ask("HEAD", path, ANN)
    assert (asked.status, asked.raw) == (200, b"")
    own = {"Date"}
    assert {name: value for name, value in asked.headers.items() if name not in own} == {
        name: value for name, value in got.headers.items() if name not in own
    }


@pytest.mark.parametrize("path", GET_ROUTES)
async def test_other_methods(shared_world: Served, path: str) -> None:
    """Any other method is 405 in JSON, with the methods that are allowed; there is no preflight either."""
    allowed = "GET, HEAD, POST" if path.endswith("/resume-plan") else "GET, HEAD"
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", *(() if "POST" in allowed else ("POST",))):
        answer = await shared_world.ask(method, path, ANN)
        assert answer.status == 405, method
        assert answer.headers["Allow"] == allowed
        assert (answer.body["error"], set(answer.body)) == ("method_not_allowed", {"error", "message"})


@pytest.mark.parametrize("path", [*GET_ROUTES, "/nothing", f"{RUNS}?limit=x", f"{RUNS}/gone"])
async def test_headers_of_answers(shared_world: Served, path: str) -> None:
    """Every answer, refusals too, is JSON, is kept by nobody, and names the policies that decided it."""
    answer = await shared_world.ask("GET", path, ANN)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    current = shared_world.service.bundles.current
    assert current is not None
    assert answer.headers["X-Sidecar-Policy"] == current.revision
    assert current.revision.startswith("sha256:")
