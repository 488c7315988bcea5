"""The run list and one run in detail."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
import stores
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_world import (
    OPERATOR,
    OWNER,
    TENANT,
    automation_run,
    child,
    grant,
    masking,
    resource,
    unit,
    workflow_run,
    world,
)

from sidecar.errors import Absent
from sidecar.identity.caller import Identity
from sidecar.records.store import Tenant

FINANCE = Identity(TENANT, "ann", ("finance",))
ECHO = dict.fromkeys(
    (
        *("status", "phase", "trigger", "kind", "org_id", "workspace_id", "deployment_id", "workflow_id"),
        *("automation_id", "org_unit_id", "owner_id", "owner_kind", "resource_kind", "resource_id"),
        *("policy_version_id", "data_class", "risk_tier", "delegation_grant_id", "source_binding_id"),
    )
)
NOTHING_BESIDE = {
    "earliest_event_seq": None,
    "latest_event_seq": None,
    "latest_snapshot_id": None,
    "latest_snapshot_seq": None,
    "can_replay_from_event_log": False,
    "can_replay_from_snapshot": False,
}
ROW_KEYS = {
    *("run", "current_wait", "latest_event", "latest_snapshot", "enterprise_scope", "replay_boundaries"),
    *("event_source", "event_authority", "detail_level"),
}


async def test_the_envelope(tmp_path: Path) -> None:
    """A list says how many runs it holds, up to how many were asked for, and repeats every filter as it was given."""
    async with world(tmp_path, workflow_run("r")) as w:
        view = await w.runs(limit=7, status=" Running", kind="", source="workflow")
        assert {name: value for name, value in view.items() if name != "runs"} == {
            "count": 1,
            "limit": 7,
            "source": "stateful_runtime",
            "filters": {**ECHO, "status": " Running", "kind": ""},
        }
        assert (await w.runs(source="Workflow"))["filters"] == {**ECHO, "kind": "Workflow"}
        assert (await w.runs(workflow_id="none"))["runs"] == []


async def test_a_run_with_nothing_beside_it(tmp_path: Path) -> None:
    """A run without waits, events and snapshots has every member of its row, null where there is nothing."""
    async with world(tmp_path, automation_run("r")) as w:
        (row,) = (await w.runs())["runs"]
        assert set(row) == ROW_KEYS
        assert [row[name] for name in ("current_wait", "latest_event", "latest_snapshot")] == [None, None, None]
        assert row["replay_boundaries"] == NOTHING_BESIDE
        assert (row["event_source"], row["event_authority"]) == ("stateful_runtime", "authoritative_runtime_log")
        assert row["detail_level"] == "list"
        assert "latest_snapshot_id" not in row["run"]
        assert "recovery" not in row["run"]
        assert (await w.run("r"))["run"] == row["run"]


async def test_every_member_beside_a_run(tmp_path: Path) -> None:
    """Wait, last event and last snapshot are told with every member, and the run names its last snapshot."""
    policy = {"timeout_at_ms": 60, "on_timeout": "cancel"}
    beside = [
        child("wait", "r", "w", phase_id="p", reason="late", wake_at_ms=50, timeout_policy=policy, event_seq=3),
        child("event", "r", "e1", seq=4),
        child("event", "r", "e2", seq=9, phase_id="p", wait_kind="timer", event_type="slept", occurred_at_ms=8),
        child("snapshot", "r", "s1", seq=2),
        child("snapshot", "r", "s2", seq=5, phase_id="p", payload_digest="d", workflow_definition_version="v"),
    ]
    async with world(tmp_path, workflow_run("r"), *beside) as w:
        (row,) = (await w.runs())["runs"]
        assert row["current_wait"] == {
            "wait_id": "w",
            "wait_kind": "timer",
            "status": "waiting",
            "phase_id": "p",
            "reason": "late",
            "wake_at_ms": 50,
            "timeout_policy": policy,
            "event_seq": 3,
        }
        assert row["latest_event"] == {
            "event_id": "e2",
            "seq": 9,
            "event_type": "slept",
            "occurred_at_ms": 8,
            "phase_id": "p",
            "wait_kind": "timer",
            "authoritative": True,
        }
        assert row["latest_snapshot"] == {
            "snapshot_id": "s2",
            "seq": 5,
            "created_at_ms": 10,
            "status": "running",
            "phase": "created",
            "phase_id": "p",
            "payload_digest": "d",
            "workflow_definition_version": "v",
            "workflow_definition_snapshot_hash": None,
        }
        assert row["replay_boundaries"] == {
            "earliest_event_seq": 4,
            "latest_event_seq": 9,
            "latest_snapshot_id": "s2",
            "latest_snapshot_seq": 5,
            "can_replay_from_event_log": True,
            "can_replay_from_snapshot": True,
        }
        assert row["run"]["latest_snapshot_id"] == "s2"


async def test_summaries_keep_their_nulls(tmp_path: Path) -> None:
    """What a wait, an event and a snapshot do not say is null in their summaries."""
    beside = [child("wait", "r", "w"), child("event", "r", "e"), child("snapshot", "r", "s")]
    async with world(tmp_path, workflow_run("r"), *beside) as w:
        (row,) = (await w.runs())["runs"]
        optional = ("phase_id", "reason", "wake_at_ms", "timeout_policy", "event_seq")
        assert [row["current_wait"][name] for name in optional] == [None] * 5
        assert [row["latest_event"][name] for name in ("phase_id", "wait_kind")] == [None, None]
        optional = ("phase_id", "payload_digest", "workflow_definition_version", "workflow_definition_snapshot_hash")
        assert [row["latest_snapshot"][name] for name in optional] == [None] * 4


@pytest.mark.parametrize(
    ("waits", "current"),
    [
        ([("a", "waiting", 30), ("b", "claimed", 20)], "b"),
        ([("a", "woken", 10), ("b", "waiting", 90)], "b"),
        ([("a", "escalated", 10), ("b", "waiting", None)], "b"),
        ([("a", "woken", 10), ("b", "timed_out", 20)], "b"),
        ([("a", "cancelled", None), ("b", "escalated", 20)], "a"),
        ([("b", "waiting", 5), ("a", "waiting", 5)], "a"),
    ],
)
async def test_current_wait(tmp_path: Path, waits: list[Any], current: str) -> None:
    """The current wait is the first that has not ended, in the order in which they wake; if all have, the last."""
    records = [
        child("wait", "r", name, status=status, **({} if wake is None else {"wake_at_ms": wake}))
        for name, status, wake in waits
    ]
    async with world(tmp_path, workflow_run("r"), *records) as w:
        for row in ((await w.runs())["runs"][0], await w.run("r")):
            assert row["current_wait"]["wait_id"] == current


async def test_each_row_beside_a_run_is_judged_by_itself(tmp_path: Path) -> None:
    """Hidden waits, events and snapshots play no part, though their run is visible."""
    records = [
        *(child(kind, "r", "seen", seq=2) for kind in ("event", "snapshot")),
        *(child(kind, "r", f"hidden{seq}", seq=seq, unit="legal") for kind in ("event", "snapshot") for seq in (1, 3)),
        child("wait", "r", "hidden", unit="legal"),
    ]
    async with world(tmp_path, workflow_run("r"), *records) as w:
        (listed,), detail = (await w.runs(FINANCE))["runs"], await w.run("r", FINANCE)
        for row in (listed, detail):
            bounds = row["replay_boundaries"]
            assert (bounds["earliest_event_seq"], bounds["latest_event_seq"], bounds["latest_snapshot_seq"]) == (
                2,
                2,
                2,
            )
            assert row["current_wait"] is None
        assert [event["event_id"] for event in detail["events"]] == ["seen"]
        assert [snapshot["snapshot_id"] for snapshot in detail["snapshots"]] == ["seen"]


async def test_order_and_limit(tmp_path: Path) -> None:
    """Runs come newest first, equal ones by their ids, over both engines, and the limit cuts behind the order."""
    records = [automation_run("c", 30), workflow_run("b", 30), automation_run("a", 30), workflow_run("d", 40)]
    async with world(tmp_path, *records, workflow_run("e", 10)) as w:
        assert await w.ids() == ["d", "a", "b", "c", "e"]
        assert await w.ids(limit=3) == ["d", "a", "b"]
        assert (await w.runs(limit=3))["count"] == 3


async def test_two_rounds(tmp_path: Path) -> None:
    """A list takes two rounds of the store whatever it is filtered by, and a detail takes one."""
    async with world(tmp_path, *(workflow_run(f"r{number}", number) for number in range(9))) as w:
        for asked in ({}, {"limit": 3}, {"status": "running", "trigger": "x"}, {"risk_tier": "internal_write"}):
            await w.runs(**asked)
            assert len(w.rounds) <= 2, asked
        await w.run("r1")
        assert len(w.rounds) == 1


@pytest.mark.parametrize(
    ("workflow", "automation", "kind"),
    [(20, 20, "workflow"), (21, 20, "workflow"), (20, 21, "automation_v2")],
)
async def test_the_record_updated_last_is_the_run(tmp_path: Path, workflow: int, automation: int, kind: str) -> None:
    """Of two records of one run the later one is listed, once; of equals the workflow's."""
    async with world(tmp_path, workflow_run("r", workflow), automation_run("r", automation)) as w:
        assert [row["run"]["kind"] for row in (await w.runs())["runs"]] == [kind]
        assert (await w.run("r"))["run"]["kind"] == kind
        assert await w.ids(kind="workflow") == (["r"] if kind == "workflow" else [])
        assert await w.ids(kind="automation") == ([] if kind == "workflow" else ["r"])


async def test_filters_apply_to_the_record_that_wins(tmp_path: Path) -> None:
    """A losing record is not found by a filter that it alone matches, and a hidden record neither wins nor loses."""
    late = automation_run("r", 30, status="failed", scope={"owning_org_unit_id": "legal"})
    async with world(tmp_path, workflow_run("r", 20), late) as w:
        assert (await w.ids(status="running"), await w.ids(status="failed")) == ([], ["r"])
        assert (await w.ids(FINANCE, status="running"), await w.ids(FINANCE, status="failed")) == (["r"], [])
        assert (await w.run("r", FINANCE))["run"]["kind"] == "workflow"


async def test_losers_do_not_shorten_a_page(tmp_path: Path) -> None:
    """When losing records took places, the list goes on behind them until it is full."""
    pairs = [make(f"r{number}", 50 + number) for number in range(8) for make in (workflow_run, automation_run)]
    async with world(tmp_path, *pairs, automation_run("old", 1)) as w:
        assert await w.ids(limit=5) == ["r7", "r6", "r5", "r4", "r3"]
        assert await w.ids(limit=1, kind="automation") == ["old"]
        assert await w.ids() == ["r7", "r6", "r5", "r4", "r3", "r2", "r1", "r0", "old"]


SCOPE = {
    "owning_org_unit_id": " Organization_Unit/Finance-Team ",
    "owner_principal": {"kind": "service_account", "id": "Bot-1"},
    "resource_scope": {"root": resource(name="Repo-1"), "allowed_resources": [resource("document", "doc")]},
    "data_classes": ["financial_record"],
    "risk_tier": "internal_write",
    "policy_version_id": "Policy-1",
    "delegation_grant_ids": ["Grant-1"],
}


@pytest.mark.parametrize(
    ("name", "hits", "misses"),
    [
        ("status", ["awaiting_approval", " Awaiting-Approval "], ["running", "awaiting"]),
        ("phase", ["awaiting_approval", "AWAITING-approval"], ["created"]),
        ("workflow_id", ["flow_a", "Flow-A", " flow-a\u3000"], ["flow", "flow-a2"]),
        ("automation_id", ["auto_1", "AUTO-1"], ["auto"]),
        ("trigger", ["deploy", "on_deploy", "ON-DEP", "evt_9"], ["deployed!", "manual"]),
        (
            "kind",
            ["workflow", "WORKFLOW"],
            ["automation", "automation_v2", "context", "context_run", "unknown", "flow"],
        ),
        ("source", ["workflow"], ["automation-v2"]),
        ("org_id", ["acme", " ACME "], ["umbrella"]),
        ("workspace_id", ["main"], ["other"]),
        ("deployment_id", [], ["blue"]),
        (
            "org_unit_id",
            ["finance_team", "Finance-Team", "organization_unit/finance-team"],
            ["finance", "team", "unit/finance_team"],
        ),
        ("owner_id", ["bot_1", "BOT-1"], ["bot"]),
        ("owner_kind", ["service-account"], ["human_user"]),
        ("resource_kind", ["repository"], ["document"]),
        ("resource_id", ["repo-1", "REPO_1"], ["doc", "repo"]),
        ("policy_version_id", ["policy-1"], ["policy"]),
        ("data_class", ["financial-record"], ["internal"]),
        ("risk_tier", ["internal_write"], ["external_send"]),
        ("delegation_grant_id", ["grant-1", "GRANT_1"], ["grant", "other"]),
        ("source_binding_id", [], ["b"]),
    ],
)
async def test_filters(tmp_path: Path, name: str, hits: list[str], misses: list[str]) -> None:
    """Each filter keeps the runs that have its value, in the form in which it compares; blank and ``all`` keep all."""
    gate = {"action_id": "a", "requested_at_ms": 1}
    run = workflow_run(
        *("r", 20),
        workflow_id="Flow-A",
        automation_id="Auto-1",
        trigger_event="on-deploy",
        source_event_id="Evt-9",
        status="awaiting_approval",
        awaiting_gate=gate,
        scope=SCOPE,
    )
    team = grant("Grant-1", "finance-team", resource=resource("workspace", "main"))
    async with world(tmp_path, run, unit("finance-team"), team, grant("other", "finance-team")) as w:
        for value in (*hits, "", "  ", "All"):
            assert await w.ids(**{name: value}) == ["r"], value
        for value in misses:
            assert await w.ids(**{name: value}) == [], value
        both = {name: hits[0] if hits else "all"}
        assert await w.ids(**{"trigger": "deploy", **both}) == ["r"]
        assert await w.ids(**{**both, "workflow_id": "other"}) == []


@pytest.mark.parametrize(
    "name",
    ["org_unit_id", "owner_id", "owner_kind", "resource_kind", "resource_id", "policy_version_id", "risk_tier"],
)
async def test_a_run_without_the_value_fails_its_filter(tmp_path: Path, name: str) -> None:
    """A run that does not say what a filter asks for is not found by it."""
    async with world(tmp_path, automation_run("a"), workflow_run("w", scope={"owning_org_unit_id": " "})) as w:
        for value in ("x", "none", "null", "None", "/"):
            assert await w.ids(**{name: value}) == []


async def test_an_empty_kind_disables_source(tmp_path: Path) -> None:
    """``source`` is read only when ``kind`` is absent."""
    async with world(tmp_path, workflow_run("w"), automation_run("a")) as w:
        assert await w.ids(source="automation") == ["a"]
        assert await w.ids(kind="", source="automation") == ["a", "w"]
        assert await w.ids(kind="workflow", source="automation") == ["w"]


async def test_no_filter_widens_the_tenant(tmp_path: Path) -> None:
    """Naming another tenant finds nothing, and its operator sees nothing here."""
    other = {"org_id": "umbrella", "workspace_id": "main"}
    _, theirs = workflow_run("theirs", 20)
    async with world(tmp_path, workflow_run("ours"), ("workflow_run", {**theirs, "tenant_context": other})) as w:
        assert await w.ids() == ["ours"]
        assert await w.ids(org_id="umbrella") == []
        umbrella = Identity(Tenant("umbrella", "main"), "ula", roles=("workspace_operator",))
        assert await w.ids(umbrella) == ["theirs"]


async def test_deployments(tmp_path: Path) -> None:
    """A deployment is a tenant of its own, and its filter compares with it."""
    _, record = workflow_run("r")
    blue = ("workflow_run", {**record, "tenant_context": {**OWNER, "deployment_id": "Blue-1"}})
    there = Identity(Tenant("acme", "main", "Blue-1"), "ann", roles=("workspace_operator",))
    async with world(tmp_path, blue) as w:
        assert (await w.ids(), await w.ids(there)) == ([], ["r"])
        assert (await w.ids(there, deployment_id="blue_1"), await w.ids(there, deployment_id="blue")) == (["r"], [])


async def test_detail(tmp_path: Path) -> None:
    """A detail is the row of the list with the last events and snapshots, whole and ascending."""
    records = [child(kind, "r", f"{kind}{seq}", seq=seq) for kind in ("event", "snapshot") for seq in (3, 1, 2)]
    async with world(tmp_path, workflow_run("r"), *records, child("event", "other", "x", seq=9)) as w:
        (row,) = (await w.runs())["runs"]
        view = await w.run("r", events=2)
        assert view == {**row, "detail_level": "detail", "events": view["events"], "snapshots": view["snapshots"]}
        assert [event["seq"] for event in view["events"]] == [2, 3]
        assert [snapshot["seq"] for snapshot in view["snapshots"]] == [1, 2, 3]
        assert view["events"][0] == {
            "schema_version": 1,
            "event_id": "event2",
            "run_id": "r",
            "event_type": "started",
            "seq": 2,
            "occurred_at_ms": 5,
            "payload": None,
            "scope": {"schema_version": 1, "tenant_context": {**OWNER, "source": "local_implicit"}},
        }


async def test_hidden_and_absent_runs_are_one_answer(tmp_path: Path) -> None:
    """The detail of a hidden run is refused as one that is not there, at the same cost."""
    hidden = workflow_run("hidden", scope={"owning_org_unit_id": "legal"})
    async with world(tmp_path, hidden, child("event", "hidden", "e")) as w:
        answers = []
        for run_id in ("hidden", "absent"):
            with pytest.raises(Absent) as refused:
                await w.run(run_id, FINANCE)
            assert refused.value.details == {"run_id": run_id}
            answers.append((refused.value.code, refused.value.message, list(w.rounds)))
        assert answers[0] == answers[1]
        assert answers[0][0] == "stateful_run_not_found"


@pytest.mark.parametrize(
    ("field", "filters"),
    [
        ("scope.owning_org_unit_id", {"org_unit_id": "finance-team"}),
        ("scope.owner_principal", {"owner_id": "bot-1"}),
        ("scope.owner_principal.id", {"owner_id": "bot-1"}),
        ("scope.resource_scope", {"resource_id": "repo-1"}),
        ("scope.resource_scope.root", {"resource_kind": "repository"}),
        ("scope.data_classes", {"data_class": "financial_record"}),
        ("scope.risk_tier", {"risk_tier": "internal_write"}),
        ("scope.policy_version_id", {"policy_version_id": "policy-1"}),
        ("scope.delegation_grant_ids", {"delegation_grant_id": "grant-1"}),
        ("workflow_id", {"workflow_id": "w"}),
        ("phase", {"phase": "running_phase"}),
        ("trigger_event", {"trigger": "deploy"}),
    ],
)
@pytest.mark.parametrize("unless", ["false", "record.workflow_id != 'secret' || record.created_at_ms < 10"])
async def test_a_masked_value_is_found_by_no_filter(
    tmp_path: Path, field: str, filters: dict[str, str], unless: str
) -> None:
    """A filter on what a policy masks in a run does not match it, whether its label decides that or the run itself."""
    secret = workflow_run("r", workflow_id="secret", trigger_event="deploy", scope=SCOPE)
    bundle = masking(tmp_path, ["workflow_run"], [{"field": f"record.{field}", "unless": unless}])
    asked = {**filters, **({"workflow_id": "secret"} if field == "workflow_id" else {})}
    team = grant("Grant-1", "finance-team", resource=resource("workspace", "main"))
    async with world(tmp_path, secret, unit("finance-team"), team, bundle=bundle) as w:
        assert await w.ids() == ["r"]
        assert await w.ids(**asked) == []


UNITS = [None, "finance", "legal"]
drawn_runs = st.lists(
    st.tuples(
        st.sampled_from(["w", "a"]),
        st.sampled_from([f"r{number}" for number in range(6)]),
        st.integers(1, 4),
        st.sampled_from(UNITS),
        st.sampled_from(["running", "failed"]),
    ),
    max_size=16,
    unique_by=lambda run: run[:2],
)
drawn_filters = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["workflow", "automation", "all"]),
        "status": st.sampled_from(["running", "failed"]),
        "org_unit_id": st.sampled_from(["finance", "legal"]),
        "workflow_id": st.just("w"),
    },
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn_runs, drawn_filters, st.integers(1, 5), st.sampled_from([OPERATOR, FINANCE]))
def test_a_list_is_the_naive_one(
    drawn: list[tuple[str, str, int, str | None, str]], filters: dict[str, str], limit: int, who: Identity
) -> None:
    """A list is what judging, merging, filtering, sorting and cutting in that order comes to."""
    visible = [run for run in drawn if who is OPERATOR or run[3] in (None, "finance")]
    merged: dict[str, Any] = {}
    for run in sorted(visible, key=lambda run: (run[2], run[0])):  # a workflow's "w" comes behind and wins a tie
        merged[run[1]] = run
    tests = {
        "kind": lambda run, value: value == "all" or run[0] == value[0],
        "status": lambda run, value: run[4] == value,
        "org_unit_id": lambda run, value: run[3] == value,
        "workflow_id": lambda run, _: run[0] == "w",
    }
    kept = [run for run in merged.values() if all(tests[name](run, value) for name, value in filters.items())]
    naive = [run[1] for run in sorted(kept, key=lambda run: (-run[2], run[1]))][:limit]

    async def listed() -> list[str]:
        records = []
        for engine, run_id, updated, owner, status in drawn:
            make = workflow_run if engine == "w" else automation_run
            scope = {} if owner is None else {"scope": {"owning_org_unit_id": owner}}
            records.append(make(run_id, updated, status=status, **scope))
        with tempfile.TemporaryDirectory() as name:
            async with world(Path(name), *records) as w:
                found = await w.ids(who, limit=limit, **filters)
            stores.give_back(Path(name) / "runs.db")
        return found

    assert asyncio.run(listed()) == naive
