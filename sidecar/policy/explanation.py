"""The whole explanation of one stored record for one caller."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.cel import Part, Tracer
from sidecar.identity.caller import Caller, Identity
from sidecar.identity.callers import Callers
from sidecar.identity.course import Moment
from sidecar.policy.explain import Answer, Explainer
from sidecar.policy.next_change import Future, future_of
from sidecar.policy.rules import KindPolicies, Rule, tenant_document
from sidecar.records.canonical import policy_view
from sidecar.records.everything import Everything
from sidecar.records.places import at, names
from sidecar.records.reading import Get, Row
from sidecar.records.store import Snapshot, Store, Tenant


@dataclass(frozen=True, slots=True)
class Question:
    """Why does this identity see this record at this instant, or not?"""

    policies: KindPolicies
    key: tuple[str, ...]
    tenant: Tenant
    identity: Identity
    now_ms: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """The record, the caller, every rule's answer with its parts, and what time alone will change.

    ``sharing`` counts the records of the label.
    """

    question: Question
    row: Row
    sharing: int
    caller: Caller
    answer: Answer
    parts: Mapping[Rule, Part]
    future: Future

    @property
    def label(self) -> dict[str, Any]:
        """The properties of the record that its label holds, by dotted name."""
        record = self.row.record()
        found = ((pointer, at(record, names(pointer))) for pointer in self.question.policies.kind.label)
        return {pointer.lstrip("/").replace("/", "."): value for pointer, value in found if value is not None}


async def explained(store: Store, callers: Callers, question: Question) -> Explanation | None:
    """The explanation, from one snapshot of the record's tenant; None for no such record. Raises StoreError.

    A caller of another tenant is read before: two snapshots at once can wait for each other's connection for ever.
    """
    identity, moments = question.identity, None
    if identity.tenant != question.tenant:
        async with store.snapshot(identity.tenant) as own:
            moments = await callers.course(identity, own, question.now_ms)
    async with store.snapshot(question.tenant) as snap:
        found = await _record(snap, question)
        if found is None:
            return None
        if moments is None:
            moments = await callers.course(identity, snap, question.now_ms)
    return await asyncio.to_thread(_explanation, question, *found, moments)


async def _record(snap: Snapshot, question: Question) -> tuple[Row, int] | None:
    kind = question.policies.kind.name
    labels = frozenset(label for label, _ in await snap.labels(kind, 0))
    [page] = await snap.read([Get(kind, (question.key,))], Everything(labels))
    return (page.rows[0], await snap.sharing(page.rows[0].label_id)) if page.rows else None


def _explanation(question: Question, row: Row, sharing: int, moments: Iterator[Moment]) -> Explanation:
    policies, tenant = question.policies, question.tenant
    caller = next(moments).caller
    view = policy_view(policies.kind, row.record())
    answer = Explainer(policies, caller).answer(view, tenant, question.now_ms)
    values = {
        "caller": caller.document,
        "record": view,
        "tenant": tenant_document(tenant),
        "now_ms": question.now_ms,
    }
    parts = {rule: _traced(rule, values) for rule in policies.rules}
    future = future_of(policies, view, tenant, answer, moments)
    return Explanation(question, row, sharing, caller, answer, parts, future)


def _traced(rule: Rule, values: Mapping[str, Any]) -> Part:
    lets = {name: expression.text for name, expression in rule.lets.items()}
    return Tracer(lets, values).trace(rule.checked, rule.expression.text)
