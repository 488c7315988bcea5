"""The fast form's check that a value is of the type the checker counted on; if it is not, the careful form decides."""

from collections.abc import Mapping

from sidecar.cel.ast import UInt
from sidecar.cel.kernel import python_type
from sidecar.cel.times import Duration, Timestamp
from sidecar.cel.types import Nullable, Type, bare
from sidecar.cel.wrapped import OptionalValue, TypeValue

_GUARDS: Mapping[type, str] = {
    str: "str", int: "int", bool: "bool", float: "float", bytes: "bytes", list: "list", dict: "dict",
    **{class_: class_.__name__ for class_ in (UInt, Timestamp, Duration, OptionalValue, TypeValue)},
}  # fmt: skip
"""The Python types that are asked for, as generated code names them."""


def guarded(local: str, code: str, type_: Type) -> str:
    """The expression that reads ``code`` into a local, which must be of the type."""
    inner = bare(type_)
    python = python_type(inner)
    guard = _GUARDS.get(python) if python else None
    if guard is None:
        return f"({local} := {code})"
    if python is float:
        null = f"None if ({local} := {code}) is None else " if isinstance(type_, Nullable) else ""
        return f"({local} := {null}widened({local if null else code}))"
    if isinstance(type_, Nullable):
        return f"({local} if ({local} := {code}) is None or type({local}) is {guard} else give_up())"
    return f"({local} if type({local} := {code}) is {guard} else give_up())"


def guard(local: str, type_: Type) -> list[str]:
    """The lines that hold a local, already read, to the type."""
    python = python_type(bare(type_))
    if python is None or python not in _GUARDS:
        return []
    if python is float:
        return [f"if {local} is not None: {local} = widened({local})"]
    null = f"{local} is not None and " if isinstance(type_, Nullable) else ""
    return [f"if {null}type({local}) is not {_GUARDS[python]}: give_up()"]
