"""What the checker says of a rule whose types do not fit: every sentence at its place."""

from typing import Any

import pytest
from cel_rules import VARIABLES

from sidecar.cel import BOOL, CelCheckErrors, CelSyntaxError, Env, Limits, check, describe_label_gap, parse

ENV = Env(VARIABLES)


def findings(text: str, env: Env = ENV, **more: Any) -> list[tuple[str, str]]:
    """What is wrong with a condition: the piece of text that each finding points at, and its sentence."""
    tree = parse(text)
    try:
        check(tree, env, expects=BOOL, **more)
    except CelCheckErrors as errors:
        return [(text[error.span.offset : error.span.end], error.message) for error in errors.errors]
    return []


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("recrod.id == 'a'", "recrod", "there is no 'recrod' here; did you mean 'record'?"),
        ("record.scope.unti == 'a'", "unti", "record.scope has no field 'unti'; did you mean 'unit'?"),
        ("has(record.scope.unti)", "unti", "record.scope has no field 'unti'; did you mean 'unit'?"),
        (
            "caller.grants.exists(g, g.grantid == '')",
            "grantid",
            "g has no field 'grantid'; did you mean 'grant_id'?",
        ),
        ("record.id.a == 'a'", "record.id.a", "record.id has no fields, so '.a' cannot be read"),
        (
            "has(record.at.a)",
            "has(record.at.a)",
            "has() asks for a field, but record.at has none, so '.a' cannot be asked for",
        ),
        ("record.id == 1", "record.id == 1", "string and int cannot be compared: they are never equal"),
        ("record.live != 1", "record.live != 1", "bool and int cannot be compared: they are never equal"),
        (
            "record.scope.classes == ''",
            "record.scope.classes == ''",
            "list(string) and string cannot be compared: they are never equal",
        ),
        (
            "'a' in record.id",
            "'a' in record.id",
            "'in' looks into a list or a map, not into a string; for a part of a string write .contains()",
        ),
        ("'a' in record.at", "'a' in record.at", "'in' looks into a list or a map, not into int"),
        (
            "'id' in record.scope",
            "'id' in record.scope",
            "'in' looks into a list or a map, not into record.scope",
        ),
        ("1 in record.scope.classes", "1 in record.scope.classes", "int is never in list(string)"),
        ("record.id < 1", "record.id < 1", "'<' does not apply to string and int"),
        ("-record.id == 'a'", "-record.id", "'-' does not apply to string"),
        ("record.at + record.ratio > 1.0", "record.at + record.ratio", "'+' does not apply to int and double"),
        ("record.id && true", "record.id", "'&&' joins conditions, but this is string"),
        ("!record.id", "!record.id", "'!' does not apply to string"),
        ("record.id ? true : false", "record.id", "this must be a condition (true or false), but it is string"),
        ("record.live ? true : 1", "record.live ? true : 1", "both branches must have one type, but they are bool and int"),
        ("record.id", "record.id", "this must be a condition (true or false), but it is string"),
        ("size(record.scope.classes)", "size(record.scope.classes)", "this must be a condition (true or false), but it is int"),
        ("size(record.at) == 1", "size(record.at)", "'size' does not apply to int"),
        ("record.at.contains('1')", "record.at.contains('1')", "int has no '.contains(string)'"),
        ("contains(record.id, 'a')", "contains(record.id, 'a')", "'contains' is called on a value, as value.contains(…)"),
        ("record.at.int() == 1", "record.at.int()", "'int' is called as int(…), not on a value"),
        ("record.id.startWith('a')", "record.id.startWith('a')", "there is no function 'startWith'; did you mean 'startsWith'?"),
        ("record.id.exists(c, c == 'a')", "record.id.exists(c, c == 'a')", "'.exists()' goes through a list or a map, not through string"),
        ("record.scope.parts.all(p, p.id)", "p.id", "the condition of '.all()' must be true or false, but it is string"),
        ("record.state == 'opne'", "'opne'", "'opne' never occurs here; did you mean 'open'?"),
        ("record.state in ['open', 'zzz']", "'zzz'", "'zzz' never occurs here; the values are 'open', 'closed'"),
        ("record.id.matches('(a')", "'(a'", "this is no RE2 pattern: missing ): (a"),
        (
            "record.scope.classes.exists(caller, true)",
            "record.scope.classes.exists(caller, true)",
            "'caller' already has a meaning here; give the loop variable another name",
        ),
        (
            "record.scope.classes.exists(c, caller.units.exists(c, c == 'a'))",
            "caller.units.exists(c, c == 'a')",
            "'c' already has a meaning here; give the loop variable another name",
        ),
        ("record.id.matches()", "record.id.matches()", "string has no '.matches()'"),
        ("{1.5: 'a'} == {}", "1.5", "double cannot be a map key"),
        ("c == 'a'", "c", "there is no 'c' here"),
    ],
)  # fmt: skip
def test_findings(text: str, at: str, message: str) -> None:
    """One mistake gives one finding, which says what is wrong, where, and what was probably meant."""
    assert findings(text) == [(at, message)]


def test_all_mistakes_are_told_at_once() -> None:
    """One run tells every mistake, a mistake only once."""
    assert [at for at, _ in findings("recrod.id == 1 && record.id == 1 && record.scope.nope.more == 'a'")] == [
        *("recrod", "record.id == 1", "nope")
    ]


def test_a_named_expression_that_is_misspelt_is_told() -> None:
    """The nearest named expression is offered for a misspelt one, and a loop variable cannot take its name."""
    lets = {"unscoped": check(parse("!has(record.scope.unit)"), ENV)}
    env = Env(VARIABLES, lets)
    assert findings("unscoped", env) == []
    assert findings("unscopd", env) == [("unscopd", "there is no 'unscopd' here; did you mean 'unscoped'?")]
    assert len(findings("caller.units.exists(unscoped, unscoped == 'a')", env)) == 1


def test_a_rule_is_bounded_with_its_named_expressions_written_out() -> None:
    """Named expressions that double each other are refused before they grow without end."""
    lets = {"l0": check(parse("record.id == 'a'"), ENV)}
    for number in range(1, 12):
        lets[f"l{number}"] = check(
            parse(f"l{number - 1} || l{number - 1}"), Env(VARIABLES, dict(lets)), limits=Limits(expanded=10**6)
        )
    with pytest.raises(CelCheckErrors, match="with its named expressions written out, this has more than 4000 parts"):
        check(parse("l11"), Env(VARIABLES, lets))


def test_loops_in_loops_are_bounded() -> None:
    """Loops stand in at most one other loop, also where a named expression brings the inner one."""
    twice = "caller.units.exists(b, record.scope.classes.exists(c, b == c))"
    assert findings(twice) == []
    deep = f"caller.units.exists(a, {twice})"
    assert findings(deep) == [(deep, "loops are nested deeper than 2")]
    env = Env(VARIABLES, {"twice": check(parse(twice), ENV)})
    assert findings("caller.units.exists(a, twice)", env) == [
        ("caller.units.exists(a, twice)", "loops are nested deeper than 2")
    ]


def test_depth_and_size_are_bounded() -> None:
    """What is too deep, too large or too long is refused where it is read."""
    for text, limits, message in (
        ("!(!(!(!(true))))", Limits(depth=3), "nested deeper than 3 levels"),
        ("1 + 2 + 3 == 6", Limits(nodes=4), "more than 4 parts"),
        ("true || false", Limits(source=5), "longer than 5 bytes"),
    ):
        with pytest.raises(CelSyntaxError, match=message):
            parse(text, limits)


@pytest.mark.parametrize(
    ("text", "beyond"),
    [
        ("record.scope.unit in caller.units", []),
        ("has(record.scope.root)", []),
        ("record.scope.root.kind == 'a' && 'x' in record.scope.classes", []),
        ("record.scope.root.id == 'a'", ["record.scope.root.id"]),
        ("record.scope.root == record.scope.root", ["record.scope.root"]),
        ("record.at < now_ms", ["record.at", "now_ms"]),
        ("caller.grants.exists(g, g.grant_id == record.id)", ["record.id"]),
        ("tenant.org == caller.actor", []),
    ],
)
def test_what_a_label_does_not_tell(text: str, beyond: list[str]) -> None:
    """A rule names exactly what it reads that a label does not hold."""
    known = {"record": ["/scope/unit", "/scope/classes", "/scope/root/kind"]}
    assert describe_label_gap(check(parse(text), ENV), known) == beyond
