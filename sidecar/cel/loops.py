"""Loops as Python functions: the lines around a condition and results whose code is already written."""

from sidecar.cel.ast import Loop
from sidecar.cel.guards import guard
from sidecar.cel.kernel import WIDE_INNER, WIDE_OUTER, Expected
from sidecar.cel.paying import turn
from sidecar.cel.place import Place
from sidecar.cel.types import DYN, ListType, MapType, bare


def loop_body(place: Place, node: Loop, locals_: list[str], condition: str | None, results: list[str]) -> list[str]:
    """The lines of the function that goes through ``items``. ``place`` is inside the loop."""
    head = _head(place, node, locals_)
    admit = _admission(place, node, locals_)
    if node.macro in ("all", "exists"):
        assert condition is not None
        return _quantifier(node.macro, head, admit, condition, careful=place.careful)
    before, each, after = _collecting(node.macro, locals_, results)
    asked = [] if condition is None else [f"if not truth({condition}): continue"]
    return [*head[:-1], before, head[-1], *_indent([*admit, *asked, each]), after]


def _head(place: Place, node: Loop, locals_: list[str]) -> list[str]:
    """What comes before the turns, the ``for`` last: all are paid for at once, or if many left to the careful form."""
    target = place.type_of(node.target)
    if len(locals_) == 2:  # noqa: PLR2004 - macros of two variables
        lines = ["items = pairs(items)"]
    else:
        lines = [] if isinstance(target, ListType) else ["items = elements(items)"]
    if place.careful:
        lines.append(f"{place.meter()}.pay(items, {turn(place.checked, node)})")
    else:
        bound = WIDE_OUTER if len(place.scopes) == 1 else WIDE_INNER
        lines.append(f"if len(items) > {max(bound // turn(place.checked, node), 1)}: give_up()")
    return [*lines, f"for {', '.join(locals_)} in items:"]


def _admission(place: Place, node: Loop, locals_: list[str]) -> list[str]:
    """What enters the rule with each turn must be of its type."""
    target = bare(place.type_of(node.target))
    if isinstance(target, ListType):
        local, type_ = locals_[-1], target.element
    elif isinstance(target, MapType) and len(locals_) == 2:  # noqa: PLR2004 - keys are strings by their nature
        local, type_ = locals_[-1], target.value
    else:
        return []
    if type_ == DYN:
        return []
    if place.careful:
        expected = place.unit.constant(Expected(node.variables[-1], type_))
        return [f"{local} = {expected}.admit({local})"]
    return guard(local, type_)


def _quantifier(macro: str, head: list[str], admit: list[str], condition: str, *, careful: bool) -> list[str]:
    """The turns of ``all`` and ``exists``. In the careful form a fault counts only if no other turn decides."""
    stop = "if not" if macro == "all" else "if"
    found, rest = ("False", "True") if macro == "all" else ("True", "False")
    if not careful:
        return [*head, *_indent([*admit, f"{stop} {condition}: return {found}"]), f"return {rest}"]
    asked = [*admit, f"{stop} truth({condition}): return {found}"]
    absorbing = ["try:", *_indent(asked), "except FAULTS as error: fault = worse(fault, error)"]
    end = ["if fault is not None: raise fault", f"return {rest}"]
    return [*head[:-1], "fault = None", head[-1], *_indent(absorbing), *end]


def _collecting(macro: str, locals_: list[str], results: list[str]) -> tuple[str, str, str]:
    """What stands before the loop, in each turn that counts, and after it."""
    match macro:
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
