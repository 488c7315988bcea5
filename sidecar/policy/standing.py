"""What one caller may see of one kind: every label judged once, and what is masked in each."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, Literal

import orjson

from sidecar.cel import EvaluationError, Predicate, Unknown
from sidecar.identity.caller import Caller
from sidecar.policy.rules import KindPolicies, Mask, Policy, Rule, tenant_document
from sidecar.records.reading import Lanes

Record = Mapping[str, Any]
Labels = list[tuple[int, Record]]
"""Labels with their pruned records, in the order of their ids; a list only ever grows at its end."""
Verdict = Literal["visible", "hidden", "depends"]
NO_MASKS: frozenset[Mask] = frozenset()


@dataclass(frozen=True, slots=True)
class _Bound:
    """One policy for one caller. ``always``: some allow that needs no record is true already."""

    always: bool
    allows: tuple[Predicate, ...]
    denies: tuple[Predicate, ...]


@dataclass(frozen=True)
class Conditions:
    """All that decides for one caller about labels, or about whole records; bound when first needed."""

    policies: KindPolicies
    document: Record
    tenant: Record
    form: Literal["label", "whole"]

    @cached_property
    def law(self) -> Predicate:
        """Whether a record is visible, for records that leave no rule without a value; it gives up on others."""
        for policy in self.policies.policies:
            if policy.settled and _admits(self._policy(policy), {}, self.tenant, 0) == "hidden":
                return _nothing
        policies = self.policies
        return (policies.label if self.form == "label" else policies.whole).bind(self.document)

    @cached_property
    def masks(self) -> tuple[tuple[Mask, Predicate], ...]:
        """The masks, with what lifts them."""
        return tuple((mask, self._bind(mask.rule)) for policy in self.policies.policies for mask in policy.masks)

    def verdict(self, record: Record, tenant: Record, now_ms: int) -> Verdict:
        """Visible only when every policy has an allow that is true and no deny that is not definitely false."""
        try:
            return "visible" if self.law(record, tenant, now_ms) else "hidden"
        except EvaluationError:
            return self._by_policy(record, tenant, now_ms)

    def _by_policy(self, record: Record, tenant: Record, now_ms: int) -> Verdict:
        verdict: Verdict = "visible"
        for policy in self._bound:
            found = _admits(policy, record, tenant, now_ms)
            if found == "hidden":
                return "hidden"
            if found == "depends":
                verdict = "depends"
        return verdict

    def masked(self, record: Record, tenant: Record, now_ms: int) -> tuple[frozenset[Mask], bool]:
        """The masks that nothing lifts, and whether that holds for every record of the label; an error lifts none."""
        masks: set[Mask] = set()
        certain = True
        for mask, unless in self.masks:
            try:
                lifted = unless(record, tenant, now_ms) is True
            except (Unknown, EvaluationError) as fault:
                lifted = False
                certain = certain and not isinstance(fault, Unknown)
            if not lifted:
                masks.add(mask)
        return frozenset(masks) if masks else NO_MASKS, certain

    @cached_property
    def _bound(self) -> tuple[_Bound, ...]:
        bound = map(self._policy, self.policies.policies)
        return tuple(policy for policy in bound if policy.denies or not policy.always)

    def _bind(self, rule: Rule) -> Predicate:
        return (rule.label if self.form == "label" else rule.whole).bind(self.document)

    def _policy(self, policy: Policy) -> _Bound:
        """The policy with what needs no record decided now: a deny that is false, an allow that is not, are dropped."""
        allows = [(rule, bound := self._bind(rule), self._settled(rule, bound)) for rule in policy.allows]
        denies = [(rule, bound := self._bind(rule), self._settled(rule, bound)) for rule in policy.denies]
        return _Bound(
            always=any(settled is True for _, _, settled in allows),
            allows=tuple(bound for rule, bound, _ in allows if not rule.settled),
            denies=tuple(bound for rule, bound, settled in denies if not (rule.settled and settled is False)),
        )

    def _settled(self, rule: Rule, bound: Predicate) -> object:
        """The value of a rule that reads neither record nor clock; None for others and for an error."""
        if not rule.settled:
            return None
        try:
            return bound({}, self.tenant, 0)
        except (EvaluationError, Unknown):
            return None


def _nothing(*_: object) -> bool:
    return False


def _admits(policy: _Bound, record: Record, tenant: Record, now_ms: int) -> Verdict:
    depends = False
    for deny in policy.denies:
        try:
            if deny(record, tenant, now_ms) is not False:
                return "hidden"
        except Unknown:
            depends = True
        except EvaluationError:
            return "hidden"
    if policy.always:
        return "depends" if depends else "visible"
    unknown = False
    for allow in policy.allows:
        try:
            if allow(record, tenant, now_ms) is True:
                return "depends" if depends else "visible"
        except Unknown:
            unknown = True
        except EvaluationError:
            continue
    return "depends" if unknown else "hidden"


@dataclass(frozen=True)
class Authority:
    """One caller before one kind's policies: bound once, then asked about label after label."""

    policies: KindPolicies
    caller: Caller

    @cached_property
    def tenant(self) -> Record:
        """The value of ``tenant``: the wall lets no other tenant's records in."""
        return tenant_document(self.caller.tenant)

    @cached_property
    def label(self) -> Conditions:
        """What decides about labels."""
        return Conditions(self.policies, self.caller.document, self.tenant, "label")

    @cached_property
    def whole(self) -> Conditions:
        """What decides about whole records."""
        return Conditions(self.policies, self.caller.document, self.tenant, "whole")


@dataclass(frozen=True)
class Standing:
    """The verdicts of one caller on every label of one kind up to ``last``. Immutable; it grows into a new one."""

    authority: Authority
    last: int = 0
    lanes: Lanes = field(default_factory=lambda: Lanes(frozenset(), frozenset()))
    masked: Mapping[int, frozenset[Mask]] = field(default_factory=dict)
    labels: Labels = field(default_factory=list)

    @cached_property
    def shown(self) -> Mapping[int, Record]:
        """The pruned records of the labels that are visible or may be, masked where records may be masked."""
        seen = self.lanes.visible | self.lanes.depends
        return {
            label: without(record, self.masked.get(label, NO_MASKS)) for label, record in self.labels if label in seen
        }

    def grown(self, labels: Labels) -> "Standing":
        """The standing with every label behind ``last`` judged, each once."""
        conditions, tenant = self.authority.label, self.authority.tenant
        visible: set[int] = set()
        depends: set[int] = set()
        masked = dict(self.masked)
        telltales = dict(self.lanes.telltales)
        alike: dict[frozenset[Mask], tuple[frozenset[Mask], tuple[bytes, ...]]] = {}
        last = self.last
        start = bisect_right(labels, last, key=_label_id)
        for last, record in islice(labels, start, None):
            verdict = conditions.verdict(record, tenant, 0)
            if verdict == "hidden":
                continue
            masks, certain = conditions.masked(record, tenant, 0) if conditions.masks else (NO_MASKS, True)
            (visible if verdict == "visible" and certain else depends).add(last)
            if masks:
                masked[last], names = alike.setdefault(masks, (masks, tuple(mask.quoted for mask in masks)))
                if last in visible:
                    telltales[last] = names
        seen = self.lanes.visible | visible
        lanes = Lanes(seen, self.lanes.depends | depends, seen.difference(masked), telltales)
        return Standing(self.authority, last, lanes, masked, labels)


def _label_id(label: tuple[int, Record]) -> int:
    return label[0]


def touched(masks: Iterable[Mask], fields: Iterable[str]) -> bool:
    """Whether a dotted field is masked, or holds a masked field, or is inside one."""
    return any(
        field == mask.dotted or field.startswith(mask.dotted + ".") or mask.dotted.startswith(field + ".")
        for field in fields
        for mask in masks
    )


def without(record: Record, masks: Iterable[Mask]) -> Record:
    """The record with the masked values left out, or null where the record needs one; the given one is not changed.

    A list on the way to a masked field is masked in each of its items.
    """
    for mask in masks:
        record = _without(record, mask.path, mask.required)
    return record


def _without(value: Any, path: tuple[str, ...], required: bool) -> Any:
    """The value without what is masked below it: every item of a list is one more value that may hold it."""
    if isinstance(value, list):
        return [_without(item, path, required=False) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    name, below = path[0], path[1:]
    if below:
        return {**value, name: _without(value[name], below, required)}
    kept = {key: inner for key, inner in value.items() if key != name}
    return {**kept, name: None} if required else kept


def masked_document(document: bytes, masks: Iterable[Mask]) -> bytes:
    """The canonical JSON with its masks; it is parsed only when a masked field's name is in it."""
    for mask in masks:
        if mask.quoted in document:
            return orjson.dumps(without(orjson.loads(document), masks), option=orjson.OPT_SORT_KEYS)
    return document
