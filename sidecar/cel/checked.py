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
        return tuple(dict.fromkeys(_paths(self, self.expr)))

    @property
    def reads(self) -> tuple[str, ...]:
        """``paths``, as text: ``record.scope.owning_org_unit_id``, ``caller.org_units``, ``now_ms``."""
        return tuple(dict.fromkeys(str(path) for path in self.paths))

    def path(self, node: Expr) -> Path | None:
        """The chain of fields that a node is, when it is one below a variable. Loop variables are the caller's care.

        ``record.?scope.unit`` reads the same path as ``record.scope.unit``.
        """
        names: list[str] = []
        presence = isinstance(node, Select) and node.test
        while node.id not in self.refs and isinstance(node, Select):
            names.append(node.field)
            node = node.operand
            if isinstance(node, Select) and node.test:
                return None
        ref = self.refs.get(node.id)
        if ref is None or ref.kind != "variable":
            return None
        return Path(ref.name, tuple(reversed(names)), presence)

    @cached_property
    def uses(self) -> Mapping[int, frozenset[tuple[str, str]]]:
        """For every node the ("variable", name) and ("local", name) it depends on, named expressions looked through."""
        found: dict[int, frozenset[tuple[str, str]]] = {}
        _gather_uses(self, self.expr, found)
        return found

    def part(self, node: Expr) -> "Checked":
        """One of ``parts`` as a rule of its own."""
        return replace(self, expr=node, type=self.types[node.id])

    def parts(self) -> Iterator[Expr]:
        """The sub-expressions that mean something by themselves (no loop variable is free), parents first."""
        yield from _closed(self, self.expr)

    @cached_property
    def size(self) -> int:
        """How many parts there are with every named expression written out."""
        return self.parts_in(self.expr)

    def parts_in(self, part: Expr) -> int:
        """The same of one of its parts."""
        refs = self.refs
        return sum(
            self.lets[refs[node.id].name].size if node.id in refs and refs[node.id].kind == "let" else 1
            for node in walk(part)
        )

    @cached_property
    def loops(self) -> int:
        """How deep loops are nested, named expressions written out."""
        return _loops(self, self.expr)


def dotted_name(node: Expr) -> str | None:
    """The name that a chain of plain selections spells, such as ``a.b.c``."""
    match node:
        case Ident(name=name):
            return name
        case Select(operand=operand, field=name, test=False, optional=False):
            head = dotted_name(operand)
            return None if head is None else f"{head}.{name}"
    return None


def describe_label_gap(checked: Checked, known: Mapping[str, Sequence[str]]) -> list[str]:
    """The paths a rule reads that a label does not hold, such as ``record.created_at_ms`` or ``now_ms``."""
    return list(dict.fromkeys(str(path) for path in checked.paths if not is_known(path, known)))


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


def _paths(checked: Checked, node: Expr) -> Iterator[Path]:
    """The longest chains below a node, those inside of named expressions too."""
    ref = checked.refs.get(node.id)
    if ref is not None and ref.kind == "let":
        yield from checked.lets[ref.name].paths
        return
    path = checked.path(node)
    if path is not None:
        yield path
        return
    for child in children(node):
        yield from _paths(checked, child)


def _loops(checked: Checked, node: Expr) -> int:
    ref = checked.refs.get(node.id)
    if ref is not None and ref.kind == "let":
        return checked.lets[ref.name].loops
    if isinstance(node, Loop):
        body = (() if node.condition is None else (node.condition,)) + node.result
        inner = 1 + max((_loops(checked, part) for part in body), default=0)
        return max(inner, _loops(checked, node.target))
    return max((_loops(checked, child) for child in children(node)), default=0)


def _gather_uses(checked: Checked, node: Expr, found: dict[int, frozenset[tuple[str, str]]]) -> None:
    """Fill ``found`` from the leaves up; names that a loop or ``cel.bind`` binds end there."""
    for child in children(node):
        _gather_uses(checked, child, found)
    ref = checked.refs.get(node.id)
    below = [found[child.id] for child in children(node)]
    uses: frozenset[tuple[str, str]] = frozenset().union(*below)
    if ref is not None and ref.kind == "let":
        let = checked.lets[ref.name]
        uses = let.uses[let.expr.id]
    elif ref is not None:
        uses = frozenset([("variable", ref.name)] if ref.kind == "variable" else [])
    elif isinstance(node, Ident):
        uses = frozenset([("local", node.name)])
    elif isinstance(node, Loop):
        bound = {("local", name) for name in node.variables}
        uses = below[0] | (frozenset().union(*below[1:]) - bound)
    elif isinstance(node, Bind):
        uses = below[0] | (below[1] - {("local", node.name)})
    found[node.id] = uses


def _closed(checked: Checked, node: Expr) -> Iterator[Expr]:
    if not any(kind == "local" for kind, _ in checked.uses[node.id]):
        yield node
    if node.id not in checked.refs:
        for child in children(node):
            yield from _closed(checked, child)
