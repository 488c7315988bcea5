"""Audit events: what is taken as one, and which of them are shown with a run."""

import hashlib
import json
from typing import Any

from acme_asking import OPERATOR, offered
from acme_records import audit, ids, wait, workflow_run
from routes import RUNS
from serving import Served


async def test_the_audit_chain_is_not_judged(sidecar: Served) -> None:
    """An audit event is taken with whatever hashes it brings: they are shown for others to prove."""
    broken = audit("a", {"run": "run"}, seq=9, prev_hash="no hash", record_hash="neither")
    assert (await offered(sidecar, workflow_run("run"), broken)).status == 200
    found = await sidecar.get(f"{RUNS}/run/observability", OPERATOR)
    assert [(row["seq"], row["record_hash"]) for row in found["audit"]["protected_events"]] == [(9, "neither")]


async def test_audit_events_that_mention_a_run(sidecar: Served) -> None:
    """Some text anywhere in the payload, a member's name apart, is exactly the run's id or that of a told decision."""
    payloads: dict[str, Any] = {
        "text": "run",
        "deep": {"a": [{"b": ["x", "run"]}]},
        "key": {"run": "x"},
        "part": "the run",
        "case": "RUN",
        "number": [1, True, None],
    }
    await sidecar.take(workflow_run("run"), *(audit(name, payload) for name, payload in payloads.items()))
    found = await sidecar.get(f"{RUNS}/run/observability", OPERATOR)
    assert ids(found["audit"]["protected_events"], "event_id") == ["deep", "text"]


async def test_a_minus_before_zero_stays(sidecar: Served) -> None:
    """``-0`` is the number -0.0, in what is stored and in what is digested, and it is no integer where one is needed."""
    await sidecar.take(workflow_run("run"))
    _, record = audit("a", {"about": "run", "change": "here"})
    line = json.dumps({"kind": "protected_audit_event", "record": record}).replace('"here"', "-0")
    assert (await sidecar.admin("POST", "/admin/v1/records", line.encode())).status == 200
    [event] = (await sidecar.get(f"{RUNS}/run/observability", OPERATOR))["audit"]["protected_events"]
    assert event["payload_digest"] == "sha256:" + hashlib.sha256(b'{"about":"run","change":-0.0}\0').hexdigest()
    line = json.dumps({"kind": "wait", "record": wait("w", "run", "waiting", wake_at_ms=-7)[1]}).replace("-7", "-0")
    answer = await sidecar.admin("POST", "/admin/v1/records", line.encode())
    assert (answer.status, [fault["pointer"] for fault in answer.body["rejected"]]) == (422, ["/wake_at_ms"])
