"""What operators do, overload by overload: arithmetic, order, equality, logic, membership, indexing, size."""

import math
from itertools import product
from typing import Any

import pytest
from conformance import FAILS, answers, oracle_answer, plain, refused, same

from sidecar.cel import UInt

MIN, MAX, UMAX = -(2**63), 2**63 - 1, 2**64 - 1
INF, NAN = math.inf, math.nan

ARITHMETIC: list[tuple[str, Any]] = [
    ("2 + 3", 5),
    ("2u + 3u", UInt(5)),
    ("2.5 + 0.25", 2.75),
    ("'a' + 'é'", "aé"),
    ("b'a' + b'\\xff'", b"a\xff"),
    ("[dyn(1)] + ['a']", [1, "a"]),
    ("[] + []", []),
    (f"{MAX} + 1", FAILS),
    (f"{MIN} + -1", FAILS),
    (f"{UMAX}u + 1u", FAILS),
    ("1e308 + 1e308", INF),
    ("2 - 3", -1),
    ("3u - 2u", UInt(1)),
    ("2u - 3u", FAILS),
    ("0.5 - 1.0", -0.5),
    (f"{MIN} - 1", FAILS),
    (f"{MAX} - -1", FAILS),
    ("-2 * 3", -6),
    ("2u * 3u", UInt(6)),
    ("1.5 * 2.0", 3.0),
    (f"{MAX} * 2", FAILS),
    (f"{MIN} * -1", FAILS),
    (f"{UMAX}u * 2u", FAILS),
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("7 / -2", -3),
    ("-7 / -2", 3),
    ("7u / 2u", UInt(3)),
    ("7.0 / 2.0", 3.5),
    ("7 / 0", FAILS),
    ("7u / 0u", FAILS),
    ("7.0 / 0.0", INF),
    ("-7.0 / 0.0", -INF),
    ("7.0 / -0.0", -INF),
    ("0.0 / 0.0", NAN),
    (f"{MIN} / -1", FAILS),
    ("7 % 3", 1),
    ("-7 % 3", -1),
    ("7 % -3", 1),
    ("7u % 3u", UInt(1)),
    ("7 % 0", FAILS),
    ("7u % 0u", FAILS),
    ("dyn(7.0) % 3.0", FAILS),
    (f"{MIN} % -1", FAILS),
    (f"{MAX} % {MAX - 1} + 9007199254740993 % {MAX}", 9007199254740994),
    ("-(5)", -5),
    ("-(-5)", 5),
    ("-(2.5)", -2.5),
    ("-(0.0)", -0.0),
    ("-dyn(5u)", FAILS),
    ("-dyn('a')", FAILS),
    (f"-({MIN})", FAILS),
]
TYPES = {
    "int": "1",
    "uint": "1u",
    "double": "1.0",
    "string": "'1'",
    "bytes": "b'1'",
    "bool": "true",
    "null": "null",
    "list": "[1]",
}
SAME_TYPE_ONLY = {"+": {"int", "uint", "double", "string", "bytes", "list"}, "*": {"int", "uint", "double"}}
ORDER: list[tuple[str, Any]] = [
    ("1 < 2", True),
    ("2 < 1", False),
    ("1 <= 1", True),
    ("2 > 1", True),
    ("1 > 1", False),
    ("1 >= 1", True),
    ("1u < 2u", True),
    (f"{UMAX}u > 1u", True),
    ("1.0 < 1.5", True),
    ("-1.0 >= 0.0", False),
    ("'a' < 'b'", True),
    ("'a' < 'a'", False),
    ("'' < 'a'", True),
    ("'B' < 'a'", True),
    ("'\\uffff' < '\\U00010000'", True),
    ("'a' <= 'aa'", True),
    ("b'a' < b'b'", True),
    ("b'\\x7f' < b'\\x80'", True),
    ("b'' >= b''", True),
    ("false < true", True),
    ("true <= false", False),
    ("true >= true", True),
    # numbers of two types stand on one line
    ("dyn(1) < 1.5", True),
    ("dyn(-1) < 0u", True),
    (f"dyn({MAX}) < {MAX + 1}u", True),
    (f"dyn({UMAX}u) > {MAX}", True),
    ("dyn(1u) <= 1.0", True),
    ("dyn(2.5) > 2u", True),
    ("dyn(1.0) >= 1", True),
    (f"dyn({MAX}) < 9223372036854775808.0", False),
    (f"dyn({MAX}) <= 9223372036854775808.0", True),
    (f"dyn(9223372036854775808.0) > {MAX}", False),
    (f"dyn({MAX}) < 9300000000000000000.0", True),
    # not a number is not in order with anything
    ("0.0 / 0.0 < 1.0", False),
    ("0.0 / 0.0 >= 1.0", False),
    ("1.0 > 0.0 / 0.0", False),
    ("dyn(1) <= 0.0 / 0.0", False),
    # no order between kinds, nor of what has none
    ("dyn('a') < 1", FAILS),
    ("dyn(true) < 1", FAILS),
    ("dyn('a') < b'a'", FAILS),
    ("dyn(null) < null", FAILS),
    ("dyn([1]) < [2]", FAILS),
    ("dyn({'a': 1}) > {'a': 0}", FAILS),
    ("dyn(int) < int", FAILS),
]
EQUALITY: list[tuple[str, Any]] = [
    ("1 == 1", True),
    ("1 != 1", False),
    ("1u == 1u", True),
    ("1.5 == 1.5", True),
    ("0.0 == -0.0", True),
    ("'a' == 'a'", True),
    ("'a' == 'A'", False),
    ("'e\\u0301' == '\\u00e9'", False),
    ("b'a' == b'a'", True),
    ("true == true", True),
    ("true != false", True),
    ("null == null", True),
    ("null != null", False),
    ("int == int", True),
    ("int == uint", False),
    # numbers by what they are worth
    ("dyn(1) == 1u", True),
    ("dyn(1) == 1.0", True),
    ("dyn(1u) == 1.0", True),
    ("dyn(1) != 1.5", True),
    (f"dyn({MAX}) == {MAX + 1}u", False),
    (f"dyn({MAX}) == 9223372036854775808.0", True),
    ("0.0 / 0.0 == 0.0 / 0.0", False),
    ("0.0 / 0.0 != 0.0 / 0.0", True),
    ("1.0 / 0.0 == 2.0 / 0.0", True),
    # different kinds are never equal, and that is no error
    ("dyn(1) == '1'", False),
    ("dyn(1) == true", False),
    ("dyn(0.0) == false", False),
    ("dyn('') == null", False),
    ("dyn('a') == b'a'", False),
    ("dyn([]) == {}", False),
    ("dyn(null) != 0", True),
    ("dyn(int) == 'int'", False),
    # lists and maps, all the way down
    ("[1, 2] == [1, 2]", True),
    ("[1, 2] == [2, 1]", False),
    ("[1] == [1, 1]", False),
    ("[] == []", True),
    ("[dyn(1), 2u] == [1.0, 2]", True),
    ("[dyn(true)] == [1]", False),
    ("[[1], []] == [[1], []]", True),
    ("[0.0 / 0.0] == [0.0 / 0.0]", False),
    ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", True),
    ("{'a': 1} == {'a': 2}", False),
    ("{'a': 1} == {'a': 1, 'b': 1}", False),
    ("{'a': 1} == {'b': 1}", False),
    ("{1: 'a'} == {dyn(1u): 'a'}", True),
    ("{true: 1} == {dyn(1): 1}", False),
    ("{'a': dyn(1)} == {'a': 1.0}", True),
    ("{} == {}", True),
    ("{'a': [1, {'b': null}]} == {'a': [1, {'b': null}]}", True),
    # an operand that fails has no equal
    ("1 / 0 == 1", FAILS),
    ("[1 / 0] == [1]", FAILS),
]
TRUTH = {"true": True, "false": False, "1 / 0 == 1": FAILS, "dyn(7)": FAILS}
LOGIC: list[tuple[str, Any]] = [
    *(
        (f"{a} && {b}", False if False in (v, w) else FAILS if FAILS in (v, w) else True)
        for (a, v), (b, w) in product(TRUTH.items(), TRUTH.items())
    ),
    *(
        (f"{a} || {b}", True if True in (v, w) else FAILS if FAILS in (v, w) else False)
        for (a, v), (b, w) in product(TRUTH.items(), TRUTH.items())
    ),
    ("!true", False),
    ("!false", True),
    ("!(1 / 0 == 1)", FAILS),
    ("!dyn('')", FAILS),
    ("true && true && false", False),
    ("false || false || true", True),
    ("1 / 0 == 1 || false || true", True),
    ("1 / 0 == 1 && true && false", False),
    ("1 / 0 == 1 || dyn('a') || false", FAILS),
    # a condition looks at one branch only
    ("true ? 1 : 2", 1),
    ("false ? 1 : 2", 2),
    ("true ? 1 : 1 / 0", 1),
    ("false ? 1 / 0 : 2", 2),
    ("true ? 1 / 0 : 2", FAILS),
    ("1 / 0 == 1 ? 1 : 1", FAILS),
    ("dyn(1) ? 1 : 2", FAILS),
    ("dyn(null) ? 1 : 2", FAILS),
    ("(1 / 0 == 1 || true) ? 1 : 2", 1),
]
CONTAINERS: list[tuple[str, Any]] = [
    ("[1, 2][0]", 1),
    ("[1, 2][1]", 2),
    ("[1, 2][2]", FAILS),
    ("[1, 2][-1]", FAILS),
    ("[][0]", FAILS),
    ("[1, 2][dyn(1u)]", 2),
    ("[1, 2][dyn(1.0)]", 2),
    ("[1, 2][dyn(0.5)]", FAILS),
    ("[1, 2][dyn('0')]", FAILS),
    ("[1, 2][dyn(true)]", FAILS),
    ("[[1], [2]][1][0]", 2),
    ("{'a': 1}['a']", 1),
    ("{'a': 1}['b']", FAILS),
    ("{'a': 1}.a", 1),
    ("{'a': 1}.b", FAILS),
    ("{'a': {'b': 1}}.a.b", 1),
    ("{1: 'i'}[1]", "i"),
    ("{1: 'i'}[dyn(1u)]", "i"),
    ("{1: 'i'}[dyn(1.0)]", "i"),
    ("{1u: 'u'}[dyn(1)]", "u"),
    ("{1: 'i'}[dyn(1.5)]", FAILS),
    ("{1: 'i'}[dyn(true)]", FAILS),
    ("{true: 't'}[true]", "t"),
    ("{true: 't'}[false]", FAILS),
    ("{true: 't'}[dyn(1)]", FAILS),
    ("{'a': 1}[dyn(b'a')]", FAILS),
    ("{'a': 1}[dyn(null)]", FAILS),
    ("{'a': 1}[dyn(['a'])]", FAILS),
    ("{'a': null}['a']", None),
    ("dyn('abc')[0]", FAILS),
    ("dyn(1)[0]", FAILS),
    ("dyn(null).a", FAILS),
    ("dyn([1]).a", FAILS),
    ("1 in [1, 2]", True),
    ("3 in [1, 2]", False),
    ("1 in []", False),
    ("dyn(1.0) in [1, 2]", True),
    ("dyn(true) in [1]", False),
    ("'a' in ['b', 'a']", True),
    ("null in [dyn(1), null]", True),
    ("[1] in [[1], [2]]", True),
    ("0.0 / 0.0 in [0.0 / 0.0]", False),
    ("'a' in {'a': 1}", True),
    ("'b' in {'a': 1}", False),
    ("1 in {1: 1}", True),
    ("dyn(1u) in {1: 1}", True),
    ("dyn(1.0) in {1: 1}", True),
    ("dyn(1.5) in {1: 1}", False),
    ("true in {true: 1}", True),
    ("dyn(true) in {1: 1}", False),
    ("'a' in dyn('abc')", FAILS),
    ("1 in dyn(1)", FAILS),
    ("1 in dyn(null)", FAILS),
    ("1 / 0 in [1]", FAILS),
    ("size('')", 0),
    ("size('é😀')", 2),
    ("size(b'\\xc3\\xa9')", 2),
    ("size([1, [2, 3]])", 2),
    ("size({'a': 1, 'b': 2})", 2),
    ("'abc'.size()", 3),
    ("b'abc'.size()", 3),
    ("[].size()", 0),
    ("{}.size()", 0),
    ("size(dyn(1))", FAILS),
    ("size(dyn(null))", FAILS),
    ("dyn(true).size()", FAILS),
]
STRINGS: list[tuple[str, Any]] = [
    ("'abc'.contains('b')", True),
    ("'abc'.contains('')", True),
    ("'abc'.contains('ac')", False),
    ("''.contains('a')", False),
    ("'abc'.startsWith('ab')", True),
    ("'abc'.startsWith('')", True),
    ("'abc'.startsWith('abcd')", False),
    ("'abc'.endsWith('bc')", True),
    ("'abc'.endsWith('b')", False),
    ("'é😀'.endsWith('😀')", True),
    ("'abc'.matches('b')", True),
    ("'abc'.matches('^b')", False),
    ("'abc'.matches('^a.c$')", True),
    ("matches('abc', '[b-d]')", True),
    ("''.matches('')", True),
    ("'a\\nb'.matches('a.b')", False),
    ("'a\\nb'.matches('(?s)a.b')", True),
    ("'ABC'.matches('(?i)abc')", True),
    ("'é'.matches('^.$')", True),
    ("'ab'.matches(r'\\pL+')", True),
    ("'a'.matches('(')", FAILS),
    ("'aa'.matches(r'(a)\\1')", FAILS),
    ("'a'.matches('(?=a)')", FAILS),
    ("dyn(1).contains('1')", FAILS),
    ("'a'.contains(dyn(1))", FAILS),
    ("dyn(b'a').startsWith('a')", FAILS),
    ("dyn(null).endsWith('')", FAILS),
    ("dyn(1).matches('1')", FAILS),
    ("'1'.matches(dyn(1))", FAILS),
]
MIXED = [
    (f"dyn({TYPES[left]}) {sign} {TYPES[right]}", FAILS)
    for sign, kinds in SAME_TYPE_ONLY.items()
    for left, right in product(TYPES, TYPES)
    if left != right or left not in kinds
]
CASES = [*ARITHMETIC, *MIXED, *ORDER, *EQUALITY, *LOGIC, *CONTAINERS, *STRINGS]
REFUSED = [
    *(
        "1 + 1u",
        "1 + 1.0",
        "1 + '1'",
        "true + true",
        "null + null",
        "1 - '1'",
        "[1] - [1]",
        "1.5 % 1.0",
        "-'a'",
        "-1u",
        "!1",
    ),
    *("'a' < 1", "null < null", "[1] < [2]", "int < int", "1 in 'a'", "1 in 1", "'a'[0]", "1[0]", "1.a", "'a'.b"),
    *(
        "[1]['a']",
        "size(1)",
        "size()",
        "size('a', 'b')",
        "1.size()",
        "'a'.contains()",
        "'a'.contains(1)",
        "contains('a', 'a')",
    ),
    *(
        "'a'.matches('(')",
        "nothing",
        "nothing.at.all",
        "nothing()",
        "'a'.nothing()",
        "1 ? 2 : 3",
        "has(1)",
        "has('a'.b)",
    ),
]


@pytest.mark.parametrize(("text", "value"), CASES)
def test_meaning(text: str, value: Any) -> None:
    """Each overload of each operator gives what the definition says, and fails where it says so."""
    for given in answers(text):
        assert same(given, value)


@pytest.mark.parametrize(("text", "value"), CASES)
def test_oracle(text: str, value: Any) -> None:
    """Google's engine says the same of each line of the table."""
    assert same(plain(value), oracle_answer(text))


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    """What no overload takes is refused, by Google's engine as well."""
    assert refused(text)
    assert oracle_answer(text) == FAILS
