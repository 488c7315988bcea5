"""The functions over numbers that are an extension of CEL."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sidecar.cel import sentences
from sidecar.cel.ast import UInt
from sidecar.cel.errors import EvaluationError
from sidecar.cel.values import as_int, greater, less, no_overload

_BITS = 64
_ALL = 2**_BITS - 1


def _extreme(better: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    """The best of some numbers, or of a list of them; of equal ones the first."""

    def choose(*given: Any) -> Any:
        numbers = given[0] if len(given) == 1 and type(given[0]) is list else given
        if not numbers:
            raise EvaluationError(sentences.no_numbers())
        best, *rest = _numbers(numbers)
        for number in rest:
            best = number if better(number, best) else best
        return best

    return choose


def _numbers(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if type(value) not in (int, UInt, float):
            raise no_overload("greatest or least", value)
        yield value


# --- rounding and signs -----------------------------------------------------------------------------------------------


def _same_sign(rounded: Callable[[float], float]) -> Callable[[float], float]:
    """Rounding that keeps what is no finite number, and the sign of zero."""
    return lambda value: math.copysign(rounded(value), value) if math.isfinite(value) else value


def _half_away(value: float) -> float:
    """To the nearest whole number, halves away from zero."""
    below = math.floor(abs(value))
    return float(below + 1 if abs(value) - below >= 0.5 else below)  # noqa: PLR2004 - a half


def _sign(value: Any) -> Any:
    if type(value) is float:
        return value if math.isnan(value) or value == 0.0 else math.copysign(1.0, value)
    return type(value)((value > 0) - (value < 0))


def _absolute(value: Any) -> Any:
    return as_int(abs(value)) if type(value) is int else type(value)(abs(value))


def _square_root(value: Any) -> float:
    return math.sqrt(value) if value >= 0 else math.nan


# --- bits -------------------------------------------------------------------------------------------------------------


def _wrapped(bits: int, like: Any) -> Any:
    """The lowest 64 bits, as the type of ``like``."""
    bits &= _ALL
    if type(like) is UInt:
        return UInt(bits)
    return bits - 2**_BITS if bits >> (_BITS - 1) else bits


def _bitwise(combine: Callable[[int, int], int]) -> Callable[[Any, Any], Any]:
    return lambda left, right: _wrapped(combine(int(left), int(right)), left)


def _distance(places: int) -> int:
    if places < 0:
        raise EvaluationError(sentences.negative_shift())
    return min(places, _BITS)


def _shifted_right(value: Any, places: int) -> Any:
    """Zeros come in from the left, for negative numbers too."""
    return _wrapped((int(value) & _ALL) >> _distance(places), value)


_PAIRS = ("int, int", "uint, uint", "double, double")
_MIXED = ("int, uint", "int, double", "uint, int", "uint, double", "double, int", "double, uint")
SIGNATURES = "\n".join(
    [
        f"{name}(int) int; {name}(uint) uint; {name}(double) double;"
        f"{name}(list(int)) int; {name}(list(uint)) uint; {name}(list(double)) double;"
        + ";".join(
            [f"{name}({pair}) {pair.split(',')[0]}" for pair in _PAIRS] + [f"{name}({two}) dyn" for two in _MIXED]
        )
        for name in ("math.greatest", "math.least")
    ]
    + [f"math.{name}(double) double" for name in ("ceil", "floor", "round", "trunc")]
    + [f"math.{name}(double) bool" for name in ("isNaN", "isInf", "isFinite")]
    + [f"math.{name}(int) int; math.{name}(uint) uint; math.{name}(double) double" for name in ("abs", "sign")]
    + [f"math.sqrt({kind}) double" for kind in ("int", "uint", "double")]
    + [f"math.{name}(int, int) int; math.{name}(uint, uint) uint" for name in ("bitAnd", "bitOr", "bitXor")]
    + [f"math.{name}(int, int) int; math.{name}(uint, int) uint" for name in ("bitShiftLeft", "bitShiftRight")]
    + ["math.bitNot(int) int; math.bitNot(uint) uint"]
)
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "math.greatest": _extreme(greater),
    "math.least": _extreme(less),
    "math.ceil": _same_sign(math.ceil),
    "math.floor": _same_sign(math.floor),
    "math.trunc": _same_sign(math.trunc),
    "math.round": _same_sign(_half_away),
    "math.isNaN": math.isnan,
    "math.isInf": math.isinf,
    "math.isFinite": math.isfinite,
    "math.abs": _absolute,
    "math.sign": _sign,
    "math.sqrt": _square_root,
    "math.bitAnd": _bitwise(lambda left, right: left & right),
    "math.bitOr": _bitwise(lambda left, right: left | right),
    "math.bitXor": _bitwise(lambda left, right: left ^ right),
    "math.bitNot": lambda value: _wrapped(~int(value), value),
    "math.bitShiftLeft": lambda value, places: _wrapped(int(value) << _distance(places), value),
    "math.bitShiftRight": _shifted_right,
}
