"""Whose a refused membership is: that tenant has memberships all the same, and there silence makes no operator."""

from typing import TypeGuard

import orjson

from sidecar.records.forms import WHITE_SPACE
from sidecar.records.prepare import LONGEST_KEY
from sidecar.records.store import Tenant
from sidecar.records.strict import fault_in


def owner_of(record: object) -> Tenant | None:
    """The tenant that a record of the catalogue names, whatever else is wrong with it; None when it names none."""
    context = record.get("tenant_context") if isinstance(record, dict) else None
    if not isinstance(context, dict):
        return None
    triple = [context.get(name) for name in ("org_id", "workspace_id", "deployment_id")]
    names = [name for name in triple if _is_name(name)]
    if names != (triple if triple[-1] is not None else triple[:-1]) or len(orjson.dumps(triple)) > LONGEST_KEY:
        return None
    return Tenant(*names)


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and fault_in(value) is None and bool(value.strip(WHITE_SPACE))
