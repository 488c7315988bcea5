"""Records that are hostile to innocent rules: texts that are no times or numbers, nesting without end, wrong types."""

from collections.abc import Iterator
from typing import Any

from hostile_rules import FAILS, REFUSED, Hostile

MEGABYTE = "a" * 1_000_000

INSTANTS = {
    "a month too many": "2024-13-01T00:00:00Z",
    "a leap second": "2016-12-31T23:59:60Z",
    "no such day": "2023-02-29T00:00:00Z",
    "year zero": "0000-01-01T00:00:00Z",
    "year 10,000": "10000-01-01T00:00:00Z",
    "before all years": "0001-01-01T00:00:00+23:59",
    "no zone": "2024-01-01T00:00:00",
    "a zone past the clock": "2024-01-01T00:00:00+25:00",
    "no time": "2024-01-01",
    "digits of another script": "٢٠٢٤-01-01T00:00:00Z",
    "10,000 digits of a second": f"2024-01-01T00:00:00.{'1' * 10_000}Z",
    "a newline after it": "2024-01-01T00:00:00Z\n",
    "a NUL inside": "2024-01-01T00:00:00\0Z",
    "a megabyte": MEGABYTE,
    "nothing": "",
}
SPANS = {
    "cel-python's bomb": "1" * 60 + "x",
    "a thousand hours": "1h" * 1_000,
    "100 digits": "9" * 100 + "h",
    "a point alone": ".s",
    "a sign alone": "-",
    "two signs": "--1s",
    "an exponent": "1e9s",
    "no unit": "12",
    "an unknown unit": "1d",
    "a megabyte of digits": "1" * 1_000_000 + "s",
    "infinity": "inf",
    "an eternity": "9999999999999s",
}
ZONES = ("../../etc/passwd", "/etc/localtime", "a\0b", "", "+99:99", "Europe/Nowhere", "x" * 100_000, "UTC\n", "\ud800")


def deep(levels: int, inner: Any, *, maps: bool = False) -> Any:
    """A value inside so many lists or maps."""
    for _ in range(levels):
        inner = {"a": inner} if maps else [inner]
    return inner


def _times() -> Iterator[Hostile]:
    """Texts that are no times, and zones that are none."""
    for name, text in INSTANTS.items():
        rule = "timestamp(record.text) > timestamp('2024-01-01T00:00:00Z')"
        yield Hostile(f"an instant: {name}", rule, FAILS, {"text": text})
    for name, text in SPANS.items():
        yield Hostile(f"a span: {name}", "duration(record.text) > duration('1s')", FAILS, {"text": text})
    for position, zone in enumerate(ZONES):
        rule = "timestamp('2024-01-01T00:00:00Z').getHours(record.text) == 25"
        yield Hostile(f"zone {position}", rule, FAILS, {"text": zone})
    yield Hostile("past the last year", "timestamp('9999-12-31T23:59:59Z') + duration('1s') > timestamp(0)", FAILS)
    yield Hostile("past the longest span", "duration('315576000000s') + duration('1s') > duration('0s')", FAILS)
    yield Hostile("an instant of all seconds", "timestamp(record.at) > timestamp(0)", FAILS, {"at": 2**63 - 1})


def _conversions() -> Iterator[Hostile]:
    """Numbers that are none, and numbers no JSON of ours should hold."""
    for name, call, text in (
        ("a million digits as int", "int(record.text) > 0", "9" * 1_000_000),
        ("a million digits as uint", "uint(record.text) > 0u", "9" * 1_000_000),
        ("a double's name", "double(record.text) > 0.0", "infinit"),
        ("a hexadecimal double", "double(record.text) > 0.0", "0x1p3"),
        ("underlined digits", "int(record.text) > 0", "1_000"),
        ("digits of another script", "int(record.text) > 0", "٣"),
        ("a blank int", "int(record.text) > 0", " 1"),
        ("a bool's name", "bool(record.text)", "TrUe"),
        ("half a surrogate as bytes", "size(bytes(record.text)) > 0", "\ud800"),
        ("no base64", "size(base64.decode(record.text)) > 0", "a" * 999_997),
    ):
        yield Hostile(name, call, FAILS, {"text": text})
    yield Hostile("a million digits as double", "double(record.text) > 0.0", True, {"text": "9" * 1_000_000})
    for name, value in {"of 400 digits": 10**400, "of 5,000 digits": 10**5_000, "past uint": 2**66}.items():
        for call in ("record.extra + 1 > 0", "-record.extra < 0", "record.extra / 3 > 0", "uint(record.extra) > 0u"):
            yield Hostile(f"an int {name}: {call}", call, FAILS, {"extra": value})
    yield Hostile("a huge shift", "math.bitShiftLeft(record.at, 1000000000) == 0", True)
    yield Hostile("a negative shift", "math.bitShiftLeft(record.at, -1) == 0", FAILS)
    yield Hostile("a precision of thousands", "'%.99999f'.format([record.ratio]) == ''", FAILS)
    yield Hostile("a precision of 5,000 digits", f"'%.{'9' * 5_000}f'.format([record.ratio]) == ''", FAILS)
    for number in ("nan", "inf", "-inf"):
        yield Hostile(f"{number} as int", "int(record.ratio) > 0", FAILS, {"ratio": float(number)})
    yield Hostile("NaN is not itself", "record.ratio == record.ratio", False, {"ratio": float("nan")})


def _shapes() -> Iterator[Hostile]:
    """Records nested without end, keys that collide, and values where they do not belong."""
    for name, maps in {"lists": False, "maps": True}.items():
        extra = {"extra": deep(100_000, 1, maps=maps)}
        yield Hostile(f"deep {name} compared", "record.extra == record.extra", FAILS, extra)
        yield Hostile(f"deep {name} looked for", "record.extra in [1, record.extra]", FAILS, extra)
        yield Hostile(f"deep {name} as text", "'%s'.format([record.extra]) == ''", FAILS, extra)
    for name, rule, becomes in (
        ("an int and a uint", "{1: 'a', 1u: 'b'} == {}", FAILS),
        ("two texts", "{'a': 1, 'a': 2} == {}", FAILS),
        ("made twice", "{record.text: 1, 'a': 2} == {}", FAILS),
        ("a bool and an int", "size({true: 'a', 1: 'b'}) == 2", True),
        ("a double", "{1.5: 'a'} == {}", REFUSED),
        ("a list", "{[1]: 'a'} == {}", REFUSED),
        ("null", "{null: 'a'} == {}", REFUSED),
        ("made by a loop", "size(record.texts.transformMapEntry(i, x, {'a': x})) == 1", FAILS),
    ):
        yield Hostile(f"keys that collide: {name}", rule, becomes)
    for name, index in {"negative": -1, "the least": -(2**63), "the greatest": 2**63 - 1}.items():
        yield Hostile(f"an index {name}", "record.texts[record.at] == 'b'", FAILS, {"at": index})
    for name, value in {"a number": 1, "null": None, "a bool": True, "a map": {}}.items():
        yield Hostile(f"{name} for a text", "record.text.startsWith('a')", FAILS, {"text": value})
        yield Hostile(
            f"{name} in a list of texts", "record.texts.exists(x, x.contains('z'))", FAILS, {"texts": ["a", value]}
        )
        yield Hostile(f"{name} for a list of texts", "record.texts.exists(x, x == 'z')", FAILS, {"texts": value})


VALUES = [*_times(), *_conversions(), *_shapes()]
