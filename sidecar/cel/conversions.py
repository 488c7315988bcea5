"""CEL's conversions between types: ``int()``, ``string()`` and their kind. What does not fit raises."""

import math
import re
from decimal import Decimal
from typing import Any

from sidecar.cel import sentences
from sidecar.cel.ast import UInt
from sidecar.cel.errors import EvaluationError
from sidecar.cel.times import Duration, Timestamp
from sidecar.cel.values import as_int, as_uint, no_overload

_WHOLE = re.compile(r"[+-]?[0-9]+\Z")
_REAL = re.compile(r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf(?:inity)?|nan)\Z", re.IGNORECASE)
_DIGITS = 20
"""Characters that a whole number of 64 bits may take, a minus included; a longer text is none."""
_LEAST_POWER, _MOST_POWER = -4, 6
"""The powers of ten from which, and below which, a double is written without an exponent."""
_TRUE = frozenset(("1", "t", "true", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "false", "FALSE", "False"))


def _refused(value: Any, kind: str) -> EvaluationError:
    return EvaluationError(sentences.bad_conversion(value, kind))


def to_int(value: Any) -> int:
    """``int(value)``: doubles lose their fraction."""
    if type(value) in (int, UInt):
        return as_int(int(value))
    if type(value) is float and -(2.0**63) < value < 2.0**63:
        return math.trunc(value)
    if type(value) is Timestamp:
        return value.seconds
    if type(value) is str and len(value) <= _DIGITS and _WHOLE.match(value):
        return as_int(int(value))
    if type(value) in (float, str):
        raise _refused(value, "an int")
    raise no_overload("int", value)


def to_uint(value: Any) -> UInt:
    """``uint(value)``: doubles lose their fraction, nothing negative fits."""
    if type(value) in (int, UInt):
        return as_uint(int(value))
    if type(value) is float and 0.0 <= value < 2.0**64:
        return UInt(math.trunc(value))
    if type(value) is str and len(value) <= _DIGITS and _WHOLE.match(value) and value[0] != "-":
        return as_uint(int(value))
    if type(value) in (float, str):
        raise _refused(value, "a uint")
    raise no_overload("uint", value)


def to_double(value: Any) -> float:
    """``double(value)``: the nearest one."""
    if type(value) in (int, UInt, float):
        return float(value)
    if type(value) is str and _REAL.match(value):
        return float(value)
    if type(value) is str:
        raise _refused(value, "a double")
    raise no_overload("double", value)


def to_string(value: Any) -> str:
    """``string(value)``."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) in (int, UInt):
        return str(int(value))
    if type(value) is float:
        return shown_double(value)
    if type(value) in (Timestamp, Duration):
        return str(value)
    if type(value) is bytes:
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise _refused(value, "a string") from None
    raise no_overload("string", value)


def shown_double(value: float) -> str:
    """The shortest text that is read back as the same double; large and small ones with an exponent."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    _, digits, last = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(last, int)
    power = len(digits) - 1 + last
    if value == 0.0 or _LEAST_POWER <= power < _MOST_POWER:
        return repr(value).removesuffix(".0")
    return f"{value:.{len(digits) - 1}e}"


def to_bytes(value: Any) -> bytes:
    """``bytes(value)``: a string as UTF-8."""
    if type(value) is bytes:
        return value
    if type(value) is str:
        return value.encode()
    raise no_overload("bytes", value)


def to_bool(value: Any) -> bool:
    """``bool(value)``."""
    if type(value) is bool:
        return value
    if type(value) is str:
        if value in _TRUE or value in _FALSE:
            return value in _TRUE
        raise _refused(value, "a bool")
    raise no_overload("bool", value)


def to_dyn(value: Any) -> Any:
    """``dyn(value)``: the value; only the checker forgets its type."""
    return value
