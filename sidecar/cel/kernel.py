"""What generated code calls besides CEL's operators and functions: reads, error-absorbing logic, elements of loops.

The *fast* form of a rule is a plain Python expression that gives up on any fault; the *careful* form then decides with
CEL's exact rules. Both read the same values, so whatever the fast form answers the careful one would answer too.
``meter`` bounds the careful form, ``prepared`` has what both find ready for one caller.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import re2

from sidecar.cel import sentences
from sidecar.cel.ast import UInt
from sidecar.cel.errors import CelError, EvaluationError, Unknown
from sidecar.cel.times import Duration, Timestamp
from sidecar.cel.types import NOTHING, ListType, MapType, Nullable, ObjectType, OptionalType, Prim, Type, TypeType
from sidecar.cel.values import has_key, kind_of, no_overload, truth
from sidecar.cel.wrapped import NONE, OptionalValue, TypeValue, keys_of, stored, told

FAULTS = (CelError, LookupError, TypeError, AttributeError, ArithmeticError, ValueError, RecursionError, re2.error)
"""Everything by which an evaluation can fail to have a value."""

WIDE_OUTER, WIDE_INNER = 1_024, 128
"""Longer lists are left to the careful form, which counts its steps."""
WIDE_MADE = 4_096
"""Longer values that an evaluation makes are left to it too."""
SIZED = frozenset((str, bytes, list))
"""The Python types of values that can be made long."""

PYTHON_TYPES: Mapping[str, type] = {
    "bool": bool, "int": int, "uint": UInt, "double": float, "string": str, "bytes": bytes, "null": type(None),
    "timestamp": Timestamp, "duration": Duration,
}  # fmt: skip
_ABSENT = object()


def python_type(type_: Type) -> type | None:
    """The Python type that values of a CEL type have, or None when any will do."""
    if isinstance(type_, ListType):
        return list
    if isinstance(type_, (MapType, ObjectType)):
        return dict
    if isinstance(type_, (OptionalType, TypeType)):
        return OptionalValue if isinstance(type_, OptionalType) else TypeValue
    return PYTHON_TYPES.get(type_.name) if isinstance(type_, Prim) else None


@dataclass(frozen=True, slots=True)
class Expected:
    """One place where a value enters a rule: how messages name it, and what it must be."""

    shown: str
    type: Type
    name: str = ""
    default: Any = NOTHING

    def admit(self, value: Any) -> Any:
        """The value, which must be of the type; a whole JSON number serves as a double. Raises EvaluationError."""
        wanted: Type = self.type
        if isinstance(wanted, Nullable):
            if value is None:
                return None
            wanted = wanted.inner
        python = python_type(wanted)
        if python is None or type(value) is python:
            return value
        if python is float and type(value) is int:
            return float(value)
        raise EvaluationError(sentences.wrong_value(self.shown, str(wanted), kind_of(value)))


MISSING = object()
"""Stands for a variable that was not given."""


@dataclass(frozen=True, slots=True)
class Input:
    """A variable of a program that anyone may call with anything."""

    name: str
    type: Type

    def admit(self, value: Any) -> Any:
        """The variable's value, which must be given and of the type. Raises EvaluationError."""
        if value is MISSING:
            raise EvaluationError(sentences.no_variable(self.name))
        return Expected(self.name, self.type).admit(value)


def undeclared(name: str) -> NoReturn:
    """A name that means nothing, where it is evaluated."""
    raise EvaluationError(sentences.no_variable(name))


def read(owner: Any, expected: Expected) -> Any:
    """``owner.name``, or its default. Raises EvaluationError when it is missing or of another type."""
    if type(owner) is OptionalValue:
        return OptionalValue(read(owner.value, expected)) if owner and present(owner.value, expected) else NONE
    if type(owner) is not dict:
        raise no_overload(f".{expected.name}", owner)
    value = owner.get(expected.name, _ABSENT)
    if value is _ABSENT:
        if expected.default is NOTHING:
            raise EvaluationError(sentences.missing_field(expected.shown))
        value = expected.default
    return expected.admit(value)


def present(owner: Any, expected: Expected) -> bool:
    """``has(owner.name)``. A field with a default is always there."""
    if type(owner) is OptionalValue:
        return bool(owner) and present(owner.value, expected)
    if type(owner) is not dict:
        raise no_overload("has", owner)
    return expected.name in owner or expected.default is not NOTHING


def type_of(value: Any) -> TypeValue:
    """``type(value)``."""
    return TypeValue(kind_of(value))


def short(value: Any, most: int) -> Any:
    """A value that is no long text, for the fast form."""
    return value if type(value) not in (str, bytes) or len(value) <= most else give_up()


def single(value: Any) -> Any:
    """A value that holds no others, for the fast form."""
    return value if type(value) not in (list, dict, OptionalValue) else give_up()


def few(items: Any, most: int) -> Any:
    """A short list, for the fast form."""
    return items if len(items) <= most else give_up()


def modest(value: Any) -> Any:
    """A value that was made, for the fast form."""
    return value if type(value) not in SIZED or len(value) <= WIDE_MADE else give_up()


def give_up(*_: Any) -> NoReturn:
    """Leave the fast form."""
    raise EvaluationError("the careful form decides")


def unknown(shown: str) -> NoReturn:
    """What a label does not hold."""
    raise Unknown(sentences.unknown_path(shown))


def widened(value: Any) -> float:
    """A double, for the fast form."""
    return value if type(value) is float else float(value) if type(value) is int else give_up()


def without_value(fault: Exception) -> EvaluationError:
    """A fault of Python's, as one of CEL's."""
    return EvaluationError(sentences.no_value(fault))


# --- logic ------------------------------------------------------------------------------------------------------------


def worse(first: Exception | None, second: Exception) -> Exception:
    """Of two faults the one to tell: what is unknown may still turn out well, so it outranks an error."""
    return first if first is not None and (isinstance(first, Unknown) or not isinstance(second, Unknown)) else second


def both(*parts: Callable[[], Any]) -> bool:
    """``&&``: false if any part is false, whatever becomes of the others."""
    fault: Exception | None = None
    for part in parts:
        try:
            if not truth(part()):
                return False
        except FAULTS as error:
            fault = worse(fault, error)
    if fault is not None:
        raise fault
    return True


def either(*parts: Callable[[], Any]) -> bool:
    """``||``: true if any part is true, whatever becomes of the others."""
    fault: Exception | None = None
    for part in parts:
        try:
            if truth(part()):
                return True
        except FAULTS as error:
            fault = worse(fault, error)
    if fault is not None:
        raise fault
    return False


# --- loops ------------------------------------------------------------------------------------------------------------


def elements(container: Any) -> Any:
    """What a loop goes through: a list's items, a map's keys."""
    if type(container) is list:
        return container
    if type(container) is dict:
        return keys_of(container)
    raise no_overload("loop", container)


def pairs(container: Any) -> list[tuple[Any, Any]]:
    """What a loop of two variables goes through: positions and items, or keys and values."""
    if type(container) is list:
        return list(enumerate(container))
    if type(container) is dict:
        return [(told(key), value) for key, value in container.items()]
    raise no_overload("loop", container)


def put(table: dict[Any, Any], key: Any, value: Any) -> None:
    """Add one entry; a key twice is an error."""
    if has_key(table, key):
        raise EvaluationError(sentences.duplicate_key(key))
    table[stored(key)] = value
