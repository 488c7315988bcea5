"""What one evaluation may cost at most, told before it runs: turns of loops, and elements that ``in`` looks at.

Lists have as many elements as their schema's ``maxItems`` allows, or else an assumed number.
"""

from sidecar.cel import sentences
from sidecar.cel.ast import Call, Expr, ListExpr, Loop, children
from sidecar.cel.checked import Checked
from sidecar.cel.errors import CheckError, Span
from sidecar.cel.limits import LIMITS, Limits
from sidecar.cel.types import ListType, bare

_AS_LONG_AS_ITS_TARGET = frozenset(("filter", "map", "transformList", "transformMap", "transformMapEntry"))


def too_costly(checked: Checked, limits: Limits = LIMITS) -> CheckError | None:
    """That a rule may take more steps than one is allowed, at the part that takes the most; None when it may not."""
    cost = _Cost(limits)
    steps = cost.of(checked, checked.expr)
    if steps <= limits.cost:
        return None
    worst = max(cost.loops, key=cost.loops.__getitem__, default=None)
    span = checked.expr.span if worst is None else worst
    return CheckError(span, sentences.too_costly(steps, limits.cost, limits.assumed))


class _Cost:
    """One estimate. ``loops`` holds what each loop of the rule's own text costs."""

    def __init__(self, limits: Limits) -> None:
        self._assumed = limits.assumed
        self._lets: dict[int, int] = {}
        self.loops: dict[Span, int] = {}

    def of(self, checked: Checked, node: Expr) -> int:
        """Steps of one evaluation of a part."""
        ref = checked.refs.get(node.id)
        if ref is not None and ref.kind == "let":
            return self._let(checked.lets[ref.name])
        if isinstance(node, Loop):
            turn = 1 + sum(self.of(checked, part) for part in children(node)[1:])
            steps = self.of(checked, node.target) + self._size(checked, node.target) * turn
            self.loops[node.span] = steps
            return steps
        inner = sum(self.of(checked, part) for part in children(node))
        if (
            isinstance(node, Call)
            and node.function == "in"
            and isinstance(bare(checked.types[node.args[1].id]), ListType)
        ):
            return inner + self._size(checked, node.args[1])
        return inner

    def _let(self, let: Checked) -> int:
        """A named expression, estimated once however often it is named."""
        if id(let) not in self._lets:
            own, self.loops = self.loops, {}
            self._lets[id(let)] = self.of(let, let.expr)
            self.loops = own
        return self._lets[id(let)]

    def _size(self, checked: Checked, node: Expr) -> int:
        """How many elements a part has at most."""
        ref = checked.refs.get(node.id)
        if ref is not None and ref.kind == "let":
            return self._size(checked.lets[ref.name], checked.lets[ref.name].expr)
        match node:
            case ListExpr(items=items):
                return len(items)
            case Loop(macro=macro, target=target) if macro in _AS_LONG_AS_ITS_TARGET:
                return self._size(checked, target)
            case Call(function="?:", args=(_, yes, no)):
                return max(self._size(checked, yes), self._size(checked, no))
            case Call(function="+", args=(left, right)):
                return self._size(checked, left) + self._size(checked, right)
        type_ = bare(checked.types[node.id])
        return self._assumed if not isinstance(type_, ListType) or type_.most is None else type_.most
