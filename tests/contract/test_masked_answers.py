"""What a policy masks is masked everywhere: in records, and in whatever an answer derives from them."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from acme_asking import AUDITOR, FAY, NONA, OPERATOR, choose, run_ids, stored
from acme_records import audit, automation_run, dead_letter, decision, effect, ids, person, unit, wait, workflow_run
from masking import masking
from routes import RELIABILITY, RUNS
from serving import Served, Who, served

from sidecar.policy.current import Bundles

MASKS = {
    "wait": ["reason"],
    "dead_letter": ["source_type"],
    "policy_decision": ["tool"],
    "protected_audit_event": ["payload"],
    "workflow_run": ["scope.owner_principal"],
}
RECEIPT = {"to": "lead@example.org"}


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    """The shipped policies, and one for each kind that masks a field of it."""
    return masking(tmp_path_factory.mktemp("masked-answers") / "policies", MASKS)


@pytest.fixture
async def masked(tmp_path: Path, bundles: Bundles) -> AsyncIterator[Served]:
    """One run with a record of each kind that is masked, served under those policies."""
    owner = {"owner_principal": {"kind": "automation", "id": "secret-bot"}}
    async with served(tmp_path, bundles=bundles) as sidecar:
        await sidecar.take(
            workflow_run("run", scope=owner),
            wait("w", "run", "waiting", reason="the merger"),
            dead_letter("d", source_type="secret_type"),
            decision("p", "run", actor_id="ada", tool="secret-tool", decision="deny"),
            audit("a", {"about": "run"}, actor="ada"),
        )
        yield sidecar


async def test_receipts(sidecar: Served) -> None:
    """The shipped policies show a receipt to operators and auditors, and leave it out for everybody else."""
    await sidecar.take(workflow_run("run"), effect("t", receipt_payload_redacted=RECEIPT))
    for who, shown in ((OPERATOR, True), (AUDITOR, True), (FAY, False), (NONA, False)):
        for path, rows in (
            (RELIABILITY, lambda body: body["tool_effects"]),
            (f"{RUNS}/run/reliability", lambda body: body["tool_effects"]),
            (f"{RUNS}/run/observability", lambda body: body["reliability"]["tool_effects"]),
            (f"{RUNS}/run/resume-plan", lambda body: body["uncertain_effects"]),
            ("/v1/records/tool_effect", lambda body: body["records"]),
            ("/v1/records/tool_effect/t", lambda body: [body["record"]]),
        ):
            [row] = rows(await sidecar.get(path, who))
            assert row.get("receipt_payload_redacted") == (RECEIPT if shown else None), (path, who)
            assert ("receipt_payload_redacted" in row) is shown


async def test_what_is_derived(masked: Served) -> None:
    """Reasons, summaries and counts rest on what is shown; a required text that is masked is null."""
    found = await masked.get(f"{RUNS}/run/observability", AUDITOR)
    reasons = {reason["kind"]: reason for reason in found["operator_summary"]["blocking_reasons"]}
    assert reasons["active_wait"]["reason"] is None
    assert reasons["dead_letter"]["source_type"] is None
    assert reasons["policy_decision"]["tool"] is None
    assert found["policy_decisions"][0]["tool"] is None
    assert "reason" not in found["current_wait"]
    assert found["reliability"]["dead_letters"][0]["source_type"] is None
    detail = await masked.get(f"{RUNS}/run", AUDITOR)
    assert detail["current_wait"]["reason"] is None
    assert detail["enterprise_scope"]["owner_principal"] is None
    assert not any(secret in json.dumps([found, detail]) for secret in ("secret", "merger"))
    shown = await masked.get(f"{RUNS}/run/observability", OPERATOR)
    assert all(secret in json.dumps(shown) for secret in ("secret-tool", "secret_type", "merger", "secret-bot"))


async def test_the_digest_is_of_the_stored_payload(masked: Served) -> None:
    """A masked payload still has the digest of what is stored, and still says which run it is about."""
    found = await masked.get(f"{RUNS}/run/observability", AUDITOR)
    [event] = found["audit"]["protected_events"]
    assert event["payload_digest"] == "sha256:" + hashlib.sha256(b'{"about":"run"}\0').hexdigest()
    [record] = (await masked.get("/v1/records/protected_audit_event", AUDITOR))["records"]
    assert record["payload"] is None


async def test_a_filter_on_a_masked_field_finds_nothing(masked: Served) -> None:
    """A record in which the field is masked is found by no value of it, so that nobody learns it by asking."""
    path = f"{RELIABILITY}?source_type=secret_type"
    assert (await masked.get(path, AUDITOR))["dead_letters"] == []
    assert len((await masked.get(path, OPERATOR))["dead_letters"]) == 1
    for query in ("owner_id=secret-bot", "owner_kind=automation"):
        assert await run_ids(masked, AUDITOR, f"?{query}") == []
        assert await run_ids(masked, OPERATOR, f"?{query}") == ["run"]
    for path in ("/v1/records/dead_letter?source_type=secret_type", "/v1/records/protected_audit_event?payload=run"):
        assert (await masked.get(path, AUDITOR))["count"] == 0
        assert (await masked.get(path, OPERATOR))["count"] == 1


async def test_an_anchor_is_found_though_it_is_masked(masked: Served) -> None:
    """Masking a field of a row does not keep anybody from paging behind it."""
    await masked.take(dead_letter("older", at=5))
    page = await masked.get(f"{RELIABILITY}?after_id=d", AUDITOR)
    assert ids(page["dead_letters"], "dead_letter_id") == ["older"]


async def test_the_answer_to_a_choice_is_masked_and_the_record_is_not(tmp_path: Path) -> None:
    """What a policy masks is masked in the answer to a recovery choice too, and is kept in what is stored."""
    bundles = masking(tmp_path / "policies", {"dead_letter": ["reason", "metadata"]})
    async with served(tmp_path, bundles=bundles) as sidecar:
        await sidecar.take(workflow_run("run"), dead_letter("d", reason="the account number", metadata={"kept": True}))
        rex = Who(actor="rex", units="", roles="recovery_operator")
        status, body = await choose(sidecar, rex, dead_letter_id="d")
        row = body["disposition"]["dead_letter"]
        assert (status, row["status"], row["reason"]) == (200, "linked_to_compensation", None)
        assert "metadata" not in row
        kept = await stored(sidecar, "dead_letter/d")
        assert (kept["reason"], kept["metadata"]) == ("the account number", {"kept": True})
        assert kept["status"] == "linked_to_compensation"


async def test_the_copies_of_a_masked_value_are_masked(tmp_path: Path) -> None:
    """What our own projection repeats of a masked property is in no answer about the run."""
    bundles = masking(tmp_path / "policies", {"automation_run": ["current_phase_id"]})
    gate = {"node_id": "move-cash", "title": "Move it", "requested_at_ms": 1}
    async with served(tmp_path, bundles=bundles) as sidecar:
        await sidecar.take(automation_run("run", status="awaiting_approval", checkpoint={"awaiting_gate": gate}))
        run = f"{RUNS}/run"
        paths = (RUNS, run, f"{run}/observability", f"{run}/resume-plan", f"{run}/reliability")
        for path in (*paths, "/v1/records/automation_run", "/v1/records/automation_run/run"):
            assert "move-cash" not in json.dumps(await sidecar.get(path, AUDITOR)), path
            assert "move-cash" in json.dumps(await sidecar.get(path, OPERATOR)), path


async def test_a_unit_whose_name_is_masked_is_called_by_its_id(tmp_path: Path) -> None:
    """To whom the name of a unit is masked, a run's summary says what the run itself does."""
    bundles = masking(tmp_path / "policies", {"org_unit": ["display_name"]})
    async with served(tmp_path, bundles=bundles) as sidecar:
        of_finance = {"owning_org_unit_id": "Finance"}
        await sidecar.take(unit("finance", display_name="Project X"), workflow_run("run", scope=of_finance))
        for who, called in ((FAY, "Finance"), (OPERATOR, "Project X")):
            scope = (await sidecar.get(f"{RUNS}/run", who))["enterprise_scope"]
            assert (scope["owning_org_unit"]["unit_id"], scope["summary"]["org_unit"]) == ("finance", called)


async def test_a_hash_does_not_tell_a_masked_scope(tmp_path: Path) -> None:
    """A run's answers are the same whatever its masked owner is, though its definition, which is hashed, names it."""
    bundles = masking(tmp_path / "policies", {"automation_run": ["scope.owner_principal"]})
    run = f"{RUNS}/run"
    paths = (
        RUNS,
        run,
        f"{run}/observability",
        f"{run}/resume-plan",
        f"{run}/reliability",
        "/v1/records/automation_run",
    )
    async with served(tmp_path, bundles=bundles) as sidecar:
        seen: dict[Who, list[list[bytes]]] = {AUDITOR: [], OPERATOR: []}
        for owner in ("ann", "bob"):
            await sidecar.take(automation_run("run", scope={"owner_principal": person(owner)}))
            for who, answers in seen.items():
                answers.append([(await sidecar.ask("GET", path, who)).raw for path in paths])
        first, second = seen[AUDITOR]
        assert first == second
        assert all(one != other for one, other in zip(*seen[OPERATOR], strict=True))


async def test_the_event_of_a_choice_repeats_nothing_that_is_masked(tmp_path: Path) -> None:
    """What is masked of a run for some is not told to them by the event of a choice that others make."""
    bundles = masking(tmp_path / "policies", {"automation_run": ["current_phase_id"]})
    gate = {"node_id": "move-cash", "title": "Move it", "requested_at_ms": 1}
    async with served(tmp_path, bundles=bundles) as sidecar:
        await sidecar.take(automation_run("run", status="awaiting_approval", checkpoint={"awaiting_gate": gate}))
        assert (await choose(sidecar, OPERATOR))[0] == 200
        [event] = (await sidecar.get(f"{RUNS}/run/events", AUDITOR))["events"]
        assert "move-cash" not in json.dumps(event)
        assert event["wait_kind"] == "approval"
