"""The caller: the authenticated identity of one request, with units and active grants. Immutable."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from sidecar.records.store import Tenant


@dataclass(frozen=True, slots=True)
class Identity:
    """What a request proved of itself. ``org_units`` is None when it says nothing of units; an empty claim counts."""

    tenant: Tenant
    actor_id: str | None = None
    org_units: tuple[str, ...] | None = None
    roles: tuple[str, ...] = ()
    data_classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> "Identity":
        """The identity of valid claims, in the shape of a suite's callers."""
        units = claims.get("org_units")
        return cls(
            tenant=Tenant(**claims["tenant"]),
            actor_id=claims.get("actor_id"),
            org_units=None if units is None else tuple(units),
            roles=tuple(claims.get("roles", ())),
            data_classes=tuple(claims.get("data_classes", ())),
        )


@dataclass(frozen=True)
class Caller:
    """Everything a policy may read about who is asking. ``grants`` hold their defaults and are active now."""

    tenant: Tenant
    actor_id: str | None = None
    is_workspace_operator: bool = False
    org_units: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    data_classes: tuple[str, ...] = ()
    grants: tuple[Mapping[str, Any], ...] = ()

    @cached_property
    def document(self) -> dict[str, Any]:
        """The value of ``caller`` in a rule, as ``schemas/caller.schema.json`` types it."""
        tenant = {"org_id": self.tenant.org_id, "workspace_id": self.tenant.workspace_id}
        if self.tenant.deployment_id:
            tenant["deployment_id"] = self.tenant.deployment_id
        document: dict[str, Any] = {
            "tenant": tenant,
            "is_workspace_operator": self.is_workspace_operator,
            "org_units": list(self.org_units),
            "roles": list(self.roles),
            "data_classes": list(self.data_classes),
            "grants": [dict(grant) for grant in self.grants],
        }
        if self.actor_id is not None:
            document["actor_id"] = self.actor_id
        return document

    @cached_property
    def digest(self) -> str:
        """Two callers of one digest see the same."""
        return hashlib.sha256(orjson.dumps(self.document, option=orjson.OPT_SORT_KEYS)).hexdigest()
