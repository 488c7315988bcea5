"""A variable, a field and ``has()`` as Python, once the code of what a field is read from is written.

In the fast form each path is read once, and its value stays in a local for whoever reads the same path later.
"""

from sidecar.cel.ast import Expr, Ident, Select
from sidecar.cel.checked import dotted_name
from sidecar.cel.guards import guarded
from sidecar.cel.kernel import Expected, Input
from sidecar.cel.place import Place
from sidecar.cel.types import DYN, NOTHING, MapType, ObjectType, OptionalType, bare
from sidecar.cel.wrapped import TypeValue


def variable(place: Place, node: Expr) -> str:
    """The local of a variable or of a name bound inside, or a type as a value."""
    name = place.local(node.name) if isinstance(node, Ident) else None
    if name is None and node.id not in place.checked.refs:
        return f"undeclared({place.unit.constant(dotted_name(node))})"
    key = name or place.checked.refs[node.id].name
    if name is None and place.checked.refs[node.id].kind == "type":
        return place.unit.constant(TypeValue(key))
    found = place.frame.find(key)
    assert found is not None, key
    if name is None and place.plan.untried:
        return f"{place.unit.constant(Input(key, place.type_of(node)))}.admit({found})"
    return f"settled({found})" if place.careful and name is not None else found


def read_before(place: Place, node: Select) -> str | None:
    """The local of the fast form that holds the field already, if there is one."""
    key = None if place.careful else _chain(place, node)
    return None if key is None else place.frame.find(key)


def field(place: Place, node: Select, owner: str) -> str:
    """A field of what ``owner`` is the code of."""
    type_ = bare(place.type_of(node.operand))
    expected = _expected(place, node)
    if node.optional or not (isinstance(type_, (ObjectType, MapType)) or type_ == DYN):
        return f"{'read_optional' if node.optional else 'read'}({owner}, {place.unit.constant(expected)})"
    if place.careful:
        return f"read({owner}, {place.unit.constant(expected)})"
    return _fast_field(place, node, owner, expected)


def _fast_field(place: Place, node: Select, owner: str, expected: Expected) -> str:
    """The field in the fast form, kept in a local."""
    name = place.unit.constant(node.field)
    if expected.default is NOTHING:
        code = f"{owner}[{name}]"
    else:
        code = f"{owner}.get({name}, {place.unit.constant(expected.default)})"
    local = place.unit.fresh("x")
    key = _chain(place, node)
    if key is not None:
        place.frame.hold(key, local)
    return guarded(local, code, expected.type)


def presence(place: Place, node: Select, owner: str) -> str:
    """``has(operand.field)``, where ``owner`` is the code of the operand."""
    expected = _expected(place, node)
    if place.careful or not isinstance(place.type_of(node.operand), ObjectType):
        return f"present({owner}, {place.unit.constant(expected)})"
    if expected.default is not NOTHING:
        return f"({owner} is not None)"
    return f"({place.unit.constant(node.field)} in {owner})"


def is_path(place: Place, node: Expr) -> bool:
    """Whether a node is a variable, a name bound inside, or a chain of fields below one."""
    if _chain(place, node) is not None:
        return True
    path = place.checked.path(node)
    return path is not None and not path.presence


def _chain(place: Place, node: Expr) -> tuple[str, ...] | None:
    """The key under which a path's value is kept: its variable and its fields. None for what is no path."""
    fields: list[str] = []
    while node.id not in place.checked.refs and isinstance(node, Select) and not (node.test or node.optional):
        fields.append(node.field)
        node = node.operand
    ref = place.checked.refs.get(node.id)
    if ref is not None:
        return (ref.name, *reversed(fields)) if ref.kind == "variable" else None
    local = place.local(node.name) if isinstance(node, Ident) else None
    return None if local is None else (local, *reversed(fields))


def _expected(place: Place, node: Select) -> Expected:
    """What the field must be by its schema, as far as there is one."""
    owner = bare(place.type_of(node.operand))
    owner = bare(owner.inner) if isinstance(owner, OptionalType) else owner
    path = place.checked.path(node)
    shown = str(path) if path else node.field
    if isinstance(owner, ObjectType) and node.field in owner.fields:
        declared = owner.fields[node.field]
        return Expected(shown, declared.type, node.field, declared.default)
    return Expected(shown, owner.value if isinstance(owner, MapType) else DYN, node.field)
