"""``text.format(arguments)``: clauses such as ``%s``, ``%d`` and ``%.3f``."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sidecar.cel import sentences
from sidecar.cel.ast import UInt
from sidecar.cel.conversions import shown_double
from sidecar.cel.errors import EvaluationError
from sidecar.cel.limits import LIMITS
from sidecar.cel.times import Duration, Timestamp
from sidecar.cel.values import kind_of
from sidecar.cel.wrapped import TypeValue, told

_CLAUSE = re.compile(r"%(?:\.([0-9]+))?(.?)", re.DOTALL)
_PRECISION, _MOST = 6, 1_000
"""Digits behind the point: where a clause says nothing, and the most that one may ask for."""
_BY_STEP = 16
"""So many characters of text cost a step."""
_WHOLE = frozenset((int, UInt))


def format_text(text: str, arguments: list[Any]) -> str:
    """The text with each clause replaced by the argument at its turn; arguments may be left over.

    Raises EvaluationError for a clause that does not exist, lacks its argument or gets one of another type.
    """
    given = iter(arguments)
    pieces: list[str] = []
    at = length = 0
    for found in _CLAUSE.finditer(text):
        pieces += [text[at : found.start()], _clause(found[2], found[1], given)]
        length += len(pieces[-1])
        if length > LIMITS.text:
            raise EvaluationError(sentences.too_long_a_text(LIMITS.text))
        at = found.end()
    return "".join([*pieces, text[at:]])


def _clause(letter: str, precision: str | None, given: Iterator[Any]) -> str:
    if letter == "%" and precision is None:
        return "%"
    write = _CLAUSES.get(letter)
    if write is None:
        raise EvaluationError(sentences.no_clause(letter))
    digits = _PRECISION if precision is None else min(int(precision[:5]), _MOST + 1)
    if digits > _MOST:
        raise EvaluationError(sentences.too_precise(_MOST))
    for argument in given:
        return write(argument, digits)
    raise EvaluationError(sentences.too_few_arguments())


def _refused(letter: str, value: Any) -> EvaluationError:
    return EvaluationError(sentences.not_formatted(letter, kind_of(value)))


# --- each clause ------------------------------------------------------------------------------------------------------


def _text(value: Any, _: int) -> str:
    return _Text().of(value)


class _Text:
    """Any value as text. What stands in many places is written in each, so it is counted."""

    def __init__(self) -> None:
        self._left = LIMITS.steps

    def of(self, value: Any) -> str:
        """The text of a value: strings bare, maps in the order of their keys."""
        self._left -= 1
        if self._left < 0:
            raise EvaluationError(sentences.over_budget(LIMITS.steps))
        if type(value) is list:
            return f"[{', '.join(map(self.of, value))}]"
        if type(value) is dict:
            entries = sorted((self.of(told(key)), self.of(item)) for key, item in value.items())
            return f"{{{', '.join(f'{key}: {item}' for key, item in entries)}}}"
        write = _SCALARS.get(type(value))
        if write is None:
            raise _refused("s", value)
        text = write(value)
        self._left -= len(text) // _BY_STEP
        return text


def _bytes_shown(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise EvaluationError(sentences.bad_conversion(value, "a string")) from None


def _double_shown(value: float) -> str:
    return _unusual(value) or shown_double(value)


_SCALARS: Mapping[type, Callable[[Any], str]] = {
    str: str, bool: lambda value: "true" if value else "false", int: str, UInt: lambda value: str(int(value)),
    float: _double_shown, bytes: _bytes_shown, type(None): lambda _: "null",
    Timestamp: str, Duration: str, TypeValue: str,
}  # fmt: skip


def _unusual(value: float) -> str:
    """The name of what is no finite number."""
    if math.isnan(value):
        return "NaN"
    return ("Infinity" if value > 0 else "-Infinity") if math.isinf(value) else ""


def _decimal(value: Any, _: int) -> str:
    if type(value) in _WHOLE:
        return str(int(value))
    if type(value) is float and _unusual(value):
        return _unusual(value)
    raise _refused("d", value)


def _real(letter: str) -> Callable[[Any, int], str]:
    def write(value: Any, digits: int) -> str:
        if type(value) not in (float, int, UInt):
            raise _refused(letter, value)
        number = float(value)
        return _unusual(number) or f"{number:.{digits}{letter}}"

    return write


def _based(letter: str, kinds: frozenset[type]) -> Callable[[Any, int], str]:
    def write(value: Any, _: int) -> str:
        if type(value) not in kinds:
            raise _refused(letter, value)
        if type(value) in (str, bytes):
            digits = (value.encode() if type(value) is str else value).hex()
            return digits.upper() if letter == "X" else digits
        return format(int(value), letter)

    return write


_CLAUSES: Mapping[str, Callable[[Any, int], str]] = {
    "s": _text, "d": _decimal, "f": _real("f"), "e": _real("e"), "b": _based("b", _WHOLE | {bool}),
    "o": _based("o", _WHOLE), "x": _based("x", _WHOLE | {str, bytes}), "X": _based("X", _WHOLE | {str, bytes}),
}  # fmt: skip
