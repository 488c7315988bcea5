"""``sidecar serve`` as its operator meets it: a process, its signals, its files and what it says."""

import gzip
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from serving_process import IDENTITY, Process, eventually, read_answer, refused, serving

pytestmark = pytest.mark.usefixtures("store_name")

POLICY = """\
apiVersion: sidecar/v1
policy: waits
description: Everybody in the tenant sees waits of these kinds.
applies_to: [wait]
rules:
  - allow: these
    when: {when}
"""
CHOICE = (
    "POST /stateful-runtime/runs/r/resume-plan HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n" + IDENTITY
)


def write_policy(folder: Path, when: str) -> str:
    """A folder with one small policy, so that a reload takes no time."""
    folder.mkdir(exist_ok=True)
    (folder / "waits.yaml").write_text(POLICY.format(when=when))
    return str(folder)


def resident_kb(process: Process) -> int:
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def test_sigterm_lets_a_request_under_way_end_and_exits_0(tmp_path: Path) -> None:
    """After SIGTERM nobody new is let in and readiness is red, but who was asking gets an answer; the socket goes."""
    path = tmp_path / "public.sock"
    with serving(tmp_path, listen=f"unix:{path}", identity={"trusted_proxies": []}) as process:
        assert process.get().status == 200
        assert (process.readiness().status, process.readiness().body["status"]) == (200, "ready")
        under_way = process.connect()
        under_way.sendall(f"{CHOICE}Content-Length: 20\r\n\r\n{{".encode())
        idle = process.connect()
        idle.sendall(f"GET /v1/records/wait HTTP/1.1\r\nHost: here\r\n{IDENTITY}\r\n".encode())
        assert b" 200 OK" in idle.recv(65_536)
        process.process.send_signal(signal.SIGTERM)
        eventually(lambda: process.readiness().status == 503)
        assert process.readiness().body["status"] == "draining"
        eventually(lambda: not path.exists())
        with pytest.raises(OSError, match="No such file"):
            process.connect()
        assert process.process.poll() is None
        under_way.sendall(b'"choice":"retry"  }')
        answer = read_answer(under_way)
        assert answer.status in (400, 401, 404)
        assert answer.headers["connection"] == "close"
        assert process.end()[0] == 0
        assert idle.recv(65_536) == b""
        assert not (tmp_path / "admin.sock").exists()


def test_a_request_that_never_ends_is_cut_off_after_the_drain_timeout(tmp_path: Path) -> None:
    """A client that keeps a request open does not keep the process alive: it exits 0 and says what it cut off."""
    with serving(tmp_path, limits={"drain_timeout_ms": 300}) as process:
        under_way = process.connect()
        under_way.sendall(f"{CHOICE}Content-Length: 20\r\n\r\n{{".encode())
        time.sleep(0.2)
        began = time.monotonic()
        process.process.send_signal(signal.SIGINT)
        code, said = process.end()
        assert code == 0
        assert time.monotonic() - began < 5
        assert "drain_timeout_ms were cut off" in said
        under_way.close()


def test_changed_policies_come_in_force_and_bad_ones_change_nothing(tmp_path: Path) -> None:
    """File changes and SIGHUP swap the bundle; a broken one is told in readiness, and the last good one stays."""
    folder = tmp_path / "policies"
    settings: dict[str, Any] = {"policies": [write_policy(folder, "'true'")], "reload": {"poll_ms": 50}}
    with serving(tmp_path, **settings) as process:
        first = process.policy()
        assert process.readiness().body["policy"]["revision"] == first
        write_policy(folder, "record.status == 'waiting'")
        eventually(lambda: process.policy() != first)
        second = process.policy()
        write_policy(folder, "record.statu == 'waiting'")
        eventually(lambda: process.readiness().body["policy"]["trouble"] is not None)
        ready = process.readiness()
        assert (ready.status, ready.body["policy"]["revision"]) == (200, second)
        assert f"{folder}/waits.yaml:7:" in ready.body["policy"]["trouble"]
        assert process.policy() == second
        write_policy(folder, "'true'")
        eventually(lambda: process.policy() == first)
        assert process.readiness().body["policy"]["trouble"] is None


def test_sighup_reloads_without_watching(tmp_path: Path) -> None:
    """With watching off a change waits for the signal; a good reload is logged with its revision, a bad one in full."""
    folder = tmp_path / "policies"
    settings: dict[str, Any] = {"policies": [write_policy(folder, "'true'")], "reload": {"watch": False, "poll_ms": 20}}
    with serving(tmp_path, **settings) as process:
        first = process.policy()
        write_policy(folder, "'false'")
        time.sleep(0.3)
        assert process.policy() == first
        process.process.send_signal(signal.SIGHUP)
        eventually(lambda: process.policy() != first)
        second = process.policy()
        write_policy(folder, "record.statu == 'waiting'")
        process.process.send_signal(signal.SIGHUP)
        eventually(lambda: process.readiness().body["policy"]["trouble"] is not None)
        process.process.send_signal(signal.SIGTERM)
        code, said = process.end()
        assert code == 0
        assert f"policies {second} are in force" in said
        assert f"{second} stays in force" in said
        assert "statu" in said


def test_without_good_policies_nobody_is_answered_until_they_are_mended(tmp_path: Path) -> None:
    """Started on broken policies it is not ready, answers 503 and logs so; mending the file is enough."""
    folder = tmp_path / "policies"
    settings: dict[str, Any] = {"policies": [write_policy(folder, "'tru')")], "reload": {"poll_ms": 50}}
    with serving(tmp_path, **settings) as process:
        denied, ready = process.get(), process.readiness()
        assert (denied.status, denied.body["error"]) == (503, "not_ready")
        assert (ready.status, ready.body["policy"]["revision"]) == (503, None)
        write_policy(folder, "'true'")
        eventually(lambda: process.readiness().status == 200)
        assert process.get().status == 200
        process.process.send_signal(signal.SIGTERM)
        _, said = process.end()
        assert '"status": 503, "revision": null' in said


def test_the_configured_limits_hold(tmp_path: Path) -> None:
    """Header bytes, body time and peers are those of the configuration; a packed body costs nothing."""
    limits = {"header_bytes": 1_000, "body_timeout_ms": 300, "handler_timeout_ms": 100, "header_timeout_ms": 300}
    with serving(tmp_path, limits=limits) as process:
        large = process.get(identity=IDENTITY + f"X-Long: {'a' * 1_000}\r\n")
        assert (large.status, large.body["error"]) == (431, "headers_too_large")
        assert large.headers["x-sidecar-policy"] == process.policy()
        assert large.headers["server"] == "sidecar"
        with process.connect() as slow:
            slow.sendall(f"{CHOICE}Content-Length: 20\r\n\r\n{{".encode())
            late = read_answer(slow)
        assert (late.status, late.body["error"]) == (408, "request_timeout")
        with process.connect() as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost:")
            assert read_answer(slow).status == 408
        bomb = gzip.compress(b" " * 50 * 2**20, 6)
        before = resident_kb(process)
        with process.connect() as packed:
            head = f"{CHOICE}Content-Encoding: gzip\r\nConnection: close\r\nContent-Length: {len(bomb)}\r\n\r\n"
            packed.sendall(head.encode() + bomb)
            assert read_answer(packed).status == 415
        assert resident_kb(process) - before < 5_000


def test_untrusted_peers_are_nobody(tmp_path: Path) -> None:
    """With no trusted proxy a TCP peer is 401 whatever it states, and a second process is told the port is taken."""
    with serving(tmp_path, identity={"trusted_proxies": []}) as process:
        answer = process.get()
        assert (answer.status, answer.body["error"]) == (401, "unauthenticated")
        other = tmp_path / "other"
        other.mkdir()
        address = process.public.removeprefix("http://")
        code, said = refused(other, {"listen": address})
        assert code == 2
        assert f"cannot listen on {address}: another process does already" in said
        assert "Traceback" not in said


def test_an_open_admin_side_needs_a_token(tmp_path: Path) -> None:
    """Without a token only this machine may reach the admin side; that it may is warned of, as are unitless operators."""
    code, said = refused(tmp_path, {"admin_listen": "0.0.0.0:0"}, SIDECAR_ADMIN_TOKEN="")
    assert code == 2
    assert "0.0.0.0:0 without a token" in said
    with serving(tmp_path) as process:
        process.process.send_signal(signal.SIGTERM)
        code, said = process.end()
    assert code == 0
    assert "operator_without_units is when-no-membership" in said
    assert ("no admin token is set" in said) == ("SIDECAR_ADMIN_TOKEN" not in os.environ)


def test_the_parser_in_python_is_refused_at_start(tmp_path: Path) -> None:
    """Where aiohttp has only its lax parser the process does not start."""
    code, said = refused(tmp_path, {}, AIOHTTP_NO_EXTENSIONS="1")
    assert code == 2
    assert "no compiled parser" in said
