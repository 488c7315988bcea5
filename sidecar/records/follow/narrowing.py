"""What becomes of a stored record of the catalogue that is in no file any more while some record there is refused.

It may be the refused one. Then to forget it could open something: a deny would end, a disabled unit would count as if
nothing were known of it. So what narrows stays, and what opens goes, until all of the catalogue is valid again.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from sidecar.errors import StoreError
from sidecar.records.follow.entries import Name
from sidecar.records.ingest import Intake
from sidecar.records.store import Prepared, Store, Tenant


async def narrowed(store: Store, intake: Intake, names: Iterable[Name]) -> dict[Name, Prepared | None]:
    """For each name the form in which its record stays; None for one that goes. Raises StoreError."""
    asked = set(names)
    found: dict[Name, Prepared | None] = dict.fromkeys(asked)
    for kind, tenant in {(name.kind, name.tenant) for name in asked}:
        for record in await _stored(store, kind, tenant):
            prepared = _accepted(intake, kind, record)
            name = Name(kind, tenant, prepared.key)
            if name in asked:
                narrow = _narrow(kind, record)
                found[name] = None if narrow is None else _accepted(intake, kind, narrow)
    return found


async def _stored(store: Store, kind: str, tenant: Tenant) -> list[dict[str, Any]]:
    """What is stored now; a snapshot may be some time old, and lack what narrows."""
    async with store.change(tenant) as change:
        return [orjson.loads(document) for document in await change.authority(kind)]


def _narrow(kind: str, record: dict[str, Any]) -> dict[str, Any] | None:
    """The record as it opens nothing; None when nothing is left of it then."""
    if kind == "org_unit":
        return {**record, "state": "disabled"}
    if kind == "org_unit_access_grant" and record["effect"] == "deny":
        return record
    return None


def _accepted(intake: Intake, kind: str, record: dict[str, Any]) -> Prepared:
    result = intake.accept(kind, record)
    if not isinstance(result, Prepared):
        raise StoreError(f"a stored {kind} does not validate: {result[0].pointer or '/'}: {result[0].message}")
    return result
