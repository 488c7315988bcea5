"""Asking for a recovery choice: who may, which choices there are, and what else a body says."""

import json
from typing import Any

import pytest
from acme_asking import FAY, OPERATOR, choose, recorded, stored
from acme_records import LEDGER, Record, dead_letter, grant, person, repository, unit, workflow_run
from serving import NOW_MS, Served, Who

CHOICES = [
    *("retry_failed_effect", "retry_dead_letter", "resume_from_checkpoint", "reconcile_external_effect"),
    *("compensate_pending_effects", "compensate", "abandon_with_audit", "ignore_dead_letter"),
]


async def test_the_run_is_looked_for_before_the_actor(sidecar: Served) -> None:
    """A run that the caller does not see is not there, whoever asks; of one that it sees the actor is needed."""
    await sidecar.take(workflow_run("run"), workflow_run("of legal", scope={"owning_org_unit_id": "legal"}))
    nobody = Who(actor=None)
    for run in ("of%20legal", "gone"):
        for who in (nobody, FAY):
            status, body = await choose(sidecar, who, run=run)
            assert (status, body["error"]) == (404, "stateful_run_not_found")
    assert (await choose(sidecar, nobody))[0] == 401
    assert (await choose(sidecar, Who(actor=" ", roles="workspace_operator")))[0] == 401
    assert await recorded(sidecar) == []


@pytest.mark.parametrize(
    ("who", "permitted"),
    [
        (OPERATOR, True),
        (Who(actor="op"), True),
        (Who(actor="rex", units="finance", roles="auditor,recovery_operator"), True),
        (Who(actor="rex", units="finance", roles="auditor,recovery"), False),
        (FAY, False),
        (Who(actor="exec", units="finance"), True),
        (Who(actor="reader", units="finance"), False),
        (Who(actor="elsewhere", units="finance"), False),
        (Who(actor="late", units="finance"), False),
        (Who(actor="unnamed", units="finance"), False),
        (Who(actor="denied", units="finance"), False),
    ],
)
async def test_who_may_record(sidecar: Served, who: Who, permitted: bool) -> None:
    """A choice is for operators, recovery operators, and whoever holds an active grant to execute what the run is of."""

    def to(name: str, **more: Any) -> Any:
        return grant(name, person(name), **{"resource": LEDGER, "permissions": ["read", "execute"], **more})

    named = ["exec", "reader", "elsewhere", "late", "denied"]
    inside = {"owning_org_unit_id": "finance", "resource_scope": {"root": LEDGER}, "delegation_grant_ids": named}
    await sidecar.take(
        unit("finance"),
        to("exec"),
        to("reader", permissions=["read", "edit", "admin"]),
        to("elsewhere", resource=repository("other")),
        to("late", expires_at_ms=NOW_MS),
        to("unnamed"),
        to("denied"),
        grant("denial", person("denied"), LEDGER, effect="deny"),
        workflow_run("run", scope=inside),
    )
    status, body = await choose(sidecar, who)
    if permitted:
        assert (status, body["recorded"]) == (200, True)
    else:
        assert (status, body["error"]) == (403, "recovery_not_permitted")
    assert len(await recorded(sidecar)) == int(permitted)


@pytest.mark.parametrize("choice", ["burn", "retry", "resume-from-checkpoint!", "resolve_dead_letter", "КОМПЕНСАТЕ"])
async def test_other_choices_are_unknown(sidecar: Served, choice: str) -> None:
    """A choice that is none of the eight is refused with the eight, and records nothing."""
    await sidecar.take(workflow_run("run"), dead_letter("d"))
    status, body = await choose(sidecar, OPERATOR, choice, dead_letter_id="d")
    assert (status, body["error"]) == (400, "unknown_recovery_choice")
    assert sorted(body["choices"]) == sorted(CHOICES)
    assert await recorded(sidecar) == []
    assert (await stored(sidecar, "dead_letter/d"))["status"] == "open"


@pytest.mark.parametrize("choice", [*CHOICES, "  Retry-Failed-Effect\t", "COMPENSATE"])
async def test_the_eight_choices(sidecar: Served, choice: str) -> None:
    """Each of the eight is accepted in any case, with dashes and blanks around, and is told in its normal form."""
    await sidecar.take(workflow_run("run"))
    status, body = await choose(sidecar, OPERATOR, choice)
    assert (status, body["choice"]) == (200, choice.strip().lower().replace("-", "_"))


async def test_the_actor_is_who_asks(sidecar: Served) -> None:
    """Whom the body names as the actor is of no account."""
    await sidecar.take(workflow_run("run"), dead_letter("d"))
    status, body = await choose(sidecar, OPERATOR, dead_letter_id="d", actor_id="mallory")
    assert status == 200
    assert body["disposition"]["dead_letter"]["disposition_actor"] == person("op")
    assert "mallory" not in json.dumps([body, await recorded(sidecar)])


async def test_blank_ids_are_absent(sidecar: Served) -> None:
    """A blank id names no row."""
    await sidecar.take(workflow_run("run"))
    blank: Record = {"dead_letter_id": "", "compensation_id": " \t", "target_effect_id": "\u3000", "reason": None}
    status, body = await choose(sidecar, OPERATOR, **blank)
    assert (status, body["disposition"]) == (200, None)
    [event_] = await recorded(sidecar)
    assert event_["payload"]["target_effect_id"] is None
    assert "correlation_id" not in event_
