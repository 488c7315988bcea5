"""What expressions are worth: a table of CEL's meaning, held to Google's own engine as well."""

import time
from typing import Any

import pytest
from cel_oracle import FAILS, oracle, worth

from sidecar.cel import (
    DYN,
    CelCheckErrors,
    Env,
    EvaluationError,
    Limits,
    Type,
    check,
    compile_program,
    compile_rule,
    parse,
    type_from_schema,
)

DATA: dict[str, Any] = {
    "s": "abc",
    "wide": "é😀",
    "i": 7,
    "big": 2**63 - 1,
    "d": 1.5,
    "one": 1.0,
    "b": True,
    "n": None,
    "mixed": [1, 2, "x"],
    "words": ["a", "b", "b"],
    "numbers": [1, 2, 3],
    "m": {"a": 1, "z": None},
    "o": {"p": {"q": "r"}},
}
SCHEMA = {
    "type": "object",
    "required": [name for name in DATA if name != "n"],
    "properties": {
        **{name: {"type": "string"} for name in ("s", "wide")},
        **{name: {"type": "integer"} for name in ("i", "big")},
        **{name: {"type": "number"} for name in ("d", "one")},
        "b": {"type": "boolean"},
        "n": {"type": ["string", "null"]},
        "mixed": {"type": "array"},
        "words": {"type": "array", "items": {"type": "string"}},
        "numbers": {"type": "array", "items": {"type": "integer"}},
        "m": {"type": "object", "additionalProperties": {}},
        "o": {"type": "object", "properties": {"p": {"type": "object", "properties": {"q": {"type": "string"}}}}},
        "gone": {"type": "object", "properties": {"deeper": {"type": "string"}}},
    },
}
ENVS = {"dyn": Env({"x": DYN}), "typed": Env({"x": type_from_schema(SCHEMA, "x")})}

CASES: list[tuple[str, Any]] = [
    # numbers are compared by what they are worth, whatever their type; a bool is no number
    ("x.i == 7", True),
    ("x.i == 7u", True),
    ("x.i == 7.0", True),
    ("1u == dyn(1.0)", True),
    ("x.d == 1", False),
    ("x.i < 7.5 && x.i > 6.5 && x.i <= 7u && x.i >= 7", True),
    ("x.big < 9300000000000000000.0", True),
    ("x.big == 9223372036854775808.0", True),
    ("dyn(-1) < 0u", True),
    ("dyn(x.b) == 1", False),
    ("dyn(x.b) == 1.0", False),
    ("dyn(1) == true", False),
    ("dyn(x.b) < 1", FAILS),
    ("dyn(x.s) == 1", False),
    ("dyn(x.s) < 1", FAILS),
    ("false < true", True),
    ("0.0 == -0.0", True),
    ("0.0 / 0.0 == 0.0 / 0.0", False),
    ("0.0 / 0.0 != 0.0 / 0.0", True),
    ("x.n == null", True),
    ("dyn(x.s) == null", False),
    ("x.n < dyn(null)", FAILS),
    # 64 bits
    ("x.big + 1 > 0", FAILS),
    ("-x.big - 1 < 0", True),
    ("-x.big - 2 < 0", FAILS),
    ("x.big * 2 > 0", FAILS),
    ("-(-x.big - 1) > 0", FAILS),
    ("(-x.big - 1) / -1 > 0", FAILS),
    ("0u - 1u > 0u", FAILS),
    ("18446744073709551615u + 1u > 0u", FAILS),
    ("dyn(1) + 1u == dyn(2)", FAILS),
    ("dyn(1) + 1.0 == 2.0", FAILS),
    # division goes towards zero, and by zero it has no value; doubles do as IEEE 754 says
    ("7 / 2 == 3 && -7 / 2 == -3 && 7 / -2 == -3", True),
    ("7 % 3 == 1 && -7 % 3 == -1 && 7 % -3 == 1", True),
    ("x.i / 0 == 0", FAILS),
    ("x.i % 0 == 0", FAILS),
    ("1.0 / 0.0 > x.d", True),
    ("-1.0 / 0.0 < x.d", True),
    # && and || absorb what fails on either side, when the other side decides
    ("x.i / 0 == 1 && false", False),
    ("false && x.i / 0 == 1", False),
    ("x.i / 0 == 1 && true", FAILS),
    ("x.i / 0 == 1 || true", True),
    ("x.i / 0 == 1 || x.n == null", True),
    ("true || x.i / 0 == 1", True),
    ("x.i / 0 == 1 || false", FAILS),
    ("!(x.i / 0 == 1 || true)", False),
    ("dyn(x.s) && false", False),
    ("dyn(x.s) && true", FAILS),
    ("dyn(x.i) || true", True),
    ("!dyn(x.i)", FAILS),
    # so do exists and all over elements; exists_one does not
    ("x.numbers.exists(e, 6 / (2 - e) == -6)", True),
    ("x.numbers.exists(e, 6 / (2 - e) == 99)", FAILS),
    ("x.numbers.all(e, 6 / (2 - e) == 6)", False),
    ("x.numbers.all(e, 6 / (2 - e) != 99)", FAILS),
    ("x.numbers.exists_one(e, 6 / (2 - e) == 6)", FAILS),
    ("x.words.exists_one(e, e == 'a') && !x.words.exists_one(e, e == 'b')", True),
    ("[].all(e, false) && ![].exists(e, true)", True),
    ("x.m.exists(k, k == 'z')", True),
    ("x.mixed.exists(e, e == 'x') && x.mixed.all(e, e != 3)", True),
    ("dyn(x.s).exists(c, c == 'a')", FAILS),
    ("dyn(x.s).all(c, true)", FAILS),
    ("x.numbers.map(e, e * 2) == [2, 4, 6]", True),
    ("x.numbers.map(e, e > 1, e * 2) == [4, 6]", True),
    ("x.numbers.filter(e, e > 1) == [2, 3]", True),
    ("x.numbers.map(e, 6 / (2 - e)) == []", FAILS),
    ("x.words.map(e, e + '!').filter(e, e != 'a!') == ['b!', 'b!']", True),
    # has asks for a field of something that is there
    ("has(x.s)", True),
    ("has(x.n)", True),
    ("has(x.m.z)", True),
    ("has(x.m.y)", False),
    ("has(x.o.p.q)", True),
    ("has(x.gone)", False),
    ("has(x.gone.deeper)", FAILS),
    ("!has(x.gone.deeper)", FAILS),
    ("has(dyn(x.i).a)", FAILS),
    ("has(dyn(x.n).a)", FAILS),
    ("x.m.y == 1", FAILS),
    ("x.m.y != 1", FAILS),
    ("has(x.m.y) && x.m.y == 1", False),
    # strings are code points
    ("size(x.wide) == 2", True),
    ("size('e\\u0301') == 2 && 'e\\u0301' != 'é'", True),
    ("size(b'é') == 2", True),
    ("x.wide.startsWith('é') && x.wide.endsWith('😀') && x.wide.contains('é😀')", True),
    ("'Z' < 'a' && 'a' < 'é' && '\\uFFFF' < '😀'", True),
    ("'abc'.startsWith('ABC')", False),
    ("x.s.contains('')", True),
    ("x.s.contains(x.s) && x.o.p.q.endsWith(x.o.p.q)", True),
    ("dyn(x.i).contains('7')", FAILS),
    ("size(dyn(x.n)) == 0", FAILS),
    ("size(x.m) == 2 && size(x.words) == 3 && x.words.size() == 3", True),
    ("x.s + x.wide == 'abcé😀'", True),
    ("x.s + dyn(1) == 'abc1'", FAILS),
    # patterns are RE2, and look anywhere in the text
    ("x.s.matches('b')", True),
    ("x.s.matches('^b')", False),
    ("x.s.matches('^[a-c]{3}$')", True),
    ("'a\\nb'.matches('a.b')", False),
    ("x.s.matches('(' + x.s)", FAILS),
    ("(x.s + '\\n').matches('c$')", False),
    # membership is equality with an element, or a key
    ("2 in x.numbers && !(4 in x.numbers)", True),
    ("2.0 in x.mixed && 'x' in x.mixed", True),
    ("dyn(true) in x.mixed", False),
    ("'b' in x.words", True),
    ("'a' in x.m && !('b' in x.m)", True),
    ("1 in {1: 'a'} && dyn(1u) in {1: 'a'} && dyn(1.0) in {1: 'a'}", True),
    ("dyn(true) in {1: 'a'}", False),
    ("'a' in dyn(x.s)", FAILS),
    ("'a' in dyn(x.i)", FAILS),
    ("x.n in [null]", True),
    # taking out
    ("x.numbers[0] == 1 && x.numbers[2] == 3", True),
    ("x.numbers[3] == 3", FAILS),
    ("x.numbers[-1] == 3", FAILS),
    ("x.numbers[1.0] == 2", True),
    ("x.numbers[dyn(1.5)] == 2", FAILS),
    ("x.numbers[dyn('1')] == 2", FAILS),
    ("x.m['a'] == 1", True),
    ("x.m['y'] == 1", FAILS),
    ("{1: 'a', 2: 'b'}[dyn(1.0)] == 'a'", True),
    # equality goes all the way down
    ("[1, 2.0, 'x'] == x.mixed", True),
    ("[1, 2] == [1, 2, 3]", False),
    ("{'a': 1.0, 'z': null} == x.m", True),
    ("{'a': 1} == {'b': 1}", False),
    ("[[1], [2]] == [[1.0], [2u]]", True),
    ("dyn([1]) == dyn({'a': 1})", False),
    # the ternary looks at one branch
    ("x.b ? true : x.i / 0 == 1", True),
    ("x.b ? x.i / 0 == 1 : true", FAILS),
    ("(x.i / 0 == 1) ? true : true", FAILS),
    ("(dyn(x.i) ? 1 : 2) == 1", FAILS),
    ("false ? 1 == 1 : true ? x.b : false", True),
    # conversions
    ("int('7') == x.i && int(7.9) == 7 && int(-7.9) == -7 && int(7u) == 7", True),
    ("int('7.5') == 7", FAILS),
    ("int(1e19) == 0", FAILS),
    ("uint(-1) == 1u", FAILS),
    ("double('1e3') == 1000.0 && double(2) == 2.0", True),
    ("string(7) + string(true) + string(1u) == '7true1'", True),
    ("string(1.5) == '1.5'", True),
    ("bytes('é') == b'\\xc3\\xa9' && string(b'\\xc3\\xa9') == 'é'", True),
    ("string(b'\\xff') == ''", FAILS),
    ("type(1) == int && type(x.s) == string && type(1u) != int && type(null) == null_type", True),
    ("type(x.words) == list && type(x.m) == map && type(type(1)) == type", True),
    # precedence and spelling
    ("1 + 2 * 3 == 7 && -2 * 3 == -6 && 10 - 2 - 3 == 5", True),
    ("true || false && false", True),
    ("0x10 == 16 && 'a' == \"a\" && r'\\d' == '\\\\d'", True),
    ("'\\x41\\u00e9\\101' == 'AéA'", True),
]
STRICTER: list[tuple[str, Any]] = [
    ("int(' 7') == 7", FAILS),  # the oracle reads past spaces
    ("{'a': 1, 'a': 2}.a == 1", FAILS),  # the oracle refuses to compile it
]


def ours(text: str, env: Env, **variables: Any) -> Any:
    """What our engine says."""
    compiled = compile_program(check(parse(text), env), (), list(env.variables))
    try:
        return compiled.bind()(*variables.values())
    except EvaluationError:
        return FAILS


@pytest.mark.parametrize(("text", "value"), CASES + STRICTER)
def test_meaning(text: str, value: Any) -> None:
    """An expression is worth what CEL's definition says, whether or not its types are known beforehand."""
    assert ours(text, ENVS["dyn"], x=DATA) is value
    try:
        checked = ours(text, ENVS["typed"], x=DATA)
    except CelCheckErrors:
        return  # the types alone refuse it
    assert checked is value


@pytest.mark.parametrize(("text", "value"), CASES)
def test_oracle(text: str, value: Any) -> None:
    """Google's engine says the same of each line of the table."""
    assert worth(oracle(text, "x"), x=DATA) is value


@pytest.mark.parametrize(
    ("held", "type_"),
    [("1", {"type": "integer"}), (True, {"type": "integer"}), (1, {"type": "boolean"}), ("a", {"type": "array"})],
)
def test_a_value_of_another_type_has_no_place(held: Any, type_: dict[str, str]) -> None:
    """A value that is not of its schema's type ends the rule in an error, also inside a list, also under `!`."""
    schema = {"type": "object", "properties": {"f": type_, "l": {"type": "array", "items": type_}}}
    env = Env({"x": type_from_schema(schema, "x")})
    literal = {"integer": "1", "boolean": "true", "array": "[]"}[type_["type"]]
    for text in (f"x.f == {literal}", f"!(x.f == {literal})", f"x.l[0] == {literal}", f"x.l.exists(e, e == {literal})"):
        assert ours(text, env, x={"f": held, "l": [held]}) is FAILS


def test_a_part_of_the_caller_that_fails_shows_only_where_it_is_needed() -> None:
    """What depends on the caller alone is evaluated once, but its error appears only in rules that need the part."""
    types: dict[str, Type] = {"record": DYN, "tenant": DYN, "caller": DYN, "now_ms": DYN}
    rule = compile_rule(check(parse("record.open || caller.grants.exists(g, g.id / 0 == 1)"), Env(types)))
    bound = rule.bind({"grants": [{"id": 1}]})
    assert bound({"open": True}, {}, 0) is True
    with pytest.raises(EvaluationError):
        bound({"open": False}, {}, 0)


def test_work_is_bounded() -> None:
    """An evaluation that takes more steps than allowed ends in an error."""
    text = "record.l.all(a, record.l.all(b, a + b > 0))"
    types: dict[str, Type] = {"record": DYN, "tenant": DYN, "caller": DYN, "now_ms": DYN}
    checked = check(parse(text), Env(types))
    record = {"l": list(range(1, 1_001))}
    assert compile_rule(checked, limits=Limits(steps=2_000_000)).bind({})(record, {}, 0) is True
    with pytest.raises(EvaluationError, match="more than 500000 steps"):
        compile_rule(checked, limits=Limits(steps=500_000)).bind({})(record, {}, 0)


def test_conversions_take_linear_time() -> None:
    """A long text that is almost a number is refused as fast as it is read."""
    started = time.process_time()
    for text in ("1" * 200_000 + "x", "1." + "1" * 200_000 + "x", "-" * 200_000):
        for conversion in ("double(x) > 0.0", "int(x) > 0", "uint(x) > 0u", "bool(x)"):
            assert ours(conversion, ENVS["dyn"], x=text) is FAILS
    assert time.process_time() - started < 10
