"""The checker: gives every node a type, every name a meaning, and reports everything wrong in one run.

``names`` resolves names and fields, and ``findings`` keeps what is wrong; here are literals, calls, loops and what they
make of their parts' types.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import re2

from sidecar.cel import sentences
from sidecar.cel.ast import Bind, Call, Expr, Ident, ListExpr, Literal, Loop, MapExpr, Select, UInt
from sidecar.cel.checked import Checked
from sidecar.cel.env import Env
from sidecar.cel.errors import CelCheckErrors, CheckError
from sidecar.cel.findings import Findings
from sidecar.cel.functions import OVERLOADS, resolve
from sidecar.cel.limits import LIMITS, Limits
from sidecar.cel.names import Names
from sidecar.cel.patterns import compile_pattern
from sidecar.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT,
    NULL,
    NUMBERS,
    STRING,
    UINT,
    ListType,
    MapType,
    OptionalType,
    Prim,
    Type,
    TypeType,
    assignable,
    bare,
    join,
)

_OF_PYTHON: Mapping[type, Type] = {
    bool: BOOL, int: INT, UInt: UINT, float: DOUBLE, str: STRING, bytes: BYTES, type(None): NULL
}  # fmt: skip


def check(expr: Expr, env: Env, *, expects: Type | None = None, limits: Limits = LIMITS) -> Checked:
    """The expression with its types.

    Args:
        expr: what ``parse`` gave.
        env: the names it may use.
        expects: the type it must have, e.g. BOOL for a rule.
        limits: bounds on size and nesting.

    Raises:
        CelCheckErrors: with everything found.
    """
    findings = Findings(limits.errors, lenient=env.lenient)
    checker = _Checker(env, findings)
    type_ = checker.type_of(expr)
    if expects is not None and not assignable(expects, type_):
        found = str(type_)
        message = sentences.not_a_condition(found) if expects == BOOL else sentences.wrong_type(str(expects), found)
        findings.report(expr.span, message)
    if findings.found:
        raise CelCheckErrors(findings.found)
    checked = Checked(expr, type_, checker.types, checker.names.refs, env.lets)
    if checked.size > limits.expanded:
        raise CelCheckErrors([CheckError(expr.span, sentences.too_large_with_lets(limits.expanded))])
    if checked.loops > limits.loops:
        raise CelCheckErrors([CheckError(expr.span, sentences.too_nested_loops(limits.loops))])
    return checked


class _Checker:
    """One run over one expression."""

    def __init__(self, env: Env, findings: Findings) -> None:
        self._lenient, self._findings = env.lenient, findings
        self.names = Names(env, findings)
        self.types: dict[int, Type] = {}

    def type_of(self, node: Expr) -> Type:
        """The type of a node, kept for the compiler."""
        match node:
            case Literal():
                found = _OF_PYTHON[type(node.value)]
            case Ident():
                found = self.names.ident(node)
            case Select():
                found = self.names.whole(node) or self.names.field(node, self.type_of(node.operand))
            case Call():
                found = self._call(node)
            case ListExpr():
                found = ListType(self._joined(self._items(node.items, node.optional)))
            case MapExpr():
                found = self._map(node)
            case Loop():
                found = self._loop(node)
            case Bind():
                found = self._bind(node)
        self.types[node.id] = found
        return found

    # --- literals ---

    def _joined(self, types: Iterable[Type]) -> Type:
        """The one type of a list's items; items of several types are ``dyn``."""
        found: Type | None = None
        for type_ in types:
            found = type_ if found is None else join(found, type_) or DYN
        return DYN if found is None else found

    def _map(self, node: MapExpr) -> Type:
        keys = [self.type_of(key) for key, _ in node.entries]
        for (key, _), type_ in zip(node.entries, keys, strict=True):
            if type_ not in (INT, UINT, BOOL, STRING, DYN):
                self._findings.report(key.span, sentences.bad_key(str(type_)))
        values = self._items([value for _, value in node.entries], node.optional)
        return MapType(self._joined(keys), self._joined(values))

    def _items(self, nodes: Sequence[Expr], optional: frozenset[int]) -> Iterator[Type]:
        """The types of a list's items or a map's values; what is marked with ``?`` must be an optional value."""
        for position, node in enumerate(nodes):
            found = self.type_of(node)
            if position not in optional:
                yield found
            elif isinstance(found, OptionalType):
                yield found.inner
            else:
                yield DYN if found == DYN else self._findings.report(node.span, sentences.not_optional(str(found)))

    # --- calls ---

    def _call(self, node: Call) -> Type:
        match node.function:
            case "&&" | "||":
                with self._findings.absorbed():
                    for arg in node.args:
                        self._boolean(arg, self.type_of(arg), lambda found: sentences.not_boolean(node.function, found))
                return BOOL
            case "?:":
                return self._ternary(node)
            case "==" | "!=":
                return self._equality(node)
            case "in":
                return self._membership(node)
        return self._applied(node)

    def _applied(self, node: Call) -> Type:
        args = tuple(self.type_of(arg) for arg in (node.args if node.target is None else (node.target, *node.args)))
        if node.function == "type" and node.target is None and len(args) == 1:
            return TypeType(args[0])
        if node.function in ("[]", "[?]") and isinstance(args[0], OptionalType):
            return self._inside_optional(node, args[0], args[1])
        found = self._overload(node, args)
        if node.function == "matches" and node.args and isinstance(node.args[-1], Literal):
            self._pattern(node.args[-1])
        return found

    def _boolean(self, node: Expr, found: Type, sentence: Callable[[str], str]) -> None:
        if not assignable(BOOL, found):
            self._findings.report(node.span, sentence(str(found)))

    def _ternary(self, node: Call) -> Type:
        condition, yes, no = node.args
        self._boolean(condition, self.type_of(condition), sentences.not_a_condition)
        left, right = self.type_of(yes), self.type_of(no)
        joined = join(left, right) or (DYN if self._lenient else None)
        return joined or self._findings.report(node.span, sentences.branches_differ(str(left), str(right)))

    def _inside_optional(self, node: Call, owner: OptionalType, key: Type) -> Type:
        found = self._overload(replace(node, function="[?]"), (owner.inner, key))
        return found if isinstance(found, OptionalType) else OptionalType(DYN)

    def _overload(self, node: Call, args: tuple[Type, ...]) -> Type:
        """The type that the signature for these arguments gives; without one, what is wrong with the call."""
        name = node.function
        known = OVERLOADS.get(name)
        if known is None:
            names = (key for key in OVERLOADS if key.isidentifier())
            return self._findings.report(node.span, sentences.unknown_function(name, names))
        fitting = [overload for overload in known if overload.method == (node.target is not None)]
        found = resolve(fitting, args)
        if found is not None:
            return found
        misfit = _misfit(name, args, method=node.target is not None, known=bool(fitting))
        return self._findings.report(node.span, misfit)

    def _pattern(self, node: Literal) -> None:
        if isinstance(node.value, str):
            try:
                compile_pattern(node.value)
            except re2.error as error:
                self._findings.report(node.span, sentences.bad_pattern(_text(error)))

    # --- equality and membership ---

    def _equality(self, node: Call) -> Type:
        left, right = (self.type_of(arg) for arg in node.args)
        if not (self._lenient or _comparable(left, right)):
            self._findings.report(node.span, sentences.never_equal(str(left), str(right)))
        self._enumerated(node.args[0], right)
        self._enumerated(node.args[1], left)
        return BOOL

    def _membership(self, node: Call) -> Type:
        """``item in place``: a list or map that can hold the item, never a string or an object."""
        item, place = (self.type_of(arg) for arg in node.args)
        place = bare(place)
        match place:
            case ListType(element=inside) | MapType(key=inside):
                if not (self._lenient or _comparable(item, inside)):
                    self._findings.report(node.span, sentences.never_in(str(item), str(place)))
                self._enumerated(node.args[0], inside)
                if isinstance(node.args[1], ListExpr):
                    for part in node.args[1].items:
                        self._enumerated(part, item)
            case _ if place != DYN:
                sentence = sentences.in_string() if place == STRING else sentences.in_other(str(place))
                self._findings.report(node.span, sentence)
        return BOOL

    def _enumerated(self, node: Expr, other: Type) -> None:
        """A literal compared with a field must be one of the values that the field's schema allows."""
        other = bare(other)
        allowed = other.enum if isinstance(other, Prim) else ()
        if allowed and isinstance(node, Literal) and isinstance(node.value, str) and node.value not in allowed:
            self._findings.report(node.span, sentences.not_in_enum(node.value, allowed))

    # --- names bound inside ---

    def _loop(self, node: Loop) -> Type:
        target = self.type_of(node.target)
        target = bare(target)
        key, value = self._elements(node, target)
        types = (value if isinstance(target, ListType) else key,) if len(node.variables) == 1 else (key, value)
        with self.names.scope(node, dict(zip(node.variables, types, strict=True))):
            if node.condition is not None:
                found = self.type_of(node.condition)
                self._boolean(node.condition, found, lambda shown: sentences.loop_predicate(node.macro, shown))
            results = [self.type_of(part) for part in node.result]
        return _loop_type(node, target, key, results)

    def _elements(self, node: Loop, target: Type) -> tuple[Type, Type]:
        """What a loop goes through: positions and elements of a list, keys and values of a map."""
        match target:
            case ListType(element=element):
                return INT, element
            case MapType(key=key, value=value):
                return key, value
        if target != DYN:
            self._findings.report(node.span, sentences.loop_over(str(target), node.macro))
        return DYN, DYN

    def _bind(self, node: Bind) -> Type:
        value = self.type_of(node.value)
        with self.names.scope(node, {node.name: value}):
            return self.type_of(node.body)


def _loop_type(node: Loop, target: Type, key: Type, results: list[Type]) -> Type:
    """What a macro gives."""
    match node.macro:
        case "all" | "exists" | "exists_one":
            return BOOL
        case "filter":
            return target if isinstance(target, ListType) else ListType(key)
        case "map" | "transformList":
            return ListType(results[0])
        case "transformMap":
            return MapType(key, results[0])
    return results[0] if isinstance(results[0], MapType) else DYN


def _comparable(left: Type, right: Type) -> bool:
    """Whether values of the two types can ever be equal."""
    match left, right:
        case (ListType(element=a), ListType(element=b)) | (OptionalType(inner=a), OptionalType(inner=b)):
            return _comparable(a, b)
        case (MapType(key=k, value=v), MapType(key=l, value=w)):
            return _comparable(k, l) and _comparable(v, w)
    return assignable(left, right) or (left in NUMBERS and right in NUMBERS)


def _misfit(name: str, args: tuple[Type, ...], *, method: bool, known: bool) -> str:
    shown = [str(arg) for arg in args]
    if not known:
        return sentences.not_a_method(name) if method else sentences.not_a_function(name)
    if method:
        return sentences.no_method(name, shown[0], shown[1:])
    return sentences.no_overload("-" if name == "-_" else name, shown)


def _text(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode() if isinstance(reason, bytes) else str(reason)
