"""The macros: presence, loops of one and two variables, and bound names."""

from typing import Any

import pytest
from conformance import FAILS, answers, oracle_answer, plain, refused, same

PRESENCE: list[tuple[str, Any]] = [
    ("has({'a': 1}.a)", True),
    ("has({'a': null}.a)", True),
    ("has({'a': 1}.b)", False),
    ("has({}.a)", False),
    ("has({'a': {'b': 1}}.a.b)", True),
    ("has({'a': {}}.a.b)", False),
    ("has({}.a.b)", FAILS),
    ("!has({}.a.b)", FAILS),
    ("has({}.a.b) || true", True),
    ("has(dyn(1).a)", FAILS),
    ("has(dyn(null).a)", FAILS),
    ("has(dyn([1]).a)", FAILS),
    ("has(dyn({1: 1}).a)", False),
]
ONE: list[tuple[str, Any]] = [
    # all: && over the elements
    ("[1, 2].all(x, x > 0)", True),
    ("[1, -2].all(x, x > 0)", False),
    ("[].all(x, x > 0)", True),
    ("[1, 0, 2].all(x, 2 / x > 5)", False),
    ("[1, 0, 2].all(x, 2 / x > 0)", FAILS),
    ("[1, dyn('a')].all(x, x > 5)", False),
    ("[1, dyn('a')].all(x, x > 0)", FAILS),
    ("[1].all(x, dyn(x))", FAILS),
    ("{'a': 1, 'b': 2}.all(k, k < 'c')", True),
    ("{'a': 1, 'b': 2}.all(k, k < 'b')", False),
    ("{}.all(k, false)", True),
    ("dyn('ab').all(c, true)", FAILS),
    ("dyn(null).all(c, true)", FAILS),
    # exists: || over the elements
    ("[1, 2].exists(x, x > 1)", True),
    ("[1, 2].exists(x, x > 2)", False),
    ("[].exists(x, true)", False),
    ("[0, 1].exists(x, 2 / x == 2)", True),
    ("[0, 1].exists(x, 2 / x == 3)", FAILS),
    ("[1, 0].exists(x, 2 / x == 2)", True),
    ("[dyn('a'), 1].exists(x, x == 1)", True),
    ("[1].exists(x, dyn(x))", FAILS),
    ("{'a': 1}.exists(k, k == 'a')", True),
    ("{1: 'a', true: 'b'}.exists(k, k == true)", True),
    ("dyn(1).exists(x, true)", FAILS),
    # exists_one: exactly one, and no error is absorbed
    ("[1, 2, 3].exists_one(x, x > 2)", True),
    ("[1, 2, 3].exists_one(x, x > 1)", False),
    ("[1, 2, 3].exists_one(x, x > 3)", False),
    ("[].exists_one(x, true)", False),
    ("[0, 1].exists_one(x, 2 / x == 2)", FAILS),
    ("{'a': 1, 'b': 2}.exists_one(k, k == 'a')", True),
    ("[1].exists_one(x, dyn(x))", FAILS),
    # filter and map
    ("[1, 2, 3].filter(x, x > 1)", [2, 3]),
    ("[].filter(x, true)", []),
    ("[0, 1].filter(x, 2 / x > 0)", FAILS),
    ("[1].filter(x, dyn(x))", FAILS),
    ("{'a': 1, 'b': 2}.filter(k, k == 'b')", ["b"]),
    ("[1, 2].map(x, x * 2)", [2, 4]),
    ("[].map(x, x)", []),
    ("[1, 0].map(x, 2 / x)", FAILS),
    ("[1, 2, 3].map(x, x > 1, x * 2)", [4, 6]),
    ("[0, 1].map(x, 2 / x > 0, x)", FAILS),
    ("{'a': 1}.map(k, k + '!')", ["a!"]),
    ("[[1, 2], [3]].map(x, x.map(y, y + 1))", [[2, 3], [4]]),
    ("[{'a': 10, 'b': 5, 'c': 20}].map(m, m.filter(k, m[k] > 10))", [["c"]]),
    ("[1, 2].map(x, [3, 4].map(y, x * y))", [[3, 4], [6, 8]]),
    ("[1].map(x, [2].map(x, x))", [[2]]),
    ("[1, 2, 3].filter(x, x > 1).exists(x, x == 3)", True),
]
BOUND: list[tuple[str, Any]] = [
    ("cel.bind(x, 1, x + x)", 2),
    ("cel.bind(x, 1, cel.bind(y, x + 1, x + y))", 3),
    ("cel.bind(x, 1, cel.bind(x, x + 1, x))", 2),
    ("cel.bind(x, [1, 2], [2, 3].filter(y, y in x))", [2]),
    ("cel.bind(x, 1 / 0, true)", True),
    ("cel.bind(x, 1 / 0, x == 1 || true)", True),
    ("cel.bind(x, 1 / 0, x == 1)", FAILS),
    ("cel.bind(x, 1 / 0, [1].map(y, x))", FAILS),
]
TWO: list[tuple[str, Any]] = [
    # over a list the variables are position and element, over a map key and value
    ("[5, 6].all(i, v, v == i + 5)", True),
    ("[5, 7].all(i, v, v == i + 5)", False),
    ("[].all(i, v, false)", True),
    ("[1, 0, 7].all(i, v, 2 / v > i + 5)", False),
    ("[1, 0].all(i, v, 2 / v > 0)", FAILS),
    ("{'a': 1, 'b': 2}.all(k, v, k != 'c' && v < 3)", True),
    ("[5, 6].exists(i, v, i == 1 && v == 6)", True),
    ("[5, 6].exists(i, v, i == 1 && v == 5)", False),
    ("[].exists(i, v, true)", False),
    ("[0, 1].exists(i, v, 2 / v == 2)", True),
    ("[0, 1].exists(i, v, 2 / v == 3)", FAILS),
    ("{'a': 1}.exists(k, v, k == 'a' && v == 1)", True),
    ("[5, 6].existsOne(i, v, v > 5)", True),
    ("[5, 6].exists_one(i, v, v > 4)", False),
    ("[5, 6].existsOne(v, v > 5)", True),
    ("[0, 1].existsOne(i, v, 2 / v == 2)", FAILS),
    ("{1: 2, 3: 4}.existsOne(k, v, k + v == 7)", True),
    ("[5, 6].transformList(i, v, i + v)", [5, 7]),
    ("[5, 6].transformList(i, v, i > 0, i + v)", [7]),
    ("[].transformList(i, v, v)", []),
    ("[1, 0].transformList(i, v, 2 / v)", FAILS),
    ("[1, 0].transformList(i, v, 2 / v > 0, v)", FAILS),
    ("{'a': 1, 'b': 2}.transformList(k, v, k + string(v))", ["a1", "b2"]),
    ("[5, 6].transformMap(i, v, v * 2)", {0: 10, 1: 12}),
    ("{'a': 1, 'b': 2}.transformMap(k, v, v + 1)", {"a": 2, "b": 3}),
    ("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v + 1)", {"b": 3}),
    ("{true: 1}.transformMap(k, v, k)", {True: True}),
    ("{}.transformMap(k, v, v)", {}),
    ("{'a': 0}.transformMap(k, v, 1 / v)", FAILS),
    ("{'a': 1, 'b': 2}.transformMapEntry(k, v, {v: k})", {1: "a", 2: "b"}),
    ("{'a': 1, 'b': 2}.transformMapEntry(k, v, v > 1, {v: k})", {2: "b"}),
    ("['a', 'b'].transformMapEntry(i, v, {v: i})", {"a": 0, "b": 1}),
    ("['a'].transformMapEntry(i, v, {})", {}),
    ("['a', 'a'].transformMapEntry(i, v, {v: i})", FAILS),
    ("['a'].transformMapEntry(i, v, dyn(1))", FAILS),
    ("dyn(1).transformList(i, v, v)", FAILS),
    ("dyn('a').transformMap(i, v, v)", FAILS),
]
REFUSED = [
    *("has(1)", "has({'a': 1})", "has({'a': 1}['a'])", "has()", "has({}.a, {}.b)", "has({}.?a)"),
    *("[1].all(1, true)", "[1].all(x.y, true)", "[1].all(.x, true)", "[1].all(x, x)", "[1].all(x)", "[1].exists()"),
    *("1.all(x, true)", "'ab'.exists(c, true)", "null.map(x, x)", "[1].map(x)", "[1].filter(x, 1)", "[1].map(x, y)"),
    *("cel.bind(1, 1, 1)", "cel.bind(x, 1)", "cel.bind(x, y, x)", "cel.bind(x, 1, y)", "all([1], x, true)"),
    *("[1].map(x, x) == x", "cel.bind(x, 1, x) == x"),
]
REFUSED_TWO = [
    "[1].all(i, i, true)",
    "[1].transformList(i, v)",
    "1.transformMap(k, v, v)",
    "[1].all(i, v, v)",
    "[1].exists(i, v, w)",
]


@pytest.mark.parametrize(("text", "value"), [*PRESENCE, *ONE, *BOUND, *TWO])
def test_meaning(text: str, value: Any) -> None:
    """Each macro means what the definition spells out, errors absorbed only where it says so."""
    for given in answers(text):
        assert same(given, value)


@pytest.mark.parametrize(("text", "value"), [*PRESENCE, *ONE, *BOUND])
def test_oracle(text: str, value: Any) -> None:
    """Google's engine says the same; the macros of two variables it does not know."""
    assert same(plain(value), oracle_answer(text))


@pytest.mark.parametrize("text", [*REFUSED, *REFUSED_TWO])
def test_refused(text: str) -> None:
    """What is no use of a macro is refused before anything is evaluated."""
    assert refused(text)
    assert oracle_answer(text) == FAILS
