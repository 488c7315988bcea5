"""Timestamps and durations: reading, writing, limits, arithmetic, order and their parts in any zone."""

from typing import Any

import pytest
from conformance import FAILS, answers, oracle_answer, plain, refused, same

from sidecar.cel import Duration, Timestamp

T = "timestamp('2009-02-13T23:31:30.123456789Z')"
READ: list[tuple[str, Any]] = [
    ("timestamp('1970-01-01T00:00:00Z')", Timestamp(0)),
    ("timestamp('1970-01-01T00:00:01.5Z')", Timestamp(1, 500_000_000)),
    ("timestamp('1970-01-01T00:00:00.000000001Z')", Timestamp(0, 1)),
    ("timestamp('1969-12-31T23:59:59.75Z')", Timestamp(-1, 750_000_000)),
    ("timestamp('2000-02-29T12:00:00Z')", Timestamp(951_825_600)),
    ("timestamp('1970-01-01T01:00:00+01:00')", Timestamp(0)),
    ("timestamp('1969-12-31T18:30:00-05:30')", Timestamp(0)),
    ("timestamp('1970-01-01t00:00:00z')", Timestamp(0)),
    ("timestamp('0001-01-01T00:00:00Z')", Timestamp(-62_135_596_800)),
    ("timestamp('9999-12-31T23:59:59.999999999Z')", Timestamp(253_402_300_799, 999_999_999)),
    ("timestamp('0000-12-31T23:59:59Z')", FAILS),
    ("timestamp('10000-01-01T00:00:00Z')", FAILS),
    ("timestamp('0001-01-01T00:00:00+00:01')", FAILS),
    ("timestamp('9999-12-31T23:59:59-00:01')", FAILS),
    ("timestamp(60)", Timestamp(60)),
    ("timestamp(-62135596800)", Timestamp(-62_135_596_800)),
    ("timestamp(-62135596801)", FAILS),
    ("timestamp(253402300800)", FAILS),
    ("timestamp(timestamp(1)) == timestamp(1)", True),
    *(
        (f"timestamp('{text}')", FAILS)
        for text in (
            *("", "now", "2009-02-13", "2009-02-13T23:31Z", "2009-02-13T23:31:30", "2009-02-13 23:31:30Z"),
            *("2009-02-30T00:00:00Z", "2009-13-01T00:00:00Z", "2009-02-13T24:00:00Z", "2009-02-13T23:60:00Z"),
            *("2009-02-13T23:31:30.Z", "2009-02-13T23:31:30,5Z", "2009-02-13T23:31:30+24:00"),
        )
    ),
    ("timestamp(dyn(1.5))", FAILS),
    ("timestamp(dyn(null))", FAILS),
    ("duration('0')", Duration(0)),
    ("duration('-0')", Duration(0)),
    ("duration('1h')", Duration(3_600)),
    ("duration('1m')", Duration(60)),
    ("duration('1s')", Duration(1)),
    ("duration('1ms')", Duration(0, 1_000_000)),
    ("duration('1us')", Duration(0, 1_000)),
    ("duration('1ns')", Duration(0, 1)),
    ("duration('1h2m3.5s')", Duration(3_723, 500_000_000)),
    ("duration('-1.5s')", Duration(-1, -500_000_000)),
    ("duration('+1s')", Duration(1)),
    ("duration('.5s')", Duration(0, 500_000_000)),
    ("duration('1.s')", Duration(1)),
    ("duration('1.5h')", Duration(5_400)),
    ("duration('1h34us')", Duration(3_600, 34_000)),
    ("duration('1m1h')", Duration(3_660)),
    ("duration('315576000000s')", Duration(315_576_000_000)),
    ("duration('-315576000000s')", Duration(-315_576_000_000)),
    ("duration('315576000001s')", FAILS),
    ("duration('-315576000001s')", FAILS),
    *(
        (f"duration('{text}')", FAILS)
        for text in ("", "1", "s", ".s", "1d", "1w", "1h 2m", "1 h", "--1s", "1e3s", "1h2", "1H")
    ),
    ("duration(duration('1s')) == duration('1s')", True),
    ("duration(dyn(1))", FAILS),
    ("duration(dyn(null))", FAILS),
]
WRITTEN: list[tuple[str, Any]] = [
    ("string(timestamp(0))", "1970-01-01T00:00:00Z"),
    ("string(timestamp('0001-01-01T00:00:00Z'))", "0001-01-01T00:00:00Z"),
    ("string(timestamp('2009-02-13T23:31:30.5Z'))", "2009-02-13T23:31:30.500Z"),
    ("string(timestamp('2009-02-13T23:31:30.000001Z'))", "2009-02-13T23:31:30.000001Z"),
    (f"string({T})", "2009-02-13T23:31:30.123456789Z"),
    ("string(duration('0'))", "0s"),
    ("string(duration('1h30m'))", "5400s"),
    ("string(duration('-1.5s'))", "-1.500s"),
    ("string(duration('-0.5s'))", "-0.500s"),
    ("string(duration('1ns'))", "0.000000001s"),
]
ARITHMETIC: list[tuple[str, Any]] = [
    ("timestamp(10) + duration('5s')", Timestamp(15)),
    ("duration('5s') + timestamp(10)", Timestamp(15)),
    ("timestamp(10) + duration('-1ns')", Timestamp(9, 999_999_999)),
    ("timestamp(10) - duration('5s')", Timestamp(5)),
    ("timestamp(10) - timestamp(15)", Duration(-5)),
    ("timestamp('1970-01-01T00:00:00.5Z') - timestamp(1)", Duration(0, -500_000_000)),
    ("duration('1m') + duration('1s')", Duration(61)),
    ("duration('1s') - duration('1.5s')", Duration(0, -500_000_000)),
    ("timestamp('9999-12-31T23:59:59.999999999Z') + duration('1ns')", FAILS),
    ("timestamp('0001-01-01T00:00:00Z') - duration('1ns')", FAILS),
    ("timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')", FAILS),
    ("duration('315576000000s') + duration('1s')", FAILS),
    ("duration('-315576000000s') - duration('1s')", FAILS),
    ("dyn(timestamp(0)) + timestamp(0)", FAILS),
    ("dyn(duration('1s')) - timestamp(0)", FAILS),
    ("dyn(timestamp(0)) + 1", FAILS),
    ("dyn(duration('1s')) * 2", FAILS),
    ("-dyn(duration('1s'))", FAILS),
]
COMPARED: list[tuple[str, Any]] = [
    ("timestamp(1) == timestamp('1970-01-01T00:00:01Z')", True),
    ("timestamp('2009-02-13T23:31:30Z') == timestamp('2009-02-14T00:31:30+01:00')", True),
    ("timestamp(1) != timestamp('1970-01-01T00:00:01.000000001Z')", True),
    ("timestamp('1970-01-01T00:00:00Z') < timestamp('1970-01-01T00:00:00.000000001Z')", True),
    ("timestamp('1969-12-31T23:59:59.9Z') < timestamp(0)", True),
    ("timestamp(2) <= timestamp(1)", False),
    ("timestamp(2) > timestamp(1)", True),
    ("timestamp(2) >= timestamp(2)", True),
    ("duration('1h') == duration('60m')", True),
    ("duration('-1.5s') < duration('-1s')", True),
    ("duration('1s') < duration('1.000000001s')", True),
    ("duration('2s') <= duration('1s')", False),
    ("duration('2h') > duration('61m')", True),
    ("duration('1s') >= duration('1s')", True),
    ("dyn(timestamp(1)) == 1", False),
    ("dyn(timestamp(1)) == '1970-01-01T00:00:01Z'", False),
    ("dyn(timestamp(1)) == duration('1s')", False),
    ("dyn(timestamp(1)) < 2", FAILS),
    ("dyn(timestamp(1)) < duration('2s')", FAILS),
]
PARTS: list[tuple[str, Any]] = [
    (f"{T}.getFullYear()", 2009),
    (f"{T}.getMonth()", 1),
    (f"{T}.getDate()", 13),
    (f"{T}.getDayOfMonth()", 12),
    (f"{T}.getDayOfWeek()", 5),
    ("timestamp('2023-12-24T12:00:00Z').getDayOfWeek()", 0),
    (f"{T}.getDayOfYear()", 43),
    ("timestamp('2024-12-31T00:00:00Z').getDayOfYear()", 365),
    (f"{T}.getHours()", 23),
    (f"{T}.getMinutes()", 31),
    (f"{T}.getSeconds()", 30),
    (f"{T}.getMilliseconds()", 123),
    ("timestamp('1969-12-31T23:59:59.5Z').getMilliseconds()", 500),
    ("timestamp('2023-12-25T00:00:00Z').getFullYear('America/Los_Angeles')", 2023),
    ("timestamp('2024-01-01T00:00:00Z').getFullYear('America/Los_Angeles')", 2023),
    ("timestamp('2024-01-01T00:00:00Z').getMonth('America/Los_Angeles')", 11),
    ("timestamp('2023-12-25T00:00:00Z').getDate('America/Los_Angeles')", 24),
    ("timestamp('2023-12-25T00:00:00Z').getDayOfMonth('America/Los_Angeles')", 23),
    (f"{T}.getDayOfWeek('Asia/Tokyo')", 6),
    (f"{T}.getDayOfYear('Asia/Tokyo')", 44),
    (f"{T}.getHours('Europe/Paris')", 0),
    ("timestamp('2009-07-13T23:31:30Z').getHours('Europe/Paris')", 1),
    (f"{T}.getMinutes('Asia/Kathmandu')", 16),
    (f"{T}.getSeconds('UTC')", 30),
    (f"{T}.getMilliseconds('Asia/Tokyo')", 123),
    (f"{T}.getHours('+02:00')", 1),
    (f"{T}.getHours('-02:30')", 21),
    (f"{T}.getMinutes('-02:30')", 1),
    (f"{T}.getHours('02:00')", 1),
    (f"{T}.getHours('-00:00')", 23),
    ("timestamp('0001-01-01T00:00:00Z').getFullYear('-01:00')", 0),
    ("timestamp('9999-12-31T23:59:59Z').getFullYear('+01:00')", 10_000),
    ("timestamp('9999-12-31T23:59:59Z').getDayOfYear('+01:00')", 0),
    (f"{T}.getHours('Nowhere/Land')", FAILS),
    (f"{T}.getHours('../UTC')", FAILS),
    (f"{T}.getHours('/etc/passwd')", FAILS),
    (f"{T}.getHours(dyn(1))", FAILS),
    ("dyn(1).getHours()", FAILS),
    ("dyn('2009-02-13T23:31:30Z').getFullYear()", FAILS),
    ("duration('100m').getHours()", 1),
    ("duration('-100m').getHours()", -1),
    ("duration('1h30m').getMinutes()", 90),
    ("duration('1m30.9s').getSeconds()", 90),
    ("duration('-1.5s').getSeconds()", -1),
    ("duration('1.234567s').getMilliseconds()", 234),
    ("duration('-1.5s').getMilliseconds()", -500),
    ("dyn(duration('1s')).getFullYear()", FAILS),
    ("dyn(duration('1s')).getHours('UTC')", FAILS),
]
CASES = [*READ, *WRITTEN, *ARITHMETIC, *COMPARED, *PARTS]
OURS: list[tuple[str, Any]] = [
    ("timestamp('2009-02-13T23:59:60Z')", FAILS),  # no leap seconds: Unix time has none
    ("timestamp('2009-02-13T23:31:30.1234567891Z')", FAILS),  # the oracle drops the tenth digit
    ("timestamp('2009-02-13T23:31:30Z ')", FAILS),
    ("timestamp(' 2009-02-13T23:31:30Z')", FAILS),  # the oracle reads past spaces
    ("timestamp('2009-2-13T23:31:30Z')", FAILS),  # RFC 3339 wants two digits
    ("timestamp('2009-02-13T23:31:30+0530')", FAILS),  # and a colon
    ("duration('5µs')", Duration(0, 5_000)),  # as Go writes microseconds
    (f"{T}.getHours('+2:00')", FAILS),
    (f"{T}.getHours('+24:00')", FAILS),
    (f"{T}.getHours('+05:60')", FAILS),
    (f"{T}.getHours('')", FAILS),
]
REFUSED = [
    *(
        "timestamp()",
        "timestamp(1.5)",
        "timestamp(null)",
        "duration(1)",
        "duration(true)",
        "timestamp(0) + timestamp(0)",
    ),
    *("duration('1s') - timestamp(0)", "timestamp(0) + 1", "-duration('1s')", "duration('1s') * 2", "timestamp(0) < 1"),
    *("timestamp(0).getHours(1)", "duration('1s').getHours('UTC')", "duration('1s').getDate()", "'a'.getHours()"),
]


@pytest.mark.parametrize(("text", "value"), CASES + OURS)
def test_meaning(text: str, value: Any) -> None:
    """Times are read, written, added, compared and taken apart as the definition says, to the nanosecond."""
    for given in answers(text):
        assert same(given, value)


@pytest.mark.parametrize(("text", "value"), CASES)
def test_oracle(text: str, value: Any) -> None:
    """Google's engine says the same of each line, as far as it can hand it out."""
    expected = oracle_answer(text)
    assert same(plain(value), expected)


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    """What no overload takes is refused before anything is evaluated."""
    assert refused(text)
    assert oracle_answer(text) == FAILS
