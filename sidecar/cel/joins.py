"""The loop that becomes a lookup.

``caller.grants.exists(g, g.grant_id in record.list && …)`` asks the caller's objects one by one whether the record
names them. The objects are instead put into a table by ``g.grant_id`` once for each caller, and the record's list is
looked up in it. For every object left out the joining condition is false, so the whole condition is false, whatever the
rest of it would give: an error too is absorbed by ``false``.
"""

from dataclasses import dataclass
from typing import Literal

from sidecar.cel.ast import Call, Expr, Loop, conjuncts
from sidecar.cel.place import Place
from sidecar.cel.types import STRING, ListType, bare

Form = Literal["key is value", "key in values", "value in keys"]
"""How the key of the caller's object and the value of the record are tied; of one of them there may be several."""


@dataclass(frozen=True, slots=True)
class Join:
    """One condition of a loop that ties the caller's objects to the record: their ``key`` to the record's ``other``."""

    condition: Expr
    key: Expr
    other: Expr
    form: Form


def find_join(place: Place, node: Loop) -> Join | None:
    """The first condition by which a loop over the caller's objects can be a lookup."""
    if node.macro != "exists" or len(node.variables) != 1 or node.condition is None:
        return None
    joins = (_join(place, node, part) for part in conjuncts(node.condition))
    return next((join for join in joins if join is not None), None)


def _join(place: Place, node: Loop, part: Expr) -> Join | None:
    """A condition as a join: one side reads the object (and at most the caller), the other the record and no object."""
    if not isinstance(part, Call) or part.function not in ("==", "in"):
        return None
    left, right = part.args
    inner = place.inside({node.variables[0]: "?"})
    bound = place.plan.bound

    def is_key(expr: Expr) -> bool:
        needs = inner.needs(expr)
        return "?" in needs and needs <= bound | {"?"}

    def is_other(expr: Expr) -> bool:
        needs = inner.needs(expr)
        return "?" not in needs and not needs <= bound

    left_type, right_type = bare(place.type_of(left)), bare(place.type_of(right))
    if part.function == "==" and left_type == right_type == STRING:
        if is_key(left) and is_other(right):
            return Join(part, left, right, "key is value")
        if is_key(right) and is_other(left):
            return Join(part, right, left, "key is value")
    if part.function == "in" and left_type == STRING and right_type == ListType(STRING):
        if is_key(left) and is_other(right):
            return Join(part, left, right, "key in values")
        if is_key(right) and is_other(left):
            return Join(part, right, left, "value in keys")
    return None
