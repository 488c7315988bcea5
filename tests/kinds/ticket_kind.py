"""A kind that the product has never heard of: one schema file, one policy with its suite, and some records."""

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]

ANNOTATION: Record = {
    "id": ["/project", "/ticket_id"],
    "tenant": "/tenant_context",
    "order": [{"field": "/priority", "dir": "desc"}, {"field": "/opened_at_ms", "dir": "asc"}],
    "label": ["/team"],
    "filterable": ["/status", "/priority", "/tags/*", "/urgent"],
    "folded": ["/status"],
    "write": "upsert",
    "canonical": {"/team": "unit_id"},
}
SCHEMA: Record = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Ticket",
    "x-sidecar": ANNOTATION,
    "type": "object",
    "required": ["project", "ticket_id", "tenant_context", "status", "priority", "opened_at_ms"],
    "properties": {
        "project": {"type": "string"},
        "ticket_id": {"type": "string", "pattern": "^T-[0-9]+$"},
        "tenant_context": {"$ref": "urn:sidecar:common#/$defs/tenant_context"},
        "status": {"$ref": "#/$defs/status"},
        "priority": {"type": "integer"},
        "opened_at_ms": {"$ref": "urn:sidecar:common#/$defs/u64"},
        "team": {"type": ["string", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}, "default": []},
        "urgent": {"type": "boolean", "default": False},
        "reporter": {"type": ["string", "null"]},
    },
    "additionalProperties": False,
    "$defs": {"status": {"type": "string", "enum": ["open", "on_hold", "closed"]}},
}
POLICY = """\
apiVersion: sidecar/v1
policy: tickets
description: Tickets are for the team that works on them; who reported one is for operators.
applies_to: [ticket]
rules:
  - allow: operator
    when: caller.is_workspace_operator
  - allow: of-no-team
    when: "!has(record.team)"
  - allow: own-team
    when: has(record.team) && record.team in caller.org_units
redact:
  - field: record.reporter
    unless: caller.is_workspace_operator
"""
SUITE = """\
suite: tickets
now_ms: 1000
callers:
  operator: {tenant: {org_id: acme, workspace_id: main}, roles: [workspace_operator]}
  of-support: {tenant: {org_id: acme, workspace_id: main}, org_units: [support]}
  nobody: {tenant: {org_id: acme, workspace_id: main}, org_units: []}
records:
  anyone:
    kind: ticket
    record: {project: web, ticket_id: T-1, tenant_context: {org_id: acme, workspace_id: main}, status: open, priority: 1,
             opened_at_ms: 1, reporter: rita}
  support:
    kind: ticket
    record: {project: web, ticket_id: T-2, tenant_context: {org_id: acme, workspace_id: main}, status: open, priority: 1,
             opened_at_ms: 1, team: Support}
expect:
  operator: [anyone, support]
  of-support: [anyone, support]
  nobody: [anyone]
redacted:
  of-support: {anyone: [reporter]}
  nobody: {anyone: [reporter]}
"""


def write_kind(folder: Path, schema: Record | str = SCHEMA, *, name: str = "ticket") -> list[str]:
    """The kind's files in two folders of their own; the options that name them."""
    schemas, policies = folder / "our-schemas", folder / "our-policies"
    schemas.mkdir(exist_ok=True)
    policies.mkdir(exist_ok=True)
    text = schema if isinstance(schema, str) else json.dumps(schema, indent=2)
    (schemas / f"{name}.schema.json").write_text(text)
    (policies / "tickets.yaml").write_text(POLICY)
    (policies / "tickets_test.yaml").write_text(SUITE)
    return ["--schemas", str(schemas), "--policies", "default", "--policies", str(policies)]


def ticket(number: int, team: str | None = None, **more: Any) -> Record:
    """A ticket of the web project; of higher numbers the priority cycles through 0, 1 and 2."""
    return {
        "project": "web",
        "ticket_id": f"T-{number}",
        "tenant_context": {"org_id": "acme", "workspace_id": "main"},
        "status": "on_hold" if number % 2 else "open",
        "priority": number % 3,
        "opened_at_ms": number,
        "reporter": "rita",
        **({} if team is None else {"team": team}),
        **more,
    }


def lines(*records: Record, kind: str = "ticket") -> str:
    """Records as ``load`` reads them."""
    return "".join(json.dumps({"kind": kind, "record": record}) + "\n" for record in records)
