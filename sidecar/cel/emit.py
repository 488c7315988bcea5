"""A checked tree to Python expressions, in the fast form or the careful one (see ``kernel``).

Here is the recursion: which part is written next, and what is prepared for each caller instead. ``place`` knows where
that is; ``reads`` writes variables and fields, ``calls`` a function over written arguments, ``loops`` the lines around
a written condition, and ``paying`` what it all costs.
"""

from dataclasses import dataclass
from typing import Any

from sidecar.cel.ast import Bind, Call, Expr, Ident, ListExpr, Literal, Loop, MapExpr, Select, conjuncts
from sidecar.cel.calls import applied, is_declared
from sidecar.cel.checked import Checked, is_known
from sidecar.cel.frames import Frame
from sidecar.cel.joins import Join, find_join
from sidecar.cel.loops import loop_body
from sidecar.cel.paying import contained, matched
from sidecar.cel.reads import Reader
from sidecar.cel.types import BOOL, STRING, ListType, bare


@dataclass(frozen=True)
class Emitter(Reader):
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
            return self.presence(node) if isinstance(node, Select) and node.test else self.load(node)
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
        if not is_declared(node):
            return f"undeclared({self.unit.constant(node.function)})"
        if node.function == "matches":
            return self._matched(*parts)
        return applied(self, node, parts, [self.emit(part) for part in parts])

    def _matched(self, text: Expr, pattern: Expr) -> str:
        """``text.matches(pattern)``. A pattern that comes with the record is left to the careful form."""
        code = self.emit(text)
        if isinstance(pattern, Literal) and isinstance(pattern.value, str):
            return matched(self, code, pattern.value)
        if not self.careful:
            return "give_up()"
        meter = self.meter()
        return f"{meter}.matched({code}, {meter}.pattern({self.emit(pattern)}))"

    def _logic(self, node: Call) -> str:
        """``&&`` and ``||``. In the fast form what a later part loads cannot be relied on after it."""
        if self.careful:
            word = "both" if node.function == "&&" else "either"
            return f"{word}({', '.join(f'lambda: {self.emit(arg)}' for arg in node.args)})"
        parts = [self.condition(node.args[0])]
        mark = self.frame.mark()
        parts += [self.condition(arg) for arg in node.args[1:]]
        self.frame.rewind(mark)
        return f"({(' and ' if node.function == '&&' else ' or ').join(parts)})"

    def _ternary(self, node: Call) -> str:
        """``condition ? yes : no``: neither branch can rely on what the other loads."""
        condition, yes, no = node.args
        asked = f"truth({self.emit(condition)})" if self.careful else self.condition(condition)
        mark = self.frame.mark()
        yes_code = self.emit(yes)
        self.frame.rewind(dict(mark))
        no_code = self.emit(no)
        self.frame.rewind(mark)
        return f"({yes_code} if {asked} else {no_code})"

    def _membership(self, node: Call) -> str:
        """``item in place``: hashed once for each caller where the place depends on the caller alone."""
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
        """A loop is a function of its own, called with what it goes through and what it needs of the locals around."""
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
        """``cel.bind`` is a function of its own too, of the value."""
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
