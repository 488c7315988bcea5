"""The macros: calls that bind names or ask for presence, recognised by name and number of arguments."""

from typing import TYPE_CHECKING

from sidecar.cel import errors
from sidecar.cel.ast import Bind, Expr, Ident, Loop, Select
from sidecar.cel.errors import CelSyntaxError, Span

if TYPE_CHECKING:
    from sidecar.cel.lex import Token
    from sidecar.cel.parse import Parser

# macro and number of arguments -> its name in the tree, how many variables, whether a condition comes, how many results
_LOOPS = {
    ("all", 2): ("all", 1, True, 0),
    ("exists", 2): ("exists", 1, True, 0),
    ("exists_one", 2): ("exists_one", 1, True, 0),
    ("existsOne", 2): ("exists_one", 1, True, 0),
    ("filter", 2): ("filter", 1, True, 0),
    ("map", 2): ("map", 1, False, 1),
    ("map", 3): ("map", 1, True, 1),
    ("all", 3): ("all", 2, True, 0),
    ("exists", 3): ("exists", 2, True, 0),
    ("exists_one", 3): ("exists_one", 2, True, 0),
    ("existsOne", 3): ("exists_one", 2, True, 0),
    ("transformList", 3): ("transformList", 2, False, 1),
    ("transformList", 4): ("transformList", 2, True, 1),
    ("transformMap", 3): ("transformMap", 2, False, 1),
    ("transformMap", 4): ("transformMap", 2, True, 1),
    ("transformMapEntry", 3): ("transformMapEntry", 2, False, 1),
    ("transformMapEntry", 4): ("transformMapEntry", 2, True, 1),
}
METHOD_MACROS = frozenset(name for name, _ in _LOOPS) | {"has", "bind"}


def expand(parser: "Parser", name: "Token", target: Expr | None, args: list[Expr], span: Span) -> Expr | None:
    """The node of a macro, or None when this is an ordinary call after all. Raises CelSyntaxError."""
    if target is None:
        return _has(parser, args, span) if name.text == "has" else None
    if name.text == "bind":
        return _bind(parser, target, args, span)
    shape = _LOOPS.get((name.text, len(args)))
    if shape is None:
        return None
    macro, count, conditional, _ = shape
    variables = tuple(_variable(arg) for arg in args[:count])
    rest = args[count:]
    condition = rest.pop(0) if conditional else None
    return Loop(parser.new_id(span), span, macro, target, variables, condition, tuple(rest))


def _has(parser: "Parser", args: list[Expr], span: Span) -> Expr:
    if len(args) != 1 or not isinstance(args[0], Select) or args[0].test:
        raise CelSyntaxError(errors.has_needs_field(), span)
    chosen = args[0]
    return Select(parser.new_id(span), span, chosen.operand, chosen.field, test=True, optional=chosen.optional)


def _bind(parser: "Parser", target: Expr, args: list[Expr], span: Span) -> Expr | None:
    if not (isinstance(target, Ident) and target.name == "cel" and len(args) == 3):  # noqa: PLR2004
        return None
    return Bind(parser.new_id(span), span, _variable(args[0]), args[1], args[2])


def _variable(arg: Expr) -> str:
    if not isinstance(arg, Ident) or arg.name.startswith("."):
        raise CelSyntaxError(errors.macro_variable(), arg.span)
    return arg.name
