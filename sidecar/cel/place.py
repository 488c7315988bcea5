"""Where in a rule code is being written: which form of it, which names are bound there, what its parts depend on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from sidecar.cel.ast import Expr
from sidecar.cel.checked import Checked
from sidecar.cel.frames import Frame, Unit
from sidecar.cel.types import Type


@dataclass(frozen=True)
class Plan:
    """What one rule is compiled against: which variables come with the binding, and what a label knows."""

    bound: frozenset[str]
    known: Mapping[str, Sequence[str]] | None = None
    untried: bool = False
    """Whether the variables' own values come from outside unchecked, or may be missing."""


@dataclass(frozen=True)
class Place:
    """One place in one form of a rule: ``careful`` tells which of the two forms it is (see ``kernel``).

    ``scopes`` are the names that the loops around bind, each with its local, from the outermost loop to the innermost.
    """

    unit: Unit
    plan: Plan
    checked: Checked
    careful: bool
    frame: Frame
    scopes: tuple[Mapping[str, str], ...] = ()

    def within(self, checked: Checked) -> Self:
        """The same form at the same place, for another tree (a named expression)."""
        return replace(self, checked=checked, scopes=())

    def inside(self, names: Mapping[str, str], frame: Frame | None = None) -> Self:
        """The same form where more names are bound, each to its local."""
        return replace(self, scopes=(*self.scopes, names), frame=frame or self.frame.with_(names.values()))

    def local(self, name: str) -> str | None:
        """The local that a loop variable of this name has, innermost first."""
        return next((scope[name] for scope in reversed(self.scopes) if name in scope), None)

    def meter(self) -> str:
        """The local of the careful form that counts its steps."""
        meter = self.frame.find("meter")
        assert meter is not None
        return meter

    def type_of(self, node: Expr) -> Type:
        """The node's checked type."""
        return self.checked.types[node.id]

    def needs(self, node: Expr) -> frozenset[str]:
        """The variables and loop variables that a node depends on; a loop variable by its local name."""
        uses = self.checked.uses[node.id]
        return frozenset(name if kind == "variable" else str(self.local(name)) for kind, name in uses)
