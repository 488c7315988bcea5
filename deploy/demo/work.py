"""What a story waits for, what it does outside, and what remains when that fails."""

from collections.abc import Iterator

from cast import DAY_MS, Made, Record, Step, person
from story import Story

_ON_TIMEOUT = {
    "timer": "resume",
    "webhook": "cancel",
    "retry_backoff": "cancel",
    "external_condition": "remind",
    "approval": "escalate",
}
_LETTERS = ("open", "retry_requested", "linked_to_compensation", "ignored", "resolved")
_COMPENSATIONS = ("proposed", "awaiting_approval", "approved", "running", "completed", "failed", "cancelled")
_WHY = {
    "ignored": "The amount was settled by hand.",
    "resolved": "The second attempt went through.",
    "retry_requested": "Please try again after the maintenance window.",
    "linked_to_compensation": "It has to be undone, not repeated.",
}


def waits(story: Story) -> Iterator[Made]:
    """The wait after the first step, and the one for a person."""
    if story.done:
        status = {"failed": story.pick(("woken", "timed_out")), "cancelled": "cancelled"}.get(story.status, "woken")
        if story.status in ("running", "paused", "pausing"):
            status = story.pick(("waiting", "claimed"))
        kind = story.pause[1]
        yield _wait(story, story.id_of("wait", kind), kind, status, story.workload.steps[0].node, 2)
    if story.asked and story.status not in ("running", "dry_run"):
        asked = story.pick(("waiting", "escalated", "claimed"))
        status = {"awaiting_approval": asked, "cancelled": "cancelled"}.get(story.status, "woken")
        yield _wait(story, story.gate_wait_id, "approval", status, story.gate.node, story.workload.gate + 2)


def _wait(story: Story, name: str, kind: str, status: str, node: str, turn: int) -> Made:
    began = min(story.at(turn), story.ended_ms)
    changed = min(began + story.pace_ms, story.ended_ms)
    ends = changed if status in ("timed_out", "escalated") else began + 2 * DAY_MS
    wait: Record = {
        "wait_id": name,
        "run_id": story.run_id,
        "wait_kind": kind,
        "status": status,
        "scope": story.scope,
        "phase_id": node,
        "reason": f"{node} concerns the {story.about}",
        "created_at_ms": began,
        "updated_at_ms": changed,
        "timeout_policy": {"timeout_at_ms": ends, "on_timeout": _ON_TIMEOUT[kind]},
    }
    if status == "claimed":
        wait |= {"claimed_by": story.workload.owner, "claimed_at_ms": changed, "claim_expires_at_ms": ends}
    if status in ("woken", "timed_out", "cancelled"):
        wait["completed_at_ms"] = changed
    return "wait", wait


def deeds(story: Story) -> Iterator[Made]:
    """The outbox rows and effects of the steps that act, and the recovery of the one that failed."""
    if story.status == "dry_run":
        return
    for index, step in enumerate(story.workload.steps[: story.done + 1]):
        if step.acts:
            yield from _deed(story, step, index)
    if story.status == "failed":
        yield from _recovery(story)
    if story.status == "completed" and story.nth % 5 == 0:
        yield from _first_attempt(story)
    if any(wait["status"] == "timed_out" for _, wait in waits(story)):
        kind = story.pause[1]
        late = {"source_type": "stateful_wait", "reason": f"the {kind} did not come in time"}
        yield _letter(story, story.id_of("letter", "wait"), story.id_of("wait", kind), "open", late)


def _deed(story: Story, step: Step, index: int) -> Iterator[Made]:
    """One call to the outside: done, under way, failed or given up."""
    sent, effect = "sent", "succeeded"
    if index == story.done:
        fates = {
            "failed": story.pick((("dead_lettered", "unknown"), ("failed", "failed"))),
            "running": story.pick((("pending", "pending"), ("claimed", "pending"))),
            "cancelled": ("cancelled", ""),
        }
        if story.status not in fates:
            return
        sent, effect = fates[story.status]
    recovery = {name: value for name, value in _recovered(story).items() if index == story.done and value}
    decided = {"policy_decision_id": story.id_of("decision")} if index == story.workload.gate else {}
    attempts = 3 if effect in ("failed", "unknown") else 1
    outbox = {"outbox_id": story.id_of("outbox", step.node)}
    row = {**_call(story, step, index), **outbox, **decided, **recovery, "status": sent, "attempts": attempts}
    if effect:
        made = _effect(story, step, index, effect, {**decided, **outbox})
        yield "tool_effect", made
        row["effect_id"] = made["effect_id"]
    if sent == "claimed":
        row |= {"claimed_by": "courier-2", "claimed_at_ms": story.ended_ms}
    yield "outbox", row


def _call(story: Story, step: Step, index: int) -> Record:
    """What outbox rows and effects share."""
    at = min(story.at(index + 1), story.ended_ms)
    times = {"created_at_ms": at, "updated_at_ms": min(at + story.pace_ms, story.ended_ms)}
    call = {"run_id": story.run_id, "scope": story.scope, "node_id": step.node, "operation": step.tool}
    place = {"provider": step.tool.partition(".")[0], "tool": step.tool, "target": step.target}
    return {**call, **place, **times, "source_kind": story.workload.engine, "source_id": story.workload.id}


def _effect(story: Story, step: Step, index: int, status: str, more: Record) -> Record:
    effect = {**_call(story, step, index), **more, "effect_id": story.id_of("effect", step.node), "status": status}
    effect["audit_hash"] = f"audit:{effect['effect_id']}"
    effect["redaction_tier"] = story.pick(("safe_ui", "metadata_only"))
    if status == "succeeded":
        effect["receipt_payload_redacted"] = {"reference": story.id_of("receipt", step.node), "about": story.about}
    if status in ("failed", "unknown"):
        effect["error"] = story.workload.fails
        compensation = _recovered(story)["compensation_id"]
        effect |= {"compensation_id": compensation} if compensation else {}
    return effect


def _recovered(story: Story) -> dict[str, str | None]:
    """The ids of what recovers a failed run: always a dead letter, a compensation for every other one."""
    if story.status != "failed":
        return {"dead_letter_id": None, "compensation_id": None}
    undone = story.id_of("compensation") if story.pick((True, False)) else None
    return {"dead_letter_id": story.id_of("letter"), "compensation_id": undone}


def _recovery(story: Story) -> Iterator[Made]:
    """The dead letter of the step that failed, and what undoes it."""
    failed, undone = story.id_of("effect", story.gate.node), _recovered(story)["compensation_id"]
    status = story.pick(_LETTERS)
    if undone is None and status == "linked_to_compensation":
        status = "open"
    more: Record = {"compensation_id": undone} if undone else {}
    if status != "open":
        more |= {"operator_disposition": status, "disposition_reason": _WHY[status]}
        more |= {"disposition_actor": person(story.workload.owner), "disposition_at_ms": story.ended_ms}
    yield _letter(story, story.id_of("letter"), failed, status, more)
    if undone:
        yield _compensation(story, undone, failed, _COMPENSATIONS[story.nth // 2 % len(_COMPENSATIONS)])


def _first_attempt(story: Story) -> Iterator[Made]:
    """What a first, failed attempt left behind, superseded by the success of the second."""
    effect = story.id_of("effect", story.gate.node)
    marker = {"superseded_by_success": True, "superseded_by_effect_id": effect, "superseded_at_ms": story.ended_ms}
    failed = _effect(story, story.gate, story.workload.gate, "failed", {})
    failed |= {"effect_id": story.id_of("effect", story.gate.node, "first"), "audit_hash": f"audit:{effect}-first"}
    yield "tool_effect", failed
    yield _letter(story, story.id_of("letter", "first"), failed["effect_id"], "open", {"metadata": marker})
    kind, undo = _compensation(story, story.id_of("compensation", "first"), failed["effect_id"], "proposed")
    yield kind, {**undo, "metadata": marker}


def _letter(story: Story, name: str, source: str, status: str, more: Record) -> Made:
    letter = {"dead_letter_id": name, "run_id": story.run_id, "source_type": "tool_effect", "source_id": source}
    letter |= {"reason": story.workload.fails, "scope": story.scope, "status": status, "attempts": 3}
    letter |= {"recovery_options": ["retry", "ignore", "compensate", "abandon"]}
    return "dead_letter", {**letter, "created_at_ms": story.ended_ms, "updated_at_ms": story.ended_ms, **more}


def _compensation(story: Story, name: str, effect: str, status: str) -> Made:
    undo = {"compensation_id": name, "run_id": story.run_id, "compensation_type": "undo", "target_effect_id": effect}
    undo |= {"rollback_instruction": story.workload.undo, "scope": story.scope, "status": status}
    undo |= {"approval_required": status in ("proposed", "awaiting_approval"), "attempts": 1}
    return "compensation", {**undo, "created_at_ms": story.ended_ms, "updated_at_ms": story.ended_ms}
