"""Units, memberships and grants of a tenant, and the authority they give an identity at one instant.

A unit claimed by the identity or by an active membership is held together with its descendants; a disabled unit gives
nothing and stops the descent. Records that spell one unit differently count together: the unit is active when all of
them are, and where they name different parents, it lies below none of them.

A grant counts when it is active, allows, is addressed to a unit that is held (and is recorded and active) or to the
actor, and no active deny names the same addressee and resource.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sidecar.identity.caller import Caller, Identity
from sidecar.records.forms import unit_id

Record = Mapping[str, Any]
Node = tuple[str, str]
"""A recorded unit: taxonomy and unit id, both in canonical form."""

OPERATOR_ROLE = "workspace_operator"
UNIT_KIND, PERSON_KIND = "organization_unit", "human_user"
"""The principal kinds that a grant may be addressed to."""
_GRANT_LISTS = ("permissions", "data_classes", "tool_patterns")


@dataclass(frozen=True, slots=True)
class Authority:
    """A caller and the instant (Unix milliseconds) at which it may change: the next end of a membership or grant."""

    caller: Caller
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A tenant's units, memberships and grants, arranged for computing authority.

    A caller's own authority is computed from the whole catalogue; what a response tells of others' grants, from the
    part of it that the caller sees.
    """

    active: Mapping[Node, bool]
    named: Mapping[str, frozenset[Node]]
    children: Mapping[Node, tuple[Node, ...]]
    memberships: tuple[Record, ...]
    grants: tuple[Record, ...]

    @classmethod
    def of(cls, units: Iterable[Record], memberships: Iterable[Record], grants: Iterable[Record]) -> "Catalogue":
        """Arrange validated records."""
        active: dict[Node, bool] = {}
        parents: dict[Node, set[str]] = {}
        for unit in units:
            node = node_of(unit)
            active[node] = active.get(node, True) and unit["state"] == "active"
            parents.setdefault(node, set()).add(unit_id(unit.get("parent_unit_id") or ""))
        named: dict[str, set[Node]] = {}
        for node in active:
            for name in (node[1], _full(node)):
                named.setdefault(name, set()).add(node)
        children: dict[Node, list[Node]] = {}
        for node, (parent, *others) in parents.items():
            for above in {(node[0], parent), *(at for at in named.get(parent, ()) if _full(at) == parent)}:
                if above in active and not others:
                    children.setdefault(above, []).append(node)
        return cls(
            active,
            {name: frozenset(nodes) for name, nodes in named.items()},
            {node: tuple(below) for node, below in children.items()},
            tuple(memberships),
            tuple(grants),
        )

    def unit(self, name: str) -> Node | None:
        """The one recorded unit of a name, bare or as ``taxonomy/unit``; None when there is none or more than one."""
        nodes = self.named.get(unit_id(name), frozenset())
        return next(iter(nodes)) if len(nodes) == 1 else None

    def held(self, names: Iterable[str]) -> tuple[frozenset[Node], frozenset[str]]:
        """The recorded units that claims give, with their descendants, and the claims that no record speaks of."""
        open_nodes = [node for name in names if (node := self.unit(name)) is not None]
        unrecorded = {name for name in map(unit_id, names) if name and name not in self.named}
        held: set[Node] = set()
        while open_nodes:
            node = open_nodes.pop()
            if node not in held and self.active[node]:
                held.add(node)
                open_nodes.extend(self.children.get(node, ()))
        return frozenset(held), frozenset(unrecorded)

    def spellings(self, nodes: Iterable[Node]) -> frozenset[str]:
        """How records may name the units: ``taxonomy/unit``, and the bare id unless it names another unit too."""
        names = {name for node in nodes for name in (node[1], _full(node)) if name}
        return frozenset(name for name in names if len(self.named[name]) == 1)


def node_of(unit: Record) -> Node:
    """The node of a unit's record."""
    return unit_id(unit["taxonomy_id"]), unit_id(unit["unit_id"])


def _full(node: Node) -> str:
    return f"{node[0]}/{node[1]}"


def lasts(record: Record, now_ms: int) -> bool:
    """Whether a membership or grant is active now; one that expires now has expired."""
    expires: int | None = record.get("expires_at_ms")
    return record["state"] == "active" and (expires is None or expires > now_ms)


def authority_of(
    identity: Identity, catalogue: Catalogue, now_ms: int, *, managed: bool, operator_without_units: bool = True
) -> Authority:
    """The caller that an identity is at one instant.

    ``managed`` tells that the tenant has had a membership record: then saying nothing about units makes nobody an
    operator. ``operator_without_units`` false turns that reading off everywhere.
    """
    own = [record for record in catalogue.memberships if _is_actor(record["member"], identity.actor_id)]
    joined = [record["unit"]["id"] for record in own if record["unit"]["kind"] == UNIT_KIND and lasts(record, now_ms)]
    nodes, unrecorded = catalogue.held((*(identity.org_units or ()), *joined))
    silent = identity.org_units is None and identity.actor_id is not None
    caller = Caller(
        tenant=identity.tenant,
        actor_id=identity.actor_id,
        is_workspace_operator=OPERATOR_ROLE in identity.roles or (operator_without_units and silent and not managed),
        org_units=tuple(sorted(catalogue.spellings(nodes) | unrecorded)),
        roles=identity.roles,
        data_classes=identity.data_classes,
        grants=active_grants(catalogue, nodes, identity.actor_id, now_ms),
    )
    ends = [end for record in (*own, *catalogue.grants) if (end := record.get("expires_at_ms")) and end > now_ms]
    return Authority(caller, min(ends, default=None))


@dataclass(frozen=True)
class Counting:
    """Which grants of a catalogue count at one instant. Whoever tells of active grants asks here."""

    catalogue: Catalogue
    now_ms: int

    @cached_property
    def denied(self) -> frozenset[tuple[str, ...]]:
        """Addressee and resource of every deny that is active now and speaks of reading; data classes do not matter."""
        return frozenset(
            subject
            for grant in self.catalogue.grants
            if grant["effect"] == "deny" and lasts(grant, self.now_ms) and _of_reading(grant)
            for subject in _subjects(self.catalogue, grant)
        )

    def counts(self, grant: Record) -> bool:
        """Whether it allows, is active, is addressed to a person or to a recorded active unit, and is not denied."""
        return (
            grant["effect"] == "allow"
            and lasts(grant, self.now_ms)
            and self._reaches(grant["unit"])
            and self.denied.isdisjoint(_subjects(self.catalogue, grant))
        )

    def _reaches(self, principal: Record) -> bool:
        if principal["kind"] == UNIT_KIND:
            node = self.catalogue.unit(principal["id"])
            return node is not None and self.catalogue.active[node]
        return bool(principal["kind"] == PERSON_KIND)


def active_grants(
    catalogue: Catalogue, nodes: frozenset[Node], actor_id: str | None, now_ms: int
) -> tuple[Record, ...]:
    """The grants that count now for these units and this actor, each with its lists filled, in order of their ids."""
    counting = Counting(catalogue, now_ms)
    held = [
        grant for grant in catalogue.grants if _addressed(catalogue, grant, nodes, actor_id) and counting.counts(grant)
    ]
    return tuple(with_lists(grant) for grant in sorted(held, key=lambda grant: str(grant["grant_id"])))


def with_lists(grant: Record) -> dict[str, Any]:
    """The grant with every list there, empty where the record leaves it out."""
    return {**{name: [] for name in _GRANT_LISTS}, **grant}


def concerning(identity: Identity, catalogue: Catalogue) -> tuple[Record, ...]:
    """The actor's memberships, and the grants that are or might come to be addressed to it, denying ones included."""
    own = [record for record in catalogue.memberships if _is_actor(record["member"], identity.actor_id)]
    joined = [record["unit"]["id"] for record in own if record["unit"]["kind"] == UNIT_KIND]
    nodes, _ = catalogue.held((*(identity.org_units or ()), *joined))
    return (*own, *(grant for grant in catalogue.grants if _addressed(catalogue, grant, nodes, identity.actor_id)))


def _is_actor(principal: Record, actor_id: str | None) -> bool:
    return actor_id is not None and principal["kind"] == PERSON_KIND and principal["id"] == actor_id


def _addressed(catalogue: Catalogue, grant: Record, nodes: frozenset[Node], actor_id: str | None) -> bool:
    if grant["unit"]["kind"] == UNIT_KIND:
        return catalogue.unit(grant["unit"]["id"]) in nodes
    return _is_actor(grant["unit"], actor_id)


def _of_reading(grant: Record) -> bool:
    permissions = grant.get("permissions")
    return not permissions or "read" in permissions


def _subjects(catalogue: Catalogue, grant: Record) -> list[tuple[str, ...]]:
    """Whom a grant is for and what it opens, so that two spellings of one unit are one.

    A name of several units is each of them: a deny must not end when another unit comes to be called alike.
    """
    kind, name = grant["unit"]["kind"], grant["unit"]["id"]
    units = catalogue.named.get(unit_id(name)) or [(unit_id(name),)]
    addressees: Iterable[tuple[str, ...]] = units if kind == UNIT_KIND else [(name,)]
    resource = grant["resource"]["resource_kind"], grant["resource"]["resource_id"]
    return [(kind, *addressee, *resource) for addressee in addressees]
