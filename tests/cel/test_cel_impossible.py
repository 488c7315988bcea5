"""Conditions that can never be true are found, at their place, and no other condition is ever taken for one."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.cel import (
    BOOL,
    INT,
    Checked,
    CheckError,
    Env,
    EvaluationError,
    Type,
    check,
    compile_rule,
    never_true,
    parse,
    type_from_schema,
)

TEXT = {"type": "string"}
ITEM = {"type": "object", "required": ["id"], "properties": {"id": TEXT, "state": {"enum": ["on", "off"]}}}
RECORD: Type = type_from_schema(
    {
        "type": "object",
        "required": ["name", "size", "ratio", "flag", "state"],
        "properties": {
            "name": TEXT,
            "size": {"type": "integer"},
            "ratio": {"type": "number"},
            "flag": {"type": "boolean"},
            "state": {"type": "string", "enum": ["open", "shut", "lost"]},
            "maybe": {"type": ["string", "null"], "enum": ["a", "b", None]},
            "note": TEXT,
            "tags": {"type": "array", "items": TEXT, "default": []},
            "items": {"type": "array", "items": ITEM},
            "place": {"type": "object", "properties": {"room": TEXT}, "additionalProperties": False},
        },
        "additionalProperties": False,
    },
    "record",
)
CALLER: Type = type_from_schema(
    {
        "type": "object",
        "required": ["roles", "boss"],
        "properties": {"roles": {"type": "array", "items": TEXT}, "boss": {"type": "boolean"}, "actor": TEXT},
        "additionalProperties": False,
    },
    "caller",
)
VARIABLES: Mapping[str, Type] = {
    "record": RECORD,
    "caller": CALLER,
    "tenant": type_from_schema({"type": "object"}),
    "now_ms": INT,
}


def checked(text: str, lets: Mapping[str, Checked] | None = None) -> Checked:
    """A checked condition."""
    return check(parse(text), Env(VARIABLES, lets or {}), expects=BOOL)


def refusal(text: str) -> CheckError | None:
    """Why a condition is never true."""
    return never_true(checked(text))


NEVER = [
    # text, where it goes wrong, a piece of the reason
    ("1 == 2", "1 == 2", "always false"),
    ("!true", "!true", "always false"),
    ("'a' in ['b', 'c'] || false", "'a' in", "always false"),
    ("1 / 0 == 1", "1 / 0", "always ends in an error (division by zero)"),
    ("record.flag && size('abc') > 3", "size('abc')", "always false"),
    ("record.state == 'open' && record.state == 'shut'", "record.state == 'shut'", "'record.state'"),
    ("record.state == 'open' && record.flag && 'shut' == record.state", "'shut' ==", "'record.state'"),
    ("record.state == 'open' && record.state != 'open'", "record.state != ", "true and false at once"),
    ("record.state == 'open' && !(record.state in ['open', 'shut'])", "record.state in", "'record.state'"),
    ("record.state in ['open', 'shut'] && record.state == 'lost'", "record.state == 'lost'", "'record.state'"),
    ("record.state != 'open' && record.state != 'shut' && record.state != 'lost'", "record.state != 'lost'", "'record.state'"),
    ("record.maybe != 'a' && record.maybe != 'b' && record.maybe != null", "record.maybe != null", "'record.maybe'"),
    ("record.name in []", "record.name in []", "'record.name'"),
    ("record.size > 5 && record.size < 6", "record.size < 6", "'record.size'"),
    ("record.size > 5 && !(record.size > 5)", "record.size > 5)", "true and false at once"),
    ("record.size >= 6 && 6 > record.size", "6 > ", "'record.size'"),
    ("record.size == 3 && record.size == 4.0", "record.size == 4.0", "'record.size'"),
    ("record.size == 3 && record.size > 3", "record.size > 3", "'record.size'"),
    ("record.ratio > 1.5 && record.ratio < 1.5", "record.ratio < 1.5", "'record.ratio'"),
    ("record.name < 'a' && record.name > 'b'", "record.name > 'b'", "'record.name'"),
    ("now_ms < 10 && now_ms > 10", "now_ms > 10", "'now_ms'"),
    ("size(record.tags) < 0", "size(record.tags)", "'size(record.tags)'"),
    ("size(record.tags) == 0 && 'x' in record.tags", "'x' in", "'size(record.tags)'"),
    ("record.tags.size() == 0 && record.tags.exists(t, t == 'x')", "record.tags.exists", "'size(record.tags)'"),
    ("record.flag && !record.flag", "record.flag", "true and false at once"),
    ("record.flag && record.flag == false", "record.flag == false", "'record.flag'"),
    ("record.name.startsWith('a') && !record.name.startsWith('a')", "record.name.startsWith('a')", "true and false"),
    ("record.name == record.note && record.note != record.name", "record.note != ", "true and false at once"),
    ("record.name != record.name", "record.name != ", "with itself"),
    ("record.size < record.size", "record.size < ", "with itself"),
    ("!(record.size <= record.size)", "record.size <= ", "with itself"),
    ("has(record.note) && !has(record.note)", "has(record.note)", "'record.note' would have to be there and not"),
    ("!has(record.note) && record.note == 'x'", "record.note == 'x'", "'record.note' would have to be there and not"),
    ("record.note in caller.roles && !has(record.note)", "has(record.note)", "would have to be there and not"),
    ("!has(record.place) && has(record.place.room)", "has(record.place.room)", "'record.place' would have to be there"),
    ("!has(record.items) && record.items.exists(i, i.id == 'x')", "record.items.exists", "'record.items' would have"),
    ("!has(record.name)", "has(record.name)", "'record.name' is always there"),
    ("!has(record.tags)", "has(record.tags)", "'record.tags' is always there"),
    ("record.tags.exists(t, t == 'a' && t == 'b')", "t == 'b'", "'t'"),
    ("record.items.exists(i, i.state == 'on' && i.state == 'off')", "i.state == 'off'", "'i.state'"),
    ("!record.items.all(i, i.state == 'on' || i.state != 'on')", "i.state != 'on'", "true and false at once"),
    ("record.tags.exists(t, t == 'a') && !record.tags.exists(u, u == 'a')", "record.tags.exists(u", "true and false"),
    ("caller.boss ? record.flag && !record.flag : caller.boss", "caller.boss ?", "every way"),
    ("(record.flag || caller.boss) && !record.flag && !caller.boss", "record.flag || caller.boss", "every way"),
    ("record.state == 'open' && (record.state == 'shut' || record.state == 'lost')", "record.state == 'shut' ||", "every way"),
    ("(record.state == 'shut' || record.state == 'lost') ? false : record.state in ['shut', 'lost']", "(record", "every way"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "reason"), NEVER, ids=[case[0] for case in NEVER])
def test_what_is_never_true_is_told_at_its_place(text: str, place: str, reason: str) -> None:
    """The reason is a sentence, and its place is the condition that goes wrong with what stands before it."""
    error = refusal(text)
    assert error is not None
    assert error.message.startswith("the rule is never true: ")
    assert reason in error.message
    assert text[error.span.offset :].startswith(place), text[error.span.offset :]
    places = [start for start in range(len(text)) if text.startswith(place, start)]
    assert error.span.offset in (places[0], places[-1])


MAYBE = [
    "true",
    "false",
    "record.flag",
    "record.state == 'open' || record.state == 'shut'",
    "record.state != 'open' && record.state != 'shut'",
    "record.maybe != 'a' && record.maybe != 'b'",
    "record.size > 5 && record.size < 7",
    "record.size >= 5 && record.size <= 5",
    "record.ratio > 5.0 && record.ratio < 6.0",
    "!(record.ratio < 1.0) && !(record.ratio >= 1.0) || record.flag",
    "record.ratio / 0.0 != record.ratio / 0.0",
    "record.tags.exists(t, t == 'a') && record.tags.exists(t, t == 'b')",
    "record.tags.exists(t, t == 'a') && record.tags.exists(t, t != 'a')",
    "record.tags.all(t, t == 'a' && t == 'b')",
    "!record.tags.exists(t, t == 'a')",
    "(caller.boss ? record.name : record.state) == 'elsewhere'",
    "[record.state, 'other'].exists(s, s == 'other')",
    "has(record.note) || !has(record.note)",
    "has(record.note) && record.note == 'x' || !has(record.note) && record.name == 'x'",
    "has(record.place) ? has(record.place.room) : record.flag",
    "!has(record.place) || record.place.room == 'x'",
    "record.flag == (record.flag == false) || record.name == 'x'",
    "record.flag != caller.boss && record.flag",
    "record.name == 'a' && record.note == 'b'",
    "record.name > 'a' && record.name < 'b'",
    "size(record.tags) == 0 && size(record.name) > 0",
    "caller.boss && (record.flag || !caller.boss)",
    "record.state in ['open', 'lost'] && record.state in ['lost', 'shut']",
    "record.items.exists(i, has(i.state) && i.id in caller.roles)",
    "dyn(record.size) == 1 && dyn(record.name) == '1'",
    "record.tags.map(t, t + 'x').exists(t, t == 'ax') && record.tags.exists(t, t == 'a')",
    "cel.bind(n, record.name, n == 'a' || n == 'b')",
]


@pytest.mark.parametrize("text", MAYBE)
def test_what_may_be_true_is_left_alone(text: str) -> None:
    """A condition that some record makes true is not refused, however near it comes to a contradiction."""
    assert refusal(text) is None


def test_named_expressions_are_looked_through() -> None:
    """A contradiction with a named expression is told where it is named."""
    lets = {"open": checked("record.state == 'open'"), "gone": checked("1 == 2")}
    for text, place in (
        ("record.flag && open && record.state == 'shut'", "record.state"),
        ("record.state == 'shut' && open", "open"),
        ("record.flag && gone", "gone"),
    ):
        error = never_true(checked(text, lets))
        assert error is not None
        assert text[error.span.offset :].startswith(place)
    assert never_true(checked("open || record.state == 'shut'", lets)) is None


def test_a_condition_of_very_many_ways_is_left_alone() -> None:
    """The work is bounded: with too many ways to try, a condition counts as possible, and the answer comes at once."""
    parts = [f"('{number}' in record.tags || '{number}' in caller.roles)" for number in range(40)]
    neither = "(record.flag && !record.flag || caller.boss && !caller.boss)"
    assert refusal(" && ".join([*parts[:4], neither])) is not None
    assert refusal(" && ".join([*parts, neither])) is None
    assert refusal(" && ".join([*parts, "record.flag", "!record.flag"])) is not None


def test_a_constant_that_takes_long_is_left_alone() -> None:
    """Finding the value of a part that reads nothing is bounded too: then nothing is said about it."""
    numbers = f"[{', '.join(map(str, range(400)))}]"
    assert refusal(f"record.flag && {numbers}.map(n, n + 1).size() == 1") is not None
    assert refusal(f"record.flag && {numbers}.map(n, {numbers}.map(m, m + n)).size() == 1") is None


# --- the law ----------------------------------------------------------------------------------------------------------

ATOMS = (
    *("record.flag", "caller.boss", "record.state == 'open'", "record.state != 'shut'", "record.state in ['open', 'lost']"),
    *("record.size > 1", "record.size <= 1", "record.size == 2", "2 > record.size", "record.ratio < 1.0", "record.ratio >= 1.0"),
    *("has(record.note)", "record.note == 'x'", "record.note in record.tags", "record.name == record.note", "has(record.tags)"),
    *("size(record.tags) == 0", "'x' in record.tags", "record.tags.exists(t, t == 'x')", "record.tags.all(t, t == 'x')"),
    *("record.items.exists(i, i.state == 'on')", "record.items.exists(i, i.state == 'off' && i.id == 'x')", "record.maybe == null"),
    *("record.maybe == 'a'", "has(record.place.room)", "record.place.room == 'x'", "1 / record.size == 1", "record.flag == false"),
)  # fmt: skip
CONDITIONS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: "(" + " && ".join(parts) + ")"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(" + " || ".join(parts) + ")"),
        inner.map(lambda part: f"!({part})"),
        st.tuples(inner, inner, inner).map(lambda parts: "({} ? {} : {})".format(*parts)),
    ),
    max_leaves=8,
)
ITEMS = st.lists(
    st.fixed_dictionaries({"id": st.sampled_from("xy")}, optional={"state": st.sampled_from(("on", "off"))}), max_size=2
)
RECORDS = st.fixed_dictionaries(
    {
        "name": st.sampled_from("xy"),
        "size": st.integers(0, 3),
        "ratio": st.sampled_from((0.5, 1.0)),
        "flag": st.booleans(),
        "state": st.sampled_from(("open", "shut", "lost")),
    },
    optional={
        "maybe": st.sampled_from(("a", "b", None)),
        "note": st.sampled_from("xy"),
        "tags": st.lists(st.sampled_from("xy"), max_size=2),
        "items": ITEMS,
        "place": st.sampled_from(({}, {"room": "x"})),
    },
)


@settings(max_examples=400, deadline=None)
@given(CONDITIONS, st.lists(RECORDS, min_size=8, max_size=8), st.booleans())
def test_nothing_makes_true_what_is_called_never_true(text: str, records: list[dict[str, Any]], boss: bool) -> None:
    """Over random conditions and records: one that is called never true is true of none of them."""
    rule = checked(text)
    if never_true(rule) is None:
        return
    decide = compile_rule(rule).bind({"roles": ["x"], "boss": boss})
    for record in records:
        try:
            assert decide(record, {}, 5) is not True, record
        except EvaluationError:
            continue
