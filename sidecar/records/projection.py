"""What the engines store, as it is served: source runs become canonical runs, old snapshots get the phase they lack."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from sidecar.records.enterprise import ScopeInput, metadata_scope, normalised, whole_scope
from sidecar.records.forms import WHITE_SPACE, unit_id
from sidecar.records.kind import Kind

PHASES: Mapping[str, str] = {
    "queued": "queued",
    "running": "running_phase",
    "sleeping": "sleeping",
    "awaiting_webhook": "waiting_webhook",
    "awaiting_approval": "awaiting_approval",
    "pausing": "paused_attention_required",
    "paused": "paused_attention_required",
    "blocked": "paused_attention_required",
    "retrying": "retrying",
    "completed": "completed",
    "dry_run": "completed",
    "failed": "failed",
    "dead_lettered": "failed",
    "cancelled": "cancelled",
}
"""The phase of each run status."""

ALLOWED_NEXT: Mapping[str, tuple[str, ...]] = {
    "created": ("queued", "cancelled"),
    "queued": ("running_phase", "paused_attention_required", "cancelled"),
    "running_phase": (
        *("sleeping", "waiting_webhook", "awaiting_approval", "retrying", "paused_attention_required"),
        *("completed", "failed", "cancelled"),
    ),
    "sleeping": ("running_phase", "paused_attention_required", "cancelled"),
    "waiting_webhook": ("running_phase", "retrying", "paused_attention_required", "failed", "cancelled"),
    "awaiting_approval": ("running_phase", "paused_attention_required", "failed", "cancelled"),
    "retrying": ("running_phase", "paused_attention_required", "failed", "cancelled"),
    "paused_attention_required": ("queued", "running_phase", "failed", "cancelled"),
    "failed": (),
    "completed": (),
    "cancelled": (),
}
"""The phases that may follow each phase, in the order in which they are told."""

_TERMINAL = ("completed", "failed", "blocked", "cancelled")

_VERSION_KEYS = (
    "definition_version",
    "workflow_definition_version",
    "automation_definition_version",
    "automation_version",
    "source_pack_version",
    "version",
)
_HASH_SHOWN = len("sha256:") + 16


@dataclass(frozen=True, slots=True)
class Projected:
    """A record in the served shape, still to be validated, and where in the source its scope's fields stood."""

    record: dict[str, Any]
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Projection:
    """One way from a source record to what is served.

    ``project`` takes a valid source record in canonical form (raises ScopeFault); ``settle`` brings a valid projected
    record to its final form; ``complete`` adds to a raw record of an unprojected shape what it lacks. ``tenant`` is
    where the source keeps its tenant. ``fixed`` are the properties that come out the same for every record, ``copies``
    the properties that tell the value of another one too: they are masked with it. ``scope_goes`` tells that the engine
    sends a run no more with its scope when it ended.
    """

    tenant: str | None = None
    project: Callable[[dict[str, Any]], Projected] | None = None
    settle: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    complete: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    fixed: tuple[str, ...] = ()
    copies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scope_goes: bool = False


def observed_phase(run_id: str, phase: str, status: str, at_ms: int, phase_id: str | None) -> dict[str, Any]:
    """The one entry of a phase history that was not recorded but read off a status."""
    entry = {
        "schema_version": 1,
        "event_id": f"{run_id}:phase:{phase}:{at_ms}",
        "to_phase": phase,
        "event_type": "stateful_runtime.phase.observed",
        "occurred_at_ms": at_ms,
        "reason": f"observed_status:{status}",
    }
    return entry if phase_id is None else {**entry, "phase_id": phase_id}


def lost_scope(run: Mapping[str, Any]) -> bool:
    """Whether a run ended and came without its definition: its engine may have dropped it, and the scope in it.

    The run may be as it was read: its status any value.
    """
    return run.get("status") in _TERMINAL and run.get("automation_snapshot") is None


def automation_run(source: dict[str, Any]) -> Projected:
    """A run of the automation engine as a canonical run."""
    checkpoint = source["checkpoint"]
    snapshot = source.get("automation_snapshot") or {}
    scope = metadata_scope(snapshot.get("metadata"), "/automation_snapshot/metadata")
    fields = dict(scope.fields)
    unit = fields.get("owning_org_unit_id")
    if isinstance(unit, str) and not unit_id(unit):
        del fields["owning_org_unit_id"]
    if source["scope_unknown"]:
        fields["owning_org_unit_id"] = ""
    gate = checkpoint.get("awaiting_gate")
    run = {
        **_common(source, "automation_v2", gate["node_id"] if gate else None),
        **_definition(source, snapshot),
        "automation_id": source["automation_id"],
        "automation_run_id": source["run_id"],
        "scope": _scope(source, ScopeInput(fields)),
        "trigger_type": source["trigger_type"],
        "started_at_ms": source.get("started_at_ms"),
        "related_context_run_ids": source["active_instance_ids"],
        "metadata": {
            "active_session_ids": source["active_session_ids"],
            **{
                name: source.get(name)
                for name in ("latest_session_id", "stop_kind", "trigger_reason", "consumed_handoff_id")
            },
        },
        "recovery": {
            **{name: checkpoint[name] for name in ("completed_nodes", "pending_nodes", "blocked_nodes")},
            "last_failure": checkpoint.get("last_failure"),
        },
    }
    return Projected(run, _scoped(scope.origins))


def workflow_run(source: dict[str, Any]) -> Projected:
    """A run of the workflow engine as a canonical run."""
    gate = source.get("awaiting_gate")
    scope = whole_scope(source.get("enterprise_scope"), "/enterprise_scope")
    binding = source.get("binding_id")
    metadata = None if binding is None else {"binding_id": binding, "source": source.get("source")}
    run = {
        **_common(source, "workflow", gate["action_id"] if gate else None),
        **{name: source.get(name) for name in ("workflow_id", "automation_id", "automation_run_id", "task_id")},
        **{name: source.get(name) for name in ("trigger_event", "source_event_id")},
        "scope": _scope(source, scope),
        "metadata": metadata,
    }
    return Projected(run, _scoped(scope.origins))


def _common(source: Mapping[str, Any], kind: str, gate: str | None) -> dict[str, Any]:
    """What both engines' runs have in common; ``gate`` is the id of the gate that waits for an approval."""
    status, updated = source["status"], source["updated_at_ms"]
    phase = PHASES[status]
    return {
        "schema_version": 1,
        "run_id": source["run_id"],
        "kind": kind,
        "status": status,
        "phase": phase,
        "phase_history": [observed_phase(source["run_id"], phase, status, updated, gate)],
        "allowed_next_phases": list(ALLOWED_NEXT[phase]),
        "current_phase_id": gate,
        "active_wait_kind": None if gate is None else "approval",
        "active_wait_id": gate,
        "created_at_ms": source["created_at_ms"],
        "updated_at_ms": updated,
        "finished_at_ms": source.get("finished_at_ms"),
    }


def _scope(source: Mapping[str, Any], given: ScopeInput) -> dict[str, Any]:
    return {"tenant_context": source["tenant_context"], **given.fields}


def _scoped(origins: Mapping[str, str]) -> dict[str, str]:
    return {f"/scope/{name}": origin for name, origin in origins.items()}


def _settled(run: dict[str, Any]) -> dict[str, Any]:
    """An automation run with its scope in normal form; a scope that is not known stays out of everyone's unit."""
    unknown = run["scope"].get("owning_org_unit_id") == ""
    scope = normalised(run["scope"])
    return {**run, "scope": {**scope, "owning_org_unit_id": ""} if unknown else scope}


def _definition(source: Mapping[str, Any], snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """Version and hash of the definition: as stored, else derived from the definition."""
    version = source.get("workflow_definition_version")
    digest = source.get("workflow_definition_snapshot_hash")
    if snapshot and digest is None:
        digest = "sha256:" + hashlib.sha256(orjson.dumps(snapshot, option=orjson.OPT_SORT_KEYS)).hexdigest()
    if snapshot and version is None:
        version = _version(source["automation_id"], snapshot.get("metadata") or {}, digest or "")
    return {"workflow_definition_version": version, "workflow_definition_snapshot_hash": digest}


def _version(automation_id: str, metadata: Mapping[str, Any], digest: str) -> str:
    for name in _VERSION_KEYS:
        text = _scalar_text(metadata.get(name))
        if text:
            return text
    bundle = metadata.get("plan_package_bundle")
    for plan in (
        bundle.get("plan") if isinstance(bundle, dict) else None,
        metadata.get("approved_plan_materialization"),
    ):
        if isinstance(plan, dict):
            plan_id, revision = _scalar_text(plan.get("plan_id")), _scalar_text(plan.get("plan_revision"))
            if plan_id and revision:
                return f"plan:{plan_id}:rev:{revision}"
    return f"automation:{automation_id}@{digest[:_HASH_SHOWN].removeprefix('sha256:')}"


def _scalar_text(value: Any) -> str:
    """A text, number or boolean as trimmed text; anything else as nothing."""
    if isinstance(value, str):
        return value.strip(WHITE_SPACE)
    return orjson.dumps(value).decode() if isinstance(value, bool | int | float) else ""


def _snapshot(raw: dict[str, Any]) -> dict[str, Any]:
    """A snapshot with the phase, history and next phases that old writers left out."""
    record = dict(raw)
    if "phase" not in raw:
        status = raw.get("status")
        if not isinstance(status, str) or status not in PHASES:
            return raw  # validation speaks of it
        record["phase"] = PHASES[status]
        entry = observed_phase(
            str(raw.get("run_id")), record["phase"], status, raw.get("created_at_ms", 0), raw.get("phase_id")
        )
        record.setdefault("phase_history", [entry])
    phase = record["phase"]
    if isinstance(phase, str) and phase in ALLOWED_NEXT:
        record.setdefault("allowed_next_phases", list(ALLOWED_NEXT[phase]))
    return record


_OF_PHASE = {"phase": ("phase_history", "allowed_next_phases")}
_OF_RUN = {
    **_OF_PHASE,
    "current_phase_id": ("active_wait_id", "phase_history"),
    "active_wait_id": ("current_phase_id", "phase_history"),
}
_OF_AUTOMATION = {
    **_OF_RUN,
    # the definition holds both, and whoever guesses what is masked would see in its hash that it is right
    **dict.fromkeys(("scope", "automation_id"), ("workflow_definition_snapshot_hash", "workflow_definition_version")),
    "workflow_definition_snapshot_hash": ("workflow_definition_version",),
}
_OF_SNAPSHOT = {**_OF_PHASE, **dict.fromkeys(("phase_id", "created_at_ms"), ("phase_history",))}

PROJECTIONS: Mapping[str, Projection] = {
    "automation_run": Projection(
        "/tenant_context", automation_run, settle=_settled, fixed=("kind",), copies=_OF_AUTOMATION, scope_goes=True
    ),
    "workflow_run": Projection("/tenant_context", workflow_run, fixed=("kind",), copies=_OF_RUN),
    "snapshot": Projection(complete=_snapshot, copies=_OF_SNAPSHOT),
}
"""Every projection that a kind's annotation may name."""


def projection_of(kind: Kind) -> Projection:
    """The projection of a kind; one that changes nothing where its annotation names none."""
    return PROJECTIONS[kind.projection] if kind.projection else Projection()
