"""What a CEL expression is worth, read straight off the language definition: slow, plain, and sharing only the tree.

Values are those of JSON, ``bytes`` and ``UInt``; a map literal is a ``Table``, a type is a tuple. An error is a value
too, ERROR, so each rule of the definition says in one place what becomes of it: most operations are ERROR when
any part is, while ``&&``, ``||``, ``exists`` and ``all`` look for a part that decides without it.
"""

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import re2

from sidecar.cel.ast import Bind, Call, Expr, Ident, ListExpr, Literal, Loop, MapExpr, Select, UInt

ERROR = object()
Names = Mapping[str, Any]
INT, UINT = range(-(2**63), 2**63), range(2**64)
_QUIET = re2.Options()
_QUIET.log_errors = False


@dataclass(frozen=True)
class Table:
    """A map whose keys need not be strings."""

    pairs: tuple[tuple[Any, Any], ...]


_KINDS: Mapping[type, str] = {
    **{bool: "bool", int: "int", UInt: "uint", float: "double", str: "string", bytes: "bytes", type(None): "null_type"},
    **{list: "list", dict: "map", Table: "map", tuple: "type", object: "error"},
}


def kind(value: Any) -> str:
    """The name of a value's type."""
    return _KINDS[type(value)]


def numeric(*values: Any) -> bool:
    """Whether all are numbers; a bool is none."""
    return all(type(value) in {int, UInt, float} for value in values)


def failed(values: Iterable[Any]) -> bool:
    """Whether any is ERROR."""
    return any(value is ERROR for value in values)


def entries(table: Any) -> list[tuple[Any, Any]]:
    """The entries of a map."""
    return list(table.items() if type(table) is dict else table.pairs)


def whole(value: int, bounds: range) -> Any:
    """A whole number of 64 bits, signed or not."""
    return ERROR if value not in bounds else value if bounds is INT else UInt(value)


def quotient(left: int, right: int) -> Any:
    """Division of whole numbers: towards zero, none by zero."""
    return ERROR if right == 0 else math.trunc(Fraction(left, right))


def remains(left: int, right: int) -> Any:
    """What division leaves, with the sign of the left side; none where the quotient of ints has no 64 bits."""
    found = quotient(left, right)
    return ERROR if found is ERROR or (left < 0 and found not in INT) else left - found * right


def real_quotient(left: float, right: float) -> float:
    """Division of doubles as IEEE 754 has it."""
    beyond = math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1, right)
    return left / right if right != 0 else beyond


_WHOLE = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": quotient, "%": remains}
_REAL = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": real_quotient}


def calculated(sign: str, left: Any, right: Any) -> Any:
    """``+ - * / %``: on two values of one type only."""
    match kind(left), kind(right):
        case ("int", "int") | ("uint", "uint"):
            found = _WHOLE[sign](int(left), int(right))
            return found if found is ERROR else whole(found, INT if kind(left) == "int" else UINT)
        case ("double", "double") if sign in _REAL:
            return _REAL[sign](left, right)
        case ("string", "string") | ("bytes", "bytes") | ("list", "list") if sign == "+":
            return left + right
    return ERROR


def to_whole(value: Any, bounds: range) -> Any:
    """``int()`` and ``uint()``."""
    match kind(value):
        case "int" | "uint":
            return whole(int(value), bounds)
        case "double" if bounds.start < value < float(bounds.stop) or value == 0:
            return whole(math.trunc(value), bounds)
        case "string" if re.fullmatch("[+-]?[0-9]{1,25}", value) and not (bounds is UINT and value[0] == "-"):
            return whole(int(value), bounds)
    return ERROR


def to_double(value: Any) -> Any:
    """``double()``."""
    spelled = kind(value) == "string" and re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", value)
    return float(value) if numeric(value) or spelled else ERROR


def to_string(value: Any) -> Any:
    """``string()``. The definition leaves the spelling of a double open, so nobody asks for it here."""
    shown = str(value).lower() if kind(value) == "bool" else str(value)
    return shown if kind(value) in {"bool", "int", "uint", "string"} else ERROR


def size(value: Any) -> Any:
    """Code points of a string, bytes, items, entries."""
    counted = entries(value) if kind(value) == "map" else value
    return len(counted) if kind(value) in {"string", "bytes", "list", "map"} else ERROR


def on_strings(ask: Callable[[str, str], Any]) -> Callable[[Any, Any], Any]:
    """A question about two strings, which is an error of anything else. RE2 says which patterns there are."""

    def asked(text: Any, part: Any) -> Any:
        try:
            return ask(text, part) if kind(text) == kind(part) == "string" else ERROR
        except re2.error:
            return ERROR

    return asked


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{sign: lambda left, right, sign=sign: calculated(sign, left, right) for sign in "+-*/%"},
    "-_": lambda value: whole(-value, INT) if kind(value) == "int" else -value if kind(value) == "double" else ERROR,
    "!": lambda value: not value if kind(value) == "bool" else ERROR,
    **{"int": lambda value: to_whole(value, INT), "uint": lambda value: to_whole(value, UINT), "double": to_double},
    **{"string": to_string, "size": size, "dyn": lambda value: value, "type": lambda value: ("type", kind(value))},
    "contains": on_strings(lambda text, part: text.find(part) >= 0),
    "startsWith": on_strings(lambda text, part: text[: len(part)] == part),
    "endsWith": on_strings(lambda text, part: part == text[max(0, len(text) - len(part)) :]),
    "matches": on_strings(lambda text, pattern: re2.compile(pattern, _QUIET).search(text) is not None),
}
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_KEYS = frozenset({"bool", "int", "uint", "double", "string"})


def compared(sign: str, left: Any, right: Any) -> bool:
    """Two numbers by worth: as doubles, where one of them is a double."""
    both = (float(left), float(right)) if float in {type(left), type(right)} else (left, right)
    return bool({**_ORDER, "==": operator.eq}[sign](*both))


def ordered(sign: str, left: Any, right: Any) -> Any:
    """``< <= > >=``: numbers by worth, bools, strings by code point, bytes."""
    if numeric(left, right):
        return compared(sign, left, right)
    return (
        _ORDER[sign](left, right) if kind(left) == kind(right) and kind(left) in {"bool", "string", "bytes"} else ERROR
    )


@dataclass
class Reference:
    """One evaluation. ``turns`` counts what loops go through."""

    variables: Names
    lets: Mapping[str, Expr] = field(default_factory=dict)
    turns: int = 0

    def value(self, node: Expr, local: Names) -> Any:
        """What a node is worth where these loop variables have these values."""
        return _MEANING[type(node)](self, node, local)

    def equal(self, left: Any, right: Any) -> bool:
        """Equality: numbers by worth, lists and maps all the way down, different kinds never."""
        if numeric(left, right):
            return compared("==", left, right)
        if kind(left) != kind(right):
            return False
        if kind(left) == "list":
            return len(left) == len(right) and all(map(self.equal, left, right))
        if kind(left) == "map":
            met = [(value, self.at(right, key)) for key, value in entries(left)]
            return size(left) == size(right) and all(b is not ERROR and self.equal(a, b) for a, b in met)
        return bool(left == right)

    def at(self, container: Any, key: Any) -> Any:
        """``container[key]``."""
        if type(container) is dict:
            return container.get(key, ERROR) if kind(key) == "string" else ERROR
        if kind(container) == "map" and kind(key) in _KEYS:
            alike = [entry for entry in entries(container) if (kind(entry[0]) == "bool") == (kind(key) == "bool")]
            return next((value for held, value in alike if held == key), ERROR)
        if kind(container) == "list" and numeric(key) and key in range(len(container)):
            return container[int(key)]
        return ERROR

    def member(self, item: Any, container: Any) -> Any:
        """``item in container``."""
        if kind(container) == "list":
            return any(self.equal(item, held) for held in container)
        if kind(container) == "map" and kind(item) in _KEYS:
            return self.at(container, item) is not ERROR
        return ERROR

    def name(self, node: Ident, local: Names) -> Any:
        """A loop variable, a variable, a named expression, a type."""
        for names in (local, self.variables):
            if node.name in names:
                return names[node.name]
        if node.name in self.lets:
            return self.value(self.lets[node.name], {})
        return ("type", node.name) if node.name in _KINDS.values() else ERROR

    def select(self, node: Select, local: Names) -> Any:
        """``operand.field``, or whether the map has it. Of anything but a map it is an error."""
        owner = self.value(node.operand, local)
        if kind(owner) != "map":
            return ERROR
        found = self.at(owner, node.field)
        return found is not ERROR if node.test else found

    def call(self, node: Call, local: Names) -> Any:
        """An operator or function."""
        parts = node.args if node.target is None else (node.target, *node.args)
        if node.function in {"&&", "||"}:
            return self.decided(node.function == "||", (self.value(part, local) for part in parts))
        if node.function == "?:":
            chosen = self.value(parts[0], local)
            return self.value(parts[1 if chosen else 2], local) if kind(chosen) == "bool" else ERROR
        args = [self.value(part, local) for part in parts]
        return ERROR if failed(args) else self.applied(node.function, args)

    def applied(self, function: str, args: list[Any]) -> Any:
        """The value of a function of values."""
        if function in _ORDER:
            return ordered(function, *args)
        own = {"==": self.equal, "!=": lambda *both: not self.equal(*both), "in": self.member, "[]": self.at}
        return own.get(function, _FUNCTIONS.get(function))(*args)

    @staticmethod
    def decided(deciding: bool, answers: Iterable[Any]) -> Any:
        """One part that decides does, whatever the others are; else any that is neither true nor false is an error."""
        wrong = False
        for answer in answers:
            if answer is deciding:
                return deciding
            wrong |= kind(answer) != "bool"
        return ERROR if wrong else not deciding

    def list_of(self, node: ListExpr, local: Names) -> Any:
        """A list literal."""
        items = [self.value(item, local) for item in node.items]
        return ERROR if failed(items) else items

    def map_of(self, node: MapExpr, local: Names) -> Any:
        """A map literal: each key once."""
        table = Table(())
        for key, value in [tuple(self.value(part, local) for part in entry) for entry in node.entries]:
            if failed((key, value)) or kind(key) not in _KEYS - {"double"} or self.at(table, key) is not ERROR:
                return ERROR
            table = Table((*table.pairs, (key, value)))
        return table

    def loop(self, node: Loop, local: Names) -> Any:
        """A macro of one variable over a list's items or a map's keys."""
        target = self.value(node.target, local)
        if kind(target) not in {"list", "map"}:
            return ERROR
        items = target if kind(target) == "list" else [key for key, _ in entries(target)]
        self.turns += len(items)
        turns = [(item, {**local, node.variables[0]: item}) for item in items]
        answers = (True if node.condition is None else self.value(node.condition, inner) for _, inner in turns)
        if node.macro in {"all", "exists"}:
            return self.decided(node.macro == "exists", answers)
        known = list(answers)
        if any(kind(answer) != "bool" for answer in known):
            return ERROR
        kept = [turn for turn, answer in zip(turns, known, strict=True) if answer]
        found = [self.value(node.result[0], inner) if node.result else item for item, inner in kept]
        return len(found) == 1 if node.macro == "exists_one" else ERROR if failed(found) else found

    def bind(self, node: Bind, local: Names) -> Any:
        """``cel.bind``: an error is one only where the name is used."""
        return self.value(node.body, {**local, node.name: self.value(node.value, local)})


_MEANING: Mapping[type, Callable[[Reference, Any, Names], Any]] = {
    **{Literal: lambda _, node, __: node.value, Ident: Reference.name, Select: Reference.select, Call: Reference.call},
    **{ListExpr: Reference.list_of, MapExpr: Reference.map_of, Loop: Reference.loop, Bind: Reference.bind},
}
