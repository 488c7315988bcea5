"""The part of a tenant's catalogue that one caller sees: units, grants and sources of knowledge.

It is read once for a caller and kept by whoever serves, so nothing in it depends on the clock.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sidecar.identity.authority import UNIT_KIND, Catalogue, Node, Record, node_of, with_lists
from sidecar.readmodels.plan import Plan
from sidecar.readmodels.resources import CONTAINERS, Resource, ResourceScope
from sidecar.records.reading import Read

CATALOGUE_KINDS = ("org_unit", "org_unit_access_grant", "source_binding")
"""The kinds that a caller is judged on before its catalogue is read."""
PAGE = 1_000
_GRANT_SHOWN = (
    *("grant_id", "unit", "resource", "effect", "permissions", "data_classes", "tool_patterns", "state"),
    "expires_at_ms",
)
_SOURCE_SHOWN = (
    *("binding_id", "connector_id", "source_type", "native_source_id", "source_root_label", "resource_ref"),
    *("data_class", "state", "ingestion_policy"),
)


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant, the recorded unit that it is addressed to, what it opens, and how responses show it."""

    id: str
    record: Record
    unit: Node | None
    resource: Resource
    shown: orjson.Fragment


@dataclass(frozen=True, slots=True)
class Source:
    """A source of knowledge that prompts may draw from, and how responses show it."""

    id: str
    data_class: str | None
    resource: Resource | None
    shown: orjson.Fragment


@dataclass(frozen=True, slots=True)
class Sources:
    """Sources of knowledge in order of their ids.

    The places of those that stand for themselves are found by kind and id; of those with a path prefix, and of those
    that contain others, there is a list.
    """

    every: tuple[Source, ...]
    named: Mapping[tuple[str, str], Sequence[int]]
    prefixed: tuple[int, ...]
    containers: tuple[int, ...]

    @classmethod
    def arranged(cls, sources: Sequence[Source]) -> "Sources":
        """Arrange sources that come in order of their ids."""
        named: dict[tuple[str, str], list[int]] = {}
        placed = [(place, source.resource) for place, source in enumerate(sources) if source.resource is not None]
        for place, resource in placed:
            named.setdefault((resource.kind, resource.id), []).append(place)
        return cls(
            tuple(sources),
            named,
            tuple(place for place, resource in placed if resource.prefix is not None),
            tuple(place for place, resource in placed if resource.kind in CONTAINERS),
        )

    def within(self, scope: ResourceScope | None) -> Iterator[Source]:
        """The sources that a resource scope holds; all of them where there is no scope."""
        if scope is None:
            yield from self.every
        else:
            yield from (self.every[place] for place in self._near(scope) if scope.matches(self.every[place].resource))

    def _near(self, scope: ResourceScope) -> Iterable[int]:
        """The places of all sources that the scope may hold; a root that it denies leads to none."""
        if any(opener.kind in CONTAINERS for opener in scope.openers):
            return range(len(self.every))
        near = set(self.containers)
        for opener in scope.openers:
            near.update(self.named.get((opener.kind, opener.id), ()))
            near.update(self.prefixed if opener.prefix is not None else ())
        return sorted(near)


@dataclass(frozen=True, slots=True)
class SeenCatalogue:
    """What a caller sees of the catalogue, arranged for asking about scopes."""

    arranged: Catalogue
    units: Mapping[Node, Record]
    grants: Mapping[str, Grant]
    of_unit: Mapping[Node, Sequence[Grant]]
    sources: Sources

    @classmethod
    def of(cls, units: Sequence[Record], grants: Sequence[Record], bindings: Sequence[Record]) -> "SeenCatalogue":
        """Arrange masked records, each kind in order of its ids."""
        whole = [grant for grant in grants if _is_whole(grant)]
        arranged = Catalogue.of(units, (), whole)
        seen = {grant.id: grant for grant in (_grant(arranged, record) for record in whole)}
        of_unit: dict[Node, list[Grant]] = {}
        for held in seen.values():
            if held.unit is not None:
                of_unit.setdefault(held.unit, []).append(held)
        usable = [_source(binding) for binding in bindings if _is_usable(binding)]
        disabled_last = sorted(units, key=lambda unit: unit["state"] != "active")  # it speaks for all of its spellings
        by_node = {node_of(unit): unit for unit in disabled_last}
        return cls(arranged, by_node, seen, of_unit, Sources.arranged(usable))


def seen_catalogue() -> Plan[SeenCatalogue]:
    """Read every record of the catalogue that the caller sees."""
    found: dict[str, list[Record]] = {kind: [] for kind in CATALOGUE_KINDS}
    requests = {kind: Read(kind, PAGE) for kind in CATALOGUE_KINDS}
    while requests:
        pages = yield list(requests.values())
        for kind, page in zip(tuple(requests), pages, strict=True):
            found[kind] += (row.record() for row in page.rows)
            if page.more:
                requests[kind] = Read(kind, PAGE, after=page.rows[-1].position)
            else:
                del requests[kind]
    units, grants, bindings = found.values()
    return SeenCatalogue.of(units, grants, bindings)


def _is_whole(grant: Record) -> bool:
    """Whether a grant says whom it is for and what it opens; one in which that is masked counts for nothing."""
    unit = grant.get("unit")
    addressed = isinstance(unit, Mapping) and unit.get("kind") is not None and unit.get("id") is not None
    return addressed and Resource.of(grant.get("resource")) is not None


def _grant(arranged: Catalogue, record: Record) -> Grant:
    unit, resource = record["unit"], Resource.of(record["resource"])
    assert resource is not None
    node = arranged.unit(unit["id"]) if unit["kind"] == UNIT_KIND else None
    return Grant(record["grant_id"], record, node, resource, _shown(with_lists(record), _GRANT_SHOWN))


def _is_usable(binding: Record) -> bool:
    policy = binding.get("ingestion_policy") or {}
    return binding.get("state") == "enabled" and policy.get("allow_prompt_context") is True


def _source(record: Record) -> Source:
    resource = Resource.of(record.get("resource_ref"))
    return Source(str(record["binding_id"]), record.get("data_class"), resource, _shown(record, _SOURCE_SHOWN))


def _shown(record: Mapping[str, Any], names: Iterable[str]) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps({name: record.get(name) for name in names}))
