"""The runtime's own files, written as it writes them, in the layout of its service or the flat one of its test harness."""

import asyncio
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stores

from sidecar.cli import main

Record = dict[str, Any]
Records = Iterable[tuple[str, Record]]

RELIABILITY = {
    "outbox": "outbox",
    "tool_effects": "tool_effect",
    "dead_letters": "dead_letter",
    "compensations": "compensation",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the stores lie under the state directory: the data directory, then each store that a layout moves."""

    data: str
    workflow_runs: str
    policy_decisions: str
    org_units: str
    grants: str
    bindings: str


SERVICE = Layout(
    "data",
    "workflow_runs.json",
    "data/governance/policy_decisions.json",
    "data/enterprise/org_units.json",
    "data/enterprise/org_unit_access_grants.json",
    "data/enterprise/source_bindings.json",
)
HARNESS = Layout(
    ".",
    "workflow_runs.json",
    "policy_decisions.json",
    "enterprise_org_units.json",
    "enterprise_org_unit_access_grants.json",
    "enterprise_source_bindings.json",
)


async def load_runtime(store: Path, folder: Path, *options: str) -> int:
    """The exit code of loading what the runtime wrote into a folder, as its command line does it."""
    arguments = ["load", "--store", stores.url(store), "--from-runtime", str(folder), *options]
    return await asyncio.to_thread(main, arguments)


def write_runtime(folder: Path, layout: Layout, records: Records) -> None:
    """Write every store that has a record. The runtime keeps the last of two records of one id."""
    of: dict[str, list[Record]] = {}
    for kind, record in records:
        of.setdefault(kind, []).append(record)
    data = folder / layout.data
    _json(data / "runtime/stateful_waits.json", of.get("wait"))
    _json(data / "automation_v2_runs.json", _hot_runs(of.get("automation_run")))
    _json(folder / layout.workflow_runs, _by_id(of.get("workflow_run"), "run_id"))
    _json(folder / layout.policy_decisions, _by_id(of.get("policy_decision"), "decision_id"))
    _json(folder / layout.org_units, _by_id(of.get("org_unit"), "unit_id"))
    _json(folder / layout.grants, _by_id(of.get("org_unit_access_grant"), "grant_id"))
    _json(folder / layout.bindings, _by_id(of.get("source_binding"), "binding_id"))
    lists = {name: of.get(kind, []) for name, kind in RELIABILITY.items()}
    if any(lists.values()):
        _json(data / "runtime/stateful_reliability.json", {"schema_version": 1, **lists})
    for record in of.get("snapshot", []):
        place = f"{_safe(record['run_id'])}/{_safe(record['snapshot_id'])}.json"
        _json(data / "runtime/stateful_snapshots" / place, record)
    _lines(data / "runtime/stateful_events.jsonl", of.get("event", []))
    _lines(data / "audit/protected_events.log.jsonl", _chained(of.get("protected_audit_event", [])))


def _hot_runs(runs: list[Record] | None) -> Record | None:
    return None if runs is None else {"schema_version": 1, "runs": _by_id(runs, "run_id")}


def _by_id(records: list[Record] | None, name: str) -> Record | None:
    return None if records is None else {record[name]: record for record in records}


def _json(path: Path, document: Any) -> None:
    if document is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")


def _lines(path: Path, records: list[Record]) -> None:
    if records:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records), "utf-8")


def _chained(envelopes: list[Record]) -> list[Record]:
    """One sequence over all tenants, each envelope holding the hash of the one before."""
    chained: list[Record] = []
    previous: str | None = None
    for seq, envelope in enumerate(envelopes, 1):
        linked = {**envelope, "seq": seq, "prev_hash": previous}
        previous = record_hash(linked)
        chained.append({**linked, "record_hash": previous})
    return chained


def record_hash(envelope: Mapping[str, Any]) -> str:
    """The hash of one audit envelope."""
    of = envelope["tenant_context"]
    payload = json.loads(json.dumps(envelope["payload"], sort_keys=True))
    members = {
        "event_id": envelope["event_id"],
        "durability_str": envelope["durability"],
        "event_type": envelope["event_type"],
        "tenant_org_id": of["org_id"],
        "tenant_workspace_id": of["workspace_id"],
        "tenant_deployment_id": of.get("deployment_id"),
        "tenant_actor_id": of.get("actor_id"),
        "tenant_source": of.get("source", "local_implicit"),
        "actor": envelope.get("actor"),
        "payload": payload,
        "created_at_ms": envelope["created_at_ms"],
        "seq": envelope["seq"],
        "prev_hash": envelope["prev_hash"],
    }
    return hashlib.sha256(json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def _safe(segment: str) -> str:
    """A segment as the runtime makes it safe for a file name."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", segment)
    return "_" if safe in ("", ".", "..") else safe
