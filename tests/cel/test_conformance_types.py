"""Types as values, and conversions between them, overload by overload."""

import math
from typing import Any

import pytest
from conformance import FAILS, answers, oracle_answer, plain, refused, same

from sidecar.cel import TypeValue, UInt

MIN, MAX, UMAX = -(2**63), 2**63 - 1, 2**64 - 1

TYPES = {
    "null": "null_type", "true": "bool", "1": "int", "1u": "uint", "1.5": "double", "''": "string", "b''": "bytes",
    "[1]": "list", "{'a': 1}": "map", "int": "type", "type(1)": "type", "type": "type",
    "timestamp(0)": "google.protobuf.Timestamp", "duration('1s')": "google.protobuf.Duration",
    "optional.of(1)": "optional_type", "optional.none()": "optional_type",
}  # fmt: skip
CONVERSIONS: list[tuple[str, Any]] = [
    ("int(5)", 5),
    ("int(5u)", 5),
    (f"int({MAX}u)", MAX),
    (f"int({UMAX}u)", FAILS),
    ("int(2.9)", 2),
    ("int(-2.9)", -2),
    ("int(1e18)", 10**18),
    ("int(9223372036854775807.0)", FAILS),
    ("int(-9223372036854775808.0)", FAILS),
    ("int(1e19)", FAILS),
    ("int(0.0 / 0.0)", FAILS),
    ("int(1.0 / 0.0)", FAILS),
    ("int('12')", 12),
    ("int('-12')", -12),
    ("int('+12')", 12),
    (f"int('{MIN}')", MIN),
    (f"int('{MAX + 1}')", FAILS),
    ("int('')", FAILS),
    ("int('1.5')", FAILS),
    ("int('0x1')", FAILS),
    ("int('\\uff11')", FAILS),
    ("int(timestamp('1970-01-01T00:01:00Z'))", 60),
    ("int(timestamp('1969-12-31T23:59:59.5Z'))", -1),
    ("int(dyn(null))", FAILS),
    ("uint(5)", UInt(5)),
    ("uint(5u)", UInt(5)),
    ("uint(-1)", FAILS),
    ("uint(2.9)", UInt(2)),
    ("uint(-0.5)", FAILS),
    ("uint(1.8446744073709552e19)", FAILS),
    ("uint(0.0 / 0.0)", FAILS),
    ("uint('12')", UInt(12)),
    (f"uint('{UMAX}')", UInt(UMAX)),
    (f"uint('{UMAX + 1}')", FAILS),
    ("uint('-1')", FAILS),
    ("uint('a')", FAILS),
    ("uint(dyn(true))", FAILS),
    ("double(5)", 5.0),
    ("double(5u)", 5.0),
    ("double(1.5)", 1.5),
    (f"double({MAX})", 9223372036854775807.0),
    ("double('1.5')", 1.5),
    ("double('-1e3')", -1000.0),
    ("double('NaN')", math.nan),
    ("double('inf')", math.inf),
    ("double('-Infinity')", -math.inf),
    ("double('')", FAILS),
    ("double('1_0')", FAILS),
    ("double('1,5')", FAILS),
    ("double(dyn(true))", FAILS),
    ("string('a')", "a"),
    ("string(true)", "true"),
    ("string(false)", "false"),
    ("string(-5)", "-5"),
    (f"string({UMAX}u)", str(UMAX)),
    ("string(1.5)", "1.5"),
    ("string(1.0)", "1"),
    ("string(-0.0)", "-0"),
    ("string(0.1)", "0.1"),
    ("string(123456.5)", "123456.5"),
    ("string(1234567.5)", "1.2345675e+06"),
    ("string(1e6)", "1e+06"),
    ("string(1e100)", "1e+100"),
    ("string(0.0001)", "0.0001"),
    ("string(0.00001)", "1e-05"),
    ("string(5e-324)", "5e-324"),
    ("string(1.7976931348623157e308)", "1.7976931348623157e+308"),
    ("string(b'\\xc3\\xa9')", "é"),
    ("string(b'\\xff')", FAILS),
    ("string(timestamp('2009-02-13T23:31:30+01:00'))", "2009-02-13T22:31:30Z"),
    ("string(duration('1m1ms'))", "60.001s"),
    ("string(dyn(null))", FAILS),
    ("string(dyn([]))", FAILS),
    ("bytes('é')", b"\xc3\xa9"),
    ("bytes(b'\\xff')", b"\xff"),
    ("bytes(dyn(1))", FAILS),
    ("bool(true)", True),
    *((f"bool('{text}')", True) for text in ("1", "t", "true", "TRUE", "True")),
    *((f"bool('{text}')", False) for text in ("0", "f", "false", "FALSE", "False")),
    *((f"bool('{text}')", FAILS) for text in ("", "tRUE", "yes", "T", "F", " true", "2")),
    ("bool(dyn(1))", FAILS),
    ("dyn(1)", 1),
    ("dyn([1, dyn('a')])", [1, "a"]),
    ("type(1) == int", True),
    ("type(1) == uint", False),
    ("type(1) != type(1.0)", True),
    ("type([1]) == type(['a'])", True),
    ("type({1: 1}) == type({'a': 'a'})", True),
    ("type(type(1)) == type(int)", True),
    ("type(dyn(1)) == int", True),
    ("type(1) in [int, uint, double]", True),
    ("type(timestamp(0)) == google.protobuf.Timestamp", True),
    ("type(duration('0')) == google.protobuf.Duration", True),
    ("type(1 / 0) == int", FAILS),
]
OURS: list[tuple[str, Any]] = [
    ("int(' 12')", FAILS),  # the oracle reads past spaces
    ("int('1 ')", FAILS),
    ("int(dyn(true))", FAILS),  # the oracle converts bools too, the definition does not
    ("double(' 1')", FAILS),
    ("double('0x1p3')", FAILS),  # hexadecimal doubles are not of the language
    ("string(1.0 / 0.0)", "+Inf"),  # the definition leaves open how these three are spelled
    ("string(-1.0 / 0.0)", "-Inf"),
    ("string(0.0 / 0.0)", "NaN"),
]
REFUSED = [
    "int(true)",
    "int(null)",
    "uint(true)",
    "double(true)",
    "string([])",
    "string(null)",
    "bytes(1)",
    "bool(1)",
    "bool()",
    "int(1, 2)",
]


@pytest.mark.parametrize(("text", "name"), TYPES.items())
def test_types(text: str, name: str) -> None:
    """Every value has a type, which is a value too."""
    for given in answers(f"type({text})"):
        assert same(given, TypeValue(name))
    assert str(TypeValue(name)) == name


@pytest.mark.parametrize("name", sorted(set(TYPES.values())))
def test_type_names(name: str) -> None:
    """Every type has a name that means it."""
    for given in answers(name):
        assert same(given, TypeValue(name))


@pytest.mark.parametrize(("text", "value"), CONVERSIONS + OURS)
def test_meaning(text: str, value: Any) -> None:
    """Each conversion gives what the definition says, and fails where nothing fits."""
    for given in answers(text):
        assert same(given, value)


@pytest.mark.parametrize(("text", "value"), CONVERSIONS)
def test_oracle(text: str, value: Any) -> None:
    """Google's engine converts alike."""
    assert same(plain(value), oracle_answer(text))


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    """What no conversion takes is refused before anything is evaluated."""
    assert refused(text)
    assert oracle_answer(text) == FAILS
