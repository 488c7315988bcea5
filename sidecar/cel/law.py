"""Many rules as one condition, by the law that combines them: they share what they read, and one call decides."""

from collections.abc import Sequence
from itertools import count

from sidecar.cel.ast import Call, Expr, Ident, Literal
from sidecar.cel.checked import Checked, Ref
from sidecar.cel.errors import Span
from sidecar.cel.types import BOOL, Type

Rules = tuple[Sequence[Checked], Sequence[Checked]]
"""The allows and the denies of one policy."""

_NOWHERE = Span(0, 0, 1, 1)


def law(policies: Sequence[Rules]) -> Checked:
    """The condition that is true exactly when every policy has an allow that is true and no deny that is not false.

    Each rule comes in as a named expression; all must be over the same variables.
    """
    return _Law().of(policies)


class _Law:
    """The tree of one law while it is built."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._types: dict[int, Type] = {}
        self._refs: dict[int, Ref] = {}
        self._lets: dict[str, Checked] = {}

    def of(self, policies: Sequence[Rules]) -> Checked:
        """The finished condition."""
        parts: list[Expr] = []
        for allows, denies in policies:
            parts += [self._call("!", [self._named(deny)]) for deny in denies]
            parts.append(self._joined("||", [self._named(allow) for allow in allows], empty=False))
        expr = self._joined("&&", parts, empty=True)
        return Checked(expr, self._types[expr.id], self._types, self._refs, self._lets)

    def _named(self, rule: Checked) -> Expr:
        number = next(self._ids)
        name = str(number)
        self._types[number], self._refs[number], self._lets[name] = rule.type, Ref("let", name), rule
        return Ident(number, _NOWHERE, name)

    def _call(self, function: str, args: Sequence[Expr]) -> Expr:
        number = next(self._ids)
        self._types[number] = BOOL
        return Call(number, _NOWHERE, function, None, tuple(args))

    def _joined(self, function: str, parts: Sequence[Expr], *, empty: bool) -> Expr:
        if len(parts) > 1:
            return self._call(function, parts)
        if parts:
            return parts[0]
        number = next(self._ids)
        self._types[number] = BOOL
        return Literal(number, _NOWHERE, empty)
