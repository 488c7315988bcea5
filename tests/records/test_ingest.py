"""What gets in, in which form, and what is told of what does not."""

import random
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_samples import ABSENT, LEAST, RESOURCE, SCOPE, TENANT, accepted, refused, with_value
from shipped_kinds import intake, kinds

from sidecar.records.canonical import Notes, policy_view
from sidecar.records.explain import Explainer
from sidecar.records.ingest import Intake
from sidecar.records.store import Tenant

LAST = 2**63 - 1
WAIT = LEAST["wait"]
DEAD = LEAST["dead_letter"]


def document(kind: str, record: Any, **options: Any) -> dict[str, Any]:
    return orjson.loads(accepted(kind, record, **options).doc)


@pytest.mark.parametrize("kind", LEAST)
def test_the_least_record_of_every_kind_is_accepted_and_canonical(kind: Any) -> None:
    """Accepting what was accepted changes nothing: canonical form is a fixed point."""
    first = accepted(kind, LEAST[kind])
    again = accepted(kind, orjson.loads(first.source or first.doc))
    assert again._replace(inherit=None) == first._replace(inherit=None)
    assert first.doc == orjson.dumps(orjson.loads(first.doc), option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize(
    ("pointer", "value", "sentence"),
    [
        ("/attempts", "5", 'is "5", must be an integer'),
        ("/attempts", 5.0, "is 5.0, must be an integer"),
        ("/attempts", True, "is true, must be an integer"),
        ("/attempts", -1, "must be 0 or more"),
        ("/attempts", 2**32, "must be 4294967295 or less"),
        ("/created_at_ms", 2**63, "must be 9223372036854775807 or less"),
        ("/created_at_ms", 1e3, "is 1000.0, must be an integer"),
        ("/disposition_at_ms", 7.0, "is 7.0, must be an integer"),
        ("/scope", [], "is a list, must be an object"),
        ("/scope/data_classes", {}, "is an object, must be a list"),
        ("/scope/data_classes", ["internal", "secret"], 'is "secret", must be one of'),
        ("/scope/tenant_context/org_id", 7, "must be a text"),
        ("/status", "opne", "did you mean 'open'?"),
        ("/metadata", {"x": [1, "a\x00b"]}, "U+0000"),
        ("/metadata", {"x": {"y": 2**63}}, "outside the integers"),
        ("/metadata", {"x": {"y": "\ud800"}}, "surrogate"),
        ("/reason", "a\x00b", "U+0000"),
        ("/dead_letter_id", "", "is blank"),
        ("/dead_letter_id", " \u00a0\t", "is blank"),
        ("/scope/tenant_context/org_id", "", "is blank"),
        ("/scope/tenant_context/workspace_id", " ", "is blank"),
        ("/scope/tenant_context/deployment_id", "", "is blank"),
        ("/scope/tenant_context", ABSENT, "is required"),
    ],
)
def test_a_bad_value_is_refused_at_its_pointer_in_a_sentence(pointer: Any, value: Any, sentence: Any) -> None:
    """A bad value refuses the record; the pointer leads to it and the sentence says what would be right."""
    faults = refused("dead_letter", with_value(DEAD, pointer, value))
    assert any(found.startswith(pointer) and sentence in message for found, message in faults), faults


@pytest.mark.parametrize("record", [None, [], "x", 5, True])
def test_what_is_no_object_is_no_record(record: Any) -> None:
    """A record is an object."""
    assert refused("wait", record) == [("", "a record is a JSON object")]


def test_an_unknown_kind_is_refused_with_the_nearest_name() -> None:
    """A record of a kind that nobody defined is refused, and the nearest kind is named."""
    assert refused("waits", WAIT) == [("", "there is no kind 'waits'; did you mean 'wait'?")]


def test_all_faults_of_a_record_are_told_at_once_with_its_line() -> None:
    """Every fault of one record is one reject, and each carries the line it was read from."""
    bad = {**DEAD, "status": "opne", "attempts": -1, "reason": ABSENT}
    del bad["reason"]
    rejects = intake().accept("dead_letter", bad, line=7)
    assert isinstance(rejects, list)
    assert {(reject.pointer, reject.line) for reject in rejects} == {("/status", 7), ("/attempts", 7), ("/reason", 7)}


def test_undeclared_properties_are_dropped_and_counted() -> None:
    """A property that the schema does not declare is left out, at any depth, and counted by kind."""
    own = Intake(kinds())
    record = with_value({**WAIT, "colour": "red"}, "/scope/tenant_context/colour", "red")
    result = own.accept("wait", record)
    assert b"colour" not in result.doc
    assert own.dropped == {"wait": 2}


def test_free_values_are_kept_whole() -> None:
    """A value of any shape keeps everything in it: nulls, empty lists, undeclared names."""
    metadata = {"none": None, "empty": [], "deep": [{"x": None}], "greatest": LAST}
    assert document("wait", {**WAIT, "metadata": metadata})["metadata"] == metadata


def test_a_missing_tenant_is_the_local_one_only_when_asked() -> None:
    """The default tenant is for the runtime's own files; anywhere else a record says whose it is."""
    for kind in ("wait", "automation_run", "workflow_run", "protected_audit_event"):
        place = "/scope/tenant_context" if kind == "wait" else "/tenant_context"
        bare = with_value(LEAST[kind], place, ABSENT)
        assert refused(kind, bare)[0][0] == place
        assert accepted(kind, bare, default_tenant=True).tenant == Tenant("local", "local")
    assert refused("policy_decision", with_value(LEAST["policy_decision"], "/tenant_context", ABSENT))


def test_no_deployment_is_the_empty_one() -> None:
    """A record without deployment is stored under the empty deployment, one with it under its own."""
    assert accepted("wait", WAIT).tenant == Tenant("acme", "main", "")
    deployed = with_value(WAIT, "/scope/tenant_context/deployment_id", "eu")
    assert accepted("wait", deployed).tenant == Tenant("acme", "main", "eu")


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("wait", ("r", "w")),
        ("event", ("r", "e")),
        ("snapshot", ("r", "s")),
        ("org_unit", ("organization_unit", "finance")),
        ("dead_letter", ("d",)),
        ("org_unit_membership", ("m",)),
    ],
)
def test_the_key_has_the_parts_that_the_kind_names(kind: Any, key: Any) -> None:
    """The key is what the annotation says, defaults included."""
    assert accepted(kind, LEAST[kind]).key == key


def test_descending_order_values_are_negated_and_absent_ones_come_last() -> None:
    """All orders ascend: descending values are negated, of several fields the least counts, none is the greatest."""
    assert accepted("dead_letter", DEAD).order == (-20,)
    assert accepted("event", LEAST["event"]).order == (1,)
    assert accepted("org_unit", LEAST["org_unit"]).order == ()
    assert accepted("wait", WAIT).order == (LAST, 10)
    timeout = {"timeout_at_ms": 40, "on_timeout": "cancel"}
    assert accepted("wait", {**WAIT, "timeout_policy": timeout}).order == (40, 10)
    assert accepted("wait", {**WAIT, "timeout_policy": timeout, "wake_at_ms": 30}).order == (30, 10)
    assert accepted("wait", {**WAIT, "timeout_policy": timeout, "wake_at_ms": 50}).order == (40, 10)


def test_the_label_is_what_policies_read_and_nothing_else() -> None:
    """The label holds the labelled properties in their canonical form, and the parents the record has."""
    scope = {
        **SCOPE,
        "owning_org_unit_id": " FinanÇe ",
        "data_classes": ["internal"],
        "resource_scope": {"root": RESOURCE},
    }
    label = orjson.loads(accepted("wait", {**WAIT, "scope": scope, "reason": "secret"}).label)
    assert label == {
        "scope": {
            "owning_org_unit_id": "finançe",
            "data_classes": ["internal"],
            "resource_scope": {"root": RESOURCE},
        }
    }
    assert accepted("wait", WAIT).label == b'{"scope":{}}'
    assert accepted("source_binding", LEAST["source_binding"]).label == b"{}"


def test_the_record_keeps_its_spelling_and_policies_see_the_canonical_one() -> None:
    """What is served keeps the stored spelling of a unit; what policies read is its canonical form."""
    stored = document("wait", with_value(WAIT, "/scope/owning_org_unit_id", " Finance "))
    seen = policy_view(kinds()["wait"], stored)
    assert stored["scope"]["owning_org_unit_id"] == " Finance "
    assert seen["scope"]["owning_org_unit_id"] == "finance"
    bare = document("wait", WAIT)
    assert policy_view(kinds()["wait"], bare) == bare


def test_columns_hold_filter_forms_where_the_kind_folds() -> None:
    """A folded column holds the filter form, any other the value as it stands."""
    row = accepted("dead_letter", {**DEAD, "run_id": "Run-A", "source_type": " Tool-Effect "})
    assert row.columns == ("Run-A", "open", "tool_effect", 10, 1)


def test_a_list_column_holds_every_text_of_the_payload_once() -> None:
    """The mentions of an audit event are all texts below its payload; names are no mentions."""
    payload = {"run-key": ["run-1", {"x": "run-2", "y": [["run-1"]]}], "n": 5, "b": None}
    assert accepted("protected_audit_event", {**LEAST["protected_audit_event"], "payload": payload}).lists == (
        ("run-1", "run-2"),
    )


SUPERSEDED = {"superseded_by_success": True, "superseded_by_effect_id": "e", "superseded_at_ms": 5}


@pytest.mark.parametrize(
    ("metadata", "recoverable"),
    [
        (None, 1),
        (SUPERSEDED, 0),
        ({**SUPERSEDED, "superseded_by_outbox_id": "o"}, 0),
        ({"superseded_by_success": True}, 1),
        ({**SUPERSEDED, "superseded_by_success": 1}, 1),
        ({**SUPERSEDED, "superseded_by_success": "true"}, 1),
        ({**SUPERSEDED, "superseded_by_effect_id": " \u00a0\u2003"}, 1),
        ({**SUPERSEDED, "superseded_by_effect_id": 7}, 1),
        ({**SUPERSEDED, "superseded_at_ms": -1}, 1),
        ({**SUPERSEDED, "superseded_at_ms": "5"}, 1),
        ([SUPERSEDED], 1),
    ],
)
@pytest.mark.parametrize("kind", ["dead_letter", "compensation"])
def test_only_a_whole_superseded_marker_ends_recovery(kind: Any, metadata: Any, recoverable: Any) -> None:
    """A row is superseded when its metadata holds all three members in their types, and not for less."""
    assert accepted(kind, {**LEAST[kind], "metadata": metadata}).columns[-1] == recoverable


@pytest.mark.parametrize(
    ("kind", "settled"), [("dead_letter", {"resolved", "ignored"}), ("compensation", {"completed", "cancelled"})]
)
def test_settled_rows_are_not_recoverable(kind: Any, settled: Any) -> None:
    """A row whose recovery is over is not offered for it; every other status is."""
    for status in kinds()[kind].schema["properties"]["status"]["enum"]:
        assert accepted(kind, {**LEAST[kind], "status": status}).columns[-1] == int(status not in settled)


def test_waits_are_marked_active_and_pending_by_their_status() -> None:
    """An active wait waits, is claimed or escalated; a pending one is not escalated."""
    marks = {
        status: accepted("wait", {**WAIT, "status": status}).columns[-2:]
        for status in kinds()["wait"].schema["properties"]["status"]["enum"]
    }
    assert {status for status, (active, _) in marks.items() if active} == {"waiting", "claimed", "escalated"}
    assert {status for status, (_, pending) in marks.items() if pending} == {"waiting", "claimed"}


def test_only_kinds_that_are_updated_carry_their_time() -> None:
    """The time that keeps an older record from replacing a newer one is there where the kind has one."""
    assert accepted("wait", WAIT).updated_at_ms == 20
    assert accepted("event", LEAST["event"]).updated_at_ms is None


_JUNK: list[Any] = [
    None,
    True,
    0,
    5,
    5.0,
    -1,
    2**32,
    2**63,
    0.5,
    "",
    "x",
    "open",
    [],
    ["x"],
    [5],
    {},
    {"kind": "group", "id": "g"},
]


def _places(value: Any, pointer: str = "") -> list[str]:
    found = [pointer] if pointer else []
    if isinstance(value, dict):
        for name, item in value.items():
            found += _places(item, f"{pointer}/{name}")
    return found


@st.composite
def spoilt_records(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A least record with some declared fields set to arbitrary values, or taken out."""
    kind = draw(st.sampled_from([kind for kind in LEAST if kinds()[kind].projection is None]))
    record: Any = LEAST[kind]
    declared = [f"/{name}" for name in kinds()[kind].schema["properties"]]
    for pointer in draw(st.lists(st.sampled_from(_places(record) + declared), max_size=3, unique=True)):
        value = draw(st.sampled_from([*_JUNK, ABSENT]))
        try:
            record = with_value(record, pointer, value)
        except (KeyError, TypeError, AttributeError):
            continue  # an earlier value took the place of the parent
    return kind, record


@settings(max_examples=400)
@given(spoilt_records())
def test_the_fast_validator_decides_as_the_slow_one(spoilt: Any) -> None:
    """A record is accepted exactly when the explaining validator finds nothing wrong with its canonical form."""
    kind, record = spoilt
    gate = intake()._gate(kind)
    assert gate is not None
    notes = Notes()
    canonical = gate._source.walk(record, notes)
    oracle = Explainer(kinds()[kind].schema).faults(canonical)
    assert (gate._source.faults(canonical, notes.inexact) == []) == (oracle == [])
    if not notes.inexact:
        assert jsonschema.Draft202012Validator(kinds()[kind].schema).is_valid(canonical) == (oracle == [])


@settings(max_examples=200)
@given(spoilt_records())
def test_every_refusal_names_a_place_and_a_reason(spoilt: Any) -> None:
    """Whatever the record, the door accepts it or gives reasons; it never raises and never refuses in silence."""
    result = intake().accept(*spoilt)
    if isinstance(result, list):
        assert result
        assert all(reject.message for reject in result)


def test_the_order_in_which_members_were_written_leaves_no_trace() -> None:
    """Two records with the same members in another order are the same bytes."""
    names = list(DEAD)
    random.Random(1).shuffle(names)
    shuffled = {name: DEAD[name] for name in names}
    assert accepted("dead_letter", shuffled) == accepted("dead_letter", DEAD)


def test_tenant_of_a_refused_record_is_never_guessed() -> None:
    """A tenant that is no object is refused, not replaced by the local one, even where the local one is the default."""
    result = intake().accept("wait", {**WAIT, "scope": {"tenant_context": None}}, default_tenant=True)
    assert isinstance(result, list)
    assert result[0].pointer == "/scope/tenant_context"
    assert TENANT["org_id"] == "acme"
