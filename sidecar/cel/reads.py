"""Variables and their fields as Python expressions: where they come from, and each path read once in the fast form."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from sidecar.cel.ast import Expr, Ident, Select
from sidecar.cel.checked import dotted_name
from sidecar.cel.guards import guarded
from sidecar.cel.kernel import Expected, Input
from sidecar.cel.place import Place
from sidecar.cel.types import DYN, NOTHING, MapType, ObjectType, OptionalType, bare
from sidecar.cel.wrapped import TypeValue


@dataclass(frozen=True)
class Reader(Place, ABC):
    """Writes what is read at a place. What a field is read from may be any expression."""

    @abstractmethod
    def emit(self, node: Expr) -> str:
        """The Python expression of a node."""

    @abstractmethod
    def hoistable(self, node: Expr) -> bool:
        """Whether a part depends on the caller alone, so that it is evaluated once for each caller."""

    def load(self, node: Expr) -> str:
        """A variable, or a field of something, each path read once in the fast form."""
        if isinstance(node, Ident) or node.id in self.checked.refs:
            return self._variable(node)
        assert isinstance(node, Select)
        owner = bare(self.type_of(node.operand))
        if node.optional or not (isinstance(owner, (ObjectType, MapType)) or owner == DYN):
            word = "read_optional" if node.optional else "read"
            return f"{word}({self._owner(node)}, {self.unit.constant(self._expected(node))})"
        key = self._chain(node)
        if key is not None and (held := self.frame.find(key)) is not None:
            return held
        code = self._owner(node)
        if self.careful:
            return f"read({code}, {self.unit.constant(self._expected(node))})"
        return self._fast_read(node, code, key)

    def _variable(self, node: Expr) -> str:
        """The local of a variable or of a name bound inside, or a type as a value."""
        name = self.local(node.name) if isinstance(node, Ident) else None
        if name is None and node.id not in self.checked.refs:
            return f"undeclared({self.unit.constant(dotted_name(node))})"
        key = name or self.checked.refs[node.id].name
        if name is None and self.checked.refs[node.id].kind == "type":
            return self.unit.constant(TypeValue(key))
        found = self.frame.find(key)
        assert found is not None, key
        if name is None and self.plan.untried:
            return f"{self.unit.constant(Input(key, self.type_of(node)))}.admit({found})"
        return f"settled({found})" if self.careful and name is not None else found

    def _owner(self, node: Select) -> str:
        """What a field is read from: a part of a known path is read as it is, whatever a label knows of the rest."""
        if self.hoistable(node.operand):
            return self.emit(node.operand)
        path = self.checked.path(node.operand)
        read_on = self._chain(node.operand) is not None or (path is not None and not path.presence)
        return self.load(node.operand) if read_on else self.emit(node.operand)

    def _chain(self, node: Expr) -> tuple[str, ...] | None:
        """The key under which a path's value is kept: its variable and its fields."""
        fields: list[str] = []
        while node.id not in self.checked.refs and isinstance(node, Select) and not (node.test or node.optional):
            fields.append(node.field)
            node = node.operand
        ref = self.checked.refs.get(node.id)
        if ref is not None:
            return (ref.name, *reversed(fields)) if ref.kind == "variable" else None
        local = self.local(node.name) if isinstance(node, Ident) else None
        return None if local is None else (local, *reversed(fields))

    def _expected(self, node: Select) -> Expected:
        """What the field must be by its schema, as far as there is one."""
        owner = bare(self.type_of(node.operand))
        owner = bare(owner.inner) if isinstance(owner, OptionalType) else owner
        path = self.checked.path(node)
        shown = str(path) if path else node.field
        if isinstance(owner, ObjectType) and node.field in owner.fields:
            declared = owner.fields[node.field]
            return Expected(shown, declared.type, node.field, declared.default)
        return Expected(shown, owner.value if isinstance(owner, MapType) else DYN, node.field)

    def _fast_read(self, node: Select, owner: str, key: tuple[str, ...] | None) -> str:
        """The field in the fast form, kept in a local for whoever reads the same path later."""
        expected = self._expected(node)
        name = self.unit.constant(node.field)
        if expected.default is NOTHING:
            code = f"{owner}[{name}]"
        else:
            code = f"{owner}.get({name}, {self.unit.constant(expected.default)})"
        local = self.unit.fresh("x")
        if key is not None:
            self.frame.hold(key, local)
        return guarded(local, code, expected.type)

    def presence(self, node: Select) -> str:
        """``has(operand.field)``."""
        owner = self._owner(node)
        expected = self._expected(node)
        if self.careful:
            return f"present({owner}, {self.unit.constant(expected)})"
        if isinstance(self.type_of(node.operand), ObjectType):
            if expected.default is not NOTHING:
                return f"({owner} is not None)"
            return f"({self.unit.constant(node.field)} in {owner})"
        return f"present({owner}, {self.unit.constant(expected)})"
