"""The tree of a rule: frozen nodes, each with a number (unique in its tree) and its place in the text."""

from collections.abc import Iterator
from dataclasses import dataclass

from sidecar.cel import sentences
from sidecar.cel.errors import CelSyntaxError, Span


class UInt(int):
    """An unsigned integer of CEL. Equal to the same number of any type, but never mixed with ``int`` in arithmetic."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"UInt({int(self)})"


Scalar = None | bool | int | float | str | bytes


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    id: int
    span: Span
    value: Scalar


@dataclass(frozen=True, slots=True)
class Ident:
    """A name: a variable, a loop variable, a named expression or a type."""

    id: int
    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """``operand.field``; with ``test``, ``has(operand.field)``; with ``optional``, ``operand.?field``."""

    id: int
    span: Span
    operand: "Expr"
    field: str
    test: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function, method or operator. ``&&`` and ``||`` hold all operands of a chain in ``args``."""

    id: int
    span: Span
    function: str
    target: "Expr | None"
    args: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class ListExpr:
    """``[a, ?b]``; ``optional`` holds the positions marked with a question mark."""

    id: int
    span: Span
    items: tuple["Expr", ...]
    optional: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class MapExpr:
    """``{k: v, ?k: v}``."""

    id: int
    span: Span
    entries: tuple[tuple["Expr", "Expr"], ...]
    optional: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Loop:
    """A macro over a list or map: ``target.macro(variables…, condition?, result?)``."""

    id: int
    span: Span
    macro: str
    target: "Expr"
    variables: tuple[str, ...]
    condition: "Expr | None"
    result: "tuple[Expr, ...]"


@dataclass(frozen=True, slots=True)
class Bind:
    """``cel.bind(name, value, body)``."""

    id: int
    span: Span
    name: str
    value: "Expr"
    body: "Expr"


Expr = Literal | Ident | Select | Call | ListExpr | MapExpr | Loop | Bind


class Numbers:
    """Numbers the nodes of one tree as they are made, so the count of its parts is the last number."""

    def __init__(self, most: int) -> None:
        self._last, self._most = 0, most

    def next(self, span: Span) -> int:
        """The number of the next node, which stands at ``span``. Raises CelSyntaxError past the limit."""
        self._last += 1
        if self._last > self._most:
            raise CelSyntaxError(sentences.too_many_nodes(self._most), span)
        return self._last


def children(node: Expr) -> tuple[Expr, ...]:
    """The direct parts of a node, in the order they are written."""
    match node:
        case Select(operand=operand):
            return (operand,)
        case Call(target=target, args=args):
            return args if target is None else (target, *args)
        case ListExpr(items=items):
            return items
        case MapExpr(entries=entries):
            return tuple(part for entry in entries for part in entry)
        case Loop(target=target, condition=condition, result=result):
            return (target, *(() if condition is None else (condition,)), *result)
        case Bind(value=value, body=body):
            return (value, body)
    return ()


def walk(node: Expr) -> Iterator[Expr]:
    """The node and everything below it, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def conjuncts(condition: Expr) -> tuple[Expr, ...]:
    """The conditions that must all hold."""
    if isinstance(condition, Call) and condition.function == "&&":
        return tuple(part for arg in condition.args for part in conjuncts(arg))
    return (condition,)
