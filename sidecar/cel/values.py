"""What CEL's operators and functions do to Python values. Every function raises on what has no value.

Values are those of JSON (``str int float bool None list dict``), ``bytes``, ``UInt`` and the classes of ``times`` and
``wrapped``. A bool is no number, an ``int`` has 64 bits, and numbers of different types are equal and ordered by what
they are worth.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from sidecar.cel import sentences
from sidecar.cel.ast import UInt
from sidecar.cel.errors import EvaluationError
from sidecar.cel.limits import LIMITS
from sidecar.cel.patterns import compile_pattern
from sidecar.cel.times import ARITHMETIC, Duration, Timestamp
from sidecar.cel.wrapped import OptionalValue, TypeValue, stored, told

_INT_MIN, _INT_MAX, _UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1
_NAMES: Mapping[type, str] = {
    bool: "bool", int: "int", UInt: "uint", float: "double", str: "string", bytes: "bytes",
    type(None): "null_type", list: "list", dict: "map", Timestamp: "google.protobuf.Timestamp",
    Duration: "google.protobuf.Duration", OptionalValue: "optional_type", TypeValue: "type",
}  # fmt: skip
_NUMBERS = frozenset((int, UInt, float))
_ORDERED = frozenset((int, UInt, float, bool, str, bytes, Timestamp, Duration))
_COUNTED = frozenset((list, dict, OptionalValue))


def kind_of(value: Any) -> str:
    """The CEL name of a value's type."""
    return _NAMES.get(type(value), type(value).__name__.lower())


def no_overload(operation: str, *values: Any) -> EvaluationError:
    """The error that an operation does not apply to these values."""
    return EvaluationError(sentences.no_such_overload(operation, [kind_of(value) for value in values]))


def truth(value: Any) -> bool:
    """The value, which must be true or false."""
    if value is True or value is False:
        return value
    raise no_overload("condition", value)


# --- equality and order -----------------------------------------------------------------------------------------------


def equal(left: Any, right: Any) -> bool:
    """CEL's equality, all the way down: numbers by worth, no bool is a number, different kinds are never equal."""
    left_type, right_type = type(left), type(right)
    if left_type is right_type:
        return Comparison().same(left, right) if left_type in _COUNTED else bool(left == right)
    return left_type in _NUMBERS and right_type in _NUMBERS and _same_worth(left, right)


def _same_worth(left: Any, right: Any) -> bool:
    """Numbers of two types: where one is a double, both are compared as doubles."""
    if type(left) is float or type(right) is float:
        return float(left) == float(right)
    return bool(left == right)


class Comparison:
    """One comparison of lists or maps: parts that stand in many places are looked at in each, so they are counted."""

    __slots__ = ("left",)

    def __init__(self, steps: int = LIMITS.steps) -> None:
        self.left = steps

    def same(self, left: Any, right: Any) -> bool:
        """Whether two values are equal."""
        kind = type(left)
        if kind is not type(right) or kind not in _COUNTED:
            return equal(left, right)
        if kind is OptionalValue:
            return bool(left) == bool(right) and (not left or self.same(left.value, right.value))
        self.left -= len(left) + 1
        if self.left < 0:
            raise EvaluationError(sentences.over_budget(LIMITS.steps))
        if kind is list:
            return len(left) == len(right) and all(map(self.same, left, right))
        return len(left) == len(right) and all(
            has_key(right, told(key)) and self.same(value, lookup(right, told(key))) for key, value in left.items()
        )


def differ(left: Any, right: Any) -> bool:
    """Not ``equal``."""
    return not equal(left, right)


def _order(operation: str, decide: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """An order of two values of one type, or of two numbers by worth."""

    def ordered(left: Any, right: Any) -> bool:
        left_type, right_type = type(left), type(right)
        if left_type is right_type and left_type in _ORDERED:
            return decide(left, right)
        if left_type in _NUMBERS and right_type in _NUMBERS:
            mixed = left_type is float or right_type is float
            return decide(float(left), float(right)) if mixed else decide(left, right)
        raise no_overload(operation, left, right)

    return ordered


less = _order("<", lambda left, right: left < right)
at_most = _order("<=", lambda left, right: left <= right)
greater = _order(">", lambda left, right: left > right)
at_least = _order(">=", lambda left, right: left >= right)


# --- arithmetic -------------------------------------------------------------------------------------------------------


def as_int(value: int) -> int:
    """An integer of 64 bits. Raises EvaluationError past them."""
    if _INT_MIN <= value <= _INT_MAX:
        return value
    raise EvaluationError(sentences.overflow("an integer"))


def as_uint(value: int) -> UInt:
    """An unsigned integer of 64 bits. Raises EvaluationError past them."""
    if 0 <= value <= _UINT_MAX:
        return UInt(value)
    raise EvaluationError(sentences.overflow("an unsigned integer"))


def _arithmetic(
    operation: str,
    whole: Callable[[int, int], int],
    real: Callable[[float, float], float] | None,
    joined: frozenset[type],
) -> Callable[[Any, Any], Any]:
    """An operator by what it does to whole numbers and to doubles; ``joined`` are the types that it puts together."""

    def calculate(left: Any, right: Any) -> Any:
        kind = type(left)
        if kind is type(right):
            if kind is int:
                return as_int(whole(left, right))
            if kind is float and real is not None:
                return real(left, right)
            if kind is UInt:
                return as_uint(whole(int(left), int(right)))
            if kind in joined:
                return _joined(left, right)
        timed = ARITHMETIC.get((operation, kind, type(right)))
        if timed is not None:
            return timed(left, right)
        raise no_overload(operation, left, right)

    return calculate


def _joined(left: Any, right: Any) -> Any:
    """Two strings, bytes or lists as one, which nobody can double without end."""
    if len(left) + len(right) > LIMITS.text:
        raise EvaluationError(sentences.too_long_a_text(LIMITS.text))
    return left + right


def _whole_quotient(left: int, right: int) -> int:
    if right == 0:
        raise EvaluationError(sentences.by_zero("division"))
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _whole_rest(left: int, right: int) -> int:
    if right == 0:
        raise EvaluationError(sentences.by_zero("modulus"))
    if left == _INT_MIN and right == -1:
        raise EvaluationError(sentences.overflow("an integer"))
    return int(math.copysign(1, left)) * (abs(left) % abs(right))


def _real_quotient(left: float, right: float) -> float:
    if right != 0.0:
        return left / right
    if left == 0.0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


add = _arithmetic("+", lambda a, b: a + b, lambda a, b: a + b, frozenset((str, bytes, list)))
subtract = _arithmetic("-", lambda a, b: a - b, lambda a, b: a - b, frozenset())
multiply = _arithmetic("*", lambda a, b: a * b, lambda a, b: a * b, frozenset())
divide = _arithmetic("/", _whole_quotient, _real_quotient, frozenset())
modulo = _arithmetic("%", _whole_rest, None, frozenset())


def negate(value: Any) -> Any:
    """``-value``."""
    if type(value) is int:
        return as_int(-value)
    if type(value) is float:
        return -value
    raise no_overload("-", value)


def invert(value: Any) -> bool:
    """``!value``."""
    return not truth(value)


# --- containers -------------------------------------------------------------------------------------------------------


def size(value: Any) -> int:
    """Code points of a string, bytes, items of a list, keys of a map."""
    if type(value) in (str, bytes, list, dict):
        return len(value)
    raise no_overload("size", value)


def _stored_key(table: dict[Any, Any], key: Any) -> Any:
    """The key as the map holds it: numbers by worth, never a bool for a number. KeyError when there is none."""
    kind = type(key)
    if kind is not str and kind is not bool and kind not in _NUMBERS:
        raise no_overload("key", table, key)
    if kind is bool and stored(key) in table:
        return stored(key)
    if key not in table:
        raise KeyError(key)
    if kind is str:
        return key
    for held in table:
        if held == key and (type(held) is bool) == (kind is bool):
            return held
    raise KeyError(key)


def has_key(table: dict[Any, Any], key: Any) -> bool:
    """Whether the map holds the key."""
    try:
        _stored_key(table, key)
    except KeyError:
        return False
    return True


def lookup(table: dict[Any, Any], key: Any) -> Any:
    """The map's value at the key."""
    try:
        return table[_stored_key(table, key)]
    except KeyError:
        raise EvaluationError(sentences.missing_key(key)) from None


def index(container: Any, key: Any) -> Any:
    """``container[key]``: a list by position from 0, a map by key. Nothing counts from the end."""
    if type(container) is dict:
        return lookup(container, key)
    if type(container) is list and type(key) in _NUMBERS and key == int(key):
        if 0 <= key < len(container):
            return container[int(key)]
        raise EvaluationError(sentences.out_of_range(key, len(container)))
    raise no_overload("[]", container, key)


def member(item: Any, container: Any) -> bool:
    """``item in container``: by CEL's equality in a list, by key in a map."""
    if type(container) is list:
        return any(equal(item, held) for held in container)
    if type(container) is dict:
        return has_key(container, item)
    raise no_overload("in", item, container)


def make_map(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """A map literal: keys are strings, whole numbers or bools, each once."""
    table: dict[Any, Any] = {}
    for key, value in pairs:
        if type(key) not in (str, int, UInt, bool):
            raise EvaluationError(sentences.bad_key(kind_of(key)))
        if stored(key) in table:
            raise EvaluationError(sentences.duplicate_key(key))
        table[stored(key)] = value
    return table


# --- strings ----------------------------------------------------------------------------------------------------------


def _over_strings(name: str, answer: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def asked(text: Any, part: Any) -> bool:
        if type(text) is str and type(part) is str:
            return answer(text, part)
        raise no_overload(name, text, part)

    return asked


contains = _over_strings("contains", lambda text, part: part in text)
starts_with = _over_strings("startsWith", str.startswith)
ends_with = _over_strings("endsWith", str.endswith)
matches = _over_strings("matches", lambda text, pattern: compile_pattern(pattern).search(text) is not None)
