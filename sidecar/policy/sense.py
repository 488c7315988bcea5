"""Rules that are right and yet make no sense: never true for any of their kinds, or too costly for one of them."""

from collections.abc import Iterable, Mapping

from sidecar.cel import CheckError, never_true, too_costly
from sidecar.policy.compiling import Problems
from sidecar.policy.load import Expression
from sidecar.policy.rules import KindPolicies, Rule


def refuse_senseless(kinds: Mapping[str, KindPolicies], problems: Problems) -> None:
    """Find the rules that make no sense. One that is never true for some of its kinds only is right for the others."""
    for expression, rules in _by_expression(kinds.values()).items():
        for kind, rule in rules.items():
            costly = too_costly(rule.checked)
            if costly is not None:
                problems.add(expression.finding(costly.span.offset, costly.message), kind)
        for kind, error in _never(rules).items():
            problems.add(expression.finding(error.span.offset, error.message), kind)


def _never(rules: Mapping[str, Rule]) -> dict[str, CheckError]:
    """Why a rule is never true, for each of its kinds; nothing when it may be true of one of them."""
    found: dict[str, CheckError] = {}
    for kind, rule in rules.items():
        error = never_true(rule.checked)
        if error is None:
            return {}
        found[kind] = error
    return found


def _by_expression(kinds: Iterable[KindPolicies]) -> dict[Expression, dict[str, Rule]]:
    found: dict[Expression, dict[str, Rule]] = {}
    for policies in kinds:
        for rule in policies.rules:
            found.setdefault(rule.expression, {})[policies.kind.name] = rule
    return found
