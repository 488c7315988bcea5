"""Reading JSON strictly: what two readers could understand differently, or no store could keep, is refused."""

import json
import math
from typing import Any, Never

import orjson

from sidecar.records.places import DEEPEST, GREATEST, NO_INTEGER, SMALLEST, BadJson, bad_text, read_placed, token, whole

_BOM = b"\xef\xbb\xbf"
_NUL_ESCAPED = b"\\u0000"
"""How JSON writes U+0000 in a text, which no store keeps."""
_INDENTED = orjson.OPT_STRICT_INTEGER | orjson.OPT_INDENT_2


def read_json(data: bytes) -> Any:
    """Read one JSON text. Raises BadJson, and nothing else, for whatever is not exactly one clean value.

    Refused: a byte-order mark, bytes that are not UTF-8, a name given twice, NaN and infinities, numbers beyond a
    double, integers outside -2^63 to 2^63-1, U+0000, half surrogates, nesting deeper than 64 levels.
    """
    try:
        value = orjson.loads(data)
        # Equal after a round trip: no name was given twice, no number changed. Greater integers than 2^53 raise.
        form = _INDENTED if data[1:2] == b"\n" else orjson.OPT_STRICT_INTEGER
        if orjson.dumps(value, option=form) == data and not may_hold_nul(data) and not _deep(data, value):
            return value
    except (orjson.JSONDecodeError, TypeError):
        pass  # the exact reader decides, and says what is wrong
    return _read_exactly(data)


def may_hold_nul(data: bytes) -> bool:
    """Whether U+0000 may stand in one of a JSON text's strings; most have no escape at all, which is seen sooner."""
    return data.find(b"\\") >= 0 and _NUL_ESCAPED in data


def _deep(data: bytes, value: Any) -> bool:
    """Whether a value nests too deep; few brackets cannot."""
    return data.count(b"[") + data.count(b"{") > DEEPEST and not _within(value, DEEPEST)


def _within(value: Any, levels: int) -> bool:
    """Whether a value nests at most so many objects and lists."""
    if value.__class__ is dict:
        return levels > 0 and all(_within(item, levels - 1) for item in value.values())
    if value.__class__ is list:
        return levels > 0 and all(_within(item, levels - 1) for item in value)
    return True


class _NotClean(ValueError):  # noqa: N818 - never leaves this file
    """The standard library's reader met something that it would let pass."""


def _read_exactly(data: bytes) -> Any:
    """The standard library decides where the fast reader could not; only a refusal is read again, to be explained."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadJson(f"byte {error.start} is not UTF-8", "", error.start) from None
    if data.startswith(_BOM):
        raise BadJson("begins with a byte-order mark; leave it out", "", 0)
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        value = read_placed(text)[0]
    # Only an escape can bring in U+0000 or half a surrogate pair: the decoders above refuse both as they stand.
    escaped = b"\\u" in data
    if not _deep(data, value) and not (escaped and fault_in(value)):
        return value
    return read_placed(text)[0]


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NotClean
    return found


def _int(digits: str) -> int | float:
    if len(digits) > len(str(SMALLEST)) or not SMALLEST <= int(digits) <= GREATEST:
        raise _NotClean
    return whole(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _NotClean
    return number


def _constant(_: str) -> Never:
    raise _NotClean


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_int, parse_float=_float, parse_constant=_constant)


def fault_in(value: Any) -> tuple[str, str] | None:
    """The first thing in a parsed value that cannot be kept, as pointer and sentence; None when there is none."""
    if value.__class__ is str:
        fault = bad_text(value)
        return ("", fault) if fault else None
    if value.__class__ is int and not SMALLEST <= value <= GREATEST:
        return "", f"{value} {NO_INTEGER}"
    if value.__class__ is float and not math.isfinite(value):
        return "", f"{value} is no number of JSON"
    if value.__class__ is dict:
        return _fault_in_members(value)
    if value.__class__ is list:
        for place, item in enumerate(value):
            fault_below = fault_in(item)
            if fault_below:
                return f"/{place}{fault_below[0]}", fault_below[1]
    return None


def _fault_in_members(value: dict[str, Any]) -> tuple[str, str] | None:
    for name, item in value.items():
        bad_name = bad_text(name)
        if bad_name:
            return "", f"has a name that {bad_name}"
        below = fault_in(item)
        if below:
            return token(name) + below[0], below[1]
    return None
