"""``serve --follow-runtime`` beside an engine that writes, killed again and again: the store ends as the files are."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import runtime_engine
import stores
from answer import Answer
from runtime_engine import NEVER, Engine
from serving_process import Process, configured, eventually, read_answer, refused, serving
from shipped_kinds import kinds
from workers_process import Workers, workers

from sidecar.records.ingest import Intake

pytestmark = pytest.mark.usefixtures("store_name")

CHANGES = int(os.environ.get("FOLLOW_CHANGES", "300"))
"""How many changes the engine makes; more make a longer test, with more kills."""
KILLS = int(os.environ.get("FOLLOW_KILLS", "2"))
PAUSE_MS = "4"
SEED = int(os.environ.get("FOLLOW_SEED", "1"))
OPS = "X-Tandem-Org-Id: acme\r\nX-Tandem-Workspace-Id: main\r\nX-Tandem-Org-Units: ops\r\n"
OPERATOR = "X-Tandem-Org-Id: acme\r\nX-Tandem-Workspace-Id: main\r\nX-Tandem-Roles: workspace_operator\r\n"

Stored = dict[tuple[Any, ...], Any]


async def stored(path: Path) -> Stored:
    """Every record of the store of a path, with a digest of its content."""
    async with stores.opened(path, kinds(), Intake(kinds()).accept) as store, store.mirror() as mirror:
        return {(kind, one.tenant, one.key): one.content for kind in kinds() async for one in mirror.held(kind)}


def loaded(folder: Path, runtime: Path) -> Path:
    """The path of a store that a load of the runtime's files into nothing makes."""
    path = folder / "fresh.db"
    command = [sys.executable, "-m", "sidecar", "load", "--store", stores.url(path), "--from-runtime", str(runtime)]
    ended = subprocess.run([*command, "--keep-going"], capture_output=True, timeout=120, check=False, text=True)
    assert ended.returncode in (0, 1), ended.stderr
    return path


def written_runs(runtime: Path) -> dict[str, Any]:
    """The automation runs that stand in the files, under the id of each all that is said of it."""
    history = sorted((runtime / "data/automation-runs").glob("*/*/*/*.json"))
    runs = {run["run_id"]: run for run in (json.loads(path.read_bytes())["run"] for path in history)}
    now = json.loads((runtime / "data/automation_v2_runs.json").read_bytes())["runs"]
    return {name: [one for one in (runs.get(name), now.get(name)) if one] for name in {*runs, *now}}


def following(process: Process) -> dict[str, Any]:
    body: dict[str, Any] = process.readiness().body["follow"]
    return body


def wait_until_equal(process: Process, since: float) -> None:
    """Wait until the store was what the files are at an instant after this one."""

    def true() -> bool:
        age = following(process)["data_age_ms"]
        return age is not None and time.time() - age / 1000 > since

    eventually(true, 60)


def shown(process: Process) -> set[str]:
    """The waits that somebody of the unit ops sees; nothing while nobody answers."""
    try:
        answer = process.get("/v1/records/wait?limit=1000", OPS)
    except OSError:
        return set()
    return {record["wait_id"] for record in answer.body["records"]} if answer.status == 200 else set()


def test_the_store_ends_as_the_files_are(tmp_path: Path) -> None:
    """After all changes and kills the store holds what a fresh load would; a wait whose grant was gone never showed."""
    runtime = tmp_path / "state"
    command = [sys.executable, runtime_engine.__file__, str(runtime), str(SEED)]
    Engine(runtime, SEED).begin()
    engine: subprocess.Popen[str] | None = None
    chance, kills, seen = random.Random(SEED), 0, set()
    settings = {"runtime": {"follow": str(runtime), "poll_ms": 20}, "store": {"url": stores.url(tmp_path / "s.db")}}
    try:
        while engine is None or engine.poll() is None:
            with serving(tmp_path, **settings) as process:
                engine = engine or subprocess.Popen(
                    [*command, str(CHANGES), PAUSE_MS], stdout=subprocess.PIPE, text=True
                )
                until = time.monotonic() + chance.uniform(0.05, max(0.2, CHANGES * 0.006 / KILLS))
                while time.monotonic() < until and engine.poll() is None:
                    seen |= shown(process)
                if kills < KILLS:
                    process.process.send_signal(signal.SIGKILL)
                    process.process.communicate(timeout=10)
                    kills += 1
                elif engine.poll() is None:
                    engine.wait(timeout=600)
    finally:
        if engine is not None:
            engine.kill()
            engine.communicate(timeout=10)
    with serving(tmp_path, **settings) as process:
        wait_until_equal(process, time.time() + 0.2)
        assert process.readiness().status == 200
        assert following(process)["unreadable"] == []
        seen |= shown(process)
        units = units_of_runs(process)
    assert kills > 0
    assert "open" in seen
    assert NEVER not in seen
    assert {unit in ("", run_id.rpartition("-")[2]) for run_id, unit in units.items()} == {True}
    expect_same(asyncio.run(stored(tmp_path / "s.db")), asyncio.run(stored(loaded(tmp_path, runtime))), runtime)


def expect_same(ours: Stored, theirs: Stored, runtime: Path) -> None:
    """Every record is what the files say. A run without its definition may have kept a unit that a load cannot know."""
    written = written_runs(runtime)
    lost = {name for name, runs in written.items() if any("automation_snapshot" not in run for run in runs)}
    assert ours.keys() == theirs.keys()
    differing = {name for name in ours if ours[name] != theirs[name]}
    assert {name[2][0] for name in differing} <= lost, differing
    assert len({kind for kind, _, _ in ours}) >= 13


def units_of_runs(process: Process) -> dict[str, str | None]:
    """The unit of every automation run, as an operator sees it; the empty text where it is not known."""
    records = process.get("/v1/records/automation_run?limit=1000", OPERATOR).body["records"]
    return {run["run_id"]: run["scope"].get("owning_org_unit_id") for run in records}


WAITS = "data/runtime/stateful_waits.json"


def write(runtime: Path, name: str, text: str) -> None:
    path = runtime / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def admin(process: Process, method: str, path: str, body: bytes = b"", kind: str = "application/x-ndjson") -> Answer:
    """One request to the admin side."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    with connection:
        connection.connect(str(process.folder / "admin.sock"))
        head = f"{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Type: {kind}\r\n"
        connection.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return read_answer(connection)


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    write(folder, WAITS, json.dumps([{**LEAST_WAIT, "wait_id": "w1"}]))
    return folder


LEAST_WAIT = {
    "wait_id": "w",
    "run_id": "r",
    "wait_kind": "timer",
    "status": "waiting",
    "scope": {"tenant_context": {"org_id": "acme", "workspace_id": "main"}},
    "created_at_ms": 10,
    "updated_at_ms": 20,
}


def test_what_the_files_own_is_changed_only_there(tmp_path: Path, runtime: Path) -> None:
    """A recovery choice, an offered record and a deletion are answered 409 ``read_only``, and nothing changes."""
    wait = json.dumps({"kind": "wait", "record": LEAST_WAIT}).encode()
    tenant = "?org_id=acme&workspace_id=main"
    with serving(tmp_path, runtime={"follow": str(runtime)}) as process:
        answers = [
            post(process, "/stateful-runtime/runs/r/resume-plan", b"{}"),
            admin(process, "POST", "/admin/v1/records", wait),
            admin(process, "PUT", "/admin/v1/records/wait/r/w", json.dumps(LEAST_WAIT).encode(), "application/json"),
            admin(process, "DELETE", "/admin/v1/records/wait/r/w1" + tenant),
        ]
        assert [(answer.status, answer.body["error"]) for answer in answers] == [(409, "read_only")] * 4
        assert shown(process) == {"w1"}


def post(process: Process, path: str, body: bytes) -> Answer:
    """One POST of JSON to the public side."""
    with process.connect() as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{OPS}X-Tandem-Actor-Id: ann\r\n"
        connection.sendall((head + f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode())
        connection.sendall(body)
        return read_answer(connection)


def test_nothing_is_shown_before_the_store_has_caught_up(tmp_path: Path, runtime: Path) -> None:
    """While a file is half-written from the start nobody is answered and the process is not ready; then it is."""
    whole = (runtime / WAITS).read_text()
    write(runtime, WAITS, whole[:-5])
    command = configured(tmp_path, {"runtime": {"follow": str(runtime), "poll_ms": 1000}})
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        sidecar = Process(tmp_path, "", process)
        eventually(lambda: (tmp_path / "admin.sock").exists() and answers(sidecar), 30)
        readiness = sidecar.readiness()
        assert (readiness.status, readiness.body["status"]) == (503, "unready")
        assert (readiness.body["follow"]["caught_up"], readiness.body["follow"]["data_age_ms"]) == (False, None)
        write(runtime, WAITS, whole)
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("sidecar: answering on ")
        assert sidecar.readiness().status == 200
        assert shown(Process(tmp_path, said.split(" ")[3], process)) == {"w1"}
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)


def answers(process: Process) -> bool:
    try:
        return bool(process.readiness().status)
    except OSError:
        return False


def test_a_start_that_is_not_ready_ends_when_it_is_told(tmp_path: Path) -> None:
    """SIGTERM ends a sidecar that still waits for the files of a runtime; it never answered anybody."""
    (tmp_path / "empty").mkdir()
    command = configured(tmp_path, {"runtime": {"follow": str(tmp_path / "empty")}})
    said = tmp_path / "said"
    with said.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=tmp_path)
    try:
        eventually(lambda: (tmp_path / "admin.sock").exists() and answers(Process(tmp_path, "", process)), 30)
        eventually(lambda: "there are no files of a runtime in" in said.read_text(), 30)
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=15)
        assert (process.returncode, told) == (0, "")
    finally:
        process.kill()
        process.wait(timeout=10)


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """The command says what is wrong with it, and does not begin."""
    code, said = refused(tmp_path, {"runtime": {"follow": str(tmp_path / "nowhere")}})
    assert code == 2
    assert "runtime.follow names" in said


def test_the_metrics_tell_of_following_and_name_nobody(tmp_path: Path, runtime: Path) -> None:
    """Requests are counted by route template; lag and age are told; no tenant, unit or id stands anywhere."""
    with serving(tmp_path, runtime={"follow": str(runtime), "poll_ms": 20}) as process:
        before = following(process)["lag_ms"]
        write(runtime, WAITS, json.dumps([{**LEAST_WAIT, "wait_id": "w2"}]))
        eventually(lambda: following(process)["lag_ms"] is not None)
        assert before is None
        eventually(lambda: shown(process) == {"w2"})
        process.get("/stateful-runtime/runs/acme-secret")
        process.get("/acme-secret/nothing")
        text = admin(process, "GET", "/metrics").raw.decode()
    counts = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(counts['sidecar_requests_total{route="/stateful-runtime/runs/{run_id}",status="404"}']) == 1
    assert float(counts['sidecar_requests_total{route="none",status="404"}']) == 1
    assert float(counts['sidecar_request_duration_seconds_count{route="/v1/records/{kind}"}']) >= 1
    assert {"sidecar_follow_lag_seconds", "sidecar_follow_data_age_seconds"} <= counts.keys()
    assert (counts["sidecar_follow_active"], counts["sidecar_policies_trouble"]) == ("1.0", "0.0")
    assert float(counts["sidecar_follow_removed_records_total"]) == 1
    assert not [word for word in ("acme", "main", "ops", "secret", "w1", "w2") if word in text]


def test_one_of_several_workers_follows(tmp_path: Path, runtime: Path) -> None:
    """When the worker that follows is killed another takes its place, and the answers go on changing with the files."""
    with workers(tmp_path, runtime={"follow": str(runtime), "poll_ms": 20}) as sidecar:
        assert shown(sidecar.process) == {"w1"}
        for number in range(2, 5):
            eventually(lambda: following_of(sidecar) == [False, True], 30)
            before = sidecar.pids
            (leading,) = [pid for pid in before if sidecar.readiness(pid).body["follow"]["following"]]
            os.kill(leading, signal.SIGKILL)
            write(runtime, WAITS, json.dumps([{**LEAST_WAIT, "wait_id": f"w{number}"}]))
            eventually(lambda: shown(sidecar.process) == {f"w{number}"}, 30)  # noqa: B023 - waited for here
            sidecar.replaced(before)


def following_of(sidecar: Workers) -> list[bool]:
    """Of each worker whether it follows; nothing while one does not answer. Who does not, knows no age of the data."""
    try:
        told = [sidecar.readiness(pid).body["follow"] for pid in sidecar.pids]
    except (AssertionError, OSError):
        return []
    assert [one for one in told if not one["following"] and one["data_age_ms"] is not None] == []
    return sorted(one["following"] for one in told)
