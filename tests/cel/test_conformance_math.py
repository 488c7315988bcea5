"""The functions over numbers, overload by overload."""

import math
from typing import Any

import pytest
from conformance import FAILS, answers, oracle_answer, plain, refused, same

from sidecar.cel import UInt

MIN, MAX, UMAX = -(2**63), 2**63 - 1, 2**64 - 1

CASES: list[tuple[str, Any]] = [
    ("math.greatest(5)", 5),
    ("math.greatest(5u)", UInt(5)),
    ("math.greatest(5.5)", 5.5),
    ("math.greatest(1, 2)", 2),
    ("math.greatest(2u, 1u)", UInt(2)),
    ("math.greatest(1.5, -2.5)", 1.5),
    ("math.greatest(1, 2u)", UInt(2)),
    ("math.greatest(2.5, 2)", 2.5),
    ("math.greatest(1, 1u)", 1),
    ("math.greatest(1u, 1.0)", UInt(1)),
    ("math.greatest(1, 5.5, 3u)", 5.5),
    ("math.greatest([1, 3, 2])", 3),
    ("math.greatest([dyn(1), dyn(3.5), dyn(2u)])", 3.5),
    ("math.greatest(dyn([]))", FAILS),
    ("math.greatest(dyn('a'), 1)", FAILS),
    ("math.greatest([dyn('a')])", FAILS),
    ("math.greatest(dyn(true), 1)", FAILS),
    ("math.least(5)", 5),
    ("math.least(1, 2)", 1),
    ("math.least(2u, 1u)", UInt(1)),
    ("math.least(1.5, -2.5)", -2.5),
    ("math.least(-1, 2u)", -1),
    ("math.least(1, 1u)", 1),
    ("math.least(3, 1.5, 2u)", 1.5),
    ("math.least([3, 1, 2])", 1),
    ("math.least([dyn(null)])", FAILS),
    ("math.ceil(1.2)", 2.0),
    ("math.ceil(-1.2)", -1.0),
    ("math.ceil(-0.5)", -0.0),
    ("math.ceil(1.0 / 0.0)", math.inf),
    ("math.floor(1.8)", 1.0),
    ("math.floor(-1.2)", -2.0),
    ("math.floor(0.0 / 0.0)", math.nan),
    ("math.round(1.5)", 2.0),
    ("math.round(2.5)", 3.0),
    ("math.round(-1.5)", -2.0),
    ("math.round(-0.4)", -0.0),
    ("math.round(0.49999999999999994)", 0.0),
    ("math.round(4503599627370497.5)", 4503599627370498.0),
    ("math.round(0.0 / 0.0)", math.nan),
    ("math.trunc(1.9)", 1.0),
    ("math.trunc(-1.9)", -1.0),
    ("math.trunc(-1.0 / 0.0)", -math.inf),
    ("math.ceil(dyn(1))", FAILS),
    ("math.round(dyn('a'))", FAILS),
    ("math.abs(-5)", 5),
    ("math.abs(5u)", UInt(5)),
    ("math.abs(-5.5)", 5.5),
    (f"math.abs({MIN})", FAILS),
    ("math.abs(dyn('a'))", FAILS),
    ("math.sign(-5)", -1),
    ("math.sign(0)", 0),
    ("math.sign(5u)", UInt(1)),
    ("math.sign(0u)", UInt(0)),
    ("math.sign(-0.5)", -1.0),
    ("math.sign(0.0)", 0.0),
    ("math.sign(0.0 / 0.0)", math.nan),
    ("math.sign(dyn(true))", FAILS),
    ("math.isNaN(0.0 / 0.0)", True),
    ("math.isNaN(1.0 / 0.0)", False),
    ("math.isInf(-1.0 / 0.0)", True),
    ("math.isInf(0.0 / 0.0)", False),
    ("math.isFinite(1.5)", True),
    ("math.isFinite(0.0 / 0.0)", False),
    ("math.isFinite(1.0 / 0.0)", False),
    ("math.isNaN(dyn(1))", FAILS),
    ("math.sqrt(4)", 2.0),
    ("math.sqrt(2u)", math.sqrt(2)),
    ("math.sqrt(0.25)", 0.5),
    ("math.isNaN(math.sqrt(-1.0))", True),
    ("math.sqrt(dyn('4'))", FAILS),
    ("math.bitAnd(5, 3)", 1),
    ("math.bitAnd(-1, 255)", 255),
    ("math.bitAnd(5u, 3u)", UInt(1)),
    ("math.bitOr(5, 3)", 7),
    ("math.bitOr(4, -2)", -2),
    ("math.bitOr(5u, 3u)", UInt(7)),
    ("math.bitXor(5, 3)", 6),
    ("math.bitXor(1u, 3u)", UInt(2)),
    ("math.bitNot(0)", -1),
    ("math.bitNot(-1)", 0),
    ("math.bitNot(0u)", UInt(UMAX)),
    ("math.bitShiftLeft(1, 3)", 8),
    ("math.bitShiftLeft(1, 63)", MIN),
    ("math.bitShiftLeft(1, 64)", 0),
    (f"math.bitShiftLeft({MAX}, 1)", -2),
    ("math.bitShiftLeft(1u, 63)", UInt(2**63)),
    (f"math.bitShiftLeft(1u, {MAX})", UInt(0)),
    ("math.bitShiftLeft(1, -1)", FAILS),
    ("math.bitShiftRight(8, 3)", 1),
    ("math.bitShiftRight(-1, 1)", MAX),
    ("math.bitShiftRight(-1, 64)", 0),
    ("math.bitShiftRight(8u, 2)", UInt(2)),
    ("math.bitShiftRight(8, -1)", FAILS),
    ("math.bitAnd(dyn(1), 1u)", FAILS),
    ("math.bitOr(dyn(1.0), 1)", FAILS),
    ("math.bitNot(dyn(1.0))", FAILS),
    ("math.bitShiftLeft(dyn('a'), 1)", FAILS),
]
REFUSED = [
    *("math.greatest()", "math.greatest('a')", "math.greatest(1, 'a')", "math.greatest(['a'])", "math.least(true)"),
    *("math.ceil(1)", "math.floor(1u)", "math.round('a')", "math.trunc()", "math.abs('a')", "math.sign(true)"),
    *("math.isNaN(1)", "math.isInf('a')", "math.sqrt('a')", "math.bitAnd(1, 1u)", "math.bitAnd(1)", "math.bitNot(1.0)"),
    *("math.bitShiftLeft(1, 1u)", "math.bitShiftRight(1.0, 1)", "math.power(2, 2)", "abs(1)", "1.abs()"),
]


@pytest.mark.parametrize(("text", "value"), CASES)
def test_meaning(text: str, value: Any) -> None:
    """Each function gives what the definition says, in the type it says."""
    for given in answers(text):
        assert same(given, value)


@pytest.mark.parametrize(("text", "value"), CASES)
def test_oracle(text: str, value: Any) -> None:
    """Google's engine says the same of each line of the table."""
    assert same(plain(value), oracle_answer(text))


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    """What no overload takes is refused before anything is evaluated."""
    assert refused(text)
    assert oracle_answer(text) == FAILS
