"""The parts of an instant on the clock and calendar of a zone, and a span in hours, minutes, seconds."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sidecar.cel import sentences
from sidecar.cel.errors import EvaluationError
from sidecar.cel.times import EPOCH, FIRST, LAST, Duration, Timestamp, fixed_offset, whole

_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*\Z")
_ZONE_TEXT = 64
_CYCLE = 146_097 * 86_400
"""The seconds of 400 years, after which the calendar repeats, weekdays included."""
_DAYS = 3 * 86_400


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    """The zone of a name such as ``Europe/Paris``; whatever a text may name besides is kept from the file system."""
    if len(name) <= _ZONE_TEXT and _ZONE.match(name):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise EvaluationError(sentences.unknown_zone(name)) from None
    raise EvaluationError(sentences.unknown_zone(name))


def _offset(instant: Timestamp, name: str) -> int:
    fixed = fixed_offset(name)
    if fixed is not None:
        return fixed
    inside = min(max(instant.seconds, FIRST + _DAYS), LAST - _DAYS)
    offset = (EPOCH + timedelta(seconds=inside)).astimezone(_zone(name)).utcoffset()
    return 0 if offset is None else round(offset.total_seconds())


def _local(instant: Timestamp, name: str) -> tuple[datetime, int]:
    """The date and time in the zone, and its year, which may lie just outside of Python's."""
    seconds = instant.seconds + _offset(instant, name)
    turns = 1 if seconds < FIRST else -1 if seconds > LAST else 0
    moment = EPOCH + timedelta(seconds=seconds + turns * _CYCLE)
    return moment, moment.year - turns * 400


_OF_DATE: Mapping[str, Callable[[datetime], int]] = {
    "getMonth": lambda moment: moment.month - 1,
    "getDate": lambda moment: moment.day,
    "getDayOfMonth": lambda moment: moment.day - 1,
    "getDayOfWeek": lambda moment: moment.isoweekday() % 7,
    "getDayOfYear": lambda moment: moment.timetuple().tm_yday - 1,
    "getHours": lambda moment: moment.hour,
    "getMinutes": lambda moment: moment.minute,
    "getSeconds": lambda moment: moment.second,
}
_OF_SPAN = {"getHours": 3_600, "getMinutes": 60, "getSeconds": 1}
_MILLION = 1_000_000


def _full_year(instant: Timestamp, zone: str = "UTC") -> int:
    return _local(instant, zone)[1]


def _milliseconds(time: Timestamp | Duration, zone: str = "UTC") -> int:
    """The part below the second, of a span too."""
    if zone != "UTC":
        _offset(Timestamp(0), zone)
    return whole(time.nanos, _MILLION)


def _selector(name: str) -> Callable[..., int]:
    def select(time: Timestamp | Duration, zone: str = "UTC") -> int:
        if isinstance(time, Duration):
            return whole(time.seconds, _OF_SPAN[name])
        return _OF_DATE[name](_local(time, zone)[0])

    return select


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{name: _selector(name) for name in _OF_DATE},
    "getFullYear": _full_year,
    "getMilliseconds": _milliseconds,
}
SIGNATURES = "\n".join(
    [f"timestamp.{name}() int; timestamp.{name}(string) int" for name in FUNCTIONS]
    + [f"duration.{name}() int" for name in (*_OF_SPAN, "getMilliseconds")]
)
