"""Who may record a choice about a run."""

from collections.abc import Mapping, Sequence
from typing import Any

from sidecar.errors import Forbidden, Unauthenticated
from sidecar.identity.caller import Caller

Record = Mapping[str, Any]

RECOVERY_ROLE = "recovery_operator"
_RESOURCE = ("organization_id", "workspace_id", "resource_kind", "resource_id")


def recovering_actor(caller: Caller, scope: Record) -> str:
    """The actor, when it may act on a run of this stored scope. Raises Unauthenticated, Forbidden."""
    if caller.actor_id is None:
        raise Unauthenticated("a choice is recorded in somebody's name, and the request names no actor")
    granted = caller.is_workspace_operator or RECOVERY_ROLE in caller.roles
    if not granted and not any(_covers(grant, scope) for grant in caller.grants):
        needed = f"needs an operator, the role {RECOVERY_ROLE}, or an active execute grant that covers the run"
        raise Forbidden("recovery_not_permitted", f"recording a choice {needed}")
    return caller.actor_id


def _covers(grant: Record, scope: Record) -> bool:
    """Whether a grant lets its holder act on what has this scope: named by it, of its resource and data classes."""
    resources = scope.get("resource_scope")
    if resources is None or grant["grant_id"] not in scope.get("delegation_grant_ids", ()):
        return False
    root = resources["root"]
    denied = any(_same(one, root, _RESOURCE[2:]) for one in resources.get("denied_resources", ()))
    classes = all(one in grant["data_classes"] for one in scope.get("data_classes", ()))
    return "execute" in grant["permissions"] and classes and not denied and _same(grant["resource"], root, _RESOURCE)


def _same(one: Record, other: Record, names: Sequence[str]) -> bool:
    return all(one[name] == other[name] for name in names)
