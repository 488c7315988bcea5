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
MOST_CATALOGUES = 256
MOST_CALLERS = 10_000


@dataclass(frozen=True, slots=True)
class _Kept:
    """A caller and the stretch of time (Unix milliseconds) in which it is right: from ``since_ms``, before its end."""

    authority: Authority
    since_ms: int

    def holds(self, now_ms: int) -> bool:
        """Whether nothing begins or ends between."""
        return self.since_ms <= now_ms and (self.authority.until_ms is None or now_ms < self.authority.until_ms)


class Callers:
    """Computes callers. What is kept is kept under the tenant's authority version, so nothing has to be invalidated."""

    def __init__(self, *, operator_without_units: bool = True) -> None:
        self._operator_without_units = operator_without_units
        self._catalogues: OrderedDict[tuple[Tenant, int], Catalogue] = OrderedDict()
        self._callers: OrderedDict[tuple[Identity, int], _Kept] = OrderedDict()

    async def caller(self, identity: Identity, snap: Snapshot, now_ms: int) -> Caller:
        """The caller that an identity is now, in the snapshot's tenant. Raises StoreError."""
        return (await self.authority(identity, snap, now_ms)).caller

    async def authority(self, identity: Identity, snap: Snapshot, now_ms: int) -> Authority:
        """The caller and when it next changes. Raises StoreError, ValueError for a foreign snapshot."""
        if snap.tenant != identity.tenant:
            raise ValueError("an identity has its authority from its own tenant only")
        key = (identity, snap.authority_version)
        kept = self._callers.get(key)
        if kept is None or not kept.holds(now_ms):
            catalogue = await self._catalogue(snap)
            authority = authority_of(
                identity,
                catalogue,
                now_ms,
                managed=snap.managed,
                operator_without_units=self._operator_without_units,
            )
            kept = _Kept(authority, now_ms)
            if not hasattr(snap, "put"):  # a change may yet be undone, and its version be given to another one
                _keep(self._callers, key, kept, MOST_CALLERS)
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
        key = (snap.tenant, snap.authority_version)
        known = self._catalogues.get(key)
        if known is None:
            documents = [
                [orjson.loads(document) for document in await snap.authority(kind)] for kind in CATALOGUE_KINDS
            ]
            known = Catalogue.of(*documents)
            if not hasattr(snap, "put"):
                _keep(self._catalogues, key, known, MOST_CATALOGUES)
        return known


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
