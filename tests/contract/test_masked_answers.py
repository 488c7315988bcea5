"""What a policy masks is masked everywhere: in records, and in whatever an answer derives from them."""

import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from acme_asking import AUDITOR, FAY, NONA, OPERATOR, run_ids
from acme_records import audit, dead_letter, decision, effect, ids, wait, workflow_run
from routes import RELIABILITY, RUNS
from serving import Served, kinds, served

from sidecar.policy.current import Bundles
from sidecar.shipped import shipped

MASKING = """\
apiVersion: sidecar/v1
policy: masking
description: Only operators see why, how and of whom.
applies_to: [wait, dead_letter, policy_decision, protected_audit_event, workflow_run]
rules:
  - allow: everyone
    when: "true"
"""
MASKS = {
    "wait": "reason",
    "dead_letter": "source_type",
    "policy_decision": "tool",
    "protected_audit_event": "payload",
    "workflow_run": "scope.owner_principal",
}
RECEIPT = {"to": "lead@example.org"}


@pytest.fixture(scope="session")
def masking(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    """The shipped policies and one for each kind that masks a field of it."""
    folder = tmp_path_factory.mktemp("masking") / "policies"
    shutil.copytree(shipped("policies"), folder)
    (folder / "bundle_test.yaml").unlink()
    for kind, field in MASKS.items():
        text = MASKING.replace("policy: masking", f"policy: masking-{kind.replace('_', '-')}")
        text = text.replace(text[text.index("[") : text.index("]") + 1], f"[{kind}]")
        mask = f'redact:\n  - field: record.{field}\n    unless: "caller.is_workspace_operator"\n'
        (folder / f"masking_{kind}.yaml").write_text(text + mask, encoding="utf-8")
    bundles = Bundles([folder], kinds())
    assert bundles.reload().trouble is None
    return bundles


@pytest.fixture
async def masked(tmp_path: Path, masking: Bundles) -> AsyncIterator[Served]:
    """One run with a record of each kind that is masked, served under those policies."""
    owner = {"owner_principal": {"kind": "automation", "id": "secret-bot"}}
    async with served(tmp_path, bundles=masking) as sidecar:
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
    for query, rows in (("source_type=secret_type", "dead_letters"),):
        assert (await masked.get(f"{RELIABILITY}?{query}", AUDITOR))[rows] == []
        assert len((await masked.get(f"{RELIABILITY}?{query}", OPERATOR))[rows]) == 1
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
