"""Records to hand over, and what came of it."""

from pathlib import Path
from typing import Any

import orjson
import stores
from serving import Who

RECORDS = "/admin/v1/records"
TENANT = {"org_id": "acme", "workspace_id": "main"}
OPERATOR = Who(roles="workspace_operator")


def scope(**tenant: str) -> dict[str, Any]:
    """An enterprise scope of nothing but its tenant."""
    return {"tenant_context": {**TENANT, **tenant}}


def wait(wait_id: str = "w", **changes: Any) -> dict[str, Any]:
    """An upsert kind with a key of two parts and a time of change."""
    times = {"created_at_ms": 10, "updated_at_ms": 20}
    least = {"wait_id": wait_id, "run_id": "r", "wait_kind": "timer", "status": "waiting", "scope": scope()}
    return {**least, **times, **changes}


def event(event_id: str = "e", **changes: Any) -> dict[str, Any]:
    """An append-only kind."""
    least = {"event_id": event_id, "run_id": "r", "event_type": "started", "seq": 1, "occurred_at_ms": 5}
    return {**least, "scope": scope(), **changes}


def audit(event_id: str = "a", **changes: Any) -> dict[str, Any]:
    """The other append-only kind, whose payload may be any JSON."""
    least = {"event_id": event_id, "event_type": "login", "durability": "durable_required", "payload": {}}
    return {**least, "created_at_ms": 10, "tenant_context": TENANT, **changes}


def unit(unit_id: str = "finance", **changes: Any) -> dict[str, Any]:
    """A kind that gives callers authority."""
    maker = {"kind": "human_user", "id": "ana"}
    least = {"unit_id": unit_id, "taxonomy_id": "organization_unit", "display_name": "Finance", "created_by": maker}
    return {**least, "created_at_ms": 10, "updated_at_ms": 20, "tenant_context": TENANT, **changes}


def membership(**changes: Any) -> dict[str, Any]:
    """A kind of the catalogue without a time of change."""
    of = {"kind": "organization_unit", "id": "organization_unit/finance"}
    least = {"membership_id": "m", "unit": of, "member": {"kind": "human_user", "id": "ann"}, "created_at_ms": 10}
    return {**least, "tenant_context": TENANT, **changes}


def binding(**changes: Any) -> dict[str, Any]:
    """A kind of the catalogue that gives nobody authority."""
    resource = {"organization_id": "acme", "workspace_id": "main", "resource_kind": "repository", "resource_id": "repo"}
    least = {"binding_id": "b", "connector_id": "c", "source_type": "drive", "native_source_id": "n"}
    made = {"created_by": {"kind": "human_user", "id": "ana"}, "created_at_ms": 10, "updated_at_ms": 20}
    return {**least, **made, "resource_ref": resource, "data_class": "internal", "tenant_context": TENANT, **changes}


def line(kind: str, record: Any) -> bytes:
    """One line of a body."""
    return orjson.dumps({"kind": kind, "record": record}) + b"\n"


def lines(*records: tuple[str, Any]) -> bytes:
    """A body."""
    return b"".join(line(kind, record) for kind, record in records)


def stored(folder: Path, kind: str) -> list[Any]:
    """The kind's records as another connection finds them, in the order of their keys."""
    return stores.documents(folder / "sidecar.db", kind)
