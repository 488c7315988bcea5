"""How source runs become canonical runs, old snapshots get their phase, and a run's scope is never lost."""

from typing import Any

import orjson
import pytest
from phase_history import phase_observed
from record_samples import ABSENT, LEAST, RESOURCE, TENANT, accepted, refused, with_value
from shipped_kinds import intake

from sidecar.records.projection import ALLOWED_NEXT, PHASES, PROJECTIONS

AUTOMATION = LEAST["automation_run"]
WORKFLOW = LEAST["workflow_run"]
SNAPSHOT = LEAST["snapshot"]
OWNER = {"kind": "human_user", "id": "ana"}
TENANT_ONLY = {"schema_version": 1, "tenant_context": {**TENANT, "source": "local_implicit"}}


def run(kind: str, **changes: Any) -> dict[str, Any]:
    """The canonical run of a least source run with some members changed."""
    parsed: dict[str, Any] = orjson.loads(accepted(kind, {**LEAST[kind], **changes}).doc)
    return parsed


def scope_of(metadata: Any) -> dict[str, Any]:
    """The scope, tenant aside, of an automation run whose definition has this metadata."""
    scope: dict[str, Any] = run("automation_run", automation_snapshot={"metadata": metadata})["scope"]
    return {name: value for name, value in scope.items() if name not in TENANT_ONLY}


STATUS_PHASES = [
    ("queued", "queued"),
    ("running", "running_phase"),
    ("sleeping", "sleeping"),
    ("awaiting_webhook", "waiting_webhook"),
    ("awaiting_approval", "awaiting_approval"),
    ("pausing", "paused_attention_required"),
    ("paused", "paused_attention_required"),
    ("blocked", "paused_attention_required"),
    ("retrying", "retrying"),
    ("completed", "completed"),
    ("dry_run", "completed"),
    ("failed", "failed"),
    ("dead_lettered", "failed"),
    ("cancelled", "cancelled"),
]
NEXT = [
    ("created", "queued cancelled"),
    ("queued", "running_phase paused_attention_required cancelled"),
    (
        "running_phase",
        "sleeping waiting_webhook awaiting_approval retrying paused_attention_required completed failed cancelled",
    ),
    ("sleeping", "running_phase paused_attention_required cancelled"),
    ("waiting_webhook", "running_phase retrying paused_attention_required failed cancelled"),
    ("awaiting_approval", "running_phase paused_attention_required failed cancelled"),
    ("retrying", "running_phase paused_attention_required failed cancelled"),
    ("paused_attention_required", "queued running_phase failed cancelled"),
    ("failed", ""),
    ("completed", ""),
    ("cancelled", ""),
]


@pytest.mark.parametrize(("status", "phase"), STATUS_PHASES)
def test_every_status_has_its_phase(status: str, phase: str) -> None:
    """A status is observed as one phase, told in one entry of the history, with what may follow."""
    record = orjson.loads(accepted("snapshot", with_value({**SNAPSHOT, "status": status}, "/phase", ABSENT)).doc)
    assert record["phase"] == phase
    assert record["allowed_next_phases"] == list(ALLOWED_NEXT[phase])
    assert record["phase_history"] == phase_observed("r", phase, status, 10)


@pytest.mark.parametrize(("kind", "fixed"), [("automation_run", "automation_v2"), ("workflow_run", "workflow")])
def test_a_fixed_property_is_the_same_for_every_record(kind: str, fixed: str) -> None:
    """What a projection calls fixed comes out alike, whatever the source says."""
    assert PROJECTIONS[kind].fixed == ("kind",)
    assert {run(kind, run_id=name, status=name)["kind"] for name in ("queued", "running", "failed")} == {fixed}


@pytest.mark.parametrize(("phase", "following"), NEXT)
def test_every_phase_has_its_followers_in_order(phase: str, following: str) -> None:
    """The phases that may follow are a fixed list, in its order; a snapshot that leaves them out gets them."""
    record = orjson.loads(accepted("snapshot", {**SNAPSHOT, "phase": phase}).doc)
    assert record["allowed_next_phases"] == following.split()
    assert record["phase_history"] == []


def test_the_tables_cover_every_status_and_phase() -> None:
    """No status and no phase is without its line in the tables above."""
    assert dict(STATUS_PHASES) == PHASES
    assert {phase: tuple(words.split()) for phase, words in NEXT} == ALLOWED_NEXT


def test_what_a_snapshot_says_itself_is_never_derived() -> None:
    """A present phase, history or list of next phases stays as it is, empty ones too."""
    given = {**SNAPSHOT, "phase": "created", "phase_history": [], "allowed_next_phases": []}
    record = orjson.loads(accepted("snapshot", given).doc)
    assert (record["phase"], record["phase_history"], record["allowed_next_phases"]) == ("created", [], [])
    old = with_value({**given, "allowed_next_phases": ["failed"]}, "/phase", ABSENT)
    record = orjson.loads(accepted("snapshot", old).doc)
    assert (record["phase"], record["phase_history"], record["allowed_next_phases"]) == (
        "running_phase",
        [],
        ["failed"],
    )


def test_a_snapshot_with_an_unknown_status_is_refused_for_its_status() -> None:
    """Deriving the phase does not hide what is wrong with the status; a null phase is no absent one."""
    assert refused("snapshot", with_value({**SNAPSHOT, "status": "up"}, "/phase", ABSENT))[0][0] == "/status"
    assert refused("snapshot", {**SNAPSHOT, "phase": None})[0][0] == "/phase"


def test_an_automation_run_in_full() -> None:
    """Every property of a canonical run that comes from an automation run."""
    gate = {"node_id": "approve", "title": "Approve", "requested_at_ms": 3}
    failure = {"node_id": "n2", "reason": "boom", "failed_at_ms": 4}
    source = {
        "status": "awaiting_approval",
        "started_at_ms": 11,
        "finished_at_ms": 12,
        "active_session_ids": ["s1"],
        "active_instance_ids": ["c1"],
        "latest_session_id": "s1",
        "stop_kind": "panic",
        "workflow_definition_version": "v1",
        "workflow_definition_snapshot_hash": "sha256:x",
        "checkpoint": {
            "completed_nodes": ["n1"],
            "pending_nodes": ["n3"],
            "blocked_nodes": ["n2"],
            "awaiting_gate": gate,
            "last_failure": failure,
        },
    }
    assert run("automation_run", **source) == {
        "schema_version": 1,
        "run_id": "r",
        "kind": "automation_v2",
        "automation_id": "a",
        "automation_run_id": "r",
        "scope": TENANT_ONLY,
        "status": "awaiting_approval",
        "phase": "awaiting_approval",
        "phase_history": phase_observed("r", "awaiting_approval", "awaiting_approval", 20, phase_id="approve"),
        "allowed_next_phases": ["running_phase", "paused_attention_required", "failed", "cancelled"],
        "trigger_type": "manual",
        "current_phase_id": "approve",
        "active_wait_kind": "approval",
        "active_wait_id": "approve",
        "workflow_definition_version": "v1",
        "workflow_definition_snapshot_hash": "sha256:x",
        "created_at_ms": 10,
        "updated_at_ms": 20,
        "started_at_ms": 11,
        "finished_at_ms": 12,
        "related_context_run_ids": ["c1"],
        "metadata": {
            "active_session_ids": ["s1"],
            "latest_session_id": "s1",
            "stop_kind": "panic",
            "trigger_reason": None,
            "consumed_handoff_id": None,
        },
        "recovery": {
            "completed_nodes": ["n1"],
            "pending_nodes": ["n3"],
            "blocked_nodes": ["n2"],
            "last_failure": failure,
        },
    }


def test_the_metadata_of_an_automation_run_always_has_five_members() -> None:
    """All five members are there, null where there is nothing."""
    assert run("automation_run")["metadata"] == {
        "active_session_ids": [],
        "latest_session_id": None,
        "stop_kind": None,
        "trigger_reason": None,
        "consumed_handoff_id": None,
    }


def test_a_workflow_run_in_full() -> None:
    """Every property of a canonical run that comes from a workflow run."""
    source = {
        "status": "dry_run",
        "automation_id": "a",
        "automation_run_id": "ar",
        "trigger_event": "push",
        "source_event_id": "ev",
        "task_id": "t",
        "finished_at_ms": 30,
        "binding_id": "b",
        "source": {"kind": "pack", "pack_id": "p"},
        "awaiting_gate": {"action_id": "gate", "requested_at_ms": 3},
        "enterprise_scope": {"owning_org_unit_id": " Finance "},
    }
    found = run("workflow_run", **source)
    assert found.pop("phase_history")[0]["phase_id"] == "gate"
    assert found == {
        "schema_version": 1,
        "run_id": "r",
        "kind": "workflow",
        "workflow_id": "w",
        "automation_id": "a",
        "automation_run_id": "ar",
        "scope": {**TENANT_ONLY, "owning_org_unit_id": " Finance "},
        "status": "dry_run",
        "phase": "completed",
        "allowed_next_phases": [],
        "trigger_event": "push",
        "source_event_id": "ev",
        "task_id": "t",
        "current_phase_id": "gate",
        "active_wait_kind": "approval",
        "active_wait_id": "gate",
        "created_at_ms": 10,
        "updated_at_ms": 20,
        "finished_at_ms": 30,
        "metadata": {"binding_id": "b", "source": {"kind": "pack", "pack_id": "p"}},
        "recovery": {"completed_nodes": [], "pending_nodes": [], "blocked_nodes": []},
    }


def test_a_workflow_run_without_binding_has_no_metadata() -> None:
    """The metadata of a workflow run is that of its binding; its source is null when there is none."""
    assert "metadata" not in run("workflow_run", source={"kind": "pack"})
    assert run("workflow_run", binding_id="b")["metadata"] == {"binding_id": "b", "source": None}


WHOLE = {
    "owner_principal": OWNER,
    "owning_org_unit_id": " Finance ",
    "resource_scope": {"root": RESOURCE},
    "data_classes": ["restricted", "internal", "restricted"],
    "risk_tier": "external_send",
    "policy_version_id": " v1 ",
    "delegation_grant_ids": ["b", "a", "b"],
}


def test_the_scope_of_a_workflow_run_is_taken_as_it_stands() -> None:
    """A workflow run's scope is neither trimmed nor sorted; what is no field of a scope is left out."""
    scope = run("workflow_run", enterprise_scope={**WHOLE, "tenant_context": {"org_id": "evil"}, "x": 1})["scope"]
    assert scope == {**TENANT_ONLY, **WHOLE}


@pytest.mark.parametrize(
    ("scope", "pointer"),
    [
        ({"data_classes": ["internal", "secret"]}, "/enterprise_scope/data_classes/1"),
        ({"owning_org_unit_id": 5}, "/enterprise_scope/owning_org_unit_id"),
        ({"risk_tier": "high"}, "/enterprise_scope/risk_tier"),
        ({"resource_scope": {}}, "/enterprise_scope/resource_scope/root"),
        ("finance", "/enterprise_scope"),
        ([], "/enterprise_scope"),
    ],
)
def test_a_workflow_scope_that_does_not_parse_refuses_the_run(scope: Any, pointer: str) -> None:
    """A run whose scope cannot be read is refused at the place, for without its scope everyone would see it."""
    assert refused("workflow_run", {**WORKFLOW, "enterprise_scope": scope})[0][0] == pointer


def test_the_scope_of_an_automation_run_is_normalised() -> None:
    """An automation run's scope is trimmed, lower case, sorted, each value once; blank ids are none."""
    assert scope_of({"enterprise_scope": WHOLE}) == {
        **WHOLE,
        "owning_org_unit_id": "finance",
        "policy_version_id": "v1",
        "data_classes": ["internal", "restricted"],
        "delegation_grant_ids": ["a", "b"],
    }
    blank = {"owning_org_unit_id": " ", "policy_version_id": "", "delegation_grant_ids": [" ", ""], "data_classes": []}
    assert scope_of({"enterprise_scope": blank}) == {}


@pytest.mark.parametrize(
    ("metadata", "unit"),
    [
        ({"resource_access": {"owning_org_unit_id": "base"}}, "base"),
        (
            {"automation_webhook": {"owning_org_unit_id": "hook"}, "resource_access": {"owning_org_unit_id": "base"}},
            "hook",
        ),
        (
            {"enterprise_scope": {"owning_org_unit_id": "top"}, "automation_webhook": {"owning_org_unit_id": "hook"}},
            "top",
        ),
        ({"enterprise_scope": {"owning_org_unit_id": None}, "resource_access": {"owning_org_unit_id": "base"}}, "base"),
        ({"enterprise_scope": None, "resource_access": {"owningOrgUnitId": "Base"}}, "base"),
        ({"enterprise_scope": {"owningOrgUnitId": 42}}, "42"),
    ],
)
def test_later_sources_override_earlier_ones_field_by_field(metadata: Any, unit: str) -> None:
    """The base is overridden by the webhook, that by the enterprise scope, and only where they give a value."""
    assert scope_of(metadata) == {"owning_org_unit_id": unit}


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"ownerPrincipal": OWNER}, "owner_principal", OWNER),
        ({"resourceScope": {"root": RESOURCE}}, "resource_scope", {"root": RESOURCE}),
        ({"dataClasses": ["public"]}, "data_classes", ["public"]),
        ({"data_class": "public"}, "data_classes", ["public"]),
        ({"dataClass": "public"}, "data_classes", ["public"]),
        ({"riskTier": "external_send"}, "risk_tier", "external_send"),
        ({"policyVersionId": "v"}, "policy_version_id", "v"),
        ({"policy_version": 7}, "policy_version_id", "7"),
        ({"policyVersion": "v"}, "policy_version_id", "v"),
        ({"delegationGrantIds": [3, " g "]}, "delegation_grant_ids", ["3", "g"]),
    ],
)
def test_every_spelling_of_a_scope_field_is_read(given: Any, field: str, value: Any) -> None:
    """The other spellings say the same; ids may be unsigned numbers."""
    assert scope_of({"enterprise_scope": given}) == {field: value}


@pytest.mark.parametrize(
    ("metadata", "pointer"),
    [
        ({"enterprise_scope": {"dataClasses": ["secret"]}}, "/enterprise_scope/dataClasses/0"),
        ({"resource_access": {"risk_tier": "high"}}, "/resource_access/risk_tier"),
        ({"automation_webhook": {"owningOrgUnitId": -1}}, "/automation_webhook/owningOrgUnitId"),
        ({"enterprise_scope": "finance"}, "/enterprise_scope"),
        ("finance", ""),
    ],
)
def test_an_automation_scope_that_does_not_parse_refuses_the_run(metadata: Any, pointer: str) -> None:
    """Metadata whose scope cannot be read refuses the run, at the spelling and source that was written."""
    faults = refused("automation_run", {**AUTOMATION, "automation_snapshot": {"metadata": metadata}})
    assert faults[0][0] == "/automation_snapshot/metadata" + pointer


PLAN = {"plan_id": "p", "plan_revision": 3}


@pytest.mark.parametrize(
    ("metadata", "version"),
    [
        ({"definition_version": " 2 ", "version": "9"}, "2"),
        ({"definition_version": " ", "workflow_definition_version": 7}, "7"),
        ({"automation_definition_version": True}, "true"),
        ({"automation_version": 1.5}, "1.5"),
        ({"source_pack_version": "s", "version": "v"}, "s"),
        ({"version": ["no"], "plan_package_bundle": {"plan": PLAN}}, "plan:p:rev:3"),
        ({"plan_package_bundle": {}, "approved_plan_materialization": PLAN}, "plan:p:rev:3"),
    ],
)
def test_a_definition_without_stored_version_gets_a_derived_one(metadata: Any, version: str) -> None:
    """The version is the first non-blank one that the definition's metadata gives, else that of its plan."""
    found = run("automation_run", automation_snapshot={"metadata": metadata})
    assert found["workflow_definition_version"] == version


def test_a_definition_that_says_nothing_is_known_by_its_hash() -> None:
    """With no version anywhere the hash names the definition; a stored version or hash always wins."""
    found = run("automation_run", automation_snapshot={"name": "n"})
    digest = found["workflow_definition_snapshot_hash"]
    assert digest.startswith("sha256:")
    assert found["workflow_definition_version"] == f"automation:a@{digest[7:23]}"
    stored = run("automation_run", automation_snapshot={"metadata": {"version": "9"}}, workflow_definition_version="1")
    assert stored["workflow_definition_version"] == "1"
    assert "workflow_definition_version" not in run("automation_run")


SCOPED = {**AUTOMATION, "automation_snapshot": {"metadata": {"version": "4", "enterprise_scope": WHOLE}}}


def test_a_run_that_lost_its_definition_keeps_the_stored_scope() -> None:
    """A later upsert without the definition inherits scope and version, in label and document, and keeps them after."""
    first = accepted("automation_run", SCOPED)
    later = accepted("automation_run", {**AUTOMATION, "status": "completed", "updated_at_ms": 30})
    assert later.inherit is not None
    heir = later.inherit(first.doc)
    known, found = orjson.loads(first.doc), orjson.loads(heir.doc)
    assert found["scope"] == known["scope"]
    assert found["workflow_definition_version"] == "4"
    assert (found["status"], heir.label, heir.updated_at_ms) == ("completed", first.label, 30)
    promoted = accepted("automation_run", orjson.loads(heir.source or b""))
    assert (promoted.doc, promoted.label) == (heir.doc, heir.label)


def test_a_run_with_its_definition_inherits_nothing() -> None:
    """A definition that is there speaks for itself, even when its scope is empty."""
    assert accepted("automation_run", SCOPED).inherit is None
    assert accepted("automation_run", {**AUTOMATION, "automation_snapshot": {}}).inherit is None


def test_an_unscoped_run_stays_unscoped_when_it_ends() -> None:
    """A run first seen without scope while it ran stays so: what is inherited is what is stored, nothing worse."""
    first = accepted("automation_run", AUTOMATION)
    ended = accepted("automation_run", {**AUTOMATION, "status": "failed", "scope_unknown": True})
    assert ended.inherit is not None
    assert orjson.loads(ended.inherit(first.doc).doc)["scope"] == TENANT_ONLY


def test_an_unknown_scope_belongs_to_the_blank_unit_until_it_is_known() -> None:
    """A run whose scope is not known is in the unit that nobody is in; it stays there until a scope arrives."""
    lost = accepted("automation_run", {**AUTOMATION, "status": "failed", "scope_unknown": True})
    assert orjson.loads(lost.label) == {"scope": {"owning_org_unit_id": ""}}
    again = accepted("automation_run", {**AUTOMATION, "status": "failed"})
    assert again.inherit is not None
    assert again.inherit(lost.doc).label == lost.label
    promoted = accepted("automation_run", orjson.loads(again.inherit(lost.doc).source or b""))
    assert promoted.label == lost.label
    known = accepted("automation_run", SCOPED)
    assert orjson.loads(known.label)["scope"]["owning_org_unit_id"] == "finance"


def test_a_source_that_does_not_validate_never_reaches_the_projection() -> None:
    """A broken source run is refused with the pointers of the source."""
    result = intake().accept("automation_run", {**AUTOMATION, "checkpoint": None, "status": "sleeping"})
    assert isinstance(result, list)
    assert {reject.pointer for reject in result} == {"/checkpoint", "/status"}
