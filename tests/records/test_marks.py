"""What a mark reads: a mark that is taken looks at nothing but what it names."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from shipped_kinds import kinds

from sidecar.records.marks import own_names, strangers

NAMES = ("a", "b", "c")
VALUES = st.sampled_from(("x", "y", 1, None, ["x"], {"a": "x"}, {"b": "y"}))
RECORDS = st.dictionaries(st.sampled_from(NAMES), VALUES)
OF_A_VALUE = st.sampled_from(
    ({}, {"const": "x"}, {"not": {"const": "x"}}, {"required": ["a"]}, {"patternProperties": {"^b": False}})
)
LISTS = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
MARKS = st.recursive(
    st.booleans() | st.fixed_dictionaries({}, optional={"required": LISTS, "type": st.just("object")}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "required": LISTS,
            "properties": st.dictionaries(st.sampled_from(NAMES), OF_A_VALUE, max_size=2),
            **dict.fromkeys(("not", "if", "then", "else", "contains", "additionalProperties", "propertyNames"), inner),
            **dict.fromkeys(("allOf", "anyOf", "oneOf"), st.lists(inner, min_size=1, max_size=2)),
            "patternProperties": st.dictionaries(st.sampled_from(("^a$", "^[bc]")), OF_A_VALUE, min_size=1, max_size=1),
            "dependentSchemas": st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=1),
            "dependentRequired": st.dictionaries(st.sampled_from(NAMES), LISTS, min_size=1, max_size=1),
            "unevaluatedProperties": st.just(False),
            "maxProperties": st.just(1),
            "const": RECORDS,
            "enum": st.lists(RECORDS, min_size=1, max_size=2),
        },
    ),
    max_leaves=4,
)


@settings(max_examples=500, deadline=None)
@given(mark=MARKS, record=RECORDS, other=RECORDS)
@example({"patternProperties": {"^a$": {"const": "x"}}}, {"a": "x"}, {"a": "y"})
@example({"not": {"dependentRequired": {"a": ["b"]}}}, {"a": "x"}, {})
@example({"anyOf": [{"allOf": [{"maxProperties": 1}]}]}, {"a": 1, "b": 1}, {})
@example({"if": {"const": {}}, "then": False}, {"a": 1}, {})
def test_a_mark_that_is_taken_reads_only_what_it_names(
    mark: Any, record: dict[str, Any], other: dict[str, Any]
) -> None:
    """Two records that agree in all that a mark names are the same to it, if it is made of known keywords."""
    assume(not list(strangers(mark)))
    named = {path[0] for path in own_names(mark)}
    mixed = {name: value for name, value in record.items() if name in named}
    mixed |= {name: value for name, value in other.items() if name not in named}
    holds = jsonschema_rs.Draft202012Validator(mark).is_valid
    assert holds(record) == holds(mixed)


@pytest.mark.parametrize(
    "word",
    ["patternProperties", "dependentSchemas", "dependentRequired", "additionalProperties", "maxProperties", "enum"],
)
def test_an_unknown_keyword_is_told_wherever_it_speaks_of_the_record(word: str) -> None:
    """A keyword whose reads are not known is told with its place, in every part of a mark but below a property."""
    mark = {"properties": {"a": {word: 1}}, "not": {"anyOf": [{}, {"then": {word: 1}}]}, word: 1}
    assert list(strangers(mark)) == [(f"/{word}", word), (f"/not/anyOf/1/then/{word}", word)]


def test_the_shipped_marks_are_made_of_known_keywords() -> None:
    """Each mark of the product's own kinds is one that is taken."""
    marks = [column.mark for kind in kinds().values() for column in kind.columns if column.mark]
    assert marks
    assert [found for mark in marks for found in strangers(mark)] == []
