"""The public door: what may go in, what comes out, what names mean, and what is refused when."""

import time
from typing import Any

import pytest

from sidecar.cel import (
    CelCheckErrors,
    CelError,
    CelSyntaxError,
    Duration,
    EvaluationError,
    OptionalValue,
    Timestamp,
    TypeValue,
    UInt,
)
from sidecar.cel import (
    compile as compile_cel,
)

BIG = "a" * 1_000_000
VALUES = [
    *(None, True, 0, -(2**63), UInt(2**64 - 1), 1.5, "é", b"\xff", [], [1, ["a"]], {}, {"a": {1: [True]}}),
    *(Timestamp(1, 5), Duration(-1, -5), TypeValue("int"), OptionalValue(1), OptionalValue(), {True: 1, UInt(2): 2}),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_pass_through(value: Any) -> None:
    """Whatever is a value of the language goes in and comes out as it was."""
    given = compile_cel("x", {"x": "dyn"})({"x": value})
    assert given == value
    assert type(given) is type(value)


@pytest.mark.parametrize(
    "value",
    [2**63, UInt(2**64), -(2**63) - 1, (1,), {1.5: 1}, {None: 1}, object(), [{"a": {2**64: 1}}, set()]],
    ids=repr,
)
def test_what_is_no_value_is_refused(value: Any) -> None:
    """What is no value of the language is an error of the evaluation, wherever it lies."""
    with pytest.raises(EvaluationError):
        compile_cel("x == x", {"x": "dyn"})({"x": value})


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        *(("int", 1, UInt(1)), ("uint", UInt(1), 1), ("double", 1.5, "1.5"), ("string", "a", b"a"), ("bool", True, 1)),
        *(("bytes", b"a", "a"), ("null_type", None, 0), ("list(int)", [1], {"a": 1}), ("map(string, dyn)", {"a": 1}, [])),
        *(("google.protobuf.Timestamp", Timestamp(0), 0), ("google.protobuf.Duration", Duration(0), 0)),
        *(("timestamp", Timestamp(0), "1970"), ("type", TypeValue("int"), "int"), ("optional_type(int)", OptionalValue(1), 1)),
    ],
)  # fmt: skip
def test_declared_types_hold(type_: str, good: Any, bad: Any) -> None:
    """A variable has the type that was declared, or reading it fails."""
    program = compile_cel("[x]", {"x": type_})
    assert program({"x": good}) == [good]
    with pytest.raises(EvaluationError):
        program({"x": bad})


@pytest.mark.parametrize(
    "type_", ["", "A", "lst", "list(", "list()", "map(int)", "list(int, int)", "int(int)", "list(nothing)"]
)
def test_unknown_types_are_told(type_: str) -> None:
    """A type that there is not is told as such."""
    with pytest.raises(CelError, match="there is no type"):
        compile_cel("x", {"x": type_})


@pytest.mark.parametrize("text", ["has(x.y).z", "has(x.y).?z.orValue(true)", "has(has(x.y).z)"])
def test_what_has_answers_is_no_object(text: str) -> None:
    """A field of true is an error of the evaluation, also where the field that was asked for has one of this name."""
    with pytest.raises(EvaluationError, match="no such overload"):
        compile_cel(f"false || {text}", {"x": "dyn"})({"x": {"y": {"z": True}}})


def test_a_missing_variable_matters_only_where_it_is_read() -> None:
    """A variable that is not given is an error of the evaluation, absorbed as any other."""
    program = compile_cel("x || y", {"x": "bool", "y": "bool"})
    assert program({"y": True}) is True
    with pytest.raises(EvaluationError, match="'x' is not given"):
        program({"y": False})


@pytest.mark.parametrize(
    ("text", "container", "value"),
    [
        ("a.b.c", "", "whole"),  # the longest name wins over a field
        ("a.b.d", "", "field"),
        (".a.b.c", "x", "whole"),
        ("y", "x", "x.y"),  # the container is looked through from the inside
        ("y", "x.z", "x.z.y"),
        ("y", "", "y"),
        (".y", "x", "y"),
        ("z.y", "x", "x.z.y"),
        ("y", "nowhere.at.all", "y"),
        ("[0].map(y, y)[0]", "x", 0),  # a loop's name is nearer than any container
        ("[0].map(y, .y)[0]", "x", "y"),
        ("cel.bind(a, {'b': {'c': 1}}, a.b.c)", "", 1),
    ],
)
def test_names(text: str, container: str, value: Any) -> None:
    """A name means the nearest thing that has it, a dot before it the outermost."""
    names = {"a.b.c": "string", "a.b": "map(string, string)", "x.y": "string", "x.z.y": "string", "y": "string"}
    values = {name: name for name in names} | {"a.b.c": "whole", "a.b": {"c": "hidden", "d": "field"}}
    assert compile_cel(text, names, container)(values) == value


@pytest.mark.parametrize(
    "text", ["x == 'a'", "true ? x : 'a'", "x && true || true", "'a' in [x]", "nothing || true", "nothing(1) || true"]
)
def test_types_are_checked_where_there_are_any(text: str) -> None:
    """Types that do not fit are refused beforehand."""
    with pytest.raises(CelCheckErrors):
        compile_cel(text, {"x": "int"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("x == 'a'", False), ("true ? x : 'a'", 1), ("x && true || true", True), ("'a' in [1, x]", False)),
        *(
            ("nothing || true", True),
            ("nothing(1) || true", True),
            ("'a'.nothing() || true", True),
            ("contains('a', 'a') || true", True),
        ),
        *(
            ("nothing && false", False),
            ("x.y.z || true", True),
            ("[1] == ['a']", False),
            ("1 + 'a' == 2 || true", True),
        ),
    ],
)
def test_without_types_the_evaluation_decides(text: str, value: Any) -> None:
    """Where every variable is ``dyn``, what may yet have a value is left to the evaluation."""
    assert compile_cel(text, {"x": "dyn"})({"x": 1}) == value


@pytest.mark.parametrize(
    ("text", "error"),
    [("1 +", CelSyntaxError), ("nothing", CelCheckErrors), ("1 + 'a'", CelCheckErrors), ("M{}", CelSyntaxError)],
)
def test_what_cannot_be_is_refused_beforehand(text: str, error: type[CelError]) -> None:
    """No text, no name and no overload: each is refused before anything is evaluated, with or without types."""
    with pytest.raises(error):
        compile_cel(text, {})


def test_both_of_two_like_keys_cannot_leave() -> None:
    """A map that Python cannot hold is an error, not a map with an entry less."""
    assert compile_cel("size({true: 1, 1: 2})", {})({}) == 2
    with pytest.raises(EvaluationError, match="cannot hold both"):
        compile_cel("{true: 1, 1: 2}", {})({})


def nested(first: str, step: str, last: str, times: int = 26) -> str:
    """A chain of bound names, each made of the one before."""
    text = last.format(f"x{times}")
    for number in range(times, 0, -1):
        text = f"cel.bind(x{number}, {step.format(f'x{number - 1}')}, {text})"
    return f"cel.bind(x0, {first}, {text})"


@pytest.mark.parametrize(
    "text",
    [
        nested("'aaaaaaaaaa'", "{0} + {0}", "{0}"),
        nested("b'aaaaaaaaaa'", "{0} + {0}", "{0}"),
        nested("[1]", "{0} + {0}", "{0}"),
        nested("[1]", "[{0}, {0}]", "{0}"),
        nested("[1]", "[{0}, {0}]", "{0} == {0}"),
        nested("[1]", "{{'a': {0}, 'b': {0}}}", "{0} == {0}"),
        nested("[1]", "[{0}, {0}]", "'%s'.format([{0}])"),
        nested("optional.of([1])", "optional.of([{0}, {0}])", "{0} == {0}"),
        nested("'a'", "strings.quote({0}) + {0}", "{0}"),
        "big" + ".replace('', big)",
        "big.replace('a', 'aa') + big",
        "[big, big].join(big)",
        "'%s%s'.format([big, big])",
        "['a', 'b']" + ".map(x, [x + x, x + x])" * 30,
        "['a', 'b']" + ".map(x, x + x)" * 30,
        "long.map(x, string(x) + big)",
        "long.exists(x, (big + string(x)).size() == 0)",
        "long.exists(x, big.reverse() == string(x))",
        "long.all(x, big.split('').size() > x)",
    ],
)
def test_growth_is_bounded(text: str) -> None:
    """Whatever makes values of values ends in an error before it takes time or room."""
    started = time.process_time()
    with pytest.raises(EvaluationError):
        compile_cel(text, {"big": "string", "long": "list(int)"})({"big": BIG, "long": list(range(10_000))})
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("duration(x)", "1" * 10**6),
        ("duration(x)", "1h" * 60 + "x"),
        ("timestamp(x)", "1" * 10**6),
        ("timestamp(0).getHours(x)", "a/" * 10**5),
    ],
)
def test_reading_takes_linear_time(text: str, value: str) -> None:
    """A long text that is no time is refused as fast as it is read."""
    started = time.process_time()
    with pytest.raises(EvaluationError):
        compile_cel(text, {"x": "string"})({"x": value})
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "text",
    [
        *(
            "[" * 31 + "x" + "]" * 31,
            "dyn(" * 31 + "x" + ")" * 31,
            "x" + "[0]" * 32,
            "x" + ".?a" * 32,
            "x" + "[?0]" * 32,
        ),
        *(
            "{'a':" * 31 + "x" + "}" * 31,
            "(x ? " * 31 + "1" + " : 2)" * 31,
            "math.greatest(1, 2, " * 31 + "3" + ")" * 31,
        ),
        *(
            "cel.bind(a, x, " * 31 + "a" + ")" * 31,
            "optional.of(x).optMap(a, " * 31 + "a" + ")" * 31,
            "('a' + " * 31 + "x" + ")" * 31,
        ),
    ],
)
def test_the_deepest_nesting_is_compiled(text: str) -> None:
    """What the limits let through never breaks what it is compiled to."""
    program = compile_cel(text, {"x": "dyn"})
    try:
        program({"x": True})
    except EvaluationError:
        return
