"""The functions over strings that are an extension of CEL. Positions count code points."""

from collections.abc import Callable, Mapping
from typing import Any

from sidecar.cel import sentences
from sidecar.cel.errors import EvaluationError
from sidecar.cel.formatting import format_text
from sidecar.cel.limits import LIMITS
from sidecar.cel.values import no_overload

_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_SPACES = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_QUOTED = {
    ord(character): f"\\{letter}" for character, letter in zip('\a\b\f\n\r\t\v\\"', 'abfnrtv\\"', strict=True)
}  # fmt: skip


def _place(position: int, length: int) -> int:
    """A position in a text, its end included."""
    if 0 <= position <= length:
        return position
    raise EvaluationError(sentences.no_position(position, length))


def bounded(length: int) -> None:
    """Raise EvaluationError before a text is made that is longer than any rule needs."""
    if length > LIMITS.text:
        raise EvaluationError(sentences.too_long_a_text(LIMITS.text))


def _char_at(text: str, position: int) -> str:
    return text[_place(position, len(text)) :][:1]


def _index_of(text: str, part: str, start: int = 0) -> int:
    return text.find(part, _place(start, len(text)))


def _last_index_of(text: str, part: str, start: int | None = None) -> int:
    """The last place at or before ``start``."""
    last = len(text) if start is None else _place(start, len(text))
    return text.rfind(part, 0, last + len(part))


def _substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else _place(end, len(text))
    if _place(start, len(text)) > stop:
        raise EvaluationError(sentences.no_range(start, stop))
    return text[start:stop]


def _replace(text: str, old: str, new: str, limit: int = -1) -> str:
    count = text.count(old)
    count = count if limit < 0 else min(count, limit)
    bounded(len(text) + count * (len(new) - len(old)))
    return text.replace(old, new, count)


def _split(text: str, separator: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if separator:
        return text.split(separator, limit - 1 if limit > 0 else -1)
    if 0 < limit < len(text):
        return [*text[: limit - 1], text[limit - 1 :]]
    return list(text) or [""]


def _join(items: list[Any], separator: str = "") -> str:
    if not all(type(item) is str for item in items):
        raise no_overload("join", items)
    bounded(sum(map(len, items)) + len(separator) * len(items))
    return separator.join(items)


def _quote(text: str) -> str:
    return f'"{text.translate(_QUOTED)}"'


SIGNATURES = """
string.charAt(int) string; string.indexOf(string) int; string.indexOf(string, int) int
string.lastIndexOf(string) int; string.lastIndexOf(string, int) int
string.lowerAscii() string; string.upperAscii() string; string.trim() string; string.reverse() string
string.replace(string, string) string; string.replace(string, string, int) string
string.split(string) list(string); string.split(string, int) list(string)
string.substring(int) string; string.substring(int, int) string
list(string).join() string; list(string).join(string) string
string.format(list(A)) string; strings.quote(string) string
"""
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "charAt": _char_at,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "lowerAscii": lambda text: text.translate(_LOWER),
    "upperAscii": lambda text: text.translate(_UPPER),
    "trim": lambda text: text.strip(_SPACES),
    "reverse": lambda text: text[::-1],
    "replace": _replace,
    "split": _split,
    "substring": _substring,
    "join": _join,
    "format": format_text,
    "strings.quote": _quote,
}
