"""Which values one part of a condition may still have: a finite set, values that it cannot be, and bounds."""

from dataclasses import dataclass, replace
from math import ceil, floor, isnan
from typing import Any

from sidecar.cel.ast import Call, Expr, Select
from sidecar.cel.checked import Checked
from sidecar.cel.types import BOOL, INT, UINT, Nullable, ObjectType, bare

Tagged = tuple[str, Any]
"""A value with the name of what it is comparable to, so that ``1`` and ``true`` are two."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range; ``strict`` leaves the value itself out."""

    tag: str
    value: Any
    strict: bool


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that are left. ``allowed`` is None for any; ``whole`` tells that only integers are meant."""

    allowed: frozenset[Tagged] | None = None
    excluded: frozenset[Tagged] = frozenset()
    low: Bound | None = None
    high: Bound | None = None
    whole: bool = False

    @classmethod
    def only(cls, *values: Any) -> "Domain":
        """One of the values; any, when one of them is nothing that can be told apart."""
        tagged = [_tagged(value) for value in values]
        return cls() if None in tagged else cls(frozenset(one for one in tagged if one is not None))

    @classmethod
    def none_of(cls, *values: Any) -> "Domain":
        """None of the values."""
        return cls(excluded=frozenset(one for one in map(_tagged, values) if one is not None))

    @classmethod
    def compared(cls, operator: str, value: Any, *, wanted: bool) -> "Domain":
        """What compares with a value as wanted; only ``==`` may be wanted false."""
        if operator == "==":
            return cls.only(value) if wanted else cls.none_of(value)
        tagged = _tagged(value)
        if tagged is None or value is None:
            return cls()
        bound = Bound(*tagged, strict=operator in ("<", ">"))
        return cls(low=bound) if operator in (">", ">=") else cls(high=bound)

    def __and__(self, other: "Domain") -> "Domain":
        """The values in both."""
        both = self.allowed if other.allowed is None else other.allowed
        if self.allowed is not None and other.allowed is not None:
            both = self.allowed & other.allowed
        return Domain(
            both,
            self.excluded | other.excluded,
            _tighter(self.low, other.low, 1),
            _tighter(self.high, other.high, -1),
            self.whole or other.whole,
        )

    @property
    def empty(self) -> bool:
        """Whether no value is left, as far as that is seen."""
        if self.allowed is not None:
            return all(value in self.excluded or not self._holds(value) for value in self.allowed)
        low, high = (_closed(self.low, 1), _closed(self.high, -1)) if self.whole else (self.low, self.high)
        if low is None or high is None or low.tag != high.tag:
            return False
        return bool(low.value > high.value or (low.value == high.value and (low.strict or high.strict)))

    def _holds(self, value: Tagged) -> bool:
        """Whether a value is within the bounds; what a bound cannot be compared with is not."""
        tag, plain = value
        low, high = self.low, self.high
        above = low is None or (low.tag == tag and (plain > low.value or (plain == low.value and not low.strict)))
        return above and (
            high is None or (high.tag == tag and (plain < high.value or (plain == high.value and not high.strict)))
        )


def domain_of(checked: Checked, node: Expr) -> Domain:
    """The values that the type of a part leaves it."""
    type_ = bare(checked.types[node.id])
    if isinstance(node, Call) and node.function == "size":
        return Domain(low=Bound("number", 0, strict=False), whole=True)
    if type_ in (INT, UINT):
        return Domain(low=Bound("number", 0, strict=False) if type_ == UINT else None, whole=True)
    if type_ == BOOL:
        return Domain.only(True, False, *_null(checked, node))
    owner = (
        bare(checked.types[node.operand.id]) if isinstance(node, Select) and node.operand.id in checked.types else None
    )
    if isinstance(owner, ObjectType) and isinstance(node, Select) and node.field in owner.fields:
        enum = owner.fields[node.field].enum
        return Domain.only(*enum, *_null(checked, node)) if enum else Domain()
    return Domain()


def _null(checked: Checked, node: Expr) -> tuple[None, ...]:
    return (None,) if isinstance(checked.types[node.id], Nullable) else ()


def _tagged(value: Any) -> Tagged | None:
    """A value that is told apart from others by plain equality; None for one that is not."""
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, (int, float)):
        return None if isnan(value) else ("number", value)
    if value is None or isinstance(value, (str, bytes)):
        return type(value).__name__, value
    return None


def _tighter(one: Bound | None, other: Bound | None, sign: int) -> Bound | None:
    """Of two lower bounds (or with -1 upper ones) the one that leaves less; of two that do not compare the first."""
    if one is None or other is None or one.tag != other.tag:
        return one or other
    if one.value == other.value:
        return one if one.strict else other
    return one if (one.value > other.value) == (sign > 0) else other


def _closed(bound: Bound | None, sign: int) -> Bound | None:
    """The bound of integers, which it includes itself."""
    if bound is None or bound.tag != "number" or bound.value in (float("inf"), float("-inf")):
        return bound
    end = ceil(bound.value) if sign > 0 else floor(bound.value)
    return replace(bound, value=end + sign if bound.strict and end == bound.value else end, strict=False)
