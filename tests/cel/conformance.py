"""One expression, four answers: both forms of our closure, over literals and over typed variables, and Google's engine."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_encoders, ext_math, ext_optional, ext_strings
from cel_oracle import FAILS

from sidecar.cel import CelCheckErrors, CelError, CelSyntaxError, Duration, OptionalValue, Timestamp, TypeValue, UInt
from sidecar.cel import compile as compile_cel
from sidecar.cel.emit import Emitter

__all__ = ["FAILS", "answers", "oracle_answer", "plain", "refused", "same"]

_ORACLE = cel.NewEnv(
    extensions=[
        *(ext_strings.ExtStrings(), ext_math.ExtMath(), ext_optional.ExtOptional()),
        *(ext_bindings.ExtBindings(), ext_encoders.ExtEncoders()),
    ]
)


def answer(text: str) -> Any:
    """What the program of a text without variables gives."""
    try:
        return compile_cel(text, {})({})
    except CelError:
        return FAILS


def _never(*_: Any) -> bool:
    """No part of a text is evaluated beforehand."""
    return False


def answers(text: str) -> tuple[Any, Any]:
    """What the careful form gives (constants are evaluated by it beforehand), and what the fast one gives."""
    careful = answer(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Emitter, "hoistable", _never)
        return careful, answer(text)


def refused(text: str) -> bool:
    """Whether a text is refused before it is evaluated, where at least one variable has a type to hold it to."""
    try:
        compile_cel(text, {"typed": "int"})
    except (CelSyntaxError, CelCheckErrors):
        return True
    return False


def same(left: Any, right: Any) -> bool:
    """Whether two values are the same, type for type, NaN included."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        held = {(type(key), key): value for key, value in right.items()}
        return len(left) == len(right) and all(
            (type(key), key) in held and same(value, held[type(key), key]) for key, value in left.items()
        )
    if isinstance(left, OptionalValue):
        return bool(left) == bool(right) and (not left or same(left.value, right.value))
    return left == right


def oracle_answer(text: str) -> Any:
    """What Google's engine says, as plain Python."""
    try:
        value = _ORACLE.compile(text).eval(data={})
    except Exception as error:  # noqa: BLE001 - whatever it refuses by
        if "convert function return value" in str(error):
            pytest.fail(f"{text} gives what the oracle cannot hand out")
        return FAILS
    if value.type() == cel.Type.ERROR:
        return FAILS
    return _tidy(value.plain_value())


def _tidy(value: Any) -> Any:
    return bytes(value) if isinstance(value, bytearray) else value


def plain(value: Any) -> Any:
    """Our value as Google's engine would hand it out: uints are ints, times end at microseconds."""
    if isinstance(value, UInt):
        return int(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, Timestamp):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value.seconds, microseconds=value.nanos // 1_000)
    if isinstance(value, Duration):
        return timedelta(seconds=value.seconds, microseconds=value.nanos // 1_000)
    assert not isinstance(value, (OptionalValue, TypeValue)), "ask for something that both have"
    return value
