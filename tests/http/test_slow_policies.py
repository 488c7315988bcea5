"""``sidecar serve`` while it proves policies whose suites take long: it hears its signals, and its workers' crashes."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from serving_process import eventually, serving
from test_serve import write_policy
from workers_process import workers

TENANT = {"org_id": "acme", "workspace_id": "main"}
CALLERS, RECORDS = 700, 300
"""So many cases take longer than a test may wait."""
AT_ONCE_S = 5.0


def write_slow_policy(folder: Path) -> None:
    """The policy decides otherwise than before, and its suite, which holds, has callers times records as cases."""
    callers = {f"c{number}": {"tenant": TENANT, "actor_id": f"c{number}"} for number in range(CALLERS)}
    scope = {"tenant_context": TENANT}
    records = {
        f"w{number}": {
            "kind": "wait",
            "record": {
                **{"wait_id": f"w{number}", "run_id": "r", "wait_kind": "approval", "status": "waiting"},
                **{"scope": scope, "created_at_ms": 1, "updated_at_ms": 1},
            },
        }
        for number in range(RECORDS)
    }
    suite = {"suite": "waits", "now_ms": 1, "callers": callers, "records": records, "expect": {}}
    (folder / "waits_test.yaml").write_text(json.dumps(suite))
    write_policy(folder, "record.status == 'claimed'")


@pytest.mark.parametrize("number", [1, 2])
def test_sigterm_does_not_wait_for_policies_to_be_proven(number: int, tmp_path: Path) -> None:
    """What is proven is given up, never in force, and the end is as fast and as good as any other."""
    folder = tmp_path / "policies"
    settings: dict[str, Any] = {"policies": [write_policy(folder, "'true'")], "reload": {"watch": False}}
    with serving(tmp_path, workers=number, **settings) as process:
        write_slow_policy(folder)
        process.process.send_signal(signal.SIGHUP)
        time.sleep(1.0)
        assert process.get().status == 200
        began = time.monotonic()
        process.process.send_signal(signal.SIGTERM)
        code, said = process.end()
        assert time.monotonic() - began < AT_ONCE_S
        assert code == 0
        assert "policies" not in said
        assert "Traceback" not in said


def test_a_crashed_worker_is_replaced_while_policies_are_proven(tmp_path: Path) -> None:
    """Another takes its place at once, under the policies that are in force, and the others go on answering."""
    folder = tmp_path / "policies"
    settings: dict[str, Any] = {"policies": [write_policy(folder, "'true'")], "reload": {"watch": False}}
    with workers(tmp_path, **settings) as served:
        old = served.process.policy()
        write_slow_policy(folder)
        served.process.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        first, *_ = before = served.pids
        os.kill(first, signal.SIGKILL)
        fresh = served.replaced(before, AT_ONCE_S)
        eventually(lambda: served.readiness(fresh).status == 200)
        assert served.process.policy() == old
