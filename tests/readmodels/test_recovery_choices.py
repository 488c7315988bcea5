"""Recording what an operator decided: who may, about which rows, what it leaves behind, and that it is all or nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import (
    FOREIGN,
    MEMBER,
    NOBODY,
    NOW,
    OPERATOR,
    RUN,
    SUPERSEDED,
    TENANT,
    World,
    compensation,
    dead_letter,
    event,
    run,
    scope,
    workflow,
)

from sidecar.errors import (
    Absent,
    BadRequest,
    Conflict,
    Forbidden,
    Refusal,
    Unauthenticated,
    Unprocessable,
)
from sidecar.identity.caller import Caller
from sidecar.policy.bundle import Bundle, build
from sidecar.readmodels.choices import CHOICES, RecoveryChoice, read_choice
from sidecar.readmodels.timeline import EventsQuery, events

RETRY = {"choice": "retry_dead_letter"}
GATE = {"awaiting_gate": {"node_id": "gate", "title": "Approve", "requested_at_ms": 1}}
MEANINGS = {
    "retry_failed_effect": ("operator_request_record_only", "retry_requested", "retry_requested", "proposed"),
    "retry_dead_letter": ("operator_request_record_only", "retry_requested", "retry_requested", "proposed"),
    "resume_from_checkpoint": ("operator_request_record_only", "retry_requested", "retry_requested", "proposed"),
    "reconcile_external_effect": ("operator_request_record_only", "open", "reviewed", "proposed"),
    "compensate_pending_effects": (
        *("operator_runbook_record_only", "linked_to_compensation", "linked_to_compensation", "awaiting_approval"),
    ),
    "compensate": (
        *("operator_runbook_record_only", "linked_to_compensation", "linked_to_compensation", "awaiting_approval"),
    ),
    "abandon_with_audit": ("audit_disposition_only", "ignored", "ignored", "cancelled"),
    "ignore_dead_letter": ("audit_disposition_only", "ignored", "ignored", "proposed"),
}


async def log(world: World, caller: Caller = OPERATOR) -> list[Any]:
    """The run's events as a caller sees them."""
    found: list[Any] = (await world.seen(lambda _: events(RUN, EventsQuery(100)), caller))["events"]
    return found


async def labels(world: World) -> list[tuple[int, bytes]]:
    """The labels that dead letters and compensations ever had."""
    async with world.store.snapshot(TENANT) as snap:
        return [*await snap.labels("dead_letter", 0), *await snap.labels("compensation", 0)]


async def refused(world: World, body: Any, caller: Caller = OPERATOR, run_id: str = RUN) -> Refusal:
    """The refusal of a choice."""
    with pytest.raises(Refusal) as refusal:
        await world.chosen(body, caller, run_id)
    return refusal.value


@pytest.mark.parametrize("choice", MEANINGS)
async def test_each_choice_does_what_the_table_says(world: World, choice: str) -> None:
    """A choice brings both rows to its statuses, is answered with them, and dispatches nothing."""
    mode, status, label, compensated = MEANINGS[choice]
    (_, letter), (_, undo) = rows = dead_letter("d"), compensation("c", status="failed")
    await world.put(run(), *rows)
    body = await world.chosen({"choice": choice, "reason": "why", "dead_letter_id": "d", "compensation_id": "c"})
    after = {
        **{**letter, "status": status, "operator_disposition": label, "disposition_reason": "why"},
        **{"disposition_actor": {"kind": "human_user", "id": "olga"}, "disposition_at_ms": NOW, "updated_at_ms": NOW},
    }
    undone = {**undo, "status": compensated, "updated_at_ms": NOW}
    assert body == {
        "run_id": RUN,
        "choice": choice,
        "execution_mode": mode,
        "automatic_dispatch": False,
        "recorded": True,
        "event_seq": 1,
        "disposition": {"previous": {"dead_letter": after}, "compensation": undone},
    }
    assert await world.stored("dead_letter", "d") == after
    assert await world.stored("compensation", "c") == undone


def test_there_are_eight_choices() -> None:
    """The choices are those of the table and no others."""
    assert list(CHOICES) == list(MEANINGS)


async def test_a_choice_without_rows_is_an_event_alone(world: World) -> None:
    """A choice that names no row is recorded in the run's scope; its disposition is null."""
    await world.put(run(unit="finance", checkpoint=GATE))
    body = await world.chosen({"choice": "abandon_with_audit", "target_effect_id": "e"})
    assert body["disposition"] is None
    assert await log(world) == [
        {
            "schema_version": 1,
            "event_id": f"recovery-choice-{RUN}-{NOW}-x",
            "run_id": RUN,
            "seq": 1,
            "event_type": "runtime.recovery_choice.recorded",
            "occurred_at_ms": NOW,
            "scope": scope("finance"),
            "actor": {"kind": "human_user", "id": "olga"},
            "phase_id": "gate",
            "wait_kind": "approval",
            "correlation_id": "e",
            "payload": {
                "choice": "abandon_with_audit",
                "reason": None,
                "dead_letter_id": None,
                "compensation_id": None,
                "target_effect_id": "e",
                "execution_mode": "audit_disposition_only",
                "automatic_dispatch": False,
                "disposition": None,
            },
        }
    ]


BRIEF = {"dead_letter": {"dead_letter_id": "d", "status": "retry_requested", "label": "retry_requested"}}
UNDONE = {"compensation_id": "c", "status": "proposed"}
ALIKE = {"compensation_id": "f", "status": "proposed"}


@pytest.mark.parametrize(
    ("named", "unit", "causation", "disposition"),
    [
        ({"dead_letter_id": "d"}, "finance", "d", BRIEF),
        ({"compensation_id": "c"}, "legal", "c", {"previous": None, "compensation": UNDONE}),
        ({"dead_letter_id": "d", "compensation_id": "f"}, "finance", "d", {"previous": BRIEF, "compensation": ALIKE}),
    ],
)
async def test_the_event_tells_little_and_only_in_the_scope_of_its_row(
    world: World, named: Any, unit: str, causation: str, disposition: Any
) -> None:
    """It carries ids, status and label in the scope of its row: who sees but the run, or but the row, learns no more."""
    await world.put(run(checkpoint=GATE), dead_letter("d", scope=scope("finance")))
    await world.put(compensation("c", scope=scope("legal")), compensation("f", scope=scope("finance")))
    await world.chosen({**RETRY, **named})
    [recorded] = await log(world)
    assert recorded["scope"] == scope(unit)
    assert recorded["payload"]["disposition"] == disposition
    assert recorded["causation_id"] == causation
    assert not {"phase_id", "wait_kind"} & set(recorded)
    assert await log(world, Caller(TENANT, actor_id="x", org_units=("ops",))) == []


async def test_the_actor_is_the_identity(world: World) -> None:
    """Whoever the body says acted, the record says who was proved to."""
    await world.put(run(), dead_letter("d"))
    await world.chosen({**RETRY, "dead_letter_id": "d", "actor_id": "somebody"})
    [recorded] = await log(world)
    letter = await world.stored("dead_letter", "d")
    assert recorded["actor"]["id"] == "olga"
    assert letter is not None
    assert letter["disposition_actor"]["id"] == "olga"


async def test_seq_follows_what_the_caller_sees(world: World) -> None:
    """The event's number is one more than the last visible one; hidden events of the run are not counted."""
    await world.put(run(), event(4), event(9, scope=scope("legal")), event(9, scope=scope(owner=FOREIGN)))
    caller = replace(MEMBER, roles=("recovery_operator",))
    assert (await world.chosen(RETRY, caller))["event_seq"] == 5
    assert (await world.chosen(RETRY, caller, suffix="y"))["event_seq"] == 6
    assert [one["event_id"][-1] for one in await log(world, caller)] == ["4", "x", "y"]


async def test_a_choice_may_be_repeated_in_one_millisecond(world: World) -> None:
    """Each recorded choice is an event of its own, also at the same instant."""
    await world.put(run(), dead_letter("d"))
    for suffix in ("a", "b"):
        assert (await world.chosen({**RETRY, "dead_letter_id": "d"}, suffix=suffix))["recorded"] is True
    assert len(await log(world)) == 2


async def test_a_clock_that_is_behind_loses_nothing(world: World) -> None:
    """Rows stored with a later time than this clock's keep that time and take the change."""
    later = {"updated_at_ms": NOW + 50}
    await world.put(run(), dead_letter("d", **later), compensation("c", **later))
    await world.chosen({"choice": "abandon_with_audit", "dead_letter_id": "d", "compensation_id": "c"})
    letter, undo = await world.stored("dead_letter", "d"), await world.stored("compensation", "c")
    assert letter is not None
    assert undo is not None
    assert (letter["status"], letter["updated_at_ms"], letter["disposition_at_ms"]) == ("ignored", NOW + 50, NOW + 50)
    assert (undo["status"], undo["updated_at_ms"]) == ("cancelled", NOW + 50)


async def test_an_earlier_reason_does_not_outlive_a_choice_without_one(world: World) -> None:
    """A choice without a reason takes the old reason away."""
    await world.put(run(), dead_letter("d", disposition_reason="old"))
    await world.chosen({**RETRY, "dead_letter_id": "d"})
    assert "disposition_reason" not in (await world.stored("dead_letter", "d") or {})


async def test_the_rest_of_a_row_stays_as_it_is_stored(world: World, masking: Callable[[str, str], Bundle]) -> None:
    """What the operator may not read is masked in the answer and unharmed in the store."""
    await world.put(run(), dead_letter("d", metadata={"secret": 1}))
    masked = replace(world, bundle=masking("dead_letter", "metadata"))
    body = await masked.chosen({**RETRY, "dead_letter_id": "d"})
    assert "metadata" not in body["disposition"]["dead_letter"]
    assert (await world.stored("dead_letter", "d") or {})["metadata"] == {"secret": 1}


async def test_a_masked_row_is_judged_by_what_is_stored(world: World, masking: Callable[[str, str], Bundle]) -> None:
    """A superseded row is settled also for who may not read that it is."""
    await world.put(run(), dead_letter("d", metadata=SUPERSEDED))
    masked = replace(world, bundle=masking("dead_letter", "metadata"))
    assert (await refused(masked, {**RETRY, "dead_letter_id": "d"})).code == "recovery_row_settled"


@pytest.mark.parametrize("choice", MEANINGS)
async def test_a_choice_leaves_rows_under_their_labels(world: World, choice: str) -> None:
    """What a choice changes is in no label: the verdicts that permitted it still tell who sees the rows after it."""
    await world.put(
        run(unit="finance"), dead_letter("d", scope=scope("finance")), compensation("c", scope=scope("finance"))
    )
    before = await labels(world)
    await world.chosen({"choice": choice, "reason": "why", "dead_letter_id": "d", "compensation_id": "c"})
    assert await labels(world) == before
    assert len(before) == 2


async def test_a_row_that_the_choice_hides_is_not_shown(world: World, tmp_path: Any, shipped_bundle: Bundle) -> None:
    """A row that its new status hides from the caller is recorded, and null in the answer."""
    (tmp_path / "only_open.yaml").write_text(
        "apiVersion: sidecar/v1\npolicy: only-open\ndescription: Open ones.\napplies_to: [dead_letter]\n"
        "rules:\n  - allow: is-open\n    when: 'record.status == \"open\"'\n"
    )
    bundle = build([*shipped_bundle.folders, tmp_path], shipped_bundle.registry)
    await world.put(run(), dead_letter("d"))
    body = await replace(world, bundle=bundle).chosen({**RETRY, "dead_letter_id": "d"})
    assert body["disposition"] == {"dead_letter": None}
    assert (await world.stored("dead_letter", "d") or {})["status"] == "retry_requested"


RESOURCE = {"organization_id": "acme", "workspace_id": "main", "resource_kind": "repository", "resource_id": "repo"}
GRANT = {
    "grant_id": "g",
    "permissions": ["read", "execute"],
    "data_classes": ["internal"],
    "resource": RESOURCE,
}
GRANTED = {
    "delegation_grant_ids": ["g"],
    "data_classes": ["internal"],
    "resource_scope": {"root": RESOURCE},
}


@pytest.mark.parametrize(
    ("grant", "scoped", "permitted"),
    [
        ({}, {}, True),
        ({"permissions": ["read"]}, {}, False),
        ({"permissions": ["execute"]}, {}, True),
        ({"grant_id": "other"}, {}, False),
        ({"grant_id": "G"}, {}, False),
        ({"data_classes": []}, {}, False),
        ({"data_classes": []}, {"data_classes": []}, True),
        *(({"resource": {**RESOURCE, name: "other"}}, {}, False) for name in RESOURCE if name != "resource_kind"),
        ({"resource": {**RESOURCE, "resource_kind": "run"}}, {}, False),
        ({}, {"delegation_grant_ids": []}, False),
        ({}, {"resource_scope": None}, False),
        ({}, {"resource_scope": {"root": RESOURCE, "denied_resources": [RESOURCE]}}, False),
        ({}, {"resource_scope": {"root": RESOURCE, "denied_resources": [{**RESOURCE, "resource_id": "x"}]}}, True),
    ],
)
async def test_an_execute_grant_that_covers_the_run_permits(
    world: World, grant: Any, scoped: Any, permitted: bool
) -> None:
    """A member may decide about its unit's run exactly when a grant with execute covers what the run's scope names."""
    given = {name: value for name, value in {**GRANTED, **scoped}.items() if value is not None}
    await world.put(run(scoped={"owning_org_unit_id": "finance", **given}))
    caller = replace(MEMBER, grants=({**GRANT, **grant},))
    if permitted:
        assert (await world.chosen(RETRY, caller))["recorded"] is True
    else:
        refusal = await refused(world, RETRY, caller)
        assert (type(refusal), refusal.code) == (Forbidden, "recovery_not_permitted")
        assert await log(world) == []


async def test_permission_rests_on_the_stored_scope(world: World, masking: Callable[[str, str], Bundle]) -> None:
    """A data class that the caller may not read of still needs its grant."""
    await world.put(run(scoped={"owning_org_unit_id": "finance", **GRANTED, "data_classes": ["confidential"]}))
    masked = replace(world, bundle=masking("automation_run", "scope.data_classes"))
    assert (await refused(masked, RETRY, replace(MEMBER, grants=(GRANT,)))).code == "recovery_not_permitted"


@pytest.mark.parametrize(
    ("caller", "permitted"),
    [
        (OPERATOR, True),
        (replace(MEMBER, roles=("recovery_operator",)), True),
        (replace(MEMBER, roles=("auditor", "recovery")), False),
        (MEMBER, False),
    ],
)
async def test_operators_and_recovery_operators_are_permitted(world: World, caller: Caller, permitted: bool) -> None:
    """Seeing a run permits nothing; an operator or a recovery operator may decide about it."""
    await world.put(run())
    if permitted:
        assert (await world.chosen(RETRY, caller))["recorded"] is True
    else:
        assert isinstance(await refused(world, RETRY, caller), Forbidden)


async def test_checks_come_in_one_order(world: World) -> None:
    """The run comes before the actor, the actor before permission, that before the choice, the choice before rows."""
    await world.put(run(unit="legal"), run("mine"), dead_letter("d", run_id="mine", status="resolved"))
    wrong = {"choice": "dance", "dead_letter_id": "absent", "compensation_id": "absent"}
    assert isinstance(await refused(world, wrong, NOBODY), Absent)
    assert isinstance(await refused(world, wrong, NOBODY, "mine"), Unauthenticated)
    assert isinstance(await refused(world, wrong, MEMBER, "mine"), Forbidden)
    assert (await refused(world, wrong, OPERATOR, "mine")).code == "unknown_recovery_choice"
    assert (await refused(world, {**wrong, **RETRY}, OPERATOR, "mine")).code == "stateful_dead_letter_not_found"
    settled = {**RETRY, "dead_letter_id": "d", "compensation_id": "absent"}
    assert (await refused(world, settled, OPERATOR, "mine")).code == "recovery_row_settled"


@pytest.mark.parametrize(
    ("row", "name"), [(dead_letter, "dead_letter"), (compensation, "compensation")], ids=["letter", "compensation"]
)
@pytest.mark.parametrize(
    "change",
    [
        {"run_id": "run-2"},
        {"run_id": "run_1"},
        {"run_id": None},
        {"scope": scope("legal")},
        {"scope": scope(owner=FOREIGN)},
        None,
    ],
    ids=["another run", "another spelling", "no run", "hidden", "foreign", "absent"],
)
async def test_only_visible_rows_of_the_run_are_found(world: World, row: Any, name: str, change: Any) -> None:
    """A row of another run, hidden, foreign or absent is one answer: no such row; and nothing is recorded."""
    await world.put(run())
    if change is not None:
        await world.put(row("it", **change))
    caller = replace(MEMBER, roles=("recovery_operator",))
    refusal = await refused(world, {**RETRY, f"{name}_id": "it"}, caller)
    assert (refusal.code, refusal.details) == (f"stateful_{name}_not_found", {f"{name}_id": "it"})
    assert refusal.message == "the run has no such row, or it is not yours to see"
    assert await log(world) == []


@pytest.mark.parametrize(
    "row",
    [
        *(dead_letter("it", status=status) for status in ("resolved", "ignored")),
        *(compensation("it", status=status) for status in ("completed", "cancelled")),
        dead_letter("it", metadata=SUPERSEDED),
        compensation("it", metadata=SUPERSEDED),
    ],
)
async def test_a_settled_row_is_never_opened_again(world: World, row: Any) -> None:
    """A row that is settled or superseded refuses every choice and stays as it is."""
    await world.put(run(), row)
    for choice in CHOICES:
        refusal = await refused(world, {"choice": choice, f"{row[0]}_id": "it"})
        assert (type(refusal), refusal.code) == (Conflict, "recovery_row_settled")
        assert refusal.details == {f"{row[0]}_id": "it"}
    assert await world.stored(row[0], "it") == row[1]


async def test_a_refused_choice_changes_nothing(world: World) -> None:
    """When the second row cannot be acted on, the first is untouched and no event tells of it."""
    rows = [dead_letter("d"), compensation("c", status="completed")]
    await world.put(run(), *rows)
    for undo in ("c", "absent"):
        await refused(world, {**RETRY, "dead_letter_id": "d", "compensation_id": undo})
    assert await world.stored("dead_letter", "d") == rows[0][1]
    assert await log(world) == []


async def test_a_log_at_its_end_is_a_conflict(world: World) -> None:
    """When no number is left for the event, the choice is refused and the row is as it was."""
    await world.put(run(), dead_letter("d"), event(2**63 - 1, occurred_at_ms=1))
    refusal = await refused(world, {**RETRY, "dead_letter_id": "d"})
    assert (type(refusal), refusal.code) == (Conflict, "recovery_not_recordable")
    assert (await world.stored("dead_letter", "d") or {})["status"] == "open"


@pytest.mark.parametrize("given_name", [" Retry-Dead-Letter\n", "RETRY_DEAD_LETTER", "\u3000retry-dead_letter"])
async def test_a_choice_is_read_in_normal_form(world: World, given_name: str) -> None:
    """A choice is trimmed, its hyphens are underscores, its case does not matter; the answer has the normal form."""
    await world.put(workflow())
    assert (await world.chosen({"choice": given_name}))["choice"] == "retry_dead_letter"


async def test_unknown_choices_are_refused_with_the_list(world: World) -> None:
    """A choice that is not one of the eight is refused and told which there are; a blank one is required."""
    await world.put(run())
    unknown = await refused(world, {"choice": "Dance-now"})
    assert (type(unknown), unknown.code) == (BadRequest, "unknown_recovery_choice")
    assert unknown.details == {"choice": "dance_now", "choices": list(MEANINGS)}
    blank = await refused(world, {"choice": " \t"})
    assert (type(blank), blank.code, blank.details) == (BadRequest, "stateful_recovery_choice_required", {})
    assert await log(world) == []


def test_blank_ids_are_absent_and_unknown_members_ignored() -> None:
    """Ids that are blank or null name nothing, unknown members mean nothing, others are taken exactly as sent."""
    ids = {"dead_letter_id": " ", "compensation_id": "", "target_effect_id": None}
    assert read_choice({"choice": "x", "extra": 1, **ids}) == RecoveryChoice("x")
    assert read_choice({"choice": "x", "dead_letter_id": " d "}).dead_letter_id == " d "
    assert read_choice(["x", "why", "me", "d", "c", "e"]) == RecoveryChoice("x", "why", "d", "c", "e")


@pytest.mark.parametrize(
    "name", ["choice", "reason", "actor_id", "dead_letter_id", "compensation_id", "target_effect_id"]
)
@pytest.mark.parametrize("value", [1, True, [], {}])
def test_members_of_a_wrong_type_are_named(name: str, value: Any) -> None:
    """A member that is no text is refused, and the refusal points at it."""
    with pytest.raises(Unprocessable) as refusal:
        read_choice({"choice": "retry_dead_letter", name: value})
    assert (refusal.value.code, refusal.value.details) == ("invalid_body", {"pointer": f"/{name}"})


texts = st.none() | st.text(max_size=5) | st.integers() | st.just(ABSENT := object())
bodies = st.fixed_dictionaries(dict.fromkeys(("choice", "reason", "actor_id", "dead_letter_id"), texts)).map(
    lambda body: {name: value for name, value in body.items() if value is not ABSENT}
)


@given(bodies | st.recursive(st.none() | st.booleans() | st.text(), st.lists))
def test_any_json_is_a_choice_or_unprocessable(body: Any) -> None:
    """A body is read exactly when it is an object whose choice is a text and whose other members are texts or null."""
    fits = isinstance(body, dict) and isinstance(body.get("choice"), str)
    fits = fits and all(value is None or isinstance(value, str) for value in body.values())
    positional = isinstance(body, list) and len(body) == 6
    try:
        choice = read_choice(body)
    except Unprocessable:
        assert not fits
    else:
        assert fits or positional
        assert isinstance(choice.choice, str)
