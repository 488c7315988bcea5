"""The event that a recovery choice leaves behind: its id, its number, and who sees it."""

from acme_asking import FAY, LEA, NONA, OPERATOR, choose, recorded
from acme_records import automation_run, compensation, dead_letter, event, ids, scope, workflow_run
from routes import RUNS
from serving import NOW_MS, Served, Who


async def test_every_choice_is_recorded(sidecar: Served) -> None:
    """Choices of one millisecond are each recorded, under ids that cannot be foretold."""
    await sidecar.take(workflow_run("run"), dead_letter("d"))
    bodies = [(await choose(sidecar, OPERATOR, dead_letter_id="d"))[1] for _ in range(3)]
    assert [(body["recorded"], body["event_seq"]) for body in bodies] == [(True, 1), (True, 2), (True, 3)]
    names = ids(await recorded(sidecar), "event_id")
    assert len(set(names)) == 3
    assert all(len(name.removeprefix(f"recovery-choice-run-{NOW_MS}-")) >= 8 for name in names)


async def test_the_event_is_in_the_scope_of_its_row(sidecar: Served) -> None:
    """Who sees the run but not the row sees no event of it; the event repeats nothing of the row but its state."""
    secret = scope("finance", data_classes=["financial_record"])
    await sidecar.take(
        workflow_run("run"),
        dead_letter("d", in_scope=secret, reason="the account number", payload_pointer="vault/7"),
        compensation("c", in_scope=secret, rollback_instruction="call the bank"),
        compensation("l", in_scope=scope("legal")),
    )
    await choose(sidecar, OPERATOR, dead_letter_id="d", compensation_id="c")
    [logged] = (await sidecar.get(f"{RUNS}/run/events", FAY))["events"]
    assert logged["scope"]["owning_org_unit_id"] == "finance"
    assert logged["payload"]["disposition"] == {
        "previous": {
            "dead_letter": {
                "dead_letter_id": "d",
                "status": "linked_to_compensation",
                "label": "linked_to_compensation",
            }
        },
        "compensation": {"compensation_id": "c", "status": "awaiting_approval"},
    }
    for who in (NONA, LEA):
        assert (await sidecar.get(f"{RUNS}/run/events", who))["events"] == []
    await choose(sidecar, OPERATOR, compensation_id="l")
    [logged] = (await sidecar.get(f"{RUNS}/run/events", LEA))["events"]
    assert logged["scope"]["owning_org_unit_id"] == "legal"
    await choose(sidecar, OPERATOR)
    [logged] = (await sidecar.get(f"{RUNS}/run/events", NONA))["events"]
    assert "owning_org_unit_id" not in logged["scope"]


async def test_an_event_tells_nobody_of_what_is_closed_to_them(sidecar: Served) -> None:
    """A row that is closed to some is not named beside one that is open to them: the choice is refused whole."""
    secret = scope("finance")
    await sidecar.take(
        workflow_run("run", scope=secret),
        dead_letter("d"),
        compensation("c", in_scope=secret),
    )
    status, body = await choose(sidecar, OPERATOR, dead_letter_id="d", compensation_id="c")
    assert (status, body["error"]) == (409, "recovery_not_recordable")
    assert await recorded(sidecar) == []
    assert (await choose(sidecar, OPERATOR, dead_letter_id="d"))[0] == 200
    assert (await sidecar.refused(f"{RUNS}/run", NONA))[0] == 404
    await choose(sidecar, OPERATOR, compensation_id="c")
    assert len((await sidecar.get(f"{RUNS}/run/events", FAY))["events"]) == 2
    assert len((await sidecar.get(f"{RUNS}/run/events", NONA))["events"]) == 1


async def test_the_record_updated_last_is_acted_on(sidecar: Served) -> None:
    """Of two records of one run it is the visible one updated last whose scope a choice about no row is logged in."""
    await sidecar.take(
        automation_run("run", 5, scope={"policy_version_id": "old"}),
        workflow_run("run", 9, scope={"policy_version_id": "new"}),
    )
    await choose(sidecar, OPERATOR)
    [logged] = (await sidecar.get(f"{RUNS}/run/events", NONA))["events"]
    assert logged["scope"]["policy_version_id"] == "new"


async def test_the_sequence_goes_on_from_what_the_caller_sees(sidecar: Served) -> None:
    """The number of the event tells nothing of events that its caller does not see."""
    await sidecar.take(
        workflow_run("run"), event("seen", "run", 4, scope("finance")), event("hidden", "run", 900, scope("legal"))
    )
    fay = Who(actor="fay", units="finance", roles="recovery_operator")
    assert (await choose(sidecar, fay))[1]["event_seq"] == 5
    assert (await choose(sidecar, OPERATOR))[1]["event_seq"] == 901
