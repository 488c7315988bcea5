"""``sidecar serve`` with several workers: one door, one store, one revision, and no process left behind."""

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from serving_process import eventually, read_answer, refused
from test_serve import CHOICE, write_policy
from workers_process import Workers, workers

pytestmark = pytest.mark.usefixtures("store_name")

WAITS = "/v1/records/wait"
LONGEST_BOTH_S = 1.0


def told(served: Workers) -> list[tuple[str | None, str | None]]:
    """What each worker says of its policies: revision and trouble."""
    return [
        (policy["revision"], policy["trouble"])
        for policy in (served.readiness(pid).body["policy"] for pid in served.pids)
    ]


def test_a_killed_worker_is_replaced_and_the_others_answer_meanwhile(tmp_path: Path) -> None:
    """A crash costs nobody an answer who connects afterwards, is told in a sentence, and another process takes over."""
    with workers(tmp_path) as served:
        first, second = served.pids
        assert {served.readiness(pid).body["worker"] for pid in (first, second)} == {1, 2}
        number = served.readiness(first).body["worker"]
        os.kill(first, signal.SIGKILL)
        eventually(lambda: first not in served.pids)
        for _ in range(50):
            assert served.process.get().status == 200
        fresh = served.replaced([first, second])
        assert second in served.pids
        ready = served.readiness(fresh)
        assert (ready.status, ready.body["worker"]) == (200, number)
        served.process.process.send_signal(signal.SIGTERM)
        code, said = served.process.end()
        assert code == 0
        assert f"worker {number} was killed by signal 9 after" in said
        assert "another is started in 0.1 s" in said


def test_a_worker_that_is_stopped_is_replaced(tmp_path: Path) -> None:
    """One that gives no sign of life is ended though it does not hear its signals; the others answer meanwhile."""
    with workers(tmp_path, limits={"worker_timeout_ms": 2_000}) as served:
        first, second = served.pids
        with served.held(second, served.public) as connection:
            os.kill(first, signal.SIGSTOP)
            fresh = served.replaced([first, second])
            assert connection.ask("GET", WAITS).status == 200
        assert {*served.pids} == {second, fresh}
        served.process.process.send_signal(signal.SIGTERM)
        code, said = served.process.end()
        assert code == 0
        assert "gave no sign of life for 2 s" in said


def test_a_worker_that_is_told_to_end_drains_and_is_replaced(tmp_path: Path) -> None:
    """SIGTERM to one worker lets its request under way end; the socket file stays, and the others accept."""
    path = tmp_path / "public.sock"
    with workers(tmp_path, listen=f"unix:{path}") as served:
        under_way = [served.process.connect() for _ in range(20)]
        for connection in under_way:
            connection.sendall(f"{CHOICE}Connection: close\r\nContent-Length: 20\r\n\r\n{{".encode())
        eventually(lambda: served.process.get().status == 200)
        first, *_ = before = served.pids
        os.kill(first, signal.SIGTERM)
        eventually(lambda: served.readiness(first).status == 503)
        assert served.process.get().status == 200
        for connection in under_way:
            connection.sendall(b'"choice":"retry"  }')
            assert read_answer(connection).status in (400, 401, 404)
        served.replaced(before)
        assert path.exists()
        assert served.process.get().status == 200


def test_sigterm_drains_all_workers_and_exits_0(tmp_path: Path) -> None:
    """After SIGTERM nobody new is let in and readiness is red, but who was asking gets an answer; no process is left."""
    path = tmp_path / "public.sock"
    with workers(tmp_path, listen=f"unix:{path}", admin_listen="127.0.0.1:0") as served:
        pids = served.pids
        under_way = served.process.connect()
        under_way.sendall(f"{CHOICE}Content-Length: 20\r\n\r\n{{".encode())
        eventually(lambda: served.process.get().status == 200)
        served.process.process.send_signal(signal.SIGTERM)
        eventually(lambda: not path.exists())
        eventually(lambda: len(served.pids) == 1)
        ready = served.readiness(served.pids[0])
        assert (ready.status, ready.body["status"]) == (503, "draining")
        under_way.sendall(b'"choice":"retry"  }')
        answer = read_answer(under_way)
        assert answer.status in (400, 401, 404)
        assert answer.headers["connection"] == "close"
        assert served.process.end()[0] == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_workers_whose_supervisor_was_killed_end_and_leave_their_addresses(tmp_path: Path) -> None:
    """Without a supervisor no worker answers for ever: a request under way ends, and a successor starts at once."""
    with workers(tmp_path) as served:
        pids = served.pids
        under_way = served.process.connect()
        under_way.sendall(f"{CHOICE}Content-Length: 20\r\n\r\n{{".encode())
        eventually(lambda: served.process.get().status == 200)
        served.process.process.send_signal(signal.SIGKILL)
        served.process.process.wait(10)
        addresses = {"listen": f"127.0.0.1:{served.public}", "admin_listen": f"127.0.0.1:{served.admin}"}
        eventually(lambda: not any(listens(port) for port in (served.public, served.admin)))
        with workers(tmp_path, **addresses) as successor:
            assert successor.process.get().status == 200
            under_way.sendall(b'"choice":"retry"  }')
            assert read_answer(under_way).status in (400, 401, 404)
            eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def listens(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"store": {"url": "sqlite:////nowhere/at/all.db"}}, "must be a file in a folder that is there"),
        ({"admin_listen": "0.0.0.0:0"}, "0.0.0.0:0 without a token"),
        ({"listen": "unix:/nowhere/at/all.sock"}, "cannot listen on unix:/nowhere/at/all.sock"),
    ],
)
def test_what_cannot_serve_is_told_once_with_exit_code_2(
    tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    """A start that cannot succeed ends at once, with the sentence that one process would give, and no retries."""
    code, said = refused(tmp_path, {"workers": 2, **settings}, SIDECAR_ADMIN_TOKEN="")
    assert code == 2
    assert said.count(sentence) == 1
    assert "Traceback" not in said


def test_new_policies_come_in_force_in_all_workers_within_a_second(tmp_path: Path) -> None:
    """Whoever asks all workers in turn sees the old revision and the new one together for a second at most."""
    folder = tmp_path / "policies"
    settings: dict[str, Any] = {"policies": [write_policy(folder, "'true'")], "reload": {"poll_ms": 50}}
    with workers(tmp_path, 3, **settings) as served:
        old = served.process.policy()
        seen: list[tuple[float, str]] = []
        write_policy(folder, "record.status == 'waiting'")
        eventually(lambda: all_asked(served, seen)[-1] != old and len({*all_asked(served, seen)}) == 1)
    moments = [at for at, revision in seen if revision == old], [at for at, revision in seen if revision != old]
    assert max(moments[0]) - min(moments[1]) < LONGEST_BOTH_S


def all_asked(served: Workers, seen: list[tuple[float, str]]) -> list[str]:
    """The revision under which each worker answers, noted with its moment."""
    found = []
    for pid in served.pids:
        with served.held(pid, served.public) as connection:
            answer = connection.ask("GET", WAITS)
            found.append(answer.headers["x-sidecar-policy"])
            seen.append((time.monotonic(), found[-1]))
    return found


def test_sighup_reaches_all_workers(tmp_path: Path) -> None:
    """With watching off one signal to the supervisor swaps the policies of all, and a signal to a worker does nothing."""
    folder = tmp_path / "policies"
    settings: dict[str, Any] = {"policies": [write_policy(folder, "'true'")], "reload": {"watch": False}}
    with workers(tmp_path, **settings) as served:
        ((old, _), _) = told(served)
        write_policy(folder, "'false'")
        for pid in served.pids:
            os.kill(pid, signal.SIGHUP)
        time.sleep(0.3)
        assert told(served) == [(old, None)] * 2
        served.process.process.send_signal(signal.SIGHUP)
        eventually(lambda: old not in {revision for revision, _ in told(served)})
        assert len({*told(served)}) == 1
        served.process.process.send_signal(signal.SIGTERM)
        code, said = served.process.end()
        assert code == 0
        assert said.count("are in force") == 1


def test_a_worker_born_beside_broken_policies_has_the_last_good_ones(tmp_path: Path) -> None:
    """Trouble is told by every worker; one that starts meanwhile answers as the others do, until the files are mended."""
    folder = tmp_path / "policies"
    settings: dict[str, Any] = {"policies": [write_policy(folder, "'true'")], "reload": {"poll_ms": 50}}
    with workers(tmp_path, **settings) as served:
        good = served.process.policy()
        write_policy(folder, "record.statu == 'waiting'")
        eventually(lambda: all(trouble for _, trouble in told(served)))
        first, *_ = before = served.pids
        os.kill(first, signal.SIGKILL)
        fresh = served.replaced(before)
        with served.held(fresh, served.public) as connection:
            answer = connection.ask("GET", WAITS)
            assert (answer.status, answer.headers["x-sidecar-policy"]) == (200, good)
        assert f"{folder}/waits.yaml:7:" in served.readiness(fresh).body["policy"]["trouble"]
        write_policy(folder, "'true'")
        eventually(lambda: told(served) == [(good, None)] * 2)
