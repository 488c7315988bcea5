"""A kind is a file: what the shipped files say, and how a file that cannot be used is refused."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from record_samples import ABSENT, with_value
from shipped_kinds import kinds

from sidecar.errors import ConfigError, SchemaError
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.schemas import load_kinds, load_schema, shipped_schemas
from sidecar.records.store import Prepared

TICKET: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "x-sidecar": {
        "id": ["/ticket_id"],
        "tenant": "/tenant_context",
        "order": [{"field": "/opened_at_ms", "dir": "desc"}],
        "label": ["/team"],
        "filterable": ["/team", "/urgent", "/tags/*", "/opened_at_ms"],
        "folded": ["/team", "/tags/*"],
        "write": "upsert",
    },
    "type": "object",
    "required": ["ticket_id", "tenant_context", "opened_at_ms"],
    "properties": {
        "ticket_id": {"type": "string"},
        "tenant_context": {"$ref": "urn:sidecar:common#/$defs/tenant_context"},
        "opened_at_ms": {"$ref": "urn:sidecar:common#/$defs/u64"},
        "team": {"$ref": "#/$defs/team"},
        "urgent": {"type": "boolean", "default": False},
        "tags": {"type": "array", "items": {"type": "string"}, "default": []},
        "code": {"type": ["string", "null"], "pattern": "^[A-Z]+$"},
    },
    "additionalProperties": True,
    "$defs": {"team": {"type": ["string", "null"]}},
}


def load(folder: Path, schema: Any, name: str = "ticket") -> Kinds:
    (folder / f"{name}.schema.json").write_text(schema if isinstance(schema, str) else json.dumps(schema, indent=1))
    return load_kinds([folder])


def findings(folder: Path, schema: Any, name: str = "ticket") -> list[str]:
    with pytest.raises(SchemaError) as caught:
        load(folder, schema, name)
    return [str(finding) for finding in caught.value.findings]


def test_the_shipped_kinds_are_the_fifteen() -> None:
    """The product's own kinds, no more and no less."""
    names = (
        "automation_run compensation dead_letter event org_unit org_unit_access_grant org_unit_membership outbox "
        "policy_decision protected_audit_event snapshot source_binding tool_effect wait workflow_run"
    )
    assert " ".join(kinds()) == names


def test_both_run_kinds_serve_the_canonical_run() -> None:
    """What policies see of a run is one shape, whichever engine ran it; what is accepted is the engine's."""
    automation, workflow = kinds()["automation_run"], kinds()["workflow_run"]
    assert automation.schema == workflow.schema
    assert "scope" in automation.schema["properties"]
    assert "scope" not in automation.source_schema["properties"]
    assert kinds()["wait"].schema is kinds()["wait"].source_schema


def test_no_reference_is_left_in_a_loaded_schema() -> None:
    """Whoever reads a kind's schema meets no reference."""
    caller = load_schema(shipped_schemas() / "caller.schema.json")
    for schema in (caller, *(kind.schema for kind in kinds().values())):
        assert b'"$ref"' not in orjson.dumps(schema)


def test_the_catalogue_kinds_bump_authority() -> None:
    """Units, memberships, grants and bindings are what authority is computed from; only memberships make managed."""
    assert {name: kind.authority for name, kind in kinds().items() if kind.authority} == {
        "org_unit": "catalogue",
        "org_unit_membership": "membership",
        "org_unit_access_grant": "catalogue",
        "source_binding": "catalogue",
    }
    assert {name for name, kind in kinds().items() if kind.write == "append_only"} == {"event", "protected_audit_event"}


def test_marks_name_every_property_they_read() -> None:
    """A mask on anything that a mark reads can be told from the mark's fields."""
    marks = {column.name: column.fields for column in kinds()["dead_letter"].columns if column.mark}
    assert set(marks["recoverable"]) >= {"status", "metadata", "metadata.superseded_by_success"}


def test_a_new_kind_is_a_file(tmp_path: Path) -> None:
    """A schema file alone gives a kind that accepts, orders, labels, filters and keeps undeclared properties."""
    intake = Intake(load(tmp_path, TICKET))
    record = {
        "ticket_id": "t1",
        "tenant_context": {"org_id": "acme", "workspace_id": "main"},
        "opened_at_ms": 5,
        "team": " Blue-Team ",
        "tags": ["A-b", "a_B"],
        "code": None,
        "extra": {"kept": None},
    }
    result = intake.accept("ticket", record)
    assert isinstance(result, Prepared)
    assert (result.key, result.order, result.label) == (("t1",), (-5,), b'{"team":" Blue-Team "}')
    assert (result.columns, result.lists) == (("blue_team", 0, 5), (("a_b",),))
    stored = orjson.loads(result.doc)
    assert stored["extra"] == {"kept": None}
    assert "code" not in stored
    assert intake.dropped == {}
    refusal = intake.accept("ticket", {**record, "code": "abc"})
    assert isinstance(refusal, list)
    assert refusal[0].pointer == "/code"


def test_a_changed_annotation_changes_the_digest(tmp_path: Path) -> None:
    """Whatever changes how records are stored changes the digest; the order of members does not."""
    first = load(tmp_path, TICKET)["ticket"].digest
    assert load(tmp_path, dict(reversed(TICKET.items())))["ticket"].digest == first
    assert load(tmp_path, with_value(TICKET, "/x-sidecar/label", []))["ticket"].digest != first
    assert load(tmp_path, with_value(TICKET, "/$defs/team", {"type": "string"}))["ticket"].digest != first


@pytest.mark.parametrize(
    ("pointer", "value", "sentence"),
    [
        ("/x-sidecar", ABSENT, "needs an annotation"),
        ("/x-sidecar/id", ABSENT, "/id is required"),
        ("/x-sidecar/id", [], "/id"),
        ("/x-sidecar/id", ["/nope"], "/nope is no property"),
        ("/x-sidecar/id", ["/opened_at_ms"], "/opened_at_ms is no text"),
        ("/x-sidecar/tenant", "/team", "has no text 'org_id'"),
        ("/x-sidecar/order", [{"field": "/team", "dir": "desc"}], "only integers are sort keys"),
        ("/x-sidecar/order", [{"field": "/opened_at_ms", "dir": "down"}], "must be one of asc, desc"),
        ("/x-sidecar/label", ["/nope/deeper"], "is no property"),
        ("/x-sidecar/filterable", ["/tags"], "for the texts of a list write /tags/*"),
        ("/x-sidecar/folded", ["/code"], "/code is not filterable"),
        ("/x-sidecar/folded", ["/urgent"], "cannot be folded"),
        ("/x-sidecar/canonical", {"/opened_at_ms": "unit_id"}, "is no text"),
        ("/x-sidecar/canonical", {"/team": "upper"}, "must be one of unit_id"),
        ("/x-sidecar/write", "once", "must be one of upsert, append_only"),
        ("/x-sidecar/authority", "all", "must be one of catalogue, membership"),
        ("/x-sidecar/projection", "magic", "is no projection"),
        ("/x-sidecar/serves", "urn:sidecar:common#/$defs/run", "go together"),
        ("/x-sidecar/filter", ["/team"], "did you mean 'filterable'?"),
        ("/x-sidecar/marks", {"team": {}}, "two filters are called 'team'"),
        ("/x-sidecar/marks", {"limit": {}}, "cannot be a filter's name"),
        ("/x-sidecar/marks", {"Open": {}}, "cannot be a filter's name"),
        ("/x-sidecar/marks", {"open": {"type": "nonsense"}}, "/marks/open"),
        (
            "/x-sidecar/marks",
            {"open": {"patternProperties": {}}},
            "/marks/open/patternProperties: a mark may say of the",
        ),
        ("/x-sidecar/marks", {"open": {"not": {"enum": []}}}, "only required, properties, not, if, then, else, allOf,"),
        ("/type", "array", "a record is an object"),
        ("/properties/code/pattern", "(a)\\1", "linear time"),
        ("/properties/code/pattern", "(?=a)b", "linear time"),
        ("/properties/code/type", "text", "/properties/code/type"),
        ("/properties/urgent/default", "no", "the default of 'urgent' does not match"),
        ("/properties/team", {"$ref": "https://example.org/team.json"}, "is not a local reference"),
        ("/properties/team", {"$ref": "other.schema.json#/$defs/x"}, "is not a local reference"),
        ("/properties/team", {"$ref": "#"}, "is not a local reference"),
        ("/properties/team", {"$ref": "#/$defs/nope"}, "names nothing"),
        ("/properties/team", {"$ref": "#/$defs/team", "minLength": 1}, "minLength cannot stand beside $ref"),
        ("/properties/team", {"$dynamicRef": "#x"}, "$dynamicRef is not supported"),
        ("/$defs/team", {"type": "object", "properties": {"of": {"$ref": "#/$defs/team"}}}, "leads back to itself"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_in_a_sentence(
    tmp_path: Path, pointer: str, value: Any, sentence: str
) -> None:
    """What is wrong with a kind's file is told in a sentence, at a line of the file."""
    found = findings(tmp_path, with_value(TICKET, pointer, value))
    assert any(sentence in finding for finding in found), found
    assert all(f"{tmp_path}/ticket.schema.json:" in finding for finding in found)


HELD = {"properties": {"seq": {"type": "integer"}}}


@pytest.mark.parametrize(
    "annotated", [{"order": [{"field": "/held/seq", "dir": "asc"}]}, {"filterable": ["/held/seq"], "folded": []}]
)
def test_what_holds_an_integer_says_that_it_is_an_object(tmp_path: Path, annotated: dict[str, Any]) -> None:
    """Integers that records are sorted or found by stand in declared objects: elsewhere 1.0 and 1e300 pass for them."""
    schema = with_value(TICKET, "/x-sidecar", {**TICKET["x-sidecar"], **annotated})
    [told] = findings(tmp_path, with_value(schema, "/properties/held", HELD))
    assert "/held need not be an object" in told
    record = {"ticket_id": "t", "tenant_context": {"org_id": "o", "workspace_id": "w"}, "opened_at_ms": 5}
    nullable = {"anyOf": [{**HELD, "type": "object"}, {"type": "null"}]}
    for held in ({**HELD, "type": "object"}, {**HELD, "type": ["object", "null"]}, nullable):
        intake = Intake(load(tmp_path, with_value(schema, "/properties/held", held)))
        assert isinstance(intake.accept("ticket", {**record, "held": {"seq": 1}}), Prepared)
        refusal = intake.accept("ticket", {**record, "held": {"seq": 1.0}})
        assert isinstance(refusal, list)
        assert refusal[0].pointer == "/held/seq"


def test_a_finding_points_into_the_file(tmp_path: Path) -> None:
    """A finding names line and column, shows the line, and a caret stands under the place."""
    text = json.dumps(with_value(TICKET, "/x-sidecar/write", "once"), indent=1)
    place = next(number for number, line in enumerate(text.split("\n"), 1) if '"write"' in line)
    found = findings(tmp_path, text)[0].split("\n")
    assert found[0].startswith(f"{tmp_path}/ticket.schema.json:{place}:3: error: ")
    assert found[1].index('"write"') == found[2].index("^")


def test_a_schema_file_that_is_no_json_is_refused_at_its_place(tmp_path: Path) -> None:
    """Broken JSON, and a name given twice, are findings at the place where they stand."""
    assert ":2:2: error: nothing follows the comma" in findings(tmp_path, '{"a": 1,\n }')[0]
    assert ":2:1: error: is given twice (/a)" in findings(tmp_path, '{"a": 1,\n"a": 2}')[0]


def test_a_kind_is_defined_once(tmp_path: Path) -> None:
    """A name that two folders define is refused; so is a name that is none, and a folder that is not there."""
    (tmp_path / "wait.schema.json").write_text(json.dumps(TICKET))
    with pytest.raises(SchemaError, match="'wait' is already defined by"):
        load_kinds([shipped_schemas(), tmp_path])
    (tmp_path / "wait.schema.json").unlink()
    assert "cannot be a kind's name" in findings(tmp_path, TICKET, "Bad-Name")[0]
    with pytest.raises(ConfigError, match="no folder of schemas"):
        load_kinds([tmp_path / "nowhere"])


def test_all_findings_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    """One broken file does not hide what is wrong with another."""
    (tmp_path / "other.schema.json").write_text(json.dumps(with_value(TICKET, "/x-sidecar/label", ["/x"])))
    found = findings(tmp_path, with_value(TICKET, "/x-sidecar/id", ["/x"]))
    assert len(found) == 2
