"""What every part of a rule came to, for one record: each part is compiled and evaluated as the rule itself is.

A part inside a loop is evaluated for each element, the loop's variables being further parameters of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sidecar.cel.ast import Bind, Call, Expr, Ident, ListExpr, Literal, Loop, MapExpr, Select, children, conjuncts, walk
from sidecar.cel.checked import Checked, Ref
from sidecar.cel.compile import BOUND, PARAMETERS, compile_program
from sidecar.cel.errors import EvaluationError
from sidecar.cel.kernel import elements, pairs

MOST_TURNS = 5
"""How many elements of one loop are shown; those that decide it come first."""
MOST_LOOKED_AT = 1_000
"""Among how many elements of one loop those are looked for."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a rule: its text, its value or else its error, and what it is made of, constants left out.

    ``form`` is its operator, function or macro; ``read`` for a variable or a field of one, ``let`` for a named
    expression. ``turns`` are elements of a loop, ``more`` counts the rest.
    """

    form: str
    text: str
    value: Any
    error: str | None
    parts: "tuple[Part, ...]" = ()
    turns: "tuple[Turn, ...]" = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One element of a loop: what its variables stood for, and the loop's condition and results over it."""

    names: Mapping[str, Any]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a part stands: in which expression, with which text, inside which loop variables."""

    checked: Checked
    text: str
    names: Mapping[str, Any] = field(default_factory=dict)

    def inside(self, names: Mapping[str, Any]) -> "_Place":
        """The same expression, with more names."""
        return replace(self, names={**self.names, **names})

    def told(self, node: Expr) -> str:
        """The text of a part, on one line."""
        return " ".join(self.text[node.span.offset : node.span.end].split())


class Tracer:
    """Evaluates the parts of one rule over one record."""

    def __init__(self, lets: Mapping[str, str], values: Mapping[str, Any]) -> None:
        """Take the texts of the named expressions, and the values of ``caller`` and of a rule's parameters."""
        self._lets = lets
        self._bound = [values[name] for name in BOUND]
        self._given = [values[name] for name in PARAMETERS]
        self._programs: dict[tuple[int, int], Any] = {}

    def trace(self, checked: Checked, text: str) -> Part:
        """The whole rule as a tree of parts."""
        return self._part(_Place(checked, text), checked.expr)

    def _part(self, place: _Place, node: Expr) -> Part:
        value, error = self._outcome(place, node)
        whole = Part(_form(place, node), place.told(node), value, error)
        if whole.form == "read":
            return whole
        if whole.form == "let":
            name = place.checked.refs[node.id].name
            return replace(whole, parts=(self.trace(place.checked.lets[name], self._lets[name]),))
        if isinstance(node, Loop):
            return self._loop(place, node, whole)
        if isinstance(node, Bind):
            return replace(whole, parts=tuple(self._bind(place, node)))
        return replace(whole, parts=tuple(self._parts(place, self._evaluated(place, node))))

    def _bind(self, place: _Place, node: Bind) -> Iterator[Part]:
        yield from self._parts(place, [node.value])
        value, error = self._outcome(place, node.value)
        if error is None:
            yield self._part(place.inside({node.name: value}), node.body)

    def _parts(self, place: _Place, nodes: Sequence[Expr]) -> Iterator[Part]:
        """The parts that say something: no constants, and none whose names are not known here."""
        for node in nodes:
            uses = place.checked.uses[node.id]
            if uses and all(kind == "variable" or name in place.names for kind, name in uses):
                yield self._part(place, node)

    def _evaluated(self, place: _Place, node: Expr) -> Sequence[Expr]:
        """The direct parts of a node that have a say: of the two branches of a condition the one that is taken."""
        if not (isinstance(node, Call) and node.function == "?:"):
            return children(node)
        condition, yes, no = node.args
        taken, error = self._outcome(place, condition)
        return (condition,) if error is not None else (condition, yes if taken else no)

    # --- loops ---

    def _loop(self, place: _Place, node: Loop, whole: Part) -> Part:
        items, error = self._outcome(place, node.target)
        parts = tuple(self._parts(place, [node.target]))
        if error is not None or type(items) not in (list, dict):
            return replace(whole, parts=parts)
        found = pairs(items) if len(node.variables) > 1 else [(item,) for item in elements(items)]
        names = [dict(zip(node.variables, values, strict=True)) for values in islice(found, MOST_LOOKED_AT)]
        shown = sorted(names, key=lambda one: self._distance(place.inside(one), node))[:MOST_TURNS]
        turns = tuple(Turn(one, tuple(self._turn(place.inside(one), node))) for one in shown)
        return replace(whole, parts=parts, turns=turns, more=len(found) - len(turns))

    def _turn(self, place: _Place, node: Loop) -> Iterator[Part]:
        condition = () if node.condition is None else (node.condition,)
        return self._parts(place, (*condition, *node.result))

    def _distance(self, place: _Place, node: Loop) -> int:
        """How far an element is from deciding the loop: none when it does, then by the conditions that it fails."""
        if node.condition is None:
            return 0
        if node.macro == "all":
            return int(self._outcome(place, node.condition)[0] is True)
        return sum(self._outcome(place, part)[0] is not True for part in conjuncts(node.condition))

    # --- one value ---

    def _outcome(self, place: _Place, node: Expr) -> tuple[Any, str | None]:
        key = (id(place.checked), node.id)
        if key not in self._programs:
            program = compile_program(_opened(place, node), BOUND, (*PARAMETERS, *place.names))
            self._programs[key] = program.bind(*self._bound)
        try:
            return self._programs[key](*self._given, *place.names.values()), None
        except EvaluationError as error:
            return None, str(error)


def _opened(place: _Place, node: Expr) -> Checked:
    """A part as a rule of its own, in which the names around it are variables."""
    checked = place.checked
    names = {
        inner.id: Ref("variable", inner.name)
        for inner in walk(node)
        if isinstance(inner, Ident) and inner.id not in checked.refs and inner.name in place.names
    }
    return replace(checked, expr=node, type=checked.types[node.id], refs={**checked.refs, **names})


def _form(place: _Place, node: Expr) -> str:
    """What a node is, in a word."""
    ref = place.checked.refs.get(node.id)
    if ref is not None and ref.kind == "let":
        return "let"
    match node:
        case Call(function=function):
            return function
        case Loop(macro=macro):
            return macro
        case Ident() | Literal() | Select() if _is_read(place, node):
            return "read"
        case ListExpr() | MapExpr():
            return "literal"
    return type(node).__name__.lower()


def _is_read(place: _Place, node: Expr) -> bool:
    """Whether a node is a variable, a field of one, or a question for a field."""
    while isinstance(node, Select) and node.id not in place.checked.refs and not node.optional:
        node = node.operand
    return isinstance(node, (Ident, Literal)) or node.id in place.checked.refs
