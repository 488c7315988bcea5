"""What both forms of a rule find ready for one caller: values of parts, their faults, and tables for lookups."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.cel.ast import UInt
from sidecar.cel.kernel import FAULTS
from sidecar.cel.meter import Exhausted
from sidecar.cel.values import equal


@dataclass(frozen=True, slots=True)
class Failure:
    """A part of a rule that has no value for this caller. The fault shows only where the part is evaluated."""

    fault: Exception


def settle(part: Callable[[], Any]) -> Any:
    """The part's value, or its Failure."""
    try:
        return part()
    except FAULTS as fault:
        return Failure(fault)
    except Exhausted as end:
        return Failure(end.told)


def settled(value: Any) -> Any:
    """A prepared part's value, where it is evaluated."""
    if type(value) is Failure:
        raise value.fault
    return value


def failed(*values: Any) -> bool:
    """Whether any prepared part has no value."""
    return any(type(value) is Failure for value in values)


def strings(items: Any) -> frozenset[str]:
    """The strings of a list, for ``in`` with a string: nothing else can be equal to one."""
    return frozenset(item for item in items if type(item) is str)


class Members:
    """A list, for ``in`` with any value: hashed where hashing keeps CEL's equality."""

    __slots__ = ("_plain", "_rest")

    def __init__(self, items: Any) -> None:
        self._plain = frozenset(item for item in items if type(item) in (str, int, UInt))
        self._rest = [item for item in items if type(item) not in (str, int, UInt)]

    def __contains__(self, value: Any) -> bool:
        if type(value) in (str, int, UInt) and value in self._plain:
            return True
        among_plain = type(value) is float and any(equal(value, item) for item in self._plain)
        return among_plain or any(equal(value, item) for item in self._rest)


Index = Mapping[Any, Sequence[Any]]


def indexed(items: Iterable[Any], key: Callable[[Any], Any], *, many: bool) -> Index:
    """The caller's objects by key, or by each of their keys."""
    table: dict[Any, list[Any]] = {}
    for item in items:
        for value in dict.fromkeys(key(item)) if many else (key(item),):
            table.setdefault(value, []).append(item)
    return table


def among(index: Index, keys: Any) -> Sequence[Any]:
    """The caller's objects whose key is in the record's list."""
    if not index:
        return ()
    found: list[Any] = []
    for key in keys:
        if key in index:
            found += index[key]
    return found


def narrowed(index: Any, items: Any, keys: Callable[[], Any], *, several: bool) -> Any:
    """The objects that can still matter: for all others the joining condition is false, whatever else they hold."""
    if type(index) is Failure:
        return items
    try:
        return list(among(index, keys() if several else [keys()]))
    except FAULTS:
        return items
