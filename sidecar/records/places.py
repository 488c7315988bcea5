"""A JSON reader that knows where everything stands: slow, exact, and used only to explain or to point."""

import json
import json.decoder
import math
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sidecar.errors import SidecarError

DEEPEST = 64
SMALLEST, GREATEST = -(2**63), 2**63 - 1
NO_INTEGER = "is outside the integers from -2^63 to 2^63-1"

# The standard library's own reader of one string; its types do not show it.
_scan_string: Callable[[str, int, bool], tuple[str, int]] = vars(json.decoder)["scanstring"]

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[-+A-Za-z0-9_.]+")
_WORDS = {"true": True, "false": False, "null": None}
_DIGITS_SHOWN = 24


class BadJson(SidecarError):  # noqa: N818 - the text is what is bad
    """A text is not JSON that the product takes. ``offset`` counts characters from 0."""

    def __init__(self, message: str, pointer: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.pointer = pointer
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Places:
    """Where a text's values begin, by JSON pointer; a member's place is that of its key."""

    text: str
    offsets: dict[str, int]
    starts: list[int]
    """Where each line begins."""

    def at(self, pointer: str) -> int:
        """The offset of a pointer, or of its nearest parent that is there."""
        while pointer and pointer not in self.offsets:
            pointer = pointer.rpartition("/")[0]
        return self.offsets.get(pointer, 0)

    def line(self, offset: int) -> tuple[int, int, str]:
        """The line and column of an offset, counted from 1, and the line's text."""
        number = bisect_right(self.starts, offset)
        start = self.starts[number - 1]
        end = self.starts[number] - 1 if number < len(self.starts) else None
        return number, offset - start + 1, self.text[start:end]


def line_of(text: str, offset: int) -> tuple[int, int, str]:
    """The line and column of an offset, counted from 1, and the line's text."""
    return Places(text, {}, _starts(text)).line(offset)


def _starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer("\n", text))]


def token(name: str) -> str:
    """One name as a part of a JSON pointer."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def names(pointer: str) -> tuple[str, ...]:
    """The names a JSON pointer goes through."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def at(record: Any, path: tuple[str, ...]) -> Any:
    """The value at the end of a path of names; None when it is not there."""
    for name in path:
        if record.__class__ is not dict:
            return None
        record = record.get(name)
    return record


def read_placed(text: str, levels: int = DEEPEST) -> tuple[Any, Places]:
    """Read a text; what it says, and where down to so many levels. Raises BadJson at the first thing that is wrong."""
    reader = _Reader(text, levels)
    value, end = reader.value(reader.skip(0), "", 0)
    if reader.skip(end) != len(text):
        raise BadJson("something follows the value", "", reader.skip(end))
    return value, Places(text, reader.offsets, _starts(text))


@dataclass
class _Reader:
    text: str
    levels: int
    offsets: dict[str, int] = field(default_factory=dict)

    def skip(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return match.end() if match else at

    def value(self, at: int, pointer: str, depth: int) -> tuple[Any, int]:
        """The value that begins here and the offset behind it."""
        if depth <= self.levels:
            self.offsets.setdefault(pointer, at)
        sign = self.text[at : at + 1]
        if sign in ("{", "[") and depth >= DEEPEST:
            raise BadJson(f"is nested deeper than {DEEPEST} levels", pointer, at)
        if sign == "{":
            return self._object(at, pointer, depth)
        if sign == "[":
            return self._array(at, pointer, depth)
        if sign == '"':
            return self._string(at, pointer)
        return self._scalar(at, pointer)

    def _object(self, at: int, pointer: str, depth: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        at = self.skip(at + 1)
        while self.text[at : at + 1] != "}":
            if self.text[at : at + 1] != '"':
                raise BadJson("a name in double quotes is missing here", pointer, at)
            place = at
            name, at = self._string(at, pointer)
            inner = pointer + token(name)
            if name in found:
                raise BadJson("is given twice", inner, place)
            if depth < self.levels:
                self.offsets[inner] = place
            at = self._expect(":", self.skip(at), pointer)
            found[name], at = self.value(self.skip(at), inner, depth + 1)
            at = self._next("}", self.skip(at), pointer)
        return found, at + 1

    def _array(self, at: int, pointer: str, depth: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        at = self.skip(at + 1)
        while self.text[at : at + 1] != "]":
            item, at = self.value(at, f"{pointer}/{len(found)}", depth + 1)
            found.append(item)
            at = self._next("]", self.skip(at), pointer)
        return found, at + 1

    def _next(self, closing: str, at: int, pointer: str) -> int:
        """Step over a comma, which another item must follow; stay at the closing bracket."""
        if self.text[at : at + 1] == closing:
            return at
        at = self.skip(self._expect(",", at, pointer))
        if self.text[at : at + 1] == closing:
            raise BadJson("nothing follows the comma", pointer, at)
        return at

    def _expect(self, sign: str, at: int, pointer: str) -> int:
        if self.text[at : at + 1] != sign:
            there = "the end of the text" if at >= len(self.text) else repr(self.text[at])
            raise BadJson(f"{sign!r} is missing before {there}", pointer, at)
        return at + 1

    def _string(self, at: int, pointer: str) -> tuple[str, int]:
        try:
            found, end = _scan_string(self.text, at + 1, True)
        except json.JSONDecodeError as error:
            raise BadJson(f"is not a JSON string: {error.msg}", pointer, error.pos) from None
        fault = bad_text(found)
        if fault:
            raise BadJson(fault, pointer, at)
        return found, end

    def _scalar(self, at: int, pointer: str) -> tuple[Any, int]:
        match = _NUMBER.match(self.text, at)
        word = _WORD.match(self.text, at)
        shown = word.group() if word else self.text[at : at + 1]
        if shown in _WORDS:
            return _WORDS[shown], at + len(shown)
        if match is None or match.group() != shown:
            there = "the text ends where a value is expected" if not shown else f"{_short(shown)} is not JSON"
            raise BadJson(there, pointer, at)
        if match.group(1) is None and match.group(2) is None:
            return _integer(shown, pointer, at), match.end()
        number = float(shown)
        if not math.isfinite(number):
            raise BadJson(f"{_short(shown)} is too great for a number", pointer, at)
        return number, match.end()


def bad_text(text: str) -> str | None:
    """Why a string cannot be kept, if it cannot."""
    if "\x00" in text:
        return "holds the character U+0000, which cannot be stored"
    if any("\ud800" <= char <= "\udfff" for char in text):
        return "holds half of a surrogate pair, which is no character"
    return None


def _integer(digits: str, pointer: str, at: int) -> int | float:
    too_long = len(digits) > len(str(SMALLEST))
    if too_long or not SMALLEST <= int(digits) <= GREATEST:
        raise BadJson(f"{_short(digits)} {NO_INTEGER}", pointer, at)
    return whole(digits)


def whole(digits: str) -> int | float:
    """The number that digits stand for: ``-0`` is no integer but -0.0, as which the engines read and digest it."""
    return -0.0 if digits == "-0" else int(digits)


def _short(text: str) -> str:
    return text if len(text) <= _DIGITS_SHOWN else f"{text[:_DIGITS_SHOWN]}… ({len(text)} characters)"
