"""When the answer for one record next changes: the caller of every later edge is asked, until one answers otherwise."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.identity.course import Moment
from sidecar.policy.explain import Answer, Explainer
from sidecar.policy.rules import KindPolicies
from sidecar.records.store import Tenant

MOST_EDGES = 200
"""At how many ends of memberships and grants the question is put again."""


@dataclass(frozen=True, slots=True)
class Change:
    """The first later instant with another answer, what is seen from then on, and what ended."""

    at_ms: int
    visible: bool
    redacted: frozenset[str]
    ended: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Future:
    """What time alone does to an answer.

    ``reads_clock``: a rule of the kind compares with the time, so that the answer may change between the edges too.
    ``looked_to_ms`` is the last edge that was looked at, when there were too many of them to look at all.
    """

    change: Change | None
    reads_clock: bool
    looked_to_ms: int | None = None


def future_of(
    policies: KindPolicies, record: Mapping[str, Any], tenant: Tenant, now: Answer, later: Iterator[Moment]
) -> Future:
    """What becomes of the answer ``now`` for a record, as policies see it, at the ``later`` moments of its caller."""
    clock = reads_clock(policies)
    last: Moment | None = None
    for count, moment in enumerate(later):
        if count == MOST_EDGES:
            return Future(None, clock, last.at_ms if last is not None else None)
        if last is None or clock or moment.caller != last.caller:
            answer = Explainer(policies, moment.caller).answer(record, tenant, moment.at_ms)
            if shown(answer) != shown(now):
                change = Change(moment.at_ms, answer.visible, shown(answer)[1], moment.ended)
                return Future(change, clock)
        last = moment
    return Future(None, clock)


def shown(answer: Answer) -> tuple[bool, frozenset[str]]:
    """What the caller notices of an answer: whether the record is seen, and what is masked in it."""
    return answer.visible, answer.redacted if answer.visible else frozenset()


def reads_clock(policies: KindPolicies) -> bool:
    """Whether some rule of the kind compares with the time."""
    return any(path.root == "now_ms" for rule in policies.rules for path in rule.checked.paths)
