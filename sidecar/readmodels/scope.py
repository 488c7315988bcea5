"""What a record's scope comes to, joined with the catalogue that the caller sees.

The question here is whether the unit that owns a record holds its grants. Whether the caller does is for the policies.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import orjson

from sidecar.identity.authority import Counting, Node, Record
from sidecar.readmodels.catalogue import Grant, SeenCatalogue, Source, Sources
from sidecar.readmodels.plan import View
from sidecar.readmodels.resources import ResourceScope

MOST_SOURCES = 12
"""How many sources of knowledge a response shows of one scope."""
_AS_STORED = ("owning_org_unit_id", "owner_principal", "resource_scope", "risk_tier", "policy_version_id")


class ScopeSummaries:
    """The enterprise scopes of one response. What equal scopes come to is computed once."""

    def __init__(self, catalogue: SeenCatalogue, now_ms: int) -> None:
        self._catalogue = catalogue
        self._counting = Counting(catalogue.arranged, now_ms)
        self._known: dict[bytes, View] = {}

    def of(self, scope: Record) -> View:
        """The enterprise scope of a record."""
        tenant = scope.get("tenant_context")
        content = orjson.dumps({**scope, "tenant_context": None})
        known = self._known.get(content)
        if known is None:
            known = self._known[content] = self._summary(scope)
        return {**known, "tenant_context": tenant}

    def active_grants(self, scope: Record) -> Iterator[Grant]:
        """The grants that count now for the owning unit, within the ids that the scope lists and what it covers."""
        held = resource_scope(scope)
        return (
            grant
            for grant in self._named(scope)
            if (held is None or held.matches(grant.resource)) and self._counting.counts(grant.record)
        )

    def only_sources(self, test: Callable[[Source], bool]) -> Sources:
        """The sources of knowledge that a test keeps."""
        return Sources.arranged([source for source in self._catalogue.sources.every if test(source)])

    def _named(self, scope: Record) -> Iterable[Grant]:
        """The grants of the owning unit, and of the ids that the scope lists; either may be all it says."""
        catalogue, owner = self._catalogue, scope.get("owning_org_unit_id")
        ids = scope.get("delegation_grant_ids") or ()
        unit = self._unit(scope)
        if not ids:
            return () if unit is None else catalogue.of_unit.get(unit, ())
        listed = [catalogue.grants[name] for name in sorted(set(ids)) if name in catalogue.grants]
        return listed if owner is None else [grant for grant in listed if unit is not None and grant.unit == unit]

    def _unit(self, scope: Record) -> Node | None:
        """The one recorded unit that owns the record."""
        owner = scope.get("owning_org_unit_id")
        return None if owner is None else self._catalogue.arranged.unit(owner)

    def _summary(self, scope: Record) -> View:
        owner = scope.get("owning_org_unit_id")
        unit = self._catalogue.units[node] if (node := self._unit(scope)) is not None else None
        called = None if unit is None else unit.get("display_name")
        ids, classes = scope.get("delegation_grant_ids") or [], scope.get("data_classes") or []
        root = (scope.get("resource_scope") or {}).get("root") or {}
        kind, name = root.get("resource_kind"), root.get("resource_id")
        grants = list(self.active_grants(scope))
        sources = list(islice(self._catalogue.sources.within(resource_scope(scope)), MOST_SOURCES))
        return {
            **{name: scope.get(name) for name in _AS_STORED},
            "owning_org_unit": None if unit is None else _shown_unit(unit),
            "resource_kind": kind,
            "resource_id": name,
            "data_classes": classes,
            "delegation_grant_ids": ids,
            "delegation_grant_authority": _authority(ids, grants),
            "org_unit_grants": [grant.shown for grant in grants],
            "visible_knowledge_sources": [source.shown for source in sources],
            "summary": {
                "org_unit": owner if called is None else called,
                "resource": None if kind is None or name is None else f"{kind}:{name}",
                "knowledge_source_count": len(sources),
                "org_unit_grant_count": len(grants),
                "data_class_count": len(classes),
                "delegation_grant_count": len(ids),
            },
        }


def resource_scope(scope: Record) -> ResourceScope | None:
    """What a scope covers; None when it does not say."""
    held = scope.get("resource_scope")
    return ResourceScope.of(held) if isinstance(held, Mapping) else None


def _authority(ids: list[str], grants: list[Grant]) -> View:
    """Whether all the grants through which a record is delegated are active, and which are not."""
    active = {grant.id for grant in grants}
    missing = [name for name in ids if name not in active]
    status = "not_required" if not ids else "invalid" if missing else "active"
    return {"status": status, "missing_grant_ids": missing}


def _shown_unit(unit: Record) -> dict[str, Any]:
    names = ("unit_id", "taxonomy_id", "display_name", "kind", "parent_unit_id", "state")
    return {**{name: unit.get(name) for name in names}, "labels": unit.get("labels") or []}
