"""A checked tree to Python expressions, in the fast form or the careful one (see ``kernel``)."""

from dataclasses import dataclass
from typing import Any

from sidecar.cel.ast import Bind, Call, Expr, Ident, ListExpr, Literal, Loop, MapExpr, Select, conjuncts
from sidecar.cel.checked import Checked, dotted_name, is_known
from sidecar.cel.frames import Frame
from sidecar.cel.functions import OVERLOADS
from sidecar.cel.guards import guarded
from sidecar.cel.joins import Join, find_join
from sidecar.cel.kernel import Expected, Input
from sidecar.cel.library import LIBRARY, helper_name
from sidecar.cel.loops import loop_body
from sidecar.cel.paying import compared, contained, looked_at, matched
from sidecar.cel.place import Place
from sidecar.cel.types import (
    BOOL,
    BYTES,
    DYN,
    INT,
    NOTHING,
    STRING,
    ListType,
    MapType,
    ObjectType,
    OptionalType,
    Type,
    bare,
)
from sidecar.cel.wrapped import TypeValue

_HELPERS = {
    "+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo", "-_": "negate", "!": "invert",
    "==": "equal", "!=": "differ", "<": "less", "<=": "at_most", ">": "greater", ">=": "at_least",
    "[]": "index", "in": "member", "size": "size", "contains": "contains", "startsWith": "starts_with",
    "endsWith": "ends_with", "matches": "matches", "int": "to_int", "uint": "to_uint", "double": "to_double",
    "string": "to_string", "bytes": "to_bytes", "bool": "to_bool", "dyn": "to_dyn",
    "type": "type_of", **{name: helper_name(name) for name in LIBRARY},
}  # fmt: skip
_MADE = frozenset((STRING, BYTES, DYN))
_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))


@dataclass(frozen=True)
class Emitter(Place):
    """Writes one form of one rule. ``hoist`` writes the parts that are prepared for each caller."""

    hoist: "Emitter | None" = None

    def hoistable(self, node: Expr) -> bool:
        """Whether a part depends on the caller alone, so that it is evaluated once for each caller."""
        if self.hoist is None or isinstance(node, Literal) or self._is_type(node):
            return False
        return self.needs(node) <= self.plan.bound

    def _is_type(self, node: Expr) -> bool:
        ref = self.checked.refs.get(node.id)
        return ref is not None and ref.kind == "type"

    # --- expressions ---

    def emit(self, node: Expr) -> str:
        """The Python expression of a node."""
        if self.hoistable(node):
            return self.prepared(node, "{}")
        return self.written(node)

    def prepared(self, node: Expr, form: str) -> str:
        """The value of a part that is evaluated once for each caller, passed through ``form``."""
        assert self.hoist is not None
        name = self.unit.slot(form.format(self.hoist.within(self.checked).written(node)))
        return f"settled({name})" if self.careful else name

    def written(self, node: Expr) -> str:
        """The node's code at this place."""
        ref = self.checked.refs.get(node.id)
        if ref is not None and ref.kind == "let":
            return self._let(self.checked.lets[ref.name])
        path = self.checked.path(node)
        if path is not None and self.plan.known is not None and not is_known(path, self.plan.known):
            return f"unknown({self.unit.constant(str(path))})"
        if isinstance(node, (Ident, Select)):
            return self._presence(node) if isinstance(node, Select) and node.test else self.load(node)
        return self._built(node)

    def _built(self, node: Literal | Call | ListExpr | MapExpr | Loop | Bind) -> str:
        match node:
            case Literal():
                return self._literal(node.value)
            case Call():
                return self._call(node)
            case ListExpr():
                return f"[{', '.join(self._item(node, position) for position in range(len(node.items)))}]"
            case MapExpr():
                return f"make_map([{', '.join(self._entry(node, position) for position in range(len(node.entries)))}])"
            case Loop():
                return self._loop(node)
            case Bind():
                return self._bind(node)

    def _item(self, node: ListExpr, position: int) -> str:
        code = self.emit(node.items[position])
        return f"*given({code})" if position in node.optional else code

    def _entry(self, node: MapExpr, position: int) -> str:
        key, value = map(self.emit, node.entries[position])
        if position not in node.optional:
            return f"({key}, {value})"
        return f"*given_entry({key}, {value})"

    def condition(self, node: Expr) -> str:
        """The code of a node that must be true or false."""
        code = self.emit(node)
        return code if self.type_of(node) == BOOL or self.careful else f"truth({code})"

    def _literal(self, value: Any) -> str:
        return repr(value) if value is None or isinstance(value, bool) else self.unit.constant(value)

    def _let(self, let: Checked) -> str:
        return self.within(let).emit(let.expr)

    # --- reading ---

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
        read_on = self._chain(node.operand) is not None or self.checked.path(node.operand) is not None
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
        owner = bare(self.type_of(node.operand))
        owner = bare(owner.inner) if isinstance(owner, OptionalType) else owner
        path = self.checked.path(node)
        shown = str(path) if path else node.field
        if isinstance(owner, ObjectType) and node.field in owner.fields:
            declared = owner.fields[node.field]
            return Expected(shown, declared.type, node.field, declared.default)
        return Expected(shown, owner.value if isinstance(owner, MapType) else DYN, node.field)

    def _fast_read(self, node: Select, owner: str, key: tuple[str, ...] | None) -> str:
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

    def _presence(self, node: Select) -> str:
        owner = self._owner(node)
        expected = self._expected(node)
        if self.careful:
            return f"present({owner}, {self.unit.constant(expected)})"
        if isinstance(self.type_of(node.operand), ObjectType):
            if expected.default is not NOTHING:
                return f"({owner} is not None)"
            return f"({self.unit.constant(node.field)} in {owner})"
        return f"present({owner}, {self.unit.constant(expected)})"

    # --- calls ---

    def _call(self, node: Call) -> str:
        match node.function:
            case "&&" | "||":
                return self._logic(node)
            case "?:":
                return self._ternary(node)
            case "!":
                return f"invert({self.emit(node.args[0])})" if self.careful else f"(not {self.condition(node.args[0])})"
            case "in":
                return self._membership(node)
        return self._applied(node)

    def _applied(self, node: Call) -> str:
        parts = node.args if node.target is None else (node.target, *node.args)
        if not self._is_declared(node, len(parts)):
            return f"undeclared({self.unit.constant(node.function)})"
        if node.function == "matches":
            return self._matched(*parts)
        types = tuple(map(self.type_of, parts))
        code = looked_at(self, node, parts, [self.emit(part) for part in parts])
        if node.function == "[?]" or (node.function == "[]" and isinstance(types[0], OptionalType)):
            return self._taken_perhaps(node, code)
        costly = compared(self, node, code) if node.function in _COMPARISONS else None
        written = costly or _inline(node.function, types, code) or f"{_HELPERS[node.function]}({', '.join(code)})"
        return self._entered(node, written) if node.function == "[]" else self._made(node, written)

    def _matched(self, text: Expr, pattern: Expr) -> str:
        """``text.matches(pattern)``. A pattern that comes with the record is left to the careful form."""
        code = self.emit(text)
        if isinstance(pattern, Literal) and isinstance(pattern.value, str):
            return matched(self, code, pattern.value)
        if not self.careful:
            return "give_up()"
        meter = self.meter()
        return f"{meter}.matched({code}, {meter}.pattern({self.emit(pattern)}))"

    def _is_declared(self, node: Call, count: int) -> bool:
        """Whether there is such a function at all; what the checker was lenient about fails where it is evaluated."""
        known, method = OVERLOADS.get(node.function), node.target is not None
        if known is None:
            return node.function in _HELPERS
        return any(overload.method == method and len(overload.args) == count for overload in known)

    def _made(self, node: Call, code: str) -> str:
        """What a function makes may be long: it is paid for by its size."""
        if not (node.function == "+" or node.function in LIBRARY):
            return code
        if not (isinstance(self.type_of(node), ListType) or self.type_of(node) in _MADE):
            return code
        return f"{self.meter()}.grown({code})" if self.careful else f"modest({code})"

    def _taken_perhaps(self, node: Call, code: list[str]) -> str:
        type_ = self.type_of(node)
        inner = type_.inner if isinstance(type_, OptionalType) else DYN
        return f"index_optional({', '.join(code)}, {self.unit.constant(Expected('[?]', inner))})"

    def _entered(self, node: Call, code: str) -> str:
        """What is taken out of a list or map enters the rule there, so it must be of its type."""
        type_ = self.type_of(node)
        if self.careful:
            return f"{self.unit.constant(Expected('[]', type_))}.admit({code})"
        return guarded(self.unit.fresh("x"), code, type_)

    def _logic(self, node: Call) -> str:
        if self.careful:
            word = "both" if node.function == "&&" else "either"
            return f"{word}({', '.join(f'lambda: {self.emit(arg)}' for arg in node.args)})"
        parts = [self.condition(node.args[0])]
        mark = self.frame.mark()
        parts += [self.condition(arg) for arg in node.args[1:]]
        self.frame.rewind(mark)
        return f"({(' and ' if node.function == '&&' else ' or ').join(parts)})"

    def _ternary(self, node: Call) -> str:
        condition, yes, no = node.args
        asked = f"truth({self.emit(condition)})" if self.careful else self.condition(condition)
        mark = self.frame.mark()
        yes_code = self.emit(yes)
        self.frame.rewind(dict(mark))
        no_code = self.emit(no)
        self.frame.rewind(mark)
        return f"({yes_code} if {asked} else {no_code})"

    def _membership(self, node: Call) -> str:
        item, place = node.args
        of_strings = bare(self.type_of(item)) == STRING and self.type_of(place) == ListType(STRING)
        code = self.emit(item)
        if self.hoistable(place) and isinstance(self.type_of(place), ListType):
            return f"({code} in {self.prepared(place, 'strings({})' if of_strings else 'Members({})')})"
        held = self.emit(place)
        if self.careful or not of_strings:
            return contained(self, node, code, held)
        if self.scopes:
            local = self.unit.fresh("x")
            return f"({code} in ({local} if len({local} := {held}) <= WIDE_INNER else give_up()))"
        return f"({code} in {held})"

    # --- names bound inside ---

    def _loop(self, node: Loop) -> str:
        join = None if self.hoist is None or not self.hoistable(node.target) else find_join(self, node)
        items = self.emit(node.target) if join is None else self._looked_up(node, join)
        name = self.unit.fresh("careful" if self.careful else "fast")
        locals_ = [self.unit.fresh("v") for _ in node.variables]
        frame = Frame(self.unit, self.frame, locals_)
        inner = self.inside(dict(zip(node.variables, locals_, strict=True)), frame)
        condition = None if node.condition is None else inner.asked(node.condition, join)
        results = [inner.emit(part) for part in node.result]
        body = loop_body(inner, node, locals_, condition, results)
        self.unit.function(name, ["items", *frame.parameters], body)
        return f"{name}({', '.join([items, *frame.arguments])})"

    def asked(self, condition: Expr, join: Join | None) -> str:
        """The condition of a loop; the fast form leaves out what the lookup already proved."""
        if join is None or self.careful:
            return self.condition(condition)
        rest = [part for part in conjuncts(condition) if part is not join.condition]
        return " and ".join(map(self.condition, rest)) if rest else "True"

    def _looked_up(self, node: Loop, join: Join) -> str:
        """The caller's objects that the record can mean."""
        index = self._index(node, join)
        other = self.emit(join.other)
        several = join.form == "key in values"
        if self.careful:
            return f"narrowed({index}, {self.emit(node.target)}, lambda: {other}, several={several})"
        return f"among({index}, {other})" if several else f"{index}.get({other}, ())"

    def _index(self, node: Loop, join: Join) -> str:
        """The table of the caller's objects, prepared once for each caller."""
        assert self.hoist is not None
        writer = self.hoist.within(self.checked)
        target = writer.written(node.target)
        local = "held"
        key = writer.inside({node.variables[0]: local}).written(join.key)
        return self.unit.slot(f"indexed({target}, lambda {local}: {key}, many={join.form == 'value in keys'})")

    def _bind(self, node: Bind) -> str:
        name = self.unit.fresh("careful" if self.careful else "fast")
        value = self.emit(node.value)
        if self.careful:  # a value that fails does so only where the name is used
            value = f"settle(lambda: {value})"
        local = self.unit.fresh("v")
        frame = Frame(self.unit, self.frame, [local])
        inner = self.inside({node.name: local}, frame)
        code = inner.emit(node.body)
        self.unit.function(name, [local, *frame.parameters], [f"return {code}"])
        return f"{name}({', '.join([value, *frame.arguments])})"


def _inline(function: str, types: tuple[Type, ...], code: list[str]) -> str | None:
    """The operation written out, where the types make Python's meaning the same as CEL's."""
    inner = [bare(type_) for type_ in types] or [DYN]
    if function in _COMPARISONS and inner[0] == inner[-1] and inner[0] in (STRING, INT, BOOL):
        return f"({code[0]} {function} {code[1]})"
    if inner[0] == STRING:
        match function:
            case "contains":
                return f"{code[0]}.__contains__({code[1]})" if inner[1] == STRING and types[0] == STRING else None
            case "startsWith" | "endsWith" if inner[1] == STRING:
                return f"{code[0]}.{function.lower()}({code[1]})"
    if function == "size" and (inner[0] == STRING or isinstance(inner[0], ListType)):
        return f"len({code[0]})"
    return None
