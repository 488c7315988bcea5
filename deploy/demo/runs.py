"""The run of a story as its engine stores it, with its log of events and its snapshots."""

from collections.abc import Iterator

from cast import Made, Record, person
from story import FINISHED, Story

_PHASES = {
    "running": "running_phase",
    "awaiting_webhook": "waiting_webhook",
    **dict.fromkeys(("pausing", "paused", "blocked"), "paused_attention_required"),
    "dry_run": "completed",
}
_STOPS = ("cancelled", "operator_stopped", "guardrail_stopped", "panic", "shutdown", "server_restart", "stale_reaped")


def run(story: Story) -> Made:
    """The stored run."""
    common: Record = {
        "run_id": story.run_id,
        "tenant_context": story.workload.tenant,
        "status": story.status,
        "created_at_ms": story.began_ms,
        "updated_at_ms": story.ended_ms,
    }
    if story.status in FINISHED:
        common["finished_at_ms"] = story.ended_ms
    if story.workload.engine == "workflow":
        return "workflow_run", {**common, **_workflow(story)}
    return "automation_run", {**common, **_automation(story)}


def _automation(story: Story) -> Record:
    """What only the automation engine stores."""
    made: Record = {
        "automation_id": story.workload.id,
        "trigger_type": story.pick(("schedule", "webhook", "manual")),
        "trigger_reason": story.about,
        "checkpoint": _checkpoint(story),
        "automation_snapshot": {
            "automation_id": story.workload.id,
            "metadata": {"definition_version": "4", "enterprise_scope": story.workload.scope},
        },
        "effective_execution_profile": story.pick(("strict", "guided", "yolo")),
    }
    if story.done:
        made["started_at_ms"] = story.at(1)
    if story.status == "cancelled":
        made["stop_kind"] = story.pick(_STOPS)
    if story.status in ("paused", "pausing"):
        made["pause_reason"] = f"{story.workload.owner} wants to look at it first"
    return made


def _checkpoint(story: Story) -> Record:
    nodes = [step.node for step in story.workload.steps]
    ahead = nodes[story.done :]
    stopped = story.status == "blocked"
    checkpoint: Record = {
        "completed_nodes": nodes[: story.done],
        "pending_nodes": ahead[1:] if stopped else ahead,
        "blocked_nodes": ahead[:1] if stopped else [],
        "node_outputs": {node: {"summary": story.about} for node in nodes[: story.done]},
    }
    if story.status == "awaiting_approval":
        checkpoint["awaiting_gate"] = {"node_id": story.gate.node, **_question(story)}
    if story.status == "failed":
        failed = {"node_id": story.gate.node, "reason": story.workload.fails, "failed_at_ms": story.ended_ms}
        checkpoint["last_failure"] = failed
    return checkpoint


def _workflow(story: Story) -> Record:
    """What only the workflow engine stores."""
    made: Record = {
        "workflow_id": story.workload.id,
        "trigger_event": f"{story.workload.id}.requested",
        "source_event_id": story.id_of("request"),
        "enterprise_scope": story.workload.scope,
        "actions": [_action(story, index) for index in range(len(story.workload.steps))],
        "source": {"kind": "workspace", "path": f"workflows/{story.workload.id}.yaml"},
    }
    if story.status == "awaiting_approval":
        made["awaiting_gate"] = {"action_id": story.gate.node, **_question(story)}
    return made


def _action(story: Story, index: int) -> Record:
    step = story.workload.steps[index]
    at = min(story.at(index + 2), story.ended_ms)
    status = "completed" if index < story.done else "pending"
    if index == story.done:
        status = {"failed": "failed", "running": "running", "cancelled": "skipped"}.get(story.status, status)
    return {"action_id": step.node, "action": step.tool, "status": status, "updated_at_ms": at}


def _question(story: Story) -> Record:
    title = f"May {story.gate.node} go ahead? It is about the {story.about}."
    return {"title": title, "decisions": ["approve", "deny", "rework"], "requested_at_ms": story.ended_ms}


def log(story: Story) -> Iterator[Made]:
    """The run's events, numbered from 1."""
    before = None
    for number, (at, kind, told) in enumerate(_happenings(story), 1):
        name = story.id_of("event", f"{number:02}")
        event: Record = {"event_id": name, "run_id": story.run_id, "seq": number, "occurred_at_ms": at}
        event |= {"event_type": kind, "scope": story.scope, "correlation_id": story.id_of("request"), **told}
        if before:
            event["causation_id"] = before
        if "phase_transition" in event:
            transition = {"event_id": name, "event_type": kind, "occurred_at_ms": at, **event["phase_transition"]}
            event["phase_transition"] = transition
        yield "event", event
        before = name


def _happenings(story: Story) -> Iterator[tuple[int, str, Record]]:
    """When, what, and what is told of it."""
    moved = "stateful_runtime.phase.transition"
    yield story.began_ms, moved, _turn("created", "queued", story.about)
    if not story.done:
        return
    yield story.at(1), moved, _turn("queued", "running_phase", "a worker took it")
    for index, step in enumerate(story.workload.steps[: story.done]):
        told = {"phase_id": step.node, "payload": {"tool": step.tool, "target": step.target}}
        yield story.at(index + 2), "stateful_runtime.node.completed", told
        if index == 0:
            phase = _phase(story.pause[0])
            if phase != "running_phase":
                yield story.at(2), moved, _turn("running_phase", phase, f"waits on a {story.pause[1]}")
                yield story.at(3), moved, _turn(phase, "running_phase", "the wait is over")
    if story.status != "running":
        why = story.workload.fails if story.status == "failed" else story.about
        told = _turn("running_phase", _phase(story.status), why)
        actor = {"actor": person(story.workload.owner)} if story.status in ("paused", "pausing", "cancelled") else {}
        yield story.ended_ms, moved, {**told, **actor}


def _phase(status: str) -> str:
    """The phase of a status, which mostly has its name."""
    return _PHASES.get(status, status)


def _turn(before: str, after: str, reason: str) -> Record:
    return {"phase_transition": {"from_phase": before, "to_phase": after, "reason": reason}}


def snapshots(story: Story) -> Iterator[Made]:
    """The state after the first step and at the end, each with the number of the event it follows."""
    if not story.done:
        return
    events = [event for _, event in log(story)]
    last = "dead_lettered" if story.status == "failed" and story.pick((False, True)) else story.status
    # By number, for a run that has just done its first step has but one state to keep.
    states = {event["seq"]: (status, event) for status, event in ((story.pause[0], events[2]), (last, events[-1]))}
    for number, (status, event) in states.items():
        snapshot: Record = {"snapshot_id": story.id_of("snapshot", f"{number:02}"), "run_id": story.run_id}
        snapshot |= {"seq": number, "created_at_ms": event["occurred_at_ms"], "scope": story.scope, "status": status}
        engine = "workflow" if story.workload.engine == "workflow" else "automation_v2"
        yield "snapshot", {**snapshot, "source_record_kind": engine, "checkpoint": {"about": story.about}}
