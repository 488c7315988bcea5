"""The parts of a rule: each with the value it has in the rule, and none that says nothing."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_files import ACME, bundle_of, note, policy

from sidecar.cel import Part, Tracer
from sidecar.cel.trace import MOST_TURNS
from sidecar.identity.caller import Caller
from sidecar.policy.bundle import Bundle
from sidecar.policy.explain import Explainer, RuleAnswer
from sidecar.policy.rules import tenant_document
from sidecar.records.canonical import policy_view

GRANT: dict[str, Any] = {
    "tenant_context": {"org_id": "acme", "workspace_id": "main"},
    "effect": "allow",
    "state": "active",
}
RESOURCE = {"organization_id": "acme", "workspace_id": "main", "resource_kind": "k", "resource_id": "r"}


def grant(name: str, *permissions: str) -> dict[str, Any]:
    """A grant of a caller."""
    more = {"grant_id": name, "permissions": [*permissions], "data_classes": [], "tool_patterns": []}
    unit = {"kind": "organization_unit", "id": "organization_unit/finance"}
    return {**GRANT, **more, "unit": unit, "resource": RESOURCE, "created_at_ms": 1, "updated_at_ms": 1}


ADA = Caller(
    ACME, actor_id="ada", org_units=("finance",), grants=(grant("g1"), grant("g2", "read"), grant("c", "read"))
)


def traced(bundle: Bundle, caller: Caller = ADA, **fields: Any) -> Iterator[tuple[RuleAnswer, Part]]:
    """Every rule's answer over one note, and its parts."""
    policies, prepared = bundle.kinds["note"], note("n", **fields)
    view = policy_view(policies.kind, orjson.loads(prepared.doc))
    values = {"record": view, "caller": caller.document, "tenant": tenant_document(ACME), "now_ms": 5}
    for answer in Explainer(policies, caller).answer(view, ACME, 5).rules:
        lets = {name: expression.text for name, expression in answer.rule.lets.items()}
        yield answer, Tracer(lets, values).trace(answer.rule.checked, answer.rule.expression.text)


def one(folder: Path, condition: str, **fields: Any) -> Part:
    """The parts of one condition."""
    [(_, part)] = traced(bundle_of(folder, p=policy("p", f"allow x: {condition}")), **fields)
    return part


def short(part: Part) -> tuple[Any, ...]:
    """A part without its form: text, value or error, and parts where there are any."""
    inner = tuple(map(short, part.parts))
    return (part.text, part.error or part.value, *([inner] if inner else []))


@pytest.mark.parametrize(
    ("condition", "parts"),
    [
        ("record.code == 'c'", [("record.code", "c")]),
        ("!has(record.unit)", [("has(record.unit)", True)]),
        ("size(record.classes) + 1 > 1", [("size(record.classes) + 1", 2, (("size(record.classes)", 1, (("record.classes", ["a"]),)),))]),
        ("has(record.author) ? record.author == 'x' : record.code == 'd'", [("has(record.author)", False), ("record.code == 'd'", False, (("record.code", "c"),))]),
        ("record.author == 'x'  ||\n  record.at == 1", [("record.author == 'x'", "'record.author' is missing", (("record.author", "'record.author' is missing"),)), ("record.at == 1", True, (("record.at", 1),))]),
        ("has(record.place.room) || true", [("has(record.place.room)", "'record.place' is missing")]),
        ("record.code in ['c', 'd']", [("record.code", "c")]),
        ("[record.code, 'x'][0] == 'c'", [("[record.code, 'x'][0]", "c", (("[record.code, 'x']", ["c", "x"], (("record.code", "c"),)),))]),
        ("cel.bind(m, record.code + '!', m == 'c!' && record.at == 1)", [("record.code + '!'", "c!", (("record.code", "c"),)), ("m == 'c!' && record.at == 1", True, (("m == 'c!'", True, (("m", "c!"),)), ("record.at == 1", True, (("record.at", 1),))))]),
    ],
)  # fmt: skip
def test_each_part_has_its_text_and_value(tmp_path: Path, condition: str, parts: list[Any]) -> None:
    """A part is told as it is written, with its value or its error; constants and the branch not taken are left out."""
    assert list(map(short, one(tmp_path, condition, unit="finance", classes=["a"]).parts)) == parts


def test_a_named_expression_is_opened(tmp_path: Path) -> None:
    """A name stands with the value of its expression, whose own parts are below it."""
    text = policy("p", "allow x: mine && both").replace(
        "rules:", "let: {mine: 'record.unit in caller.org_units', both: 'mine && record.at == 1'}\nrules:"
    )
    [(_, part)] = traced(bundle_of(tmp_path, p=text), unit="finance")
    mine, both = part.parts
    assert (mine.form, mine.text, mine.value) == ("let", "mine", True)
    assert short(mine.parts[0])[:2] == ("record.unit in caller.org_units", True)
    assert [inner.text for inner in both.parts[0].parts] == ["mine", "record.at == 1"]


def test_a_loop_shows_the_elements_that_matter(tmp_path: Path) -> None:
    """The deciding element comes first, or else the nearest one; what is not shown is counted."""
    found = one(
        tmp_path / "a", "caller.grants.exists(g, g.grant_id == record.code && 'read' in g.permissions)", code="g2"
    )
    assert found.turns[0].names["g"]["grant_id"] == "g2"
    assert [part.value for part in found.turns[0].parts] == [True]
    near = one(
        tmp_path / "b", "caller.grants.exists(g, g.grant_id == record.code && 'read' in g.permissions)", code="g1"
    )
    assert near.value is False
    assert near.turns[0].names["g"]["grant_id"] == "g1"
    assert [part.value for part in near.turns[0].parts[0].parts] == [True, False]
    every = one(tmp_path / "c", "record.classes.all(c, c != 'z')", classes=["a", "b", "z"])
    assert [turn.names["c"] for turn in every.turns] == ["z", "a", "b"]
    many = one(tmp_path / "d", "record.classes.exists(c, c == 'x')", classes=[f"c{number}" for number in range(9)])
    assert (len(many.turns), many.more) == (MOST_TURNS, 9 - MOST_TURNS)
    nested = one(
        tmp_path / "e", "record.classes.exists(c, caller.grants.exists(g, g.grant_id == c))", classes=["a", "c"]
    )
    inner = nested.turns[0].parts[0]
    assert (nested.turns[0].names, inner.turns[0].names["g"]["grant_id"]) == ({"c": "c"}, "c")
    assert [(part.text, part.value) for part in inner.turns[0].parts[0].parts] == [("g.grant_id", "c"), ("c", "c")]


# --- laws -------------------------------------------------------------------------------------------------------------

ATOMS = (
    *("record.code == 'c'", "record.author == 'ada'", "has(record.unit)", "has(record.place.room)", "now_ms > record.at"),
    *("record.classes.exists(c, c == 'a')", "record.classes.all(c, c == record.code)", "caller.is_workspace_operator"),
    *("caller.grants.exists(g, g.grant_id in record.classes)", "10 / record.at == 5", "record.unit in caller.org_units"),
)  # fmt: skip
CONDITIONS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(" + " && ".join(parts) + ")"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(" + " || ".join(parts) + ")"),
        inner.map(lambda part: f"!({part})"),
        st.tuples(inner, inner, inner).map(lambda parts: "({} ? {} : {})".format(*parts)),
    ),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {"at": st.integers(0, 9), "code": st.sampled_from("cd")},
    optional={
        "unit": st.sampled_from(("finance", "legal")),
        "author": st.sampled_from(("ada", "eva")),
        "classes": st.lists(st.sampled_from(("a", "c", "g1")), max_size=3),
        "place": st.sampled_from(({}, {"room": "a"})),
    },
)


@settings(max_examples=120, deadline=None)
@given(st.lists(CONDITIONS, min_size=1, max_size=2), FIELDS)
def test_the_whole_is_the_rule_and_follows_from_its_parts(conditions: list[str], fields: dict[str, Any]) -> None:
    """The whole has the rule's own answer, and every operator's value is what CEL makes of the parts shown below it."""
    rules = [f"allow r{number}: {condition} || record.code == 'd'" for number, condition in enumerate(conditions)]
    with TemporaryDirectory() as folder:
        for answer, part in traced(bundle_of(Path(folder) / "p", p=policy("p", *rules)), **fields):
            assert (part.value, part.error) == (answer.value, answer.error)
            follows(part)


def follows(part: Part) -> None:
    """Fails when a value cannot come of the parts below it."""
    values = [None if inner.error is not None else inner.value for inner in part.parts]
    if part.form in ("&&", "||"):
        decides = part.form == "||"
        wanted = decides if decides in values else None if None in values else not decides
        assert (None if part.error else part.value) is wanted, part
    elif part.form == "!":
        assert part.error or part.value is not values[0], part
    elif part.form == "?:":
        assert part.value == values[-1], part
    elif part.form in ("exists", "all") and not part.more:
        decides = part.form == "exists"
        outcomes = [None if turn.parts[0].error is not None else turn.parts[0].value for turn in part.turns]
        wanted = decides if decides in outcomes else None if None in outcomes or part.error else not decides
        assert (None if part.error else part.value) is wanted, part
    for inner in part.parts:
        follows(inner)
    for turn in part.turns:
        for inner in turn.parts:
            follows(inner)
