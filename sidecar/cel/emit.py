"""A checked tree to Python expressions, in the fast form or the careful one (see ``kernel``).

Here is the recursion: which part is written next, and what is prepared for each caller instead. ``place`` knows where
that is; ``reads`` writes a variable and a field of what is written, ``calls`` a function over written arguments,
``loops`` the lines around a written condition, and ``paying`` what it all costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.cel.ast import Bind, Call, Expr, Ident, ListExpr, Literal, Loop, MapExpr, Select, conjuncts
from sidecar.cel.calls import applied, is_declared
from sidecar.cel.checked import Checked, is_known
from sidecar.cel.frames import Frame
from sidecar.cel.joins import Join, find_join
from sidecar.cel.loops import loop_body
from sidecar.cel.paying import contained, matched
from sidecar.cel.place import Place
from sidecar.cel.reads import field, is_path, presence, read_before, variable
from sidecar.cel.types import BOOL, STRING, ListType, bare


@dataclass(frozen=True)
class Emitter:
    """Writes one form of one rule at a place. ``hoist`` writes the parts that are prepared for each caller."""

    place: Place
    hoist: "Emitter | None" = None

    def within(self, checked: Checked) -> "Emitter":
        """The same form at the same place, for another tree (a named expression)."""
        return Emitter(self.place.within(checked), self.hoist)

    def inside(self, names: Mapping[str, str], frame: Frame | None = None) -> "Emitter":
        """The same form where more names are bound, each to its local."""
        return Emitter(self.place.inside(names, frame), self.hoist)

    def hoistable(self, node: Expr) -> bool:
        """Whether a part depends on the caller alone, so that it is evaluated once for each caller."""
        if self.hoist is None or isinstance(node, Literal) or self._is_type(node):
            return False
        return self.place.needs(node) <= self.place.plan.bound

    def _is_type(self, node: Expr) -> bool:
        ref = self.place.checked.refs.get(node.id)
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
        name = self.place.unit.slot(form.format(self.hoist.within(self.place.checked).written(node)))
        return f"settled({name})" if self.place.careful else name

    def written(self, node: Expr) -> str:
        """The node's code at this place."""
        ref = self.place.checked.refs.get(node.id)
        if ref is not None and ref.kind == "let":
            return self._let(self.place.checked.lets[ref.name])
        path = self.place.checked.path(node)
        if path is not None and self.place.plan.known is not None and not is_known(path, self.place.plan.known):
            return f"unknown({self.place.unit.constant(str(path))})"
        if isinstance(node, (Ident, Select)):
            return self._read(node)
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
        return code if self.place.type_of(node) == BOOL or self.place.careful else f"truth({code})"

    def _literal(self, value: Any) -> str:
        return repr(value) if value is None or isinstance(value, bool) else self.place.unit.constant(value)

    def _let(self, let: Checked) -> str:
        return self.within(let).emit(let.expr)

    # --- variables and fields ---

    def _read(self, node: Ident | Select) -> str:
        """A variable, a field of something, or whether there is such a field."""
        if isinstance(node, Ident) or node.id in self.place.checked.refs:
            return variable(self.place, node)
        if node.test:
            return presence(self.place, node, self._owner(node.operand))
        return read_before(self.place, node) or field(self.place, node, self._owner(node.operand))

    def _owner(self, node: Expr) -> str:
        """What a field is read from: a part of a known path is read as it is, whatever a label knows of the rest."""
        if isinstance(node, (Ident, Select)) and not self.hoistable(node) and is_path(self.place, node):
            return self._read(node)
        return self.emit(node)

    # --- calls ---

    def _call(self, node: Call) -> str:
        match node.function:
            case "&&" | "||":
                return self._logic(node)
            case "?:":
                return self._ternary(node)
            case "!":
                return self._negated(node.args[0])
            case "in":
                return self._membership(node)
        return self._applied(node)

    def _negated(self, node: Expr) -> str:
        return f"invert({self.emit(node)})" if self.place.careful else f"(not {self.condition(node)})"

    def _applied(self, node: Call) -> str:
        parts = node.args if node.target is None else (node.target, *node.args)
        if not is_declared(node):
            return f"undeclared({self.place.unit.constant(node.function)})"
        if node.function == "matches":
            return self._matched(*parts)
        return applied(self.place, node, parts, [self.emit(part) for part in parts])

    def _matched(self, text: Expr, pattern: Expr) -> str:
        """``text.matches(pattern)``. A pattern that comes with the record is left to the careful form."""
        code = self.emit(text)
        if isinstance(pattern, Literal) and isinstance(pattern.value, str):
            return matched(self.place, code, pattern.value)
        if not self.place.careful:
            return "give_up()"
        meter = self.place.meter()
        return f"{meter}.matched({code}, {meter}.pattern({self.emit(pattern)}))"

    def _logic(self, node: Call) -> str:
        """``&&`` and ``||``. In the fast form what a later part loads cannot be relied on after it."""
        if self.place.careful:
            word = "both" if node.function == "&&" else "either"
            return f"{word}({', '.join(f'lambda: {self.emit(arg)}' for arg in node.args)})"
        parts = [self.condition(node.args[0])]
        mark = self.place.frame.mark()
        parts += [self.condition(arg) for arg in node.args[1:]]
        self.place.frame.rewind(mark)
        return f"({(' and ' if node.function == '&&' else ' or ').join(parts)})"

    def _ternary(self, node: Call) -> str:
        """``condition ? yes : no``: neither branch can rely on what the other loads."""
        condition, yes, no = node.args
        asked = f"truth({self.emit(condition)})" if self.place.careful else self.condition(condition)
        mark = self.place.frame.mark()
        yes_code = self.emit(yes)
        self.place.frame.rewind(dict(mark))
        no_code = self.emit(no)
        self.place.frame.rewind(mark)
        return f"({yes_code} if {asked} else {no_code})"

    def _membership(self, node: Call) -> str:
        """``item in container``: hashed once for each caller where the container depends on the caller alone."""
        item, container = node.args
        of_strings = bare(self.place.type_of(item)) == STRING and self.place.type_of(container) == ListType(STRING)
        code = self.emit(item)
        if self.hoistable(container) and isinstance(self.place.type_of(container), ListType):
            return f"({code} in {self.prepared(container, 'strings({})' if of_strings else 'Members({})')})"
        held = self.emit(container)
        if self.place.careful or not of_strings:
            return contained(self.place, node, code, held)
        if self.place.scopes:
            local = self.place.unit.fresh("x")
            return f"({code} in ({local} if len({local} := {held}) <= WIDE_INNER else give_up()))"
        return f"({code} in {held})"

    # --- names bound inside ---

    def _loop(self, node: Loop) -> str:
        """A loop is a function of its own, called with what it goes through and what it needs of the locals around."""
        join = None if self.hoist is None or not self.hoistable(node.target) else find_join(self.place, node)
        items = self.emit(node.target) if join is None else self._looked_up(node, join)
        name = self.place.unit.fresh("careful" if self.place.careful else "fast")
        locals_ = [self.place.unit.fresh("v") for _ in node.variables]
        frame = Frame(self.place.unit, self.place.frame, locals_)
        inner = self.inside(dict(zip(node.variables, locals_, strict=True)), frame)
        condition = None if node.condition is None else inner.asked(node.condition, join)
        results = [inner.emit(part) for part in node.result]
        body = loop_body(inner.place, node, locals_, condition, results)
        self.place.unit.function(name, ["items", *frame.parameters], body)
        return f"{name}({', '.join([items, *frame.arguments])})"

    def asked(self, condition: Expr, join: Join | None) -> str:
        """The condition of a loop; the fast form leaves out what the lookup already proved."""
        if join is None or self.place.careful:
            return self.condition(condition)
        rest = [part for part in conjuncts(condition) if part is not join.condition]
        return " and ".join(map(self.condition, rest)) if rest else "True"

    def _looked_up(self, node: Loop, join: Join) -> str:
        """The caller's objects that the record can mean."""
        index = self._index(node, join)
        other = self.emit(join.other)
        several = join.form == "key in values"
        if self.place.careful:
            return f"narrowed({index}, {self.emit(node.target)}, lambda: {other}, several={several})"
        return f"among({index}, {other})" if several else f"{index}.get({other}, ())"

    def _index(self, node: Loop, join: Join) -> str:
        """The table of the caller's objects, prepared once for each caller."""
        assert self.hoist is not None
        writer = self.hoist.within(self.place.checked)
        target = writer.written(node.target)
        local = "held"
        key = writer.inside({node.variables[0]: local}).written(join.key)
        return self.place.unit.slot(f"indexed({target}, lambda {local}: {key}, many={join.form == 'value in keys'})")

    def _bind(self, node: Bind) -> str:
        """``cel.bind`` is a function of its own too, of the value."""
        name = self.place.unit.fresh("careful" if self.place.careful else "fast")
        value = self.emit(node.value)
        if self.place.careful:  # a value that fails does so only where the name is used
            value = f"settle(lambda: {value})"
        local = self.place.unit.fresh("v")
        frame = Frame(self.place.unit, self.place.frame, [local])
        inner = self.inside({node.name: local}, frame)
        code = inner.emit(node.body)
        self.place.unit.function(name, [local, *frame.parameters], [f"return {code}"])
        return f"{name}({', '.join([value, *frame.arguments])})"
