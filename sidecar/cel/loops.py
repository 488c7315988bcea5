"""Loops as Python functions, and the loop that becomes a lookup.

``caller.grants.exists(g, g.grant_id in record.list && …)`` asks the caller's objects one by one whether the record
names them. The objects are instead put into a table by ``g.grant_id`` once for each caller, and the record's list is
looked up in it. For every object left out the joining condition is false, so the whole condition is false, whatever the
rest of it would give: an error too is absorbed by ``false``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sidecar.cel.ast import Call, Expr, Loop, UInt
from sidecar.cel.kernel import WIDE_INNER, WIDE_OUTER, Expected, python_type
from sidecar.cel.paying import turn
from sidecar.cel.times import Duration, Timestamp
from sidecar.cel.types import DYN, STRING, ListType, MapType, Nullable, Type, bare
from sidecar.cel.wrapped import OptionalValue, TypeValue

if TYPE_CHECKING:
    from sidecar.cel.emit import Emitter

_GUARDS: Mapping[type, str] = {
    str: "str", int: "int", bool: "bool", float: "float", bytes: "bytes", list: "list", dict: "dict",
    **{class_: class_.__name__ for class_ in (UInt, Timestamp, Duration, OptionalValue, TypeValue)},
}  # fmt: skip


def guarded(local: str, code: str, type_: Type) -> str:
    """The fast form of a read into a local, which must be of the type."""
    inner = bare(type_)
    python = python_type(inner)
    guard = _GUARDS.get(python) if python else None
    if guard is None:
        return f"({local} := {code})"
    if python is float:
        null = f"None if ({local} := {code}) is None else " if isinstance(type_, Nullable) else ""
        return f"({local} := {null}widened({local if null else code}))"
    if isinstance(type_, Nullable):
        return f"({local} if ({local} := {code}) is None or type({local}) is {guard} else give_up())"
    return f"({local} if type({local} := {code}) is {guard} else give_up())"


# --- the lookup -------------------------------------------------------------------------------------------------------

Form = Literal["key is value", "key in values", "value in keys"]


@dataclass(frozen=True, slots=True)
class Join:
    """One condition of a loop that ties the caller's objects to the record."""

    node: Loop
    condition: Expr
    key: Expr
    other: Expr
    form: Form

    def items(self, emitter: "Emitter") -> str:
        """The code of the caller's objects that the record can mean."""
        index = self._index(emitter)
        other = emitter.emit(self.other)
        several = self.form == "key in values"
        if emitter.careful:
            return f"narrowed({index}, {emitter.emit(self.node.target)}, lambda: {other}, several={several})"
        return f"among({index}, {other})" if several else f"{index}.get({other}, ())"

    def _index(self, emitter: "Emitter") -> str:
        assert emitter.hoist is not None
        writer = emitter.hoist.within(emitter.checked)
        target = writer.written(self.node.target)
        local = "held"
        inner = writer.inside({self.node.variables[0]: local})
        key = inner.written(self.key)
        many = self.form == "value in keys"
        return writer.unit.slot(f"indexed({target}, lambda {local}: {key}, many={many})")


def find_join(emitter: "Emitter", node: Loop) -> Join | None:
    """The first condition by which a loop over the caller's objects can be a lookup."""
    if node.macro != "exists" or len(node.variables) != 1 or node.condition is None:
        return None
    joins = (_join(emitter, node, part) for part in conjuncts(node.condition))
    return next((join for join in joins if join is not None), None)


def conjuncts(condition: Expr) -> tuple[Expr, ...]:
    """The conditions that must all hold."""
    if isinstance(condition, Call) and condition.function == "&&":
        return tuple(part for arg in condition.args for part in conjuncts(arg))
    return (condition,)


def _join(emitter: "Emitter", node: Loop, part: Expr) -> Join | None:
    if not isinstance(part, Call) or part.function not in ("==", "in"):
        return None
    left, right = part.args
    inner = emitter.inside({node.variables[0]: "?"})
    bound = emitter.plan.bound

    def is_key(expr: Expr) -> bool:
        needs = inner.needs(expr)
        return "?" in needs and needs <= bound | {"?"}

    def is_other(expr: Expr) -> bool:
        needs = inner.needs(expr)
        return "?" not in needs and not needs <= bound

    left_type, right_type = bare(emitter.type_of(left)), bare(emitter.type_of(right))
    if part.function == "==" and left_type == right_type == STRING:
        if is_key(left) and is_other(right):
            return Join(node, part, left, right, "key is value")
        if is_key(right) and is_other(left):
            return Join(node, part, right, left, "key is value")
    if part.function == "in" and left_type == STRING and right_type == ListType(STRING):
        if is_key(left) and is_other(right):
            return Join(node, part, left, right, "key in values")
        if is_key(right) and is_other(left):
            return Join(node, part, right, left, "value in keys")
    return None


# --- the loop ---------------------------------------------------------------------------------------------------------


def loop_body(emitter: "Emitter", node: Loop, locals_: list[str], join: Join | None) -> list[str]:
    """The lines of the function that goes through ``items``. ``emitter`` writes inside the loop."""
    head = _head(emitter, node, locals_)
    admit = _admission(emitter, node, locals_)
    condition = None if node.condition is None else _condition(emitter, node.condition, join)
    if node.macro in ("all", "exists"):
        assert condition is not None
        return _quantifier(emitter, node.macro, head, admit, condition)
    before, each, after = _collecting(emitter, node, locals_)
    asked = [] if condition is None else [f"if not truth({condition}): continue"]
    return [*head[:-1], before, head[-1], *_indent([*admit, *asked, each]), after]


def _condition(emitter: "Emitter", condition: Expr, join: Join | None) -> str:
    """The condition; the fast form leaves out what the lookup already proved."""
    if join is None or emitter.careful:
        return emitter.condition(condition)
    rest = [part for part in conjuncts(condition) if part is not join.condition]
    return " and ".join(emitter.condition(part) for part in rest) if rest else "True"


def _head(emitter: "Emitter", node: Loop, locals_: list[str]) -> list[str]:
    target = emitter.type_of(node.target)
    if len(locals_) == 2:  # noqa: PLR2004 - macros of two variables
        lines = ["items = pairs(items)"]
    else:
        lines = [] if isinstance(target, ListType) else ["items = elements(items)"]
    if emitter.careful:
        lines.append(f"{emitter.frame.find('meter')}.pay(items, {turn(emitter.checked, node)})")
    else:
        bound = WIDE_OUTER if len(emitter.scopes) == 1 else WIDE_INNER
        lines.append(f"if len(items) > {max(bound // turn(emitter.checked, node), 1)}: give_up()")
    return [*lines, f"for {', '.join(locals_)} in items:"]


def _admission(emitter: "Emitter", node: Loop, locals_: list[str]) -> list[str]:
    """What enters the rule with each turn must be of its type."""
    target = emitter.type_of(node.target)
    target = bare(target)
    if isinstance(target, ListType):
        local, type_ = locals_[-1], target.element
    elif isinstance(target, MapType) and len(locals_) == 2:  # noqa: PLR2004 - keys are strings by their nature
        local, type_ = locals_[-1], target.value
    else:
        return []
    if type_ == DYN:
        return []
    if emitter.careful:
        expected = emitter.unit.constant(Expected(node.variables[-1], type_))
        return [f"{local} = {expected}.admit({local})"]
    return _check(local, type_)


def _check(local: str, type_: Type) -> list[str]:
    inner = bare(type_)
    python = python_type(inner)
    if python is None or python not in _GUARDS:
        return []
    if python is float:
        return [f"if {local} is not None: {local} = widened({local})"]
    null = f"{local} is not None and " if isinstance(type_, Nullable) else ""
    return [f"if {null}type({local}) is not {_GUARDS[python]}: give_up()"]


def _quantifier(emitter: "Emitter", macro: str, head: list[str], admit: list[str], condition: str) -> list[str]:
    stop = "if not" if macro == "all" else "if"
    found, rest = ("False", "True") if macro == "all" else ("True", "False")
    if not emitter.careful:
        return [*head, *_indent([*admit, f"{stop} {condition}: return {found}"]), f"return {rest}"]
    turn = [*admit, f"{stop} truth({condition}): return {found}"]
    guarded_turn = ["try:", *_indent(turn), "except FAULTS as error: fault = worse(fault, error)"]
    end = ["if fault is not None: raise fault", f"return {rest}"]
    return [*head[:-1], "fault = None", head[-1], *_indent(guarded_turn), *end]


def _collecting(emitter: "Emitter", node: Loop, locals_: list[str]) -> tuple[str, str, str]:
    """What stands before the loop, in each turn that counts, and after it."""
    results = [emitter.emit(part) for part in node.result]
    match node.macro:
        case "exists_one":
            return "count = 0", "count += 1", "return count == 1"
        case "filter":
            return "found = []", f"found.append({locals_[0]})", "return found"
        case "map" | "transformList":
            return "found = []", f"found.append({results[0]})", "return found"
        case "transformMap":
            return "found = {}", f"put(found, {locals_[0]}, {results[0]})", "return found"
    return "found = {}", f"for key, value in pairs({results[0]}): put(found, key, value)", "return found"


def _indent(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
