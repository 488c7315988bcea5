"""Optional values: what may be there or not, read on as if it were, and turned into a plain value at the end."""

from collections.abc import Callable, Mapping
from typing import Any

from sidecar.cel.errors import EvaluationError
from sidecar.cel.kernel import Expected, present, read
from sidecar.cel.times import Duration, Timestamp
from sidecar.cel.values import has_key, lookup, no_overload
from sidecar.cel.wrapped import NONE, OptionalValue

_ZEROS: tuple[Any, ...] = ("", b"", 0, 0.0, [], {}, Duration(0), Timestamp(0))


def _of_non_zero(value: Any) -> OptionalValue:
    """``optional.ofNonZeroValue(value)``: none for null, false, zero and whatever is empty."""
    zero = value is None or value is False or any(isinstance(value, type(zero)) and value == zero for zero in _ZEROS)
    return NONE if zero else OptionalValue(value)


def _unwrapped(items: list[Any]) -> list[Any]:
    if not all(type(item) is OptionalValue for item in items):
        raise no_overload("unwrap", *items[:1])
    return [item.value for item in items if item]


SIGNATURES = """
optional.of(A) optional_type(A); optional.none() optional_type(dyn)
optional.ofNonZeroValue(A) optional_type(A); optional.unwrap(list(optional_type(A))) list(A)
optional_type(A).hasValue() bool; optional_type(A).value() A
optional_type(A).or(optional_type(A)) optional_type(A); optional_type(A).orValue(A) A
list(optional_type(A)).unwrapOpt() list(A); list(A).first() optional_type(A); list(A).last() optional_type(A)
"""
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "optional.of": OptionalValue,
    "optional.none": lambda: NONE,
    "optional.ofNonZeroValue": _of_non_zero,
    "optional.unwrap": _unwrapped,
    "unwrapOpt": _unwrapped,
    "hasValue": bool,
    "value": lambda held: held.value,
    "or": lambda held, other: held or other,
    "orValue": lambda held, other: held.value if held else other,
    "first": lambda items: OptionalValue(*items[:1]),
    "last": lambda items: OptionalValue(*items[-1:]),
}


def read_optional(owner: Any, expected: Expected) -> OptionalValue:
    """``owner.?name``, and ``.name`` of an optional value: none where the field is missing."""
    if type(owner) is OptionalValue:
        if not owner:
            return NONE
        owner = owner.value
    return OptionalValue(read(owner, expected)) if present(owner, expected) else NONE


def index_optional(container: Any, key: Any, expected: Expected) -> OptionalValue:
    """``container[?key]``, and ``[key]`` of an optional value: none where nothing is at the key."""
    if type(container) is OptionalValue:
        if not container:
            return NONE
        container = container.value
    if type(container) is list:
        if type(key) is not int:
            raise no_overload("[?]", container, key)
        return OptionalValue(expected.admit(container[key])) if 0 <= key < len(container) else NONE
    if type(container) is not dict:
        raise no_overload("[?]", container, key)
    return OptionalValue(expected.admit(lookup(container, key))) if _holds(container, key) else NONE


def _holds(table: dict[Any, Any], key: Any) -> bool:
    """Whether the map has the key; what can be no key is in no map."""
    try:
        return has_key(table, key)
    except EvaluationError:
        return False


def given_entry(key: Any, entry: Any) -> tuple[tuple[Any, Any], ...]:
    """What ``?key: entry`` adds to a map: one entry, or nothing."""
    return tuple((key, value) for value in given(entry))


def given(entry: Any) -> tuple[Any, ...]:
    """What ``?entry`` adds to a list: its value, or nothing."""
    if type(entry) is not OptionalValue:
        raise no_overload("?", entry)
    return (entry.value,) if entry else ()
