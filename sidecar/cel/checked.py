"""A rule whose types are known: the tree, the type of every node, what every name means, what is read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal as OneOf

from sidecar.cel.ast import Bind, Expr, Ident, Loop, Select, children, walk
from sidecar.cel.types import Type


@dataclass(frozen=True, slots=True)
class Ref:
    """What a name (or a dotted chain of names) stands for, outside of loops."""

    kind: OneOf["variable", "let", "type"]
    name: str


@dataclass(frozen=True, slots=True)
class Path:
    """A chain of fields below a variable. ``presence`` tells that only ``has()`` asks for the last one."""

    root: str
    fields: tuple[str, ...]
    presence: bool = False

    def __str__(self) -> str:
        return ".".join((self.root, *self.fields))


@dataclass(frozen=True)
class Checked:
    """An expression that has a type. Its parts can be compiled one by one, see ``parts``."""

    expr: Expr
    type: Type
    types: Mapping[int, Type] = field(repr=False)
    refs: Mapping[int, Ref] = field(repr=False)
    lets: "Mapping[str, Checked]" = field(repr=False)

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """Everything that may be read of the variables, the longest chains that the text names, each once."""
        return tuple(dict.fromkeys(_paths(self, self.expr, frozenset())))

    @property
    def reads(self) -> tuple[str, ...]:
        """``paths``, as text: ``record.scope.owning_org_unit_id``, ``caller.org_units``, ``now_ms``."""
        return tuple(dict.fromkeys(str(path) for path in self.paths))

    def path(self, node: Expr) -> Path | None:
        """The chain of fields that a node is, when it is one below a variable. Loop variables are the caller's care."""
        names: list[str] = []
        presence = isinstance(node, Select) and node.test
        while node.id not in self.refs and isinstance(node, Select) and not node.optional:
            names.append(node.field)
            node = node.operand
            if isinstance(node, Select) and node.test:
                return None
        ref = self.refs.get(node.id)
        if ref is None or ref.kind != "variable":
            return None
        return Path(ref.name, tuple(reversed(names)), presence)

    def part(self, node: Expr) -> "Checked":
        """One of ``parts`` as a rule of its own."""
        return replace(self, expr=node, type=self.types[node.id])

    def parts(self) -> Iterator[Expr]:
        """The sub-expressions that mean something by themselves (no loop variable is free), parents first."""
        yield from _closed(self.expr)

    @cached_property
    def size(self) -> int:
        """How many parts there are with every named expression written out."""
        refs = self.refs
        return sum(
            self.lets[refs[node.id].name].size if node.id in refs and refs[node.id].kind == "let" else 1
            for node in walk(self.expr)
        )

    @cached_property
    def loops(self) -> int:
        """How deep loops are nested, named expressions written out."""
        return _loops(self, self.expr)


def gap(checked: Checked, known: Mapping[str, Sequence[str]]) -> tuple[Path, ...]:
    """The paths read that a label does not hold: of ``known`` variables outside their pointers, and ``now_ms``."""
    return tuple(path for path in checked.paths if not is_known(path, known))


def is_known(path: Path, known: Mapping[str, Sequence[str]]) -> bool:
    """Whether a label tells this path: it lies under a known pointer, or only the presence of a parent is asked."""
    if path.root == "now_ms":
        return False
    if path.root not in known:
        return True
    pointers = [tuple(pointer.split("/")[1:]) for pointer in known[path.root]]
    if any(path.fields[: len(pointer)] == pointer for pointer in pointers):
        return True
    return path.presence and any(pointer[: len(path.fields)] == path.fields for pointer in pointers)


def _paths(checked: Checked, node: Expr, local: frozenset[str]) -> Iterator[Path]:
    ref = checked.refs.get(node.id)
    if ref is not None and ref.kind == "let":
        yield from checked.lets[ref.name].paths
        return
    path = checked.path(node)
    if path is not None:
        yield path
        return
    for child in children(node):
        yield from _paths(checked, child, local)


def _loops(checked: Checked, node: Expr) -> int:
    ref = checked.refs.get(node.id)
    if ref is not None and ref.kind == "let":
        return checked.lets[ref.name].loops
    if isinstance(node, Loop):
        body = (() if node.condition is None else (node.condition,)) + node.result
        inner = 1 + max((_loops(checked, part) for part in body), default=0)
        return max(inner, _loops(checked, node.target))
    return max((_loops(checked, child) for child in children(node)), default=0)


def free_names(node: Expr) -> frozenset[str]:
    """The names a node uses that nothing inside it binds."""
    match node:
        case Ident(name=name):
            return frozenset((name,))
        case Loop(target=target, variables=variables, condition=condition, result=result):
            body = (() if condition is None else (condition,)) + result
            return free_names(target) | frozenset().union(*map(free_names, body)) - frozenset(variables)
        case Bind(name=name, value=value, body=inner):
            return free_names(value) | (free_names(inner) - {name})
    return frozenset().union(*map(free_names, children(node)))


def _closed(node: Expr, bound: frozenset[str] = frozenset()) -> Iterator[Expr]:
    if not free_names(node) & bound:
        yield node
    inner = bound
    if isinstance(node, Loop):
        inner = bound | frozenset(node.variables)
        yield from _closed(node.target, bound)
        for part in (() if node.condition is None else (node.condition,)) + node.result:
            yield from _closed(part, inner)
        return
    if isinstance(node, Bind):
        yield from _closed(node.value, bound)
        yield from _closed(node.body, bound | {node.name})
        return
    for child in children(node):
        yield from _closed(child, inner)
