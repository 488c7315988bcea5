"""The public door of the whole language: compile a text over named variables, then call it with their values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.cel import sentences
from sidecar.cel.ast import UInt
from sidecar.cel.check import check
from sidecar.cel.compile import compile_program
from sidecar.cel.env import Env
from sidecar.cel.errors import CelError, EvaluationError
from sidecar.cel.functions import type_named
from sidecar.cel.kernel import FAULTS, MISSING, without_value
from sidecar.cel.limits import LIMITS
from sidecar.cel.parse import parse
from sidecar.cel.times import Duration, Timestamp
from sidecar.cel.types import DYN, Type
from sidecar.cel.values import as_int, as_uint, kind_of
from sidecar.cel.wrapped import BoolKey, OptionalValue, TypeValue, told

_SCALARS = frozenset((bool, float, str, bytes, type(None), Timestamp, Duration, TypeValue))
_KEYS = frozenset((bool, int, UInt, str))


@dataclass(frozen=True)
class Program:
    """An expression that has been checked. ``type`` is what it gives, as far as its text tells."""

    source: str
    variables: tuple[str, ...]
    type: Type
    _evaluate: Callable[..., Any] = field(repr=False)

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """The value over these values of the variables; one that is not given matters only where it is read.

        Raises:
            EvaluationError: there is no value.
        """
        try:
            given = [_taken_in(name, values[name]) if name in values else MISSING for name in self.variables]
            return _Outcome().given_out(self._evaluate(*given))
        except CelError:
            raise
        except FAULTS as fault:
            raise without_value(fault) from fault


def compile(source: str, variables: Mapping[str, str], container: str = "") -> Program:  # noqa: A001 - its name outside
    """The program of an expression of CEL.

    Args:
        source: the expression.
        variables: the names it may use, ``a.b.c`` too, each with a type such as ``dyn``, ``int``, ``list(string)``,
            ``map(string, dyn)`` or ``google.protobuf.Timestamp``. Where nothing but ``dyn`` is given, types and
            names that do not fit are left to the evaluation as far as it may yet find a value.
        container: where names are looked for first.

    Raises:
        CelError: the text is no CEL, or its types do not fit.
    """
    types = {name: _type(text) for name, text in variables.items()}
    lenient = all(type_ == DYN for type_ in types.values())
    checked = check(parse(source), Env(types, shadowing=True, container=container, lenient=lenient))
    evaluate = compile_program(checked, (), tuple(types), untried=True).bind()
    return Program(source, tuple(types), checked.type, evaluate)


def _type(text: str) -> Type:
    try:
        return type_named(text)
    except ValueError:
        raise CelError(sentences.unknown_type(text)) from None


def _taken_in(name: str, value: Any) -> Any:
    """A value from outside, if it is one of CEL's."""
    kind = type(value)
    if kind is list:
        return [_taken_in(name, item) for item in value]
    if kind is dict and _KEYS.issuperset(map(type, value)):
        return {key: _taken_in(name, item) for key, item in value.items()}
    if kind is OptionalValue:
        return OptionalValue(_taken_in(name, value.value)) if value else value
    if kind is int or kind is UInt:
        return as_int(value) if kind is int else as_uint(value)
    if kind in _SCALARS:
        return value
    raise EvaluationError(sentences.wrong_input(name, kind_of(value)))


class _Outcome:
    """A value on its way out: maps get their bool keys back, and what one part in many places makes is counted."""

    def __init__(self) -> None:
        self._left = LIMITS.text

    def given_out(self, value: Any) -> Any:
        """The value for outside."""
        kind = type(value)
        if kind is OptionalValue:
            return OptionalValue(self.given_out(value.value)) if value else value
        if kind is not list and kind is not dict:
            return value
        self._left -= len(value) + 1
        if self._left < 0:
            raise EvaluationError(sentences.too_long_a_text(LIMITS.text))
        if kind is list:
            return [self.given_out(item) for item in value]
        if any(type(key) is BoolKey and key.value in value for key in value):
            raise EvaluationError(sentences.one_key())
        return {told(key): self.given_out(item) for key, item in value.items()}
