"""A call as Python, once the code of its arguments is written."""

from collections.abc import Sequence

from sidecar.cel.ast import Call, Expr
from sidecar.cel.functions import OVERLOADS
from sidecar.cel.guards import guarded
from sidecar.cel.kernel import Expected
from sidecar.cel.library import LIBRARY, helper_name
from sidecar.cel.paying import compared, looked_at
from sidecar.cel.place import Place
from sidecar.cel.types import BOOL, BYTES, DYN, INT, STRING, ListType, OptionalType, Type, bare

HELPERS = {
    "+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo", "-_": "negate", "!": "invert",
    "==": "equal", "!=": "differ", "<": "less", "<=": "at_most", ">": "greater", ">=": "at_least",
    "[]": "index", "in": "member", "size": "size", "contains": "contains", "startsWith": "starts_with",
    "endsWith": "ends_with", "matches": "matches", "int": "to_int", "uint": "to_uint", "double": "to_double",
    "string": "to_string", "bytes": "to_bytes", "bool": "to_bool", "dyn": "to_dyn",
    "type": "type_of", **{name: helper_name(name) for name in LIBRARY},
}  # fmt: skip
"""What generated code calls for each function and operator."""
_MADE = frozenset((STRING, BYTES, DYN))
_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))


def is_declared(node: Call) -> bool:
    """Whether there is such a function at all; what the checker was lenient about fails where it is evaluated."""
    count = len(node.args) + (node.target is not None)
    known, method = OVERLOADS.get(node.function), node.target is not None
    if known is None:
        return node.function in HELPERS
    return any(overload.method == method and len(overload.args) == count for overload in known)


def applied(place: Place, node: Call, parts: Sequence[Expr], code: list[str]) -> str:
    """The call of a function or operator on its parts (a method's receiver is the first), whose code is written."""
    types = tuple(map(place.type_of, parts))
    code = looked_at(place, node, parts, code)
    if node.function == "[?]" or (node.function == "[]" and isinstance(types[0], OptionalType)):
        return _taken_perhaps(place, node, code)
    costly = compared(place, node, code) if node.function in _COMPARISONS else None
    written = costly or _inline(node.function, types, code) or f"{HELPERS[node.function]}({', '.join(code)})"
    return _entered(place, node, written) if node.function == "[]" else _made(place, node, written)


def _inline(function: str, types: tuple[Type, ...], code: list[str]) -> str | None:
    """The operation written out, where the types make Python's meaning the same as CEL's."""
    inner = [bare(type_) for type_ in types] or [DYN]
    if function in _COMPARISONS and inner[0] == inner[-1] and inner[0] in (STRING, INT, BOOL):
        return f"({code[0]} {function} {code[1]})"
    if inner[0] == STRING:
        match function:
            case "contains":
                return f"{code[0]}.__contains__({code[1]})" if inner[1] == STRING and types[0] == STRING else None
            case "startsWith" | "endsWith" if inner[1] == STRING:
                return f"{code[0]}.{function.lower()}({code[1]})"
    if function == "size" and (inner[0] == STRING or isinstance(inner[0], ListType)):
        return f"len({code[0]})"
    return None


def _taken_perhaps(place: Place, node: Call, code: list[str]) -> str:
    """``container[?key]``, or ``[key]`` of an optional value."""
    type_ = place.type_of(node)
    inner = type_.inner if isinstance(type_, OptionalType) else DYN
    return f"index_optional({', '.join(code)}, {place.unit.constant(Expected('[?]', inner))})"


def _entered(place: Place, node: Call, code: str) -> str:
    """What is taken out of a list or map enters the rule there, so it must be of its type."""
    type_ = place.type_of(node)
    if place.careful:
        return f"{place.unit.constant(Expected('[]', type_))}.admit({code})"
    return guarded(place.unit.fresh("x"), code, type_)


def _made(place: Place, node: Call, code: str) -> str:
    """What a function makes may be long: it is paid for by its size."""
    if not (node.function == "+" or node.function in LIBRARY):
        return code
    if not (isinstance(place.type_of(node), ListType) or place.type_of(node) in _MADE):
        return code
    return f"{place.meter()}.grown({code})" if place.careful else f"modest({code})"
