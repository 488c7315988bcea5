"""Four voices on one question, whether a rule is exactly true, exactly false or neither for a record and a caller.

The closure over the whole record; the closure over the label, then over the record where the label leaves it open; the
reference interpreter; Google's C++ engine. The last two know no schema, so they are given every default written out.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings
from reference import Reference
from rules import Rule
from shapes import World, filled, pruned

from sidecar.cel import (
    BOOL,
    INT,
    Checked,
    Compiled,
    Env,
    EvaluationError,
    Expr,
    Limits,
    Predicate,
    Type,
    Unknown,
    check,
    compile_rule,
    parse,
    type_from_schema,
)

Answer = bool | None
"""Exactly true, exactly false, or neither."""
UNKNOWN = "unknown"
LIMITS = Limits(steps=10**9)
"""The budget of one evaluation is no part of the language."""
MOST_TURNS = 10_000
"""Loop turns that the oracle takes in one evaluation; it fails past them."""
ORACLE = cel.NewEnv(
    variables=dict.fromkeys(("record", "tenant", "caller", "now_ms"), cel.Type.DYN),
    extensions=[ext_bindings.ExtBindings()],
)


class OracleRefusesError(Exception):
    """The oracle's own checker takes no such rule."""


@dataclass(frozen=True)
class Prepared:
    """A record or caller of a world in the forms that the voices want."""

    plain: Any
    pruned: Any
    filled: Any


def prepared_record(world: World, record: Any) -> Prepared:
    """One record, ready."""
    return Prepared(record, pruned(record, world.known), filled(record, world.record))


def prepared_caller(world: World, caller: Any) -> Prepared:
    """One caller, ready."""
    return Prepared(caller, None, filled(caller, world.caller))


def variables_of(world: World) -> Mapping[str, Type]:
    """The variables of a world's rules."""
    shapes = {"record": world.record, "caller": world.caller, "tenant": world.tenant}
    return {**{name: type_from_schema(shape, name) for name, shape in shapes.items()}, "now_ms": INT}


@dataclass
class Panel:
    """One rule as every voice has it."""

    label: Compiled
    whole: Compiled
    tree: Expr
    lets: Mapping[str, Expr]
    oracle: Any
    noted: Counter[str] = field(default_factory=Counter)
    """How often the label left the answer open, and why the oracle was not asked."""

    def bound(self, caller: Prepared) -> tuple[Predicate, Predicate]:
        """The two closures for one caller."""
        return self.label.bind(caller.plain), self.whole.bind(caller.plain)

    def answers(
        self, bound: tuple[Predicate, Predicate], record: Prepared, caller: Prepared, tenant: Any, now_ms: int
    ) -> dict[str, Answer]:
        """What each voice says. The oracle is not asked where it is known to be unable to tell."""
        by_label, by_record = bound
        said = _said(by_record, record.plain, tenant, now_ms)
        first = _said(by_label, record.pruned, tenant, 0)
        variables = {"record": record.filled, "tenant": tenant, "caller": caller.filled, "now_ms": now_ms}
        reference = Reference(variables, self.lets)
        found = reference.value(self.tree, {})
        answers = {
            "closure": said,
            "label, then record": said if first == UNKNOWN else first,
            "reference": found if found is True or found is False else None,
        }
        self.noted["by_label"] += first != UNKNOWN
        if reference.turns > MOST_TURNS:  # the oracle ends an evaluation there
            self.noted["too_long"] += 1
        else:
            answers["oracle"] = _oracle_said(self.oracle, variables)
        return answers


def panel_of(world: World, rule: Rule, variables: Mapping[str, Type]) -> Panel:
    """The rule for every voice. Raises CelError when the checker refuses it, OracleRefusesError when the oracle does."""
    lets: dict[str, Checked] = {}
    for name, text in rule.lets.items():
        lets[name] = check(parse(text), Env(variables, dict(lets)))
    checked = check(parse(rule.text), Env(variables, lets), expects=BOOL)
    try:
        oracle = ORACLE.compile(rule.expanded, disable_check=True)
    except RuntimeError as error:
        raise OracleRefusesError(str(error)) from None
    return Panel(
        label=compile_rule(checked, known={"record": world.known}, limits=LIMITS),
        whole=compile_rule(checked, limits=LIMITS),
        tree=checked.expr,
        lets={name: let.expr for name, let in lets.items()},
        oracle=oracle,
    )


def _said(predicate: Predicate, record: Any, tenant: Any, now_ms: int) -> Any:
    try:
        found = predicate(record, tenant, now_ms)
    except Unknown:
        return UNKNOWN
    except EvaluationError:
        return None
    return found if found is True or found is False else None


def _oracle_said(oracle: Any, variables: Mapping[str, Any]) -> Answer:
    found = oracle.eval(data=variables)
    return found.plain_value() if found.type() == cel.Type.BOOL else None
