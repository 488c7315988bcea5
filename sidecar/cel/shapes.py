"""Which parts of a condition are one and the same: parts of one shape always have one value, for CEL has no effects."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sidecar.cel import sentences
from sidecar.cel.ast import Bind, Call, Expr, Ident, ListExpr, Literal, Loop, MapExpr, Select, children
from sidecar.cel.checked import Checked
from sidecar.cel.compile import compile_program
from sidecar.cel.errors import EvaluationError
from sidecar.cel.limits import LIMITS

FOLDING = replace(LIMITS, steps=1_000)
"""What it may take to find the value of a part that reads nothing."""
Names = Mapping[str, int]
"""The shapes that the names bound around a part stand for."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A part that reads nothing: its value, or the error that it always ends in."""

    value: Any
    error: str | None = None


@dataclass
class Shapes:
    """Gives every shape a number. Two parts of one shape have the same number, whatever their place."""

    _numbers: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _constants: dict[int, Constant | None] = field(default_factory=dict)

    def new(self) -> int:
        """A shape like no other: an element of a loop."""
        return self._number("new", len(self._numbers))

    def of(self, checked: Checked, node: Expr, names: Names) -> int:  # noqa: PLR0911 - one return a form
        """The shape of a part."""
        ref = checked.refs.get(node.id)
        if ref is not None and ref.kind == "let":
            return self.of(checked.lets[ref.name], checked.lets[ref.name].expr, {})
        if ref is not None:
            return self._number(ref.kind, ref.name)
        if isinstance(node, Ident) and node.name in names:
            return names[node.name]
        match node:
            case Select(test=True):
                return self.presence(checked, node, names)
            case Call(function="size"):
                return self.size(checked, children(node)[0], names)
            case Loop() | Bind():
                return self._binding(checked, node, names)
        inner = [self.of(checked, part, names) for part in children(node)]
        if isinstance(node, Call) and node.function == "==":
            inner.sort()  # it is the same both ways round
        return self._number(*_head(node), *inner)

    def presence(self, checked: Checked, node: Select, names: Names) -> int:
        """The shape of the question whether a field is there."""
        return self._number("has", node.field, self.of(checked, node.operand, names))

    def size(self, checked: Checked, node: Expr, names: Names) -> int:
        """The shape of a part's size."""
        return self._number("size", self.of(checked, node, names))

    def constant(self, checked: Checked, node: Expr) -> Constant | None:
        """The value of a part that reads nothing, as the engine finds it; None for other parts."""
        if isinstance(node, Literal):
            return Constant(node.value)
        if checked.uses[node.id]:
            return None
        shape = self.of(checked, node, {})
        if shape not in self._constants:
            self._constants[shape] = _evaluated(checked, node)
        return self._constants[shape]

    def _binding(self, checked: Checked, node: Loop | Bind, names: Names) -> int:
        """Names that are bound inside are told by their depth, however they are spelled."""
        bound = (node.name,) if isinstance(node, Bind) else node.variables
        own = {name: self._number("bound", len(names), place) for place, name in enumerate(bound)}
        first, *rest = children(node)
        inner = (self.of(checked, part, {**names, **own}) for part in rest)
        return self._number(*_head(node), self.of(checked, first, names), *inner)

    def _number(self, *shape: Any) -> int:
        return self._numbers.setdefault(shape, len(self._numbers))


def _head(node: Expr) -> tuple[Any, ...]:  # noqa: PLR0911 - one return a node
    """What a node is, its parts aside."""
    match node:
        case Literal(value=value):
            return ("literal", type(value).__name__, repr(value))
        case Ident(name=name):
            return ("name", name)
        case Select(field=field_, optional=optional):
            return ("select", field_, optional)
        case Call(function=function, target=target):
            return ("call", function, target is None)
        case ListExpr(optional=optional) | MapExpr(optional=optional):
            return (type(node).__name__, optional)
        case Loop(macro=macro, condition=condition):
            return ("loop", macro, condition is None)
    return (type(node).__name__,)


def _evaluated(checked: Checked, node: Expr) -> Constant | None:
    """The value of a part that reads nothing; None when finding it takes too long."""
    program: Any = compile_program(checked.part(node), (), (), limits=FOLDING).bind()
    try:
        return Constant(program())
    except EvaluationError as error:
        too_long = str(error) == sentences.over_budget(FOLDING.steps)
        return None if too_long else Constant(None, str(error))
