"""A tenant as somebody who means ill meets it: little that they may see, and a canary in everything else.

Served by the real listener, with its parser and its clocks, because attacks come as bytes.
"""

import base64
import logging
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from scoped_records import (
    SCOPED_KINDS,
    Named,
    audit_event,
    decision,
    grant,
    membership,
    owned,
    repository,
    scoped,
    unit,
)
from serving import NOW_MS, Clock, Who, service_on

from sidecar.config import Address, Limits
from sidecar.http.app import create_app
from sidecar.http.connections import Bounds
from sidecar.http.listening import Door, Listener
from sidecar.http.service import Service
from sidecar.records.store import Prepared

SHORT = Limits(header_timeout_ms=500, body_timeout_ms=500, keepalive_timeout_ms=1_000)
LOW = (
    Who(actor="sal", units="sales"),
    Who(actor="sal"),
    Who(actor=None),
    Who(actor="sal", units=""),
    Who(actor="rita", units="sales", roles="recovery_operator", classes="internal"),
)
"""Callers of low standing: none of them may see a canary."""
_TOLD = {
    "automation_run": "automation_id",
    "workflow_run": "workflow_id",
    "wait": "reason",
    "event": "event_type",
    "snapshot": "phase_id",
    "outbox": "operation",
    "tool_effect": "operation",
    "dead_letter": "reason",
    "compensation": "compensation_type",
}
"""A field of each kind that read models show."""


def canary() -> str:
    """128 random bits, of which none can be guessed."""
    return "canary" + secrets.token_hex(16)


def _hidden(kind: str, name: str, mark: str, run_id: str | None = None) -> Named:
    """A record of a unit that nobody here is in, with a canary in its fields; newer than all that is visible."""
    scope = {
        **owned("hr", "internal"),
        "owner_principal": {"kind": "human_user", "id": mark},
        "policy_version_id": mark,
        "delegation_grant_ids": [mark],
        "resource_scope": {"root": repository(mark)},
    }
    record = {**scoped(kind, name, scope)[1], _TOLD[kind]: mark}
    late = {name: NOW_MS for name in ("created_at_ms", "updated_at_ms", "occurred_at_ms") if name in record}
    return kind, {**record, **late, **({} if run_id is None else {"run_id": run_id})}


def hidden_records(marks: list[str]) -> Iterator[Named]:
    """What nobody here sees: under ids that may be guessed, under canaries, and inside runs that are visible."""
    fresh = iter(marks)
    for kind in SCOPED_KINDS:
        yield _hidden(kind, "~hr", next(fresh))
        yield _hidden(kind, (name := next(fresh)), name)
    for kind in SCOPED_KINDS[2:]:
        yield _hidden(kind, (name := next(fresh)), name, "open")
    yield unit("hr", display_name=next(fresh))
    yield unit(next(fresh), "hr")
    yield grant((name := next(fresh)), "organization_unit/hr", data_classes=["internal"])
    yield membership(next(fresh), "hr", next(fresh))
    yield decision(next(fresh))
    yield audit_event(next(fresh))
    name = next(fresh)
    named = {"binding_id": name, "connector_id": name, "source_type": "folder", "native_source_id": name}
    who = {"created_by": {"kind": "human_user", "id": name}, "created_at_ms": 1, "updated_at_ms": 1}
    tenant = {"org_id": "acme", "workspace_id": "main"}
    resource = {"resource_ref": repository("open"), "data_class": "internal"}
    yield "source_binding", {**named, **who, **resource, "tenant_context": tenant}


def visible_records() -> Iterator[Named]:
    """What the callers see some of: a run that is open to all, and one of sales, with everything beside them."""
    for kind in SCOPED_KINDS:
        yield scoped(kind, "open", {})
        yield scoped(kind, "ours", owned("sales"))
    yield unit("sales")
    yield grant("active", "organization_unit/sales")
    yield membership("m", "sales", "somebody")
    yield decision("sal")
    yield audit_event("sal")


class Lines(logging.Handler):
    """What was logged, line by line, as it would stand in a file."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(self.format(record))


@dataclass
class Hostile:
    """A served tenant, the canaries in it, and what was logged."""

    service: Service
    port: int
    clock: Clock
    marks: list[str]
    decisions: Lines = field(default_factory=Lines)
    logged: Lines = field(default_factory=Lines)

    async def take(self, *records: Named) -> None:
        """Store records, each with its kind; the test fails when one is refused."""
        prepared = [self.service.intake.accept(kind, record) for kind, record in records]
        assert all(isinstance(one, Prepared) for one in prepared), prepared
        await self.service.store.put([one for one in prepared if isinstance(one, Prepared)])

    @cached_property
    def _forms(self) -> list[tuple[str, bytes]]:
        return [(mark, form) for mark in self.marks for form in forms(mark)]

    def leaks(self, sent_out: bytes) -> list[str]:
        """The canaries in some bytes, in whatever form."""
        folded = sent_out.lower()
        return [mark for mark, form in self._forms if form in sent_out or form in folded]


def forms(mark: str) -> Iterator[bytes]:
    """A canary as it is, in hexadecimal, with its bits alone, URL-encoded, and in base64 at any offset."""
    raw = mark.encode()
    yield raw
    yield raw.hex().encode()
    yield bytes.fromhex(mark.removeprefix("canary"))
    yield "".join(f"%{byte:02x}" for byte in raw).encode()
    for shift in range(3):  # of the first and last group only a part is the canary's
        yield base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]


@asynccontextmanager
async def hostile(folder: Path, limits: Limits = SHORT) -> AsyncIterator[Hostile]:
    """The tenant, served until the context ends."""
    clock = Clock()
    service = await service_on(folder / "hostile.db", clock)
    bounds = replace(Bounds.of(limits), lingering_s=0.2)
    listener = Listener(Door.take(Address("127.0.0.1", 0)), create_app(service, limits), bounds, 1.0)
    await listener.open(lambda: "sha256:here")
    there = Hostile(service, int(listener.door.url.rpartition(":")[2]), clock, [canary() for _ in range(60)])
    decisions, everything = logging.getLogger("sidecar.decisions"), logging.getLogger("sidecar")
    before = decisions.level
    decisions.setLevel(logging.INFO)
    decisions.addHandler(there.decisions)
    everything.addHandler(there.logged)
    try:
        await there.take(*visible_records(), *hidden_records(there.marks))
        yield there
    finally:
        decisions.setLevel(before)
        decisions.removeHandler(there.decisions)
        everything.removeHandler(there.logged)
        await listener.close()
        await service.store.close()
