"""What is told of one run: every field, which waits and settled rows are told of, and nothing of what is hidden."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from phase_history import phase_observed
from world import (
    FOREIGN,
    MEMBER,
    NOBODY,
    OPERATOR,
    OWNER,
    RUN,
    SUPERSEDED,
    World,
    audit,
    compensation,
    dead_letter,
    decision,
    effect,
    event,
    outbox,
    run,
    scope,
    snapshot,
    wait,
    workflow,
)

from sidecar.errors import Absent
from sidecar.identity.caller import Caller
from sidecar.policy.bundle import Bundle
from sidecar.readmodels.observability import ObservabilityQuery, observability

QUERY = ObservabilityQuery(RUN, 100, 100, 100, 100)
COUNTS = (
    *("waits", "active_waits", "policy_decisions", "outbox", "tool_effects", "dead_letters", "compensations"),
    *("protected_audit_events", "events", "snapshots"),
)


async def observed(world: World, caller: Caller = OPERATOR, **limits: int) -> Any:
    """The observability of the run, with some limits set."""
    return await world.seen(lambda _: observability(replace(QUERY, **limits)), caller)


def digest(text: str) -> str:
    """The digest of a payload's compact JSON."""
    return "sha256:" + hashlib.sha256(text.encode() + b"\0").hexdigest()


def ids(rows: list[Any], name: str) -> list[Any]:
    """One field of each row."""
    return [row[name] for row in rows]


def reasons(body: Any, kind: str) -> list[Any]:
    """The blocking reasons of one kind."""
    return [reason for reason in body["operator_summary"]["blocking_reasons"] if reason["kind"] == kind]


async def test_a_run_with_nothing_has_every_key(world: World) -> None:
    """A run of which nothing else is known answers with every key: null, empty and zero, and blocked by nothing."""
    await world.put(workflow())
    body = await observed(world, event_limit=1, snapshot_limit=2, reliability_limit=3, audit_limit=4)
    assert body.pop("run")["run_id"] == RUN
    assert body == {
        "run_id": RUN,
        "source": "stateful_runtime_observability",
        "current_wait": None,
        "waits": [],
        "policy_decisions": [],
        "reliability": {"outbox": [], "tool_effects": [], "dead_letters": [], "compensations": []},
        "audit": {"protected_events": [], "payload_policy": "redacted_payload_digest_only"},
        "events": {"latest": None, "tail": [], "correlation_ids": []},
        "snapshots": {"latest": None, "items": []},
        "operator_summary": {"is_blocked": False, "blocking_reasons": [], "allowed_actions": []},
        "counts": dict.fromkeys(COUNTS, 0),
        "limits": {"event_limit": 1, "snapshot_limit": 2, "reliability_limit": 3, "audit_limit": 4},
    }


async def test_the_run_is_the_canonical_record(world: World) -> None:
    """The run is the canonical record: optional nulls left out, no recovery part, no newest snapshot filled in."""
    await world.put(workflow(status="queued"), snapshot(1))
    assert (await observed(world))["run"] == {
        "schema_version": 1,
        "run_id": RUN,
        "kind": "workflow",
        "workflow_id": "flow",
        "scope": scope(),
        "status": "queued",
        "phase": "queued",
        "phase_history": phase_observed(RUN, "queued", "queued", 20),
        "allowed_next_phases": ["running_phase", "paused_attention_required", "cancelled"],
        "created_at_ms": 10,
        "updated_at_ms": 20,
    }


async def test_records_are_embedded_as_stored(world: World) -> None:
    """Waits, the four collections, events and snapshots stand in the body as the records are, optional nulls out."""
    rows = [wait("w"), outbox("o"), effect("e"), dead_letter("d"), compensation("c"), event(1), snapshot(1)]
    await world.put(run(), *rows, decision("p"), audit("a", {"run": RUN}))
    body = await observed(world)
    shown = {
        "wait": body["waits"],
        **{kind: body["reliability"][f"{kind}s".replace("outboxs", "outbox")] for kind, _ in rows[1:5]},
        "event": body["events"]["tail"],
        "snapshot": body["snapshots"]["items"],
    }
    assert shown == {kind: [record] for kind, record in rows}
    assert body["current_wait"] == rows[0][1]
    assert body["counts"] == dict.fromkeys(COUNTS, 1)


async def test_summaries_keep_their_nulls(world: World) -> None:
    """Decisions, audit events, the latest event and snapshot, and correlations have every key, null without a value."""
    await world.put(
        *(run(), decision("bare"), decision("full", created_at_ms=9, **DECIDED), snapshot(3, phase="queued")),
        *(event(1, causation_id="c"), event(2), event(3, correlation_id="k", phase_id="p", causation_id="c")),
        *(audit("a", {}, created_at_ms=1), audit("b", [RUN]), audit("c", RUN, created_at_ms=11, **AUDITED)),
    )
    body = await observed(world)
    least = {"decision_id": "bare", "run_id": RUN, "decision": "allow", "reason_code": "ok", "created_at_ms": 10}
    full = {**least, "decision_id": "full", "created_at_ms": 9, **DECIDED}
    assert body["policy_decisions"] == [{**dict.fromkeys(DECIDED), **least}, full]
    told = {"event_type": "used", "created_at_ms": 10, "seq": 0, "record_hash": "", "actor": None}
    assert body["audit"]["protected_events"] == [
        {**told, "event_id": "b", "payload_digest": digest(f'["{RUN}"]')},
        {**told, "event_id": "c", "created_at_ms": 11, **AUDITED, "payload_digest": digest(f'"{RUN}"')},
    ]
    last = {"event_id": "event-3", "seq": 3, "causation_id": "c", "correlation_id": "k"}
    assert body["events"]["latest"] == {**last, "event_type": "step", "occurred_at_ms": 103, "phase_id": "p"}
    first = {"event_id": "event-1", "seq": 1, "causation_id": "c", "correlation_id": None}
    assert body["events"]["correlation_ids"] == [first, last]
    assert body["snapshots"]["latest"] == {
        **{"snapshot_id": "snap-3", "seq": 3, "status": "running", "phase": "queued", "created_at_ms": 203}
    }


DECIDED = {
    **{"automation_id": "auto", "node_id": "n", "tool": "mail", "risk_tier": "external_effect", "policy_id": "rule"},
    **{"grant_id": "g", "approval_id": "ok-1", "audit_event_id": "a"},
}
AUDITED = {"actor": "ana", "seq": 7, "record_hash": "abc"}


async def test_the_latest_event_without_optional_fields_keeps_its_keys(world: World) -> None:
    """The latest event's phase, causation and correlation are null when it has none."""
    await world.put(run(), event(1))
    latest = (await observed(world))["events"]["latest"]
    assert latest == {
        **{"event_id": "event-1", "seq": 1, "event_type": "step", "occurred_at_ms": 101},
        **dict.fromkeys(("phase_id", "causation_id", "correlation_id")),
    }


async def test_timelines_and_audit_keep_their_newest(world: World) -> None:
    """A limit keeps the newest events, snapshots and audit events, and tells them ascending."""
    await world.put(run(), *(event(n) for n in range(1, 5)), *(snapshot(n) for n in range(1, 5)))
    await world.put(*(audit(f"a{n}", RUN, created_at_ms=n) for n in range(1, 5)))
    body = await observed(world, event_limit=2, snapshot_limit=3, audit_limit=2)
    assert ids(body["events"]["tail"], "seq") == [3, 4]
    assert ids(body["snapshots"]["items"], "seq") == [2, 3, 4]
    assert ids(body["audit"]["protected_events"], "event_id") == ["a3", "a4"]
    assert (body["counts"]["events"], body["counts"]["snapshots"], body["counts"]["protected_audit_events"]) == (
        2,
        3,
        2,
    )


async def test_collections_are_newest_first_and_cut(world: World) -> None:
    """Each collection and the decisions are cut to the reliability limit, the last updated first, ties by id."""
    await world.put(
        run(), *(effect(name, updated_at_ms=at) for name, at in (("b", 30), ("a", 30), ("c", 40), ("d", 5)))
    )
    await world.put(*(decision(name, created_at_ms=at) for name, at in (("p", 1), ("r", 3), ("q", 3))))
    body = await observed(world, reliability_limit=3)
    assert ids(body["reliability"]["tool_effects"], "effect_id") == ["c", "a", "b"]
    assert ids(body["policy_decisions"], "decision_id") == ["q", "r", "p"]


async def test_active_waits_are_sought_before_the_limit(world: World) -> None:
    """However many settled waits come first, the active ones are found: the limit counts active waits only."""
    await world.put(run(), *(wait(f"old-{n}", status="woken", wake_at_ms=n) for n in range(5)))
    await world.put(wait("late", wake_at_ms=90, status="escalated"), wait("later", wake_at_ms=95, status="claimed"))
    body = await observed(world, reliability_limit=1)
    assert ids(body["waits"], "wait_id") == ["old-0"]
    assert body["current_wait"]["wait_id"] == "late"
    assert (body["counts"]["waits"], body["counts"]["active_waits"]) == (1, 1)
    assert ids(reasons(body, "active_wait"), "wait_id") == ["late"]


GATE = {"awaiting_gate": {"node_id": "gate", "title": "Approve", "requested_at_ms": 1}}


async def test_a_gate_without_a_wait_is_inferred(world: World) -> None:
    """A run that awaits a gate has an active wait of its own, a full record, counted as active and not as a wait."""
    await world.put(run(status="awaiting_approval", checkpoint=GATE), wait("other", wake_at_ms=1))
    body = await observed(world)
    assert ids(body["waits"], "wait_id") == ["other"]
    assert body["current_wait"]["wait_id"] == "other"
    assert (body["counts"]["waits"], body["counts"]["active_waits"]) == (1, 2)
    await world.put(wait("other", status="cancelled", updated_at_ms=21))
    assert (await observed(world))["current_wait"] == {
        "schema_version": 1,
        "wait_id": "gate",
        "run_id": RUN,
        "wait_kind": "approval",
        "status": "waiting",
        "scope": scope(),
        "phase_id": "gate",
        "reason": "run_level_active_wait",
        "created_at_ms": 20,
        "updated_at_ms": 20,
        "metadata": {"source": "run_record"},
    }


@pytest.mark.parametrize(("status", "active"), [("waiting", ["gate"]), ("woken", ["early", "gate"])])
async def test_a_recorded_active_wait_is_not_inferred_again(world: World, status: str, active: list[str]) -> None:
    """Nothing is inferred while an active wait is recorded under the id, also when the limit cuts it off."""
    await world.put(run(status="awaiting_approval", checkpoint=GATE), wait("gate", status=status))
    await world.put(wait("early", wake_at_ms=1, status="waiting"))
    body = await observed(world, reliability_limit=1)
    assert ids(reasons(body, "active_wait"), "wait_id") == (["early"] if status == "waiting" else active)


async def test_settled_and_superseded_rows_are_listed_and_block_nothing(world: World) -> None:
    """A dead letter or compensation that is settled or superseded is listed, but is no reason and asks for no action."""
    await world.put(run(), dead_letter("ignored", status="ignored"), dead_letter("moot", metadata=SUPERSEDED))
    await world.put(compensation("done", status="completed"), compensation("moot", metadata=SUPERSEDED))
    body = await observed(world)
    assert (body["counts"]["dead_letters"], body["counts"]["compensations"]) == (2, 2)
    assert body["operator_summary"] == {"is_blocked": False, "blocking_reasons": [], "allowed_actions": []}


async def test_open_rows_are_sought_before_the_limit(world: World) -> None:
    """However many settled rows are newer, the one to act on is a reason: the limit counts recoverable rows."""
    await world.put(run(), *(dead_letter(f"new-{n}", status="resolved", updated_at_ms=50 + n) for n in range(3)))
    await world.put(dead_letter("old"))
    body = await observed(world, reliability_limit=1)
    assert ids(body["reliability"]["dead_letters"], "dead_letter_id") == ["new-2"]
    assert ids(reasons(body, "dead_letter"), "dead_letter_id") == ["old"]


async def test_audit_events_mention_the_run_by_a_value(world: World) -> None:
    """An audit event belongs to a run when some text value in its payload, however deep, is the run's id exactly."""
    await world.put(run(), audit("deep", {"a": [1, {"b": ["x", RUN]}]}), audit("name", {RUN: "x"}))
    await world.put(audit("part", f"{RUN}-more"), audit(RUN, {}, actor=RUN, event_type=RUN), audit("other", "run-2"))
    body = await observed(world)
    assert ids(body["audit"]["protected_events"], "event_id") == ["deep"]


async def test_audit_events_mention_the_decisions_told_of(world: World) -> None:
    """An audit event that names a decision in this answer belongs to it; one that names a decision cut off does not."""
    await world.put(run(), decision("new", created_at_ms=2), decision("old", created_at_ms=1))
    await world.put(audit("of-new", {"d": "new"}), audit("of-old", {"d": "old"}), audit("both", ["new", RUN, "new"]))
    body = await observed(world, reliability_limit=1)
    assert ids(body["audit"]["protected_events"], "event_id") == ["both", "of-new"]


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"b": 1, "a": {"d": "é", "c": [True, None]}, "r": RUN}, '{"a":{"c":[true,null],"d":"é"},"b":1,"r":"%s"}'),
        ({"r": RUN, "x": 1.5e-5, "y": 1e-6, "z": 1e16, "t": 5.0}, '{"r":"%s","t":5.0,"x":0.000015,"y":1e-6,"z":1e+16}'),
        ({"r": RUN, "s": 'a\n\x1f\u2028\x7f"/'}, '{"r":"%s","s":"a\\n\\u001f\u2028\x7f\\"/"}'),
    ],
)
async def test_the_digest_is_over_compact_sorted_json_and_a_nul(world: World, payload: Any, text: str) -> None:
    """A payload's digest is over its JSON, names sorted at every level, unescaped, followed by one NUL."""
    await world.put(run(), audit("a", payload))
    [shown] = (await observed(world))["audit"]["protected_events"]
    assert shown["payload_digest"] == digest(text % RUN)
    assert "payload" not in shown


async def test_the_digest_is_over_the_stored_payload(world: World, masking: Callable[[str, str], Bundle]) -> None:
    """Who may not read an audit payload still learns of the event and of the stored payload's digest."""
    await world.put(run(), audit("a", {"run": RUN}))
    body = await observed(replace(world, bundle=masking("protected_audit_event", "payload")))
    assert ids(body["audit"]["protected_events"], "payload_digest") == [digest(f'{{"run":"{RUN}"}}')]


async def test_masks_apply_before_anything_is_derived(world: World, masking: Callable[[str, str], Bundle]) -> None:
    """A masked field is null in summaries and reasons, and is not in the record."""
    await world.put(run(), dead_letter("d", reason="secret"))
    body = await observed(replace(world, bundle=masking("dead_letter", "reason")))
    assert body["reliability"]["dead_letters"][0]["reason"] is None
    assert reasons(body, "dead_letter")[0]["reason"] is None
    assert "secret" not in str(body)


async def test_nothing_hidden_is_told(world: World) -> None:
    """Rows of another tenant or of a foreign unit under the same run id are neither shown nor counted."""
    for hidden in ({"scope": scope(owner=FOREIGN)}, {"scope": scope("legal")}):
        await world.put(
            *(wait("hidden", **hidden), event(9, **hidden), snapshot(9, **hidden), outbox("hidden", **hidden)),
            *(effect("hidden", **hidden), dead_letter("hidden", **hidden), compensation("hidden", **hidden)),
        )
    elsewhere = {"tenant_context": FOREIGN}
    await world.put(decision("hidden", **elsewhere), audit("hidden", RUN, **elsewhere), run(**elsewhere), run())
    await world.put(decision("theirs", actor_id="x"), audit("theirs", RUN, actor="x"))
    body = await observed(world, MEMBER)
    assert body["counts"] == dict.fromkeys(COUNTS, 0)
    assert "hidden" not in str(body)


async def test_only_rows_of_exactly_this_run_are_told(world: World) -> None:
    """Run ids are compared exactly: rows of a run spelled otherwise are not of this run."""
    await world.put(run(), *(dead_letter(name, run_id=name) for name in ("run_1", "RUN-1", "run-1 ")))
    assert (await observed(world))["counts"]["dead_letters"] == 0


@pytest.mark.parametrize("caller", [MEMBER, NOBODY])
async def test_a_hidden_run_is_an_absent_one(world: World, caller: Caller) -> None:
    """A run of another unit, with children in plain sight, is refused in the words of a run that is not there."""
    refusals = []
    for run_id in (RUN, "absent"):
        await world.put(run(unit="legal"), wait("w"), event(1), dead_letter("d"))
        with pytest.raises(Absent) as refusal:
            await world.seen(lambda _, run_id=run_id: observability(replace(QUERY, run_id=run_id)), caller)
        refusals.append((refusal.value.code, refusal.value.message, refusal.value.details))
    assert refusals[0][:2] == refusals[1][:2]
    assert refusals[0][2] == {"run_id": RUN}
    assert refusals[1][2] == {"run_id": "absent"}
    assert refusals[0][0] == "stateful_run_not_found"


@pytest.mark.parametrize(
    ("automation_at", "workflow_at", "unit", "kind"),
    [
        *((21, 20, None, "automation_v2"), (20, 21, None, "workflow"), (20, 20, None, "workflow")),
        (30, 20, "legal", "workflow"),
    ],
)
async def test_the_visible_run_updated_last_wins(
    world: World, automation_at: int, workflow_at: int, unit: str | None, kind: str
) -> None:
    """Of two records under one run id the visible one updated last is told, on a tie the workflow's."""
    await world.put(run(unit=unit, updated_at_ms=automation_at), workflow(updated_at_ms=workflow_at))
    assert (await observed(world, MEMBER))["run"]["kind"] == kind


async def test_owner_context_is_told_whole(world: World) -> None:
    """The scope of the run keeps its tenant as stored."""
    await world.put(run(unit="finance"))
    assert (await observed(world, MEMBER))["run"]["scope"] == scope("finance", OWNER)
