"""Why a caller sees a record or does not: every rule with its answer, and the values it read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sidecar.cel import EvaluationError, Predicate
from sidecar.identity.caller import Caller
from sidecar.policy.rules import WALL, KindPolicies, Policy, Rule, tenant_document
from sidecar.records.store import Tenant


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """One rule's answer: true, false, or None with the error. ``read`` holds what it read, absent values left out."""

    rule: Rule
    value: bool | None
    error: str | None
    read: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """One policy's answer: it admits when some allow is true and every deny is false."""

    policy: Policy
    rules: tuple[RuleAnswer, ...]

    @property
    def admits(self) -> bool:
        """Whether the policy lets the record through."""
        allowed = any(answer.value is True for answer in self.rules if answer.rule.effect == "allow")
        return allowed and all(answer.value is False for answer in self.rules if answer.rule.effect == "deny")


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer. ``covered``: some policy other than the tenant wall's speaks of the kind.

    ``redacted`` are the dotted fields that are masked, as far as the record has them.
    """

    same_tenant: bool
    covered: bool
    policies: tuple[PolicyAnswer, ...]
    redacted: frozenset[str]

    @property
    def visible(self) -> bool:
        """Whether the caller sees the record."""
        return self.same_tenant and self.covered and all(policy.admits for policy in self.policies)

    @property
    def rules(self) -> Iterator[RuleAnswer]:
        """Every rule's answer."""
        for policy in self.policies:
            yield from policy.rules


@dataclass(frozen=True)
class Explainer:
    """One caller before the policies of one kind; bound once for any number of records."""

    policies: KindPolicies
    caller: Caller

    def answer(self, record: Mapping[str, Any], tenant: Tenant, now_ms: int) -> Answer:
        """The answer for one record in the form in which policies see it (``canonical.policy_view``)."""
        scope = {"record": record, "tenant": tenant_document(tenant), "caller": self.caller.document, "now_ms": now_ms}
        answers = tuple(
            PolicyAnswer(policy, tuple(self._rule(rule, scope) for rule in policy.rules))
            for policy in self.policies.policies
        )
        lifted = {rule.rule for policy in answers for rule in policy.rules if rule.value is True}
        redacted = frozenset(
            mask.dotted
            for policy in self.policies.policies
            for mask in policy.masks
            if mask.rule not in lifted and mask.masks_in(record)
        )
        return Answer(tenant == self.caller.tenant, self.policies.covered, answers, redacted)

    @cached_property
    def _bound(self) -> Mapping[Rule, Predicate]:
        return {rule: rule.whole.bind(self.caller.document) for rule in self.policies.rules}

    def _rule(self, rule: Rule, scope: Mapping[str, Any]) -> RuleAnswer:
        read = {str(path): value for path in rule.checked.paths for value in _values(scope, (path.root, *path.fields))}
        try:
            value = self._bound[rule](scope["record"], scope["tenant"], scope["now_ms"])
        except EvaluationError as error:
            return RuleAnswer(rule, None, str(error), read)
        if not isinstance(value, bool):
            return RuleAnswer(rule, None, f"its value is {value!r}, neither true nor false", read)
        return RuleAnswer(rule, value, None, read)


def own_policies(policies: KindPolicies, name: str) -> KindPolicies:
    """One policy of a kind alone, with the tenant wall: what its own suite judges."""
    return KindPolicies(policies.kind, tuple(policy for policy in policies.policies if policy.name in (name, WALL)))


def _values(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """The value at the end of a path; nothing when it is not there."""
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return
        value = value[name]
    yield value
