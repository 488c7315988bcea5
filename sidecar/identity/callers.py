"""Identities become callers, computed from the tenant's catalogue and kept while nothing they rest on changes."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from sidecar.identity.authority import Authority, Catalogue, authority_of
from sidecar.identity.caller import Caller, Identity
from sidecar.identity.course import Moment, course
from sidecar.records.store import Snapshot, Tenant

CATALOGUE_KINDS = ("org_unit", "org_unit_membership", "org_unit_access_grant")
"""Units, memberships and grants: what authority is computed from."""
Version = tuple[str, int]
"""How often the tenant's catalogue changed, in which history of the store."""
MOST_CATALOGUES = 256
MOST_CALLERS = 10_000


@dataclass(frozen=True, slots=True)
class _Kept:
    """A caller and the stretch of time (Unix milliseconds) in which it is right: from ``since_ms``, before its end."""

    authority: Authority
    version: Version
    since_ms: int

    def holds(self, version: Version, now_ms: int) -> bool:
        """Whether it is of the tenant's authority version, and nothing begins or ends between."""
        return (
            self.version == version
            and self.since_ms <= now_ms
            and (self.authority.until_ms is None or now_ms < self.authority.until_ms)
        )


class Callers:
    """Computes callers. What is kept holds for one authority version of its tenant, and is replaced under another."""

    def __init__(self, *, operator_without_units: bool = True) -> None:
        self._operator_without_units = operator_without_units
        self._catalogues: OrderedDict[Tenant, tuple[Version, Catalogue]] = OrderedDict()
        self._callers: OrderedDict[Identity, _Kept] = OrderedDict()

    async def caller(self, identity: Identity, snap: Snapshot, now_ms: int) -> Caller:
        """The caller that an identity is now, in the snapshot's tenant. Raises StoreError."""
        return (await self.authority(identity, snap, now_ms)).caller

    async def authority(self, identity: Identity, snap: Snapshot, now_ms: int) -> Authority:
        """The caller and when it next changes. Raises StoreError, ValueError for a foreign snapshot."""
        if snap.tenant != identity.tenant:
            raise ValueError("an identity has its authority from its own tenant only")
        kept = self._callers.get(identity)
        version = (snap.history, snap.authority_version)
        if kept is None or not kept.holds(version, now_ms):
            catalogue = await self._catalogue(snap)
            authority = authority_of(
                identity,
                catalogue,
                now_ms,
                managed=snap.managed,
                operator_without_units=self._operator_without_units,
            )
            kept = _Kept(authority, version, now_ms)
            if snap.committed:
                _keep(self._callers, identity, kept, MOST_CALLERS)
        return kept.authority

    async def course(self, identity: Identity, snap: Snapshot, now_ms: int) -> Iterator[Moment]:
        """The caller that an identity is now, and what becomes of it. Raises StoreError, ValueError like ``caller``."""
        if snap.tenant != identity.tenant:
            raise ValueError("an identity has its authority from its own tenant only")
        catalogue = await self._catalogue(snap)
        return course(
            identity,
            catalogue,
            now_ms,
            managed=snap.managed,
            operator_without_units=self._operator_without_units,
        )

    async def _catalogue(self, snap: Snapshot) -> Catalogue:
        current = (snap.history, snap.authority_version)
        version, known = self._catalogues.get(snap.tenant, (None, None))
        if known is None or version != current:
            documents = [
                [orjson.loads(document) for document in await snap.authority(kind)] for kind in CATALOGUE_KINDS
            ]
            known = Catalogue.of(*documents)
            if snap.committed:
                _keep(self._catalogues, snap.tenant, (current, known), MOST_CATALOGUES)
        return known


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
