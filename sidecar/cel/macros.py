"""The macros: calls that bind names or ask for presence, recognised by name and number of arguments.

So are functions whose names begin with a namespace: ``math.abs(x)`` is no method of something called ``math``.
"""

from sidecar.cel import sentences
from sidecar.cel.ast import Bind, Call, Expr, Ident, ListExpr, Loop, Numbers, Select
from sidecar.cel.errors import CelSyntaxError, Span
from sidecar.cel.functions import NAMESPACES, OVERLOADS
from sidecar.cel.lex import Token

# macro and number of arguments -> its name in the tree, how many variables, whether a condition comes
_LOOPS = {
    ("all", 2): ("all", 1, True),
    ("exists", 2): ("exists", 1, True),
    ("exists_one", 2): ("exists_one", 1, True),
    ("existsOne", 2): ("exists_one", 1, True),
    ("filter", 2): ("filter", 1, True),
    ("map", 2): ("map", 1, False),
    ("map", 3): ("map", 1, True),
    ("all", 3): ("all", 2, True),
    ("exists", 3): ("exists", 2, True),
    ("exists_one", 3): ("exists_one", 2, True),
    ("existsOne", 3): ("exists_one", 2, True),
    ("transformList", 3): ("transformList", 2, False),
    ("transformList", 4): ("transformList", 2, True),
    ("transformMap", 3): ("transformMap", 2, False),
    ("transformMap", 4): ("transformMap", 2, True),
    ("transformMapEntry", 3): ("transformMapEntry", 2, False),
    ("transformMapEntry", 4): ("transformMapEntry", 2, True),
}
_ON_OPTIONALS = frozenset(("optMap", "optFlatMap"))
_SPACED = frozenset(name.rpartition(".")[2] for name in OVERLOADS if name.partition(".")[0] in NAMESPACES)
LOOPS = frozenset(name for name, _ in _LOOPS)
MACROS = LOOPS | _ON_OPTIONALS | _SPACED | {"has", "bind"}
"""Every name that may be more than a plain call."""


def expand(numbers: Numbers, name: Token, target: Expr | None, args: list[Expr], span: Span) -> Expr | None:
    """The node of a macro, or None when this is an ordinary call after all. Raises CelSyntaxError."""
    if target is None:
        return _has(numbers, args, span) if name.text == "has" else None
    if name.text == "bind" and _is_named(target, "cel") and len(args) == 3:  # noqa: PLR2004 - name, value and result
        return Bind(numbers.next(span), span, _variable(args[0]), args[1], args[2])
    if name.text in _ON_OPTIONALS and len(args) == 2:  # noqa: PLR2004 - name and result
        return _on_optional(numbers, name.text, target, args, span)
    if isinstance(target, Ident) and f"{target.name.lstrip('.')}.{name.text}" in OVERLOADS:
        return _spaced(numbers, f"{target.name.lstrip('.')}.{name.text}", args, span)
    shape = _LOOPS.get((name.text, len(args)))
    if shape is None:
        return None
    macro, count, conditional = shape
    variables = tuple(_variable(arg) for arg in args[:count])
    if len(set(variables)) < count:
        raise CelSyntaxError(sentences.one_variable_twice(variables[0]), args[1].span)
    rest = args[count:]
    condition = rest.pop(0) if conditional else None
    return Loop(numbers.next(span), span, macro, target, variables, condition, tuple(rest))


def _has(numbers: Numbers, args: list[Expr], span: Span) -> Expr:
    if len(args) != 1 or not isinstance(args[0], Select) or args[0].test or args[0].optional:
        raise CelSyntaxError(sentences.has_needs_field(), span)
    chosen = args[0]
    return Select(numbers.next(span), span, chosen.operand, chosen.field, test=True)


def _is_named(node: Expr, name: str) -> bool:
    return isinstance(node, Ident) and node.name.lstrip(".") == name


def _spaced(numbers: Numbers, function: str, args: list[Expr], span: Span) -> Expr:
    """A function of a namespace; ``greatest`` and ``least`` take any number of arguments, as a list."""
    if function in ("math.greatest", "math.least") and len(args) > 2:  # noqa: PLR2004 - two or fewer have their overloads
        args = [ListExpr(numbers.next(span), span, tuple(args))]
    return Call(numbers.next(span), span, function, None, tuple(args))


def _on_optional(numbers: Numbers, macro: str, target: Expr, args: list[Expr], span: Span) -> Expr:
    """``target.optMap(x, body)``: none stays none, else the body over the value; ``optFlatMap`` gives it as it is.

    It becomes what one would write by hand, with a name for the target that no text can contain.
    """
    held = f"@{numbers.next(span)}"

    def call(function: str, owner: Expr | None, *given: Expr) -> Expr:
        return Call(numbers.next(span), span, function, owner, given)

    def name() -> Expr:
        return Ident(numbers.next(span), span, held)

    body: Expr = Bind(numbers.next(span), span, _variable(args[0]), call("value", name()), args[1])
    none = call("optional.none", None)
    body = call("optional.of", None, body) if macro == "optMap" else call("or", body, none)  # `or` takes no other kind
    chosen = call("?:", None, call("hasValue", name()), body, call("optional.none", None))
    return Bind(numbers.next(span), span, held, target, chosen)


def _variable(arg: Expr) -> str:
    if not isinstance(arg, Ident) or arg.name.startswith("."):
        raise CelSyntaxError(sentences.macro_variable(), arg.span)
    return arg.name
