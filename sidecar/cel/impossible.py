"""Conditions that can never be true, proven from their text and types alone.

A condition is true in one of several ways: of ``||`` some part is true, of ``&&`` every part, of a ternary one branch.
Each way is a set of facts about what is read. When the facts of every way contradict each other, nothing makes it true.
What is not understood counts as possible, so that a condition is never refused for nothing.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sidecar.cel import sentences
from sidecar.cel.ast import Call, Expr, ListExpr, Literal, Loop, Select, children
from sidecar.cel.checked import Checked, dotted_name
from sidecar.cel.domains import Domain, domain_of
from sidecar.cel.errors import CheckError, Span
from sidecar.cel.shapes import Constant, Names, Shapes
from sidecar.cel.types import BOOL, DOUBLE, DYN, INT, NOTHING, STRING, MapType, ObjectType, bare

MOST_STEPS = 10_000
"""Parts that are looked at, over all ways; a condition that needs more counts as possible."""
_CHAINS = {"&&": True, "||": False}
"""The value for which every part of a chain must have it too."""
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_UNEQUAL = frozenset(("!=", "<", ">"))
_STRICT = frozenset(
    ("==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%", "-_", "!", "[]", "size", "contains", "startsWith",
     "endsWith", "matches")
)  # fmt: skip
"""What has a value only when everything it is made of has one."""


def never_true(checked: Checked) -> CheckError | None:
    """Why a condition can never be true, and where; None when it may be. A bare ``false`` says so itself."""
    if isinstance(checked.expr, Literal):
        return None
    error = _Prover().way([_Goal(checked, checked.expr, wanted=True)], {})
    return None if error is None else CheckError(error.span, sentences.never_true(error.message))


Facts = dict[int, Domain]
"""What is known in one way: the values that the parts of the condition, by their shape, may have."""


@dataclass(frozen=True, slots=True)
class _Goal:
    """A part of the condition that must have a value. ``place`` is where a named expression that it is in is named."""

    checked: Checked
    node: Expr
    wanted: bool
    names: Names = field(default_factory=dict)
    place: Span | None = None

    def of(self, node: Expr, wanted: bool, names: Mapping[str, int] | None = None) -> "_Goal":
        """Another part at the same place."""
        return replace(self, node=node, wanted=wanted, names={**self.names, **(names or {})})

    def error(self, message: str) -> CheckError:
        """A contradiction found here."""
        return CheckError(self.place or self.node.span, message)


@dataclass
class _Prover:
    """One proof."""

    shapes: Shapes = field(default_factory=Shapes)
    steps: int = 0

    def way(self, goals: Sequence[_Goal], facts: Facts) -> CheckError | None:
        """The contradiction in which every way to reach all goals ends; None when one stays open."""
        open_, choices = deque(goals), []
        while open_:  # in the order of the text, so that the later of two contradicting conditions is told
            goal = open_.popleft()
            self.steps += 1
            if self.steps > MOST_STEPS:
                return None
            ways = self._ways(goal)
            if ways is None:
                error = self._learn(goal, facts)
                if error is not None:
                    return error
            elif len(ways) == 1:
                open_.extendleft(reversed(ways[0]))
            else:
                choices.append(goal)
        return self._choose(choices, facts) if choices else None

    def _choose(self, choices: Sequence[_Goal], facts: Facts) -> CheckError | None:
        """Try every way to reach the first of several goals, together with the others."""
        found: list[CheckError] = []
        for way in self._ways(choices[0]) or ():
            error = self.way([*way, *choices[1:]], dict(facts))
            if error is None:
                return None
            found.append(error)
        if len({error.span for error in found}) == 1:
            return found[0]
        return choices[0].error(sentences.no_way(found[0].message))

    def _ways(self, goal: _Goal) -> list[list[_Goal]] | None:
        """The ways to reach a goal by other goals; None for one that is a fact by itself."""
        checked, node, wanted = goal.checked, goal.node, goal.wanted
        ref = checked.refs.get(node.id)
        if ref is not None and ref.kind == "let":
            let = checked.lets[ref.name]
            return [[_Goal(let, let.expr, wanted, place=goal.place or node.span)]]
        if not isinstance(node, Call) or self.shapes.constant(checked, node) is not None:
            return None
        if node.function == "!":
            return [[goal.of(node.args[0], not wanted)]]
        if node.function in _CHAINS:
            parts = [goal.of(arg, wanted) for arg in node.args]
            return [parts] if _CHAINS[node.function] is wanted else [[part] for part in parts]
        if node.function == "?:":
            condition, yes, no = node.args
            return [[goal.of(condition, taken), goal.of(part, wanted)] for part, taken in ((yes, True), (no, False))]
        return None

    # --- facts ---

    def _learn(self, goal: _Goal, facts: Facts) -> CheckError | None:
        """Take a goal as a fact; the contradiction with what is known already, if any."""
        constant = self.shapes.constant(goal.checked, goal.node)
        if constant is not None:
            return _of_constant(goal, constant)
        for shape, domain, sentence in self._facts(goal):
            known = facts.get(shape)
            facts[shape] = domain if known is None else known & domain
            if facts[shape].empty:
                return goal.error(sentence)
        return self._element(goal, facts)

    def _element(self, goal: _Goal, facts: Facts) -> CheckError | None:
        """A loop that some element decides has such an element."""
        node = goal.node
        if not isinstance(node, Loop) or (node.macro, goal.wanted) not in (("exists", True), ("all", False)):
            return None
        assert node.condition is not None
        some = {name: self.shapes.new() for name in node.variables}
        return self.way([goal.of(node.condition, goal.wanted, some)], facts)

    def _facts(self, goal: _Goal) -> Iterator[tuple[int, Domain, str]]:
        """What follows for single parts: their shape, the values they may have, the sentence when there are none."""
        node = goal.node
        yield from self._presence(goal, node)
        sentence = sentences.with_its_opposite()
        if isinstance(node, Select) and node.test:
            sentence = sentences.not_there(_told(goal, node) or node.field)
            if not goal.wanted and _always_there(goal, node):
                yield self.shapes.new(), Domain.only(), sentences.always_there(_told(goal, node) or node.field)
        if isinstance(node, Call) and node.function == "!=":
            yield self._shape(goal, replace(node, function="==")), Domain.only(not goal.wanted), sentence
        else:
            yield self._shape(goal, node), Domain.only(goal.wanted), sentence
        if isinstance(node, Call) and node.function in _MIRRORED:
            yield from self._comparison(goal, node)
        if isinstance(node, Call) and node.function == "in":
            yield from self._membership(goal, node)
        if isinstance(node, Loop) and (node.macro, goal.wanted) in (("exists", True), ("all", False)):
            yield from self._filled(goal, node.target)

    def _shape(self, goal: _Goal, node: Expr) -> int:
        return self.shapes.of(goal.checked, node, goal.names)

    def _comparison(self, goal: _Goal, node: Call) -> Iterator[tuple[int, Domain, str]]:
        left, right = node.args
        if self._shape(goal, left) == self._shape(goal, right) and goal.wanted is (node.function in _UNEQUAL):
            if bare(goal.checked.types[left.id]) in (STRING, INT, BOOL):
                yield self.shapes.new(), Domain.only(), sentences.with_itself()
            return
        operator, subject = node.function, left
        constant = self.shapes.constant(goal.checked, right)
        if constant is None:
            operator, subject = _MIRRORED[operator], right
            constant = self.shapes.constant(goal.checked, left)
        if constant is None or constant.error is not None:
            return
        wanted = goal.wanted is not (operator == "!=")
        if operator in _OPPOSITE and not goal.wanted:
            if bare(goal.checked.types[subject.id]) in (DOUBLE, DYN):
                return  # of what is no number both a comparison and its opposite are false
            operator = _OPPOSITE[operator]
        domain = Domain.compared("==" if operator == "!=" else operator, constant.value, wanted=wanted)
        yield from self._narrowed(goal, subject, domain)

    def _membership(self, goal: _Goal, node: Call) -> Iterator[tuple[int, Domain, str]]:
        item, place = node.args
        constant = self.shapes.constant(goal.checked, place)
        if constant is not None and isinstance(constant.value, list):
            domain = Domain.only(*constant.value) if goal.wanted else Domain.none_of(*constant.value)
            yield from self._narrowed(goal, item, domain)
        elif goal.wanted:
            yield from self._filled(goal, place)

    def _narrowed(self, goal: _Goal, node: Expr, domain: Domain) -> Iterator[tuple[int, Domain, str]]:
        sentence = sentences.cannot_be(_told(goal, node))
        shape = self._shape(goal, node)
        yield shape, domain_of(goal.checked, node), sentence
        yield shape, domain, sentence

    def _filled(self, goal: _Goal, node: Expr) -> Iterator[tuple[int, Domain, str]]:
        """A list or map that has something in it."""
        size, name = self.shapes.size(goal.checked, node, goal.names), _told(goal, node)
        yield size, Domain.compared(">", 0, wanted=True), sentences.cannot_be(name and f"size({name})")

    def _presence(self, goal: _Goal, node: Expr) -> Iterator[tuple[int, Domain, str]]:
        """Whatever must have been read is there."""
        match node:
            case Select(operand=operand, test=test, optional=False) if node.id not in goal.checked.refs:
                yield from self._presence(goal, operand)
                if not test and isinstance(bare(goal.checked.types[operand.id]), (ObjectType, MapType)):
                    there = self.shapes.presence(goal.checked, node, goal.names)
                    yield there, Domain.only(True), sentences.not_there(_told(goal, node) or node.field)
            case Call(function=function, target=target, args=args) if function in _STRICT:
                for part in args if target is None else (target, *args):
                    yield from self._presence(goal, part)
            case Loop(target=target):
                yield from self._presence(goal, target)
            case ListExpr(items=items, optional=optional) if not optional:
                for part in items:
                    yield from self._presence(goal, part)


def _of_constant(goal: _Goal, constant: Constant) -> CheckError | None:
    if constant.error is not None:
        return goal.error(sentences.always_fails(constant.error))
    return None if constant.value is goal.wanted else goal.error(sentences.always(constant.value))


def _always_there(goal: _Goal, node: Select) -> bool:
    """Whether the type says that a field is there, or is read as its default."""
    owner = bare(goal.checked.types[node.operand.id])
    known = owner.fields.get(node.field) if isinstance(owner, ObjectType) else None
    return known is not None and (known.required or known.default is not NOTHING)


def _told(goal: _Goal, node: Expr) -> str | None:
    """How a sentence calls a part: by its name, when it has one."""
    if isinstance(node, Call) and node.function == "size":
        inner = _told(goal, children(node)[0])
        return None if inner is None else f"size({inner})"
    if isinstance(node, Select) and node.test:
        node = replace(node, test=False)
    return dotted_name(node)
