"""The functions, methods and operators of CEL, as signatures.

What they do is in ``values`` and ``conversions``; an extension has a file of its own for both, see ``_ROOMS``.

``A`` and ``B`` stand for any type. A method's receiver is its first argument.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sidecar.cel import encoders, math_ext, optionals, selectors, strings_ext, times
from sidecar.cel.types import (
    DYN,
    ListType,
    MapType,
    ObjectType,
    OptionalType,
    Param,
    Prim,
    Type,
    TypeType,
    assignable,
    bare,
)


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature. ``args`` starts with the receiver when it is a method."""

    name: str
    method: bool
    args: tuple[Type, ...]
    result: Type


_NUMERIC = ("int", "uint", "double")
_ORDERED = (*_NUMERIC, "bool", "string", "bytes", "timestamp", "duration")

_TABLE = """
!(bool) bool
-_(int) int; -_(double) double
size(string) int; size(bytes) int; size(list(A)) int; size(map(A, B)) int
string.size() int; bytes.size() int; list(A).size() int; map(A, B).size() int
string.contains(string) bool; string.startsWith(string) bool; string.endsWith(string) bool
string.matches(string) bool; matches(string, string) bool
[](list(A), int) A; [](list(A), uint) A; [](list(A), double) A; [](map(A, B), A) B
+(string, string) string; +(bytes, bytes) bytes; +(list(A), list(A)) list(A)
+(timestamp, duration) timestamp; +(duration, timestamp) timestamp; +(duration, duration) duration
-(timestamp, timestamp) duration; -(timestamp, duration) timestamp; -(duration, duration) duration
%(int, int) int; %(uint, uint) uint
[?](list(A), int) optional_type(A); [?](map(A, B), A) optional_type(B)
int(int) int; int(uint) int; int(double) int; int(string) int; int(timestamp) int
uint(int) uint; uint(uint) uint; uint(double) uint; uint(string) uint
double(int) double; double(uint) double; double(double) double; double(string) double
string(string) string; string(int) string; string(uint) string; string(double) string; string(bool) string
string(bytes) string; string(timestamp) string; string(duration) string
bytes(bytes) bytes; bytes(string) bytes
bool(bool) bool; bool(string) bool
dyn(A) dyn
"""
_SIGNATURE = re.compile(
    r"(?:(?P<receiver>[a-z_]+(?:\([^.]*\))?)\.)?(?P<name>[^(\s]+)\((?P<args>.*)\) (?P<result>[^;]+)$"
)
NAMESPACES = frozenset(("math", "strings", "optional", "base64"))
"""What some functions' names begin with: ``math.abs(…)`` is no method."""
_NAMES = {"null_type": "null", "google.protobuf.Timestamp": "timestamp", "google.protobuf.Duration": "duration"}
_PARTS = {"list": 1, "map": 2, "optional_type": 1, "type": 1}
_PRIMS = frozenset(("bool", "int", "uint", "double", "string", "bytes", "null", "dyn", "timestamp", "duration"))


def type_named(text: str, inner: "Callable[[str], Type] | None" = None) -> Type:
    """The type of a name such as ``int``, ``list(string)`` or ``map(string, dyn)``. Raises ValueError."""
    inner = type_named if inner is None else inner
    head, opened, rest = text.strip().partition("(")
    parts = _split(rest.removesuffix(")")) if opened else []
    name = _NAMES.get(head, head)
    if opened and not (parts and rest.endswith(")") and len(parts) == _PARTS.get(name)):
        raise ValueError(f"there is no type {text!r}")
    match name:
        case "list":
            return ListType(inner(parts[0]) if parts else DYN)
        case "map":
            return MapType(*map(inner, parts or ("dyn", "dyn")))
        case "optional_type":
            return OptionalType(inner(parts[0]) if parts else DYN)
        case "type":
            return TypeType(inner(parts[0]) if parts else DYN)
        case _ if name in _PRIMS:
            return Prim(name)
    raise ValueError(f"there is no type {text!r}")


def _type_or_parameter(text: str) -> Type:
    """The type in a signature, where ``A`` and ``B`` may stand for any."""
    return type_named(text, _type_or_parameter) if len(text.strip()) > 1 else Param(text.strip())


def _split(text: str) -> list[str]:
    """The parts between commas that no parenthesis encloses."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part.strip()]


def _read(text: str) -> Overload:
    """One signature of a table, such as ``string.size() int``. Raises ValueError."""
    found = _SIGNATURE.match(text)
    if found is None:
        raise ValueError(text)
    args = tuple(map(_type_or_parameter, _split(found["args"])))
    receiver, result = found["receiver"], _type_or_parameter(found["result"])
    if receiver is None:
        return Overload(found["name"], method=False, args=args, result=result)
    if receiver in NAMESPACES:
        return Overload(f"{receiver}.{found['name']}", method=False, args=args, result=result)
    return Overload(found["name"], method=True, args=(_type_or_parameter(receiver), *args), result=result)


def signatures(table: str) -> list[Overload]:
    """The overloads that a table of signatures names."""
    lines = (part.strip() for line in table.splitlines() for part in line.split(";"))
    return [_read(line) for line in lines if line]


def _operators() -> Iterable[Overload]:
    """Arithmetic within each type of number; order within each type, and between numbers of any two."""
    for name in _NUMERIC:
        for operator in "+-*/":
            yield Overload(operator, False, (Prim(name), Prim(name)), Prim(name))
    pairs = [(name, name) for name in _ORDERED] + [(a, b) for a in _NUMERIC for b in _NUMERIC if a != b]
    for operator in ("<", "<=", ">", ">="):
        for left, right in pairs:
            yield Overload(operator, False, (Prim(left), Prim(right)), Prim("bool"))


OVERLOADS: dict[str, list[Overload]] = {}
_ROOMS = (times, selectors, optionals, strings_ext, math_ext, encoders)
for _overload in (*_operators(), *signatures(_TABLE), *(one for room in _ROOMS for one in signatures(room.SIGNATURES))):
    OVERLOADS.setdefault(_overload.name, []).append(_overload)


def resolve(overloads: Iterable[Overload], args: tuple[Type, ...]) -> Type | None:
    """The type of a call, or None when no signature takes these arguments. With ``dyn`` among them it may be open."""
    results: list[Type] = []
    for overload in overloads:
        bound: dict[str, Type] = {}
        if len(overload.args) == len(args) and all(map(lambda w, f: _fits(w, f, bound), overload.args, args)):
            results.append(_filled(overload.result, bound))
    if not results:
        return None
    return results[0] if all(result == results[0] for result in results) else DYN


def _fits(wanted: Type, found: Type, bound: dict[str, Type]) -> bool:
    """Whether an argument fits a parameter; what ``A`` and ``B`` stand for is kept in ``bound``."""
    found = bare(found)
    if found == DYN:
        return True
    match wanted, found:
        case (Param(name=name), _):
            known = bound.setdefault(name, found)
            if known == DYN:
                bound[name] = found
            return assignable(known, found)
        case (ListType(element=w), ListType(element=f)) | (OptionalType(inner=w), OptionalType(inner=f)):
            return _fits(w, f, bound)
        case (MapType(key=wk, value=wv), MapType(key=fk, value=fv)):
            return _fits(wk, fk, bound) and _fits(wv, fv, bound)
        case (MapType(key=wk, value=wv), ObjectType()):
            return _fits(wk, Prim("string"), bound) and _fits(wv, DYN, bound)
    return assignable(wanted, found)


def _filled(type_: Type, bound: Mapping[str, Type]) -> Type:
    """The type with ``A`` and ``B`` replaced by what they stand for."""
    match type_:
        case Param(name=name):
            return bound.get(name, DYN)
        case ListType(element=element):
            return ListType(_filled(element, bound))
        case MapType(key=key, value=value):
            return MapType(_filled(key, bound), _filled(value, bound))
        case OptionalType(inner=inner):
            return OptionalType(_filled(inner, bound))
    return type_
