"""Instants and spans of time with nanoseconds: their limits, how they are written, and how they add up."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sidecar.cel import sentences
from sidecar.cel.errors import EvaluationError

NANOS = 1_000_000_000
FIRST, LAST = -62_135_596_800, 253_402_300_799
"""The seconds of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z."""
LONGEST = 315_576_000_000
"""The seconds of the longest duration, some 10,000 years."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LONGEST_DIFFERENCE = 2**63
_TEXT = 128
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))\Z"
)
_PART = r"(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(h|ms|m|s|us|µs|ns)"
_SPAN = re.compile(rf"[+-]?(?:0|(?:{_PART})+)\Z")
_PARTS = re.compile(_PART)
_UNITS = {
    "h": 3_600 * NANOS, "m": 60 * NANOS, "s": NANOS, "ms": 1_000_000, "us": 1_000, "µs": 1_000, "ns": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """An instant: seconds since 1970 in UTC, and nanoseconds from there on. Years 1 to 9999."""

    seconds: int
    nanos: int = 0

    def __post_init__(self) -> None:
        if not (FIRST <= self.seconds <= LAST and 0 <= self.nanos < NANOS):
            raise EvaluationError(sentences.outside_years())

    def __str__(self) -> str:
        moment = EPOCH + timedelta(seconds=self.seconds)
        return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f"{_fraction(self.nanos)}Z"

    @classmethod
    def of(cls, nanoseconds: int) -> Self:
        """The instant that many nanoseconds after 1970."""
        return cls(*divmod(nanoseconds, NANOS))

    @property
    def nanoseconds(self) -> int:
        """Nanoseconds since 1970."""
        return self.seconds * NANOS + self.nanos


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time: seconds and nanoseconds, both of one sign. At most some 10,000 years."""

    seconds: int
    nanos: int = 0

    def __post_init__(self) -> None:
        if abs(self.nanoseconds) > LONGEST * NANOS or abs(self.nanos) >= NANOS or self.seconds * self.nanos < 0:
            raise EvaluationError(sentences.too_long_a_time())

    def __str__(self) -> str:
        sign = "-" if self.nanoseconds < 0 else ""
        return f"{sign}{abs(self.seconds)}{_fraction(abs(self.nanos))}s"

    @classmethod
    def of(cls, nanoseconds: int) -> Self:
        """The span of that many nanoseconds."""
        return cls(whole(nanoseconds, NANOS), nanoseconds - whole(nanoseconds, NANOS) * NANOS)

    @property
    def nanoseconds(self) -> int:
        """The whole span in nanoseconds."""
        return self.seconds * NANOS + self.nanos


def whole(number: int, unit: int) -> int:
    """How often a unit fits, towards zero."""
    return number // unit if number >= 0 else -(-number // unit)


def _fraction(nanos: int) -> str:
    """Nothing, or as many of 3, 6 and 9 digits as tell it all."""
    digits = f"{nanos:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}" if digits else ""


# --- reading ----------------------------------------------------------------------------------------------------------


def to_timestamp(value: Any) -> Timestamp:
    """``timestamp(value)``: an instant, seconds since 1970, or a text of RFC 3339."""
    if type(value) is Timestamp:
        return value
    return Timestamp(value) if type(value) is int else _read_instant(value)


def _read_instant(text: str) -> Timestamp:
    found = _INSTANT.match(text)
    if found is None:
        raise EvaluationError(sentences.bad_conversion(text, "a timestamp"))
    *fields, fraction, sign, hours, minutes = found.groups()
    try:
        moment = datetime(*map(int, fields), tzinfo=UTC)  # type: ignore[arg-type,misc]  # six whole numbers
    except ValueError:
        raise EvaluationError(sentences.bad_conversion(text, "a timestamp")) from None
    offset = 0 if sign is None else _offset(sign, int(hours), int(minutes))
    if offset is None:
        raise EvaluationError(sentences.bad_conversion(text, "a timestamp"))
    passed = moment - EPOCH
    return Timestamp(passed.days * 86_400 + passed.seconds - offset, int((fraction or "").ljust(9, "0")))


def _offset(sign: str, hours: int, minutes: int) -> int | None:
    """The seconds of an offset from UTC, or None when there is no such offset."""
    if hours > 23 or minutes > 59:  # noqa: PLR2004 - a clock's
        return None
    return (hours * 60 + minutes) * (-60 if sign == "-" else 60)


_FIXED = re.compile(r"([+-]?)([0-9]{2}):([0-9]{2})\Z")


def fixed_offset(zone: str) -> int | None:
    """The seconds of a zone written as ``+02:00``, or None when it is not written so."""
    found = _FIXED.match(zone)
    return None if found is None else _offset(found[1], int(found[2]), int(found[3]))


def to_duration(value: Any) -> Duration:
    """``duration(value)``: a span, or a text such as ``1h30m`` or ``-1.5s``."""
    if type(value) is Duration:
        return value
    if len(value) > _TEXT or _SPAN.match(value) is None:
        raise EvaluationError(sentences.bad_conversion(value, "a duration"))
    total = sum(_nanoseconds(*found.groups()) for found in _PARTS.finditer(value))
    return Duration.of(-total if value.startswith("-") else total)


def _nanoseconds(units: str | None, part: str | None, only: str | None, unit: str) -> int:
    fraction = part or only or ""
    scale: int = 10 ** len(fraction)
    return int(units or 0) * _UNITS[unit] + int(fraction or 0) * _UNITS[unit] // scale


# --- adding up --------------------------------------------------------------------------------------------------------


def _difference(left: Timestamp, right: Timestamp) -> Duration:
    """What lies between, which must be told in nanoseconds of 64 bits."""
    nanoseconds = left.nanoseconds - right.nanoseconds
    if not -_LONGEST_DIFFERENCE <= nanoseconds < _LONGEST_DIFFERENCE:
        raise EvaluationError(sentences.too_long_a_time())
    return Duration.of(nanoseconds)


ARITHMETIC: Mapping[tuple[str, type, type], Callable[[Any, Any], Any]] = {
    ("+", Timestamp, Duration): lambda left, right: Timestamp.of(left.nanoseconds + right.nanoseconds),
    ("+", Duration, Timestamp): lambda left, right: Timestamp.of(left.nanoseconds + right.nanoseconds),
    ("+", Duration, Duration): lambda left, right: Duration.of(left.nanoseconds + right.nanoseconds),
    ("-", Timestamp, Timestamp): _difference,
    ("-", Timestamp, Duration): lambda left, right: Timestamp.of(left.nanoseconds - right.nanoseconds),
    ("-", Duration, Duration): lambda left, right: Duration.of(left.nanoseconds - right.nanoseconds),
}
"""What ``+`` and ``-`` do with times."""
SIGNATURES = """
timestamp(timestamp) timestamp; timestamp(string) timestamp; timestamp(int) timestamp
duration(duration) duration; duration(string) duration
"""
FUNCTIONS: Mapping[str, Callable[..., Any]] = {"timestamp": to_timestamp, "duration": to_duration}
