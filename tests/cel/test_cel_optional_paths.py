"""Optional reading in rules: it is checked against the schema, and a label tells what it tells of the plain path."""

from typing import Any

import pytest

from sidecar.cel import (
    BOOL,
    DYN,
    INT,
    CelCheckErrors,
    Checked,
    Env,
    EvaluationError,
    Unknown,
    check,
    compile_rule,
    describe_label_gap,
    parse,
    type_from_schema,
)

TEXT = {"type": "string"}
SCHEMA = {
    "type": "object",
    "required": ["id", "scope"],
    "properties": {
        "id": TEXT,
        "scope": {
            "type": "object",
            "properties": {
                "unit": TEXT,
                "tags": {"type": "array", "items": TEXT, "default": []},
                "root": {"type": "object", "properties": {"kind": TEXT}},
            },
        },
    },
}
TYPES = {"record": type_from_schema(SCHEMA, "record"), "tenant": DYN, "caller": DYN, "now_ms": INT}
KNOWN = {"record": ["/scope/unit", "/scope/tags", "/scope/root/kind"]}
RECORDS: list[dict[str, Any]] = [
    {"id": "1", "scope": {}},
    {"id": "1", "scope": {"unit": "a", "tags": ["a"]}},
    {"id": "1", "scope": {"unit": "b", "root": {}}},
    {"id": "1", "scope": {"unit": "a", "root": {"kind": "a"}}},
]


def rule(text: str) -> Checked:
    """A condition over the schema."""
    return check(parse(text), Env(TYPES), expects=BOOL)


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("record.scope.?unit.orValue('') == 'a'", [False, True, False, True]),
        ("record.?scope.unit.orValue('') == caller.unit", [False, True, False, True]),
        ("record.scope.?unit == optional.of('a')", [False, True, False, True]),
        ("record.scope.?root.kind.orValue('none') == 'none'", [True, True, True, False]),
        ("record.scope.?root.?kind.hasValue()", [False, False, False, True]),
        ("has(record.scope.?root.kind)", [False, False, False, True]),
        ("record.scope.?tags.orValue(['x']) == []", [True, False, True, True]),
        ("record.scope.?root.?kind.optMap(k, k + '!').orValue('') == 'a!'", [False, False, False, True]),
        ("'a' in [?record.scope.?unit, 'b']", [False, True, False, True]),
    ],
)
def test_a_label_tells_it(text: str, answers: list[bool]) -> None:
    """An optional path that a label holds is judged by the label, and as the record itself would be."""
    checked = rule(text)
    assert describe_label_gap(checked, KNOWN) == []
    whole, label = compile_rule(checked).bind({"unit": "a"}), compile_rule(checked, known=KNOWN).bind({"unit": "a"})
    assert [whole(record, {}, 0) for record in RECORDS] == answers
    assert [label({"scope": record["scope"]}, {}, 0) for record in RECORDS] == answers


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("record.?id.orValue('') == '1'", ["record.id"]),
        ("record.scope.?root.hasValue()", ["record.scope.root"]),
        ("record.?scope.hasValue()", ["record.scope"]),
    ],
)
def test_what_a_label_does_not_hold_stays_open(text: str, gap: list[str]) -> None:
    """An optional path beyond the label is unknown, not none."""
    checked = rule(text)
    assert describe_label_gap(checked, KNOWN) == gap
    with pytest.raises(Unknown):
        compile_rule(checked, known=KNOWN).bind({})({"scope": {}}, {}, 0)


def test_a_value_of_another_type_has_no_place() -> None:
    """What an optional path finds must be of its type, as on a plain path."""
    bound = compile_rule(rule("record.scope.?unit.orValue('') != 'a'")).bind({})
    with pytest.raises(EvaluationError, match=r"'record.scope.unit' should be string, but is int"):
        bound({"id": "1", "scope": {"unit": 1}}, {}, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("record.scope.?unti.hasValue()", "record.scope has no field 'unti'; did you mean 'unit'?"),
        ("record.?scope.unti.hasValue()", "has no field 'unti'; did you mean 'unit'?"),
        ("record.scope.?unit == 'a'", "optional\\(string\\) and string cannot be compared"),
        ("record.scope.?unit.orValue(1) == 1", "optional\\(string\\) has no '.orValue\\(int\\)'"),
        ("record.scope.unit.optMap(x, x) == 'a'", "string has no"),
        ("record.id.charAt('0') == '1'", "string has no '.charAt\\(string\\)'"),
        ("record.id.substrin(1) == '1'", "did you mean 'substring'?"),
        ("math.abs(record.id) == 1", "'math.abs' does not apply to string"),
        ("timestamp(now_ms) < 1", "'<' does not apply to timestamp and int"),
        ("[record.id].exists(record, true)", "already has a meaning here"),
        ("cel.bind(caller, 1, caller == 1)", "already has a meaning here"),
    ],
)
def test_policies_are_held_to_the_whole_language(text: str, message: str) -> None:
    """The functions beyond the plain ones are checked as strictly: names, types and shadowing."""
    with pytest.raises(CelCheckErrors, match=message):
        rule(text)
