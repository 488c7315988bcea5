"""The filters of the run list: which kinds, columns and labels a run must be of.

What a filter asks of a run's scope is answered once for each label, because a label holds the whole scope save the
tenant, and the store then reads records of matching labels alone. Labels come masked: a masked value matches nothing.
Where each record has masks of its own, it is asked itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sidecar.identity.authority import Record
from sidecar.policy.judge import Verdicts
from sidecar.readmodels.catalogue import Sources
from sidecar.readmodels.run import RUN_KINDS
from sidecar.readmodels.scope import ScopeSummaries, resource_scope
from sidecar.records.forms import filter_value, folded, unit_id
from sidecar.records.places import at
from sidecar.records.reading import Contains, Is, Row, Where

FILTERS = (
    *("status", "phase", "trigger", "kind", "org_id", "workspace_id", "deployment_id", "workflow_id", "automation_id"),
    *("org_unit_id", "owner_id", "owner_kind", "resource_kind", "resource_id", "policy_version_id", "data_class"),
    *("risk_tier", "delegation_grant_id", "source_binding_id"),
)
"""The filters that an answer repeats."""

Test = Callable[[Record], bool]
"""Whether a scope matches."""

_COLUMNS = ("status", "phase", "workflow_id", "automation_id")
_TRIGGERS = ("trigger_type", "trigger_event", "source_event_id")
_TENANT = ("org_id", "workspace_id", "deployment_id")
_KINDS = {"automation_v2": "automation_run", "automation": "automation_run", "workflow": "workflow_run"}
_PLAIN: Mapping[str, tuple[str, ...]] = {
    "owner_id": ("owner_principal", "id"),
    "owner_kind": ("owner_principal", "kind"),
    "resource_kind": ("resource_scope", "root", "resource_kind"),
    "resource_id": ("resource_scope", "root", "resource_id"),
    "policy_version_id": ("policy_version_id",),
    "risk_tier": ("risk_tier",),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """What to read of one kind. Rows of ``unsure`` labels are kept when their own scope passes the ``tests``."""

    kind: str
    where: tuple[Where, ...]
    within: frozenset[int] | None
    unsure: frozenset[int] = frozenset()
    tests: Sequence[Test] = ()

    def keeps(self, row: Row) -> bool:
        """Whether a row that was read is one of those that are asked for."""
        return row.label_id not in self.unsure or _passes(row.record(), self.tests)


def selections(given: Mapping[str, str | None], verdicts: Verdicts, summaries: ScopeSummaries) -> list[Selection]:
    """What to read for filters as the client spelled them; nothing when no run can match."""
    asked = {name: value for name, text in given.items() if (value := filter_value(text)) is not None}
    tenant = verdicts.caller.tenant
    if any(folded(getattr(tenant, name)) != asked[name] for name in _TENANT if name in asked):
        return []
    where = tuple(_where(asked))
    tests = list(_tests(asked, summaries))
    kinds = RUN_KINDS if "kind" not in asked else tuple(kind for kind in RUN_KINDS if kind == _KINDS.get(asked["kind"]))
    if not tests:
        return [Selection(kind, where, None) for kind in kinds]
    return [_tested(kind, where, verdicts, tests) for kind in kinds]


def _tested(kind: str, where: tuple[Where, ...], verdicts: Verdicts, tests: Sequence[Test]) -> Selection:
    unsure = verdicts.unsure(kind, "scope")
    passing = (label for label, record in verdicts.labels(kind).items() if label in unsure or _passes(record, tests))
    return Selection(kind, where, frozenset(passing), unsure, tests)


def _where(asked: Mapping[str, str]) -> Iterator[Where]:
    for name in _COLUMNS:
        if name in asked:
            yield Is(name, (asked[name],))
    if "trigger" in asked:
        yield Contains(_TRIGGERS, asked["trigger"])


def _passes(record: Record, tests: Sequence[Test]) -> bool:
    scope = record.get("scope") or {}
    return all(test(scope) for test in tests)


def _tests(asked: Mapping[str, str], summaries: ScopeSummaries) -> Iterator[Test]:
    """The filters that the scope answers; those that take longest come last."""
    for name, path in _PLAIN.items():
        if name in asked:
            yield partial(_is, path, asked[name])
    if "org_unit_id" in asked:
        yield partial(_is_of_unit, folded(unit_id(asked["org_unit_id"])))
    if "delegation_grant_id" in asked:
        yield partial(_is_delegated, asked["delegation_grant_id"], summaries)
    if "data_class" in asked:
        value = asked["data_class"]
        yield partial(_holds_class, value, summaries.only_sources(lambda source: source.data_class == value))
    if "source_binding_id" in asked:
        binding = asked["source_binding_id"]
        yield partial(_draws_from, summaries.only_sources(lambda source: folded(source.id) == binding))


def _is(path: tuple[str, ...], value: str, scope: Record) -> bool:
    found = at(scope, path)
    return isinstance(found, str) and folded(found) == value


def _is_of_unit(value: str, scope: Record) -> bool:
    """Whether the owning unit is named so, bare or under its taxonomy; only what is stored counts."""
    owner = scope.get("owning_org_unit_id")
    if not isinstance(owner, str):
        return False
    name = unit_id(owner)
    return value in (folded(name), folded(name.rpartition("/")[2]))


def _is_delegated(value: str, summaries: ScopeSummaries, scope: Record) -> bool:
    """Whether the scope lists a grant of this name, and exactly that grant is active."""
    listed = frozenset(name for name in scope.get("delegation_grant_ids") or () if folded(name) == value)
    return bool(listed) and any(grant.id in listed for grant in summaries.active_grants(scope))


def _holds_class(value: str, sources: Sources, scope: Record) -> bool:
    return value in (scope.get("data_classes") or ()) or _draws_from(sources, scope)


def _draws_from(sources: Sources, scope: Record) -> bool:
    return bool(sources.every) and any(True for _ in sources.within(resource_scope(scope)))
