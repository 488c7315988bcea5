"""A checked rule becomes Python functions: written once when the bundle loads, bound once for each caller.

It has two forms (see ``kernel``): the fast one runs first, and where it gives up the careful one decides.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sidecar.cel.checked import Checked
from sidecar.cel.emit import Emitter
from sidecar.cel.frames import Frame, Unit
from sidecar.cel.limits import LIMITS, Limits
from sidecar.cel.place import Place, Plan

Predicate = Callable[[Mapping[str, Any], Mapping[str, Any], int], Any]
"""``(record, tenant, now_ms) → value``. Raises EvaluationError when there is none, Unknown when it is not known."""

BOUND = ("caller",)
PARAMETERS = ("record", "tenant", "now_ms")


@dataclass(frozen=True, slots=True)
class Compiled:
    """One rule, ready to be bound to callers. ``source`` is the Python that decides, for curious readers."""

    _build: Callable[..., Any] = field(repr=False)
    source: str = field(repr=False)

    def bind(self, *bound: Any) -> Predicate:
        """Evaluate what depends on the caller alone. A part that fails does so only where a record needs it."""
        predicate: Predicate = self._build(*bound)
        return predicate


def compile_rule(
    checked: Checked, *, known: Mapping[str, Sequence[str]] | None = None, limits: Limits = LIMITS
) -> Compiled:
    """Write the code of a rule over ``caller``, ``record``, ``tenant`` and ``now_ms``.

    Args:
        checked: the rule, or a part of one.
        known: for a rule that judges labels: which JSON pointers of which variable are told. Anything else, and
            ``now_ms``, is Unknown; the value is exact whenever it does not depend on what is unknown.
        limits: ``steps`` bounds each evaluation.
    """
    return compile_program(checked, BOUND, PARAMETERS, known=known, limits=limits)


def compile_quick(checked: Checked, *, known: Mapping[str, Sequence[str]] | None = None) -> Compiled:
    """Write only the form of a condition that is quick: whatever it answers is the value.

    Where a value is missing, unknown, of another type or a list is long, it gives up with an EvaluationError.
    """
    unit = Unit()
    plan = Plan(frozenset(BOUND), known)
    inside = {name: f"a{position}" for position, name in enumerate(PARAMETERS)}
    unit.lines.append(f"meter = Meter({unit.constant(LIMITS.steps)})")
    hoist = Emitter(Place(unit, plan, checked, careful=True, frame=_frame(unit, {BOUND[0]: "b0"})))
    quick = Emitter(Place(unit, plan, checked, careful=False, frame=_frame(unit, inside)), hoist)
    code = quick.condition(checked.expr)
    unit.lines += [
        f"if failed({', '.join(unit.slots.values())}): return give_up",
        f"def quick({', '.join(inside.values())}):",
        "    try:",
        f"        return {code}",
        "    except FAULTS: give_up()",
        "return quick",
    ]
    return Compiled(*unit.build("b0"))


def compile_program(
    checked: Checked,
    bound: Sequence[str],
    parameters: Sequence[str],
    *,
    known: Mapping[str, Sequence[str]] | None = None,
    untried: bool = False,
    limits: Limits = LIMITS,
) -> Compiled:
    """Write the code of any expression: bound to the values of ``bound``, then called with those of ``parameters``.

    With ``untried`` the parameters may be of another type than declared, or missing (``kernel.MISSING``).
    """
    unit = Unit()
    plan = Plan(frozenset(bound), known, untried)
    steps = unit.constant(limits.steps)
    unit.lines.append(f"meter = Meter({steps})")
    outside = {name: f"b{position}" for position, name in enumerate(bound)}
    inside = {name: f"a{position}" for position, name in enumerate(parameters)}
    hoist = Emitter(Place(unit, plan, checked, careful=True, frame=_frame(unit, outside)))
    signature = ", ".join(inside.values())
    codes = []
    for careful in (True, False):
        emitter = Emitter(Place(unit, plan, checked, careful, _frame(unit, inside)), hoist)
        codes.append(emitter.emit(checked.expr))
    unit.lines += _ending(codes[0], codes[1], signature, steps, list(unit.slots.values()))
    build, source = unit.build(", ".join(outside.values()))
    return Compiled(build, source)


def _frame(unit: Unit, names: Mapping[str, str]) -> Frame:
    frame = Frame(unit, None, ["meter"])
    for name, local in names.items():
        frame.hold(name, local)
    return frame


def _ending(careful: str, fast: str, signature: str, steps: str, slots: list[str]) -> list[str]:
    """The two forms, and the choice between them."""
    return [
        f"def careful({signature}):",
        f"    meter = Meter({steps})",
        "    try:",
        f"        return {careful}",
        "    except CelError: raise",
        "    except Exhausted as end: raise end.told from None",
        "    except FAULTS as fault: raise without_value(fault) from fault",
        f"if failed({', '.join(slots)}): return careful",
        f"def fast({signature}):",
        "    try:",
        f"        return {fast}",
        "    except FAULTS: pass",
        f"    return careful({signature})",
        "return fast",
    ]
