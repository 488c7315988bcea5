"""Ten scenarios of a runtime, over real HTTP: what each read model shows of records that a runtime wrote.

Each scenario runs on a fresh store and in three ways, which must give the same answers: the records are posted, or loaded
from the files of the runtime's service, or from those of its test harness.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from acme_asking import offered
from runtime_layout import HARNESS, SERVICE, Layout, load_runtime, write_runtime
from scenario_records import (
    Record,
    at,
    automation_run,
    compensation,
    dead_letter,
    enterprise_scope,
    event,
    outbox,
    policy_decision,
    runtime_delegation_grant,
    scoped_runtime,
    snapshot,
    succeeded_effect,
    superseded,
    tenant,
    tool_effect,
    wait,
    workflow_run,
)
from serving import Served, Who, served

Records = list[tuple[str, Record]]
Serve = Callable[[Records], Awaitable[Served]]

HIDDEN = (
    "wait-hidden",
    "event-hidden",
    "snapshot-hidden",
    "outbox-hidden",
    "effect-hidden",
    "dead-hidden",
    "comp-hidden",
    "decision-hidden",
    "audit.hidden",
)


@pytest.fixture(params=["posted", SERVICE, HARNESS], ids=["posted", "service-files", "harness-files"])
async def serve(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Serve]:
    """Serves records on a fresh store, having got them in one of the three ways."""
    async with AsyncExitStack() as until_end:

        async def serve(records: Records) -> Served:
            if isinstance(request.param, Layout):
                write_runtime(tmp_path / "state", request.param, records)
                assert await load_runtime(tmp_path / "sidecar.db", tmp_path / "state") == 0
                return await until_end.enter_async_context(served(tmp_path))
            sidecar = await until_end.enter_async_context(served(tmp_path))
            answer = await offered(sidecar, *records)
            assert (answer.status, answer.body) == (200, {"accepted": len(records)})
            return sidecar

        yield serve


def who(of: Record) -> Who:
    """Somebody of a tenant, who says nothing of units or roles."""
    return Who(of["org_id"], of["workspace_id"], of["actor_id"])


def audit(name: str, of: Record, decision_id: str, run_id: str) -> Record:
    """A protected audit event as the runtime appends one."""
    return {
        "event_id": f"envelope-of-{name}",
        "durability": "durable_required",
        "event_type": name,
        "tenant_context": of,
        "actor": of["actor_id"],
        "payload": {"run_id": run_id, "decision_id": decision_id},
        "created_at_ms": 1_500,
        "seq": 1,
        "prev_hash": None,
        "record_hash": "",
    }


def assert_payload_excludes_hidden_runtime_rows(payload: Any) -> None:
    body = json.dumps(payload)
    for hidden in HIDDEN:
        assert hidden not in body, f"payload leaked {hidden}: {body}"


def shared_run_records(run_id: str, tenant_a: Record, tenant_b: Record) -> Records:
    """One run of one tenant, and rows of two tenants under its id."""
    scope_a = scoped_runtime(tenant_a, "finance", "repo-finance", "grant-finance")
    scope_b = scoped_runtime(tenant_b, "legal", "repo-legal", "grant-legal")
    return [
        ("automation_run", automation_run(run_id, tenant_a)),
        ("wait", wait("wait-visible", run_id, scope_a)),
        ("wait", wait("wait-hidden", run_id, scope_b)),
        ("event", event("event-visible", run_id, 1, scope_a)),
        ("event", event("event-hidden", run_id, 2, scope_b)),
        ("snapshot", snapshot("snapshot-visible", run_id, 1, scope_a)),
        ("snapshot", snapshot("snapshot-hidden", run_id, 2, scope_b)),
        ("outbox", outbox("outbox-visible", run_id, scope_a)),
        ("outbox", outbox("outbox-hidden", run_id, scope_b)),
        ("tool_effect", tool_effect("effect-visible", run_id, scope_a)),
        ("tool_effect", tool_effect("effect-hidden", run_id, scope_b)),
        ("dead_letter", dead_letter("dead-visible", run_id, scope_a)),
        ("dead_letter", dead_letter("dead-hidden", run_id, scope_b)),
        ("compensation", compensation("comp-visible", "effect-visible", run_id, scope_a)),
        ("compensation", compensation("comp-hidden", "effect-hidden", run_id, scope_b)),
        ("policy_decision", policy_decision("decision-visible", tenant_a, run_id)),
        ("policy_decision", policy_decision("decision-hidden", tenant_b, run_id)),
        ("protected_audit_event", audit("audit.visible", tenant_a, "decision-visible", run_id)),
        ("protected_audit_event", audit("audit.hidden", tenant_b, "decision-hidden", run_id)),
    ]


async def test_read_models_filter_cross_tenant_rows_with_shared_run_id(serve: Serve) -> None:
    """Of rows that two tenants keep under one run id, each read model shows a tenant its own."""
    tenant_a = tenant("org-hardening-a", "workspace-a", "operator-a")
    tenant_b = tenant("org-hardening-b", "workspace-b", "operator-b")
    run_id = "run-hardening-shared"
    sidecar = await serve(shared_run_records(run_id, tenant_a, tenant_b))
    run = f"/stateful-runtime/runs/{run_id}"

    limits = "event_limit=10&snapshot_limit=10&reliability_limit=10&audit_limit=10"
    payload = await sidecar.get(f"{run}/observability?{limits}", who(tenant_a))
    for counted in ("waits", "events", "snapshots", "policy_decisions", "outbox", "tool_effects", "dead_letters"):
        assert payload["counts"][counted] == 1, counted
    assert payload["counts"]["compensations"] == 1
    assert payload["counts"]["protected_audit_events"] == 1
    assert_payload_excludes_hidden_runtime_rows(payload)

    events = await sidecar.get(f"{run}/events?limit=10", who(tenant_a))
    assert events["count"] == 1
    assert events["events"][0]["event_id"] == "event-visible"

    snapshots = await sidecar.get(f"{run}/snapshots?limit=10", who(tenant_a))
    assert snapshots["count"] == 1
    assert snapshots["snapshots"][0]["snapshot_id"] == "snapshot-visible"

    reliability = await sidecar.get(f"{run}/reliability?limit=10", who(tenant_a))
    for counted in ("outbox", "tool_effects", "dead_letters", "compensations"):
        assert reliability["counts"][counted] == 1, counted
    assert_payload_excludes_hidden_runtime_rows(reliability)


async def test_enterprise_scope_filters_are_tenant_scoped(serve: Serve) -> None:
    """Filters over a run's enterprise scope find the tenant's one run that matches all of them."""
    tenant_a = tenant("org-enterprise-a", "workspace-a", "operator-a")
    tenant_b = tenant("org-enterprise-b", "workspace-b", "operator-b")
    place_a = ("org-enterprise-a", "workspace-a")
    finance = enterprise_scope(*place_a, "finance", "repo-finance", "grant-finance")
    platform = enterprise_scope(*place_a, "platform", "repo-platform", "grant-platform")
    foreign = enterprise_scope("org-enterprise-b", "workspace-b", "finance", "repo-finance", "grant-finance")
    sidecar = await serve(
        [
            *runtime_delegation_grant(tenant_a, "finance", "repo-finance", "grant-finance"),
            ("workflow_run", workflow_run("run-finance", tenant_a, finance)),
            ("workflow_run", workflow_run("run-platform", tenant_a, platform)),
            ("workflow_run", workflow_run("run-other-tenant", tenant_b, foreign)),
        ]
    )

    payload = await sidecar.get(
        "/stateful-runtime/runs?org_unit_id=finance&data_class=financial_record&delegation_grant_id=grant-finance"
        "&resource_kind=repository&resource_id=repo-finance&policy_version_id=policy-finance",
        who(tenant_a),
    )
    assert payload["count"] == 1
    assert payload["runs"][0]["run"]["run_id"] == "run-finance"
    assert payload["runs"][0]["enterprise_scope"]["owning_org_unit_id"] == "finance"
    assert payload["runs"][0]["enterprise_scope"]["summary"]["delegation_grant_count"] == 1

    denied = await sidecar.get("/stateful-runtime/runs?org_unit_id=finance&data_class=credential", who(tenant_a))
    assert denied["count"] == 0

    detail = await sidecar.get("/stateful-runtime/runs/run-finance", who(tenant_a))
    assert detail["enterprise_scope"]["resource_scope"]["root"]["resource_id"] == "repo-finance"
    assert detail["enterprise_scope"]["policy_version_id"] == "policy-finance"
    assert detail["enterprise_scope"]["delegation_grant_ids"] == ["grant-finance"]


async def test_delegation_filter_requires_stored_grant_id(serve: Serve) -> None:
    """An active grant of the catalogue is no match when the run does not store its id."""
    tenant_a = tenant("org-enterprise-a", "workspace-a", "operator-a")
    scope = enterprise_scope("org-enterprise-a", "workspace-a", "finance", "repo-finance", "grant-finance")
    scope["delegation_grant_ids"] = []
    sidecar = await serve(
        [
            *runtime_delegation_grant(tenant_a, "finance", "repo-finance", "grant-finance"),
            ("workflow_run", workflow_run("run-without-grant", tenant_a, scope)),
        ]
    )

    payload = await sidecar.get("/stateful-runtime/runs?delegation_grant_id=grant-finance", who(tenant_a))
    assert payload["count"] == 0


async def test_grant_only_scope_resolves_active_authority(serve: Serve) -> None:
    """A run that stores a grant id but no unit has the authority of that grant."""
    tenant_a = tenant("org-enterprise-a", "workspace-a", "operator-a")
    scope = enterprise_scope("org-enterprise-a", "workspace-a", "finance", "repo-finance", "grant-finance")
    del scope["owning_org_unit_id"]
    sidecar = await serve(
        [
            *runtime_delegation_grant(tenant_a, "finance", "repo-finance", "grant-finance"),
            ("workflow_run", workflow_run("run-grant-only", tenant_a, scope)),
        ]
    )

    payload = await sidecar.get(
        "/stateful-runtime/runs?delegation_grant_id=grant-finance&resource_kind=repository&resource_id=repo-finance",
        who(tenant_a),
    )
    assert payload["count"] == 1
    assert payload["runs"][0]["run"]["run_id"] == "run-grant-only"
    authority = payload["runs"][0]["enterprise_scope"]["delegation_grant_authority"]
    assert authority["status"] == "active"
    assert authority["missing_grant_ids"] == []


async def test_reliability_cursor_only_pages_matching_collection(serve: Serve) -> None:
    """A cursor pages its own collection, the others begin again; a stale one leaves all four empty."""
    tenant_a = tenant("org-cursor-a", "workspace-a", "operator-a")
    run_id = "run-reliability-cursor"
    scope_a = scoped_runtime(tenant_a, "finance", "repo-finance", "grant-finance")
    sidecar = await serve(
        [
            ("automation_run", automation_run(run_id, tenant_a)),
            ("outbox", outbox("outbox-cursor", run_id, scope_a)),
            ("tool_effect", tool_effect("effect-cursor", run_id, scope_a)),
            ("compensation", compensation("comp-cursor", "effect-cursor", run_id, scope_a)),
            ("dead_letter", dead_letter("dead-newer", run_id, scope_a, **at(2_000))),
            ("dead_letter", dead_letter("dead-older", run_id, scope_a, **at(1_000))),
        ]
    )
    path = f"/stateful-runtime/runs/{run_id}/reliability?limit=1"

    first_page = await sidecar.get(path, who(tenant_a))
    assert first_page["pagination"]["next"]["dead_letters"]["after_collection"] == "dead_letters"
    after_id = first_page["pagination"]["next"]["dead_letters"]["after_id"]
    assert after_id == "dead-newer"

    second_page = await sidecar.get(f"{path}&after_id={after_id}", who(tenant_a))
    assert second_page["pagination"]["after_collection"] == "dead_letters"
    assert second_page["counts"]["outbox"] == 1
    assert second_page["counts"]["tool_effects"] == 1
    assert second_page["counts"]["compensations"] == 1
    assert second_page["counts"]["dead_letters"] == 1
    assert second_page["dead_letters"][0]["dead_letter_id"] == "dead-older"

    stale_page = await sidecar.get(f"{path}&after_id=dead-missing", who(tenant_a))
    assert stale_page["counts"]["outbox"] == 0
    assert stale_page["counts"]["tool_effects"] == 0
    assert stale_page["counts"]["compensations"] == 0
    assert stale_page["counts"]["dead_letters"] == 0


async def test_reliability_cursor_infers_anchor_beyond_first_page(serve: Serve) -> None:
    """The collection of an anchor is found among all rows, not among those of a first page."""
    tenant_a = tenant("org-cursor-deep-a", "workspace-a", "operator-a")
    run_id = "run-reliability-cursor-deep"
    scope_a = scoped_runtime(tenant_a, "finance", "repo-finance", "grant-finance")
    rows = [dead_letter(f"dead-{index:04}", run_id, scope_a, **at(index)) for index in range(1_005)]
    sidecar = await serve(
        [("automation_run", automation_run(run_id, tenant_a)), *(("dead_letter", row) for row in rows)]
    )

    page = await sidecar.get(f"/stateful-runtime/runs/{run_id}/reliability?limit=1&after_id=dead-0004", who(tenant_a))
    assert page["pagination"]["after_collection"] == "dead_letters"
    assert page["counts"]["dead_letters"] == 1
    assert page["dead_letters"][0]["dead_letter_id"] == "dead-0003"


async def test_reliability_cursor_preserves_created_time_bound(serve: Serve) -> None:
    """A bound on the time of creation goes with the cursor, though the order is that of the last update."""
    tenant_a = tenant("org-cursor-window-a", "workspace-a", "operator-a")
    run_id = "run-reliability-cursor-window"
    scope_a = scoped_runtime(tenant_a, "finance", "repo-finance", "grant-finance")

    def row(name: str, created: int, updated: int) -> tuple[str, Record]:
        return "dead_letter", dead_letter(name, run_id, scope_a, created_at_ms=created, updated_at_ms=updated)

    sidecar = await serve(
        [
            ("automation_run", automation_run(run_id, tenant_a)),
            row("dead-window-first", 3_000, 9_000),
            row("dead-outside-window", 5_000, 8_500),
            row("dead-window-second", 2_000, 8_000),
        ]
    )
    path = f"/stateful-runtime/runs/{run_id}/reliability?limit=1"

    first_page = await sidecar.get(f"{path}&before_created_at_ms=4000", who(tenant_a))
    assert first_page["dead_letters"][0]["dead_letter_id"] == "dead-window-first"
    cursor = first_page["pagination"]["next"]["dead_letters"]
    assert cursor["before_created_at_ms"] == 4_000

    second_page = await sidecar.get(
        f"{path}&after_id={cursor['after_id']}&after_collection={cursor['after_collection']}"
        f"&before_created_at_ms={cursor['before_created_at_ms']}",
        who(tenant_a),
    )
    assert second_page["counts"]["dead_letters"] == 1
    assert second_page["dead_letters"][0]["dead_letter_id"] == "dead-window-second"


async def test_resume_plan_surfaces_partial_failure_without_cross_tenant_rows(serve: Serve) -> None:
    """A plan tells what failed in part and what may be done, of this tenant, without what a success superseded."""
    tenant_a = tenant("org-recovery-a", "workspace-a", "operator-a")
    tenant_b = tenant("org-recovery-b", "workspace-b", "operator-b")
    run_id = "run-partial-failure"
    scope_a = scoped_runtime(tenant_a, "finance", "repo-finance", "grant-finance")
    scope_b = scoped_runtime(tenant_b, "finance", "repo-finance", "grant-finance")
    done = superseded("effect-sent")
    sidecar = await serve(
        [
            ("automation_run", automation_run(run_id, tenant_a)),
            ("tool_effect", succeeded_effect("effect-sent", run_id, scope_a)),
            ("tool_effect", tool_effect("effect-failed", run_id, scope_a)),
            ("tool_effect", tool_effect("effect-hidden", run_id, scope_b)),
            ("dead_letter", dead_letter("dead-failed", run_id, scope_a)),
            ("dead_letter", dead_letter("dead-hidden", run_id, scope_b)),
            ("compensation", compensation("comp-failed", "effect-failed", run_id, scope_a)),
            ("dead_letter", dead_letter("dead-superseded", run_id, scope_a, **done)),
            ("compensation", compensation("comp-superseded", "effect-sent", run_id, scope_a, **done)),
            ("compensation", compensation("comp-hidden", "effect-hidden", run_id, scope_b)),
        ]
    )

    plan = await sidecar.get(f"/stateful-runtime/runs/{run_id}/resume-plan?limit=10", who(tenant_a))
    assert plan["audit_summary"]["completed_effect_count"] == 1
    assert plan["audit_summary"]["uncertain_effect_count"] == 1
    assert plan["audit_summary"]["dead_letter_count"] == 1
    assert plan["audit_summary"]["pending_compensation_count"] == 1
    choices = {choice["choice"]: choice for choice in plan["operator_choices"]}
    assert "resume_from_checkpoint" in choices
    assert choices["retry_failed_effect"]["execution_mode"] == "operator_request_record_only"
    assert choices["retry_failed_effect"]["automatic_dispatch"] is False
    assert choices["compensate_pending_effects"]["execution_mode"] == "operator_runbook_record_only"
    assert choices["compensate_pending_effects"]["automatic_dispatch"] is False
    assert_payload_excludes_hidden_runtime_rows(plan)
    body = json.dumps(plan)
    assert "dead-superseded" not in body
    assert "comp-superseded" not in body


def superseded_beside_active(run_id: str, of: Record) -> Records:
    """A dead letter and a compensation that are active, each beside a newer one that a success superseded."""
    scope = scoped_runtime(of, "finance", "repo-finance", "grant-finance")
    newer = {**at(2_000), **superseded("effect-replayed")}
    return [
        ("dead_letter", dead_letter("dead-active", run_id, scope, **at(1_000))),
        ("dead_letter", dead_letter("dead-superseded-newer", run_id, scope, **newer)),
        ("compensation", compensation("comp-active", "effect-active", run_id, scope, **at(1_000))),
        ("compensation", compensation("comp-superseded-newer", "effect-replayed", run_id, scope, **newer)),
    ]


async def test_resume_plan_filters_superseded_recovery_rows_before_limit(serve: Serve) -> None:
    """What a success superseded takes no place of a plan's limit."""
    tenant_a = tenant("org-recovery-a", "workspace-a", "operator-a")
    run_id = "run-superseded-before-limit"
    sidecar = await serve(
        [("automation_run", automation_run(run_id, tenant_a)), *superseded_beside_active(run_id, tenant_a)]
    )

    plan = await sidecar.get(f"/stateful-runtime/runs/{run_id}/resume-plan?limit=1", who(tenant_a))
    assert plan["audit_summary"]["dead_letter_count"] == 1
    assert plan["audit_summary"]["pending_compensation_count"] == 1
    assert plan["dead_letters"][0]["dead_letter_id"] == "dead-active"
    assert plan["pending_compensations"][0]["compensation_id"] == "comp-active"
    body = json.dumps(plan)
    assert "dead-superseded-newer" not in body
    assert "comp-superseded-newer" not in body


async def test_reliability_active_recovery_filters_superseded_rows_before_limit(serve: Serve) -> None:
    """What a success superseded takes no place of a page of active rows, also without any run."""
    tenant_a = tenant("org-reliability-active-a", "workspace-a", "operator-a")
    sidecar = await serve(superseded_beside_active("run-active-recovery-before-limit", tenant_a))

    page = await sidecar.get("/stateful-runtime/reliability?limit=1&active_recovery_only=true", who(tenant_a))
    assert page["dead_letters"][0]["dead_letter_id"] == "dead-active"
    assert page["compensations"][0]["compensation_id"] == "comp-active"
