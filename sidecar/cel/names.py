"""The names and fields of an expression, resolved: the innermost loop variable first, then what its Env says."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from sidecar.cel import sentences
from sidecar.cel.ast import Expr, Ident, Select
from sidecar.cel.checked import Ref, dotted_name
from sidecar.cel.env import TYPE_NAMES, Env, candidates
from sidecar.cel.errors import Span
from sidecar.cel.findings import Findings
from sidecar.cel.types import BOOL, DYN, MapType, ObjectType, OptionalType, Type, TypeType, bare


class Names:
    """Knows what is in reach at each place. ``refs`` are the meanings of what has been resolved."""

    def __init__(self, env: Env, findings: Findings) -> None:
        self._env, self._findings = env, findings
        self._scopes: list[dict[str, Type]] = []
        self.refs: dict[int, Ref] = {}

    def ident(self, node: Ident) -> Type:
        """The type of a name."""
        found = self._local(node.name) or self._global(node, node.name)
        return found or self._findings.report(node.span, sentences.unknown_name(node.name.lstrip("."), self._known()))

    def whole(self, node: Select) -> Type | None:
        """The type of a dotted name that is declared as a whole, or None."""
        dotted = None if node.test else dotted_name(node)
        if dotted is None or self._local(dotted.partition(".")[0]) is not None:
            return None
        return self._global(node, dotted)

    def field(self, node: Select, owner: Type) -> Type:
        """The type of a field of what stands before the dot, or of whether there is one."""
        owner = bare(owner)
        found = self._inside(node, bare(owner.inner if isinstance(owner, OptionalType) else owner))
        if node.test:
            return BOOL
        return OptionalType(found) if node.optional or isinstance(owner, OptionalType) else found

    @contextmanager
    def scope(self, node: Expr, names: Mapping[str, Type]) -> Iterator[None]:
        """More names, as long as the block lasts."""
        for name in names:
            taken = name in self._env.variables or name in self._env.lets or self._local(name) is not None
            if taken and not self._env.shadowing:
                self._findings.report(node.span, sentences.shadows(name))
        self._scopes.append(dict(names))
        yield
        self._scopes.pop()

    def _known(self) -> list[str]:
        return [*self._env.variables, *self._env.lets, *(name for scope in self._scopes for name in scope)]

    def _local(self, name: str) -> Type | None:
        return next((scope[name] for scope in reversed(self._scopes) if name in scope), None)

    def _global(self, node: Expr, name: str) -> Type | None:
        found = (self._declared(node, candidate) for candidate in candidates(name, self._env.container))
        return next((type_ for type_ in found if type_ is not None), None)

    def _declared(self, node: Expr, name: str) -> Type | None:
        if name in self._env.lets:
            self.refs[node.id] = Ref("let", name)
            return self._env.lets[name].type
        if name in self._env.variables:
            self.refs[node.id] = Ref("variable", name)
            return self._env.variables[name]
        if name in TYPE_NAMES:
            self.refs[node.id] = Ref("type", name)
            return TypeType(TYPE_NAMES[name])
        return None

    def _inside(self, node: Select, owner: Type) -> Type:
        match owner:
            case ObjectType(fields=fields, rest=rest):
                if node.field in fields:
                    return fields[node.field].type
                if rest is not None:
                    return rest
                unknown = sentences.unknown_field(node.field, _named(node.operand, owner), fields)
                return self._findings.report(_field_span(node), unknown)
            case MapType(value=value):
                return value
        if owner == DYN:
            return DYN
        sentence = sentences.has_no_meaning if node.test else sentences.no_fields
        return self._findings.report(node.span, sentence(_named(node.operand, owner), node.field))


def _named(node: Expr, type_: Type) -> str:
    """How a message calls the thing a field is read from: by its path when it has one."""
    return dotted_name(node) or str(type_)


def _field_span(node: Select) -> Span:
    """Where the field's own name stands, behind what it is read from."""
    offset = node.operand.span.end + (2 if node.optional else 1)
    return replace(
        node.span, offset=offset, end=offset + len(node.field), column=node.span.column + offset - node.span.offset
    )
