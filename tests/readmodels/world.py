"""A small world to ask read models in: records of two tenants in a real store, judged by a real bundle."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from sidecar.identity.caller import Caller
from sidecar.policy.bundle import Bundle
from sidecar.policy.judge import Judge, Verdicts
from sidecar.readmodels.choices import choose, read_choice
from sidecar.readmodels.plan import Plan, carried_out
from sidecar.records.ingest import Intake
from sidecar.records.reading import Get
from sidecar.records.store import Prepared, Store, Tenant

TENANT = Tenant("acme", "main")
OWNER = {"org_id": "acme", "workspace_id": "main", "source": "explicit"}
FOREIGN = {"org_id": "other", "workspace_id": "main", "source": "explicit"}
NOW = 1_000
RUN = "run-1"

OPERATOR = Caller(TENANT, actor_id="olga", is_workspace_operator=True)
MEMBER = Caller(TENANT, actor_id="mona", org_units=("finance", "organization_unit/finance"))
NOBODY = Caller(TENANT)

Record = dict[str, Any]
Stored = tuple[str, Record]
TIMES = {"created_at_ms": 10, "updated_at_ms": 20}


def scope(unit: str | None = None, owner: Record = OWNER, **more: Any) -> Record:
    """A stored scope, of a unit if one is given."""
    unit_part = {} if unit is None else {"owning_org_unit_id": unit}
    return {"schema_version": 1, "tenant_context": owner, **unit_part, **more}


def run(run_id: str = RUN, *, unit: str | None = None, scoped: Record | None = None, **more: Any) -> Stored:
    """An automation run in progress."""
    enterprise = scoped or ({} if unit is None else {"owning_org_unit_id": unit})
    return "automation_run", {
        "run_id": run_id,
        "automation_id": "auto",
        "trigger_type": "manual",
        "tenant_context": OWNER,
        "status": "running",
        "checkpoint": {},
        "automation_snapshot": {"metadata": {"enterprise_scope": enterprise}},
        **TIMES,
        **more,
    }


def workflow(run_id: str = RUN, **more: Any) -> Stored:
    """A workflow run in progress."""
    base = {"run_id": run_id, "workflow_id": "flow", "tenant_context": OWNER, "status": "running", **TIMES}
    return "workflow_run", {**base, **more}


def wait(wait_id: str, **more: Any) -> Stored:
    """A timer that waits."""
    base = {"wait_id": wait_id, "run_id": RUN, "wait_kind": "timer", "status": "waiting", "scope": scope(), **TIMES}
    return "wait", {"schema_version": 1, **base, **more}


def event(seq: int, **more: Any) -> Stored:
    """An event of the run's log."""
    base = {"event_id": f"event-{seq}", "run_id": RUN, "event_type": "step", "seq": seq, "occurred_at_ms": 100 + seq}
    return "event", {"schema_version": 1, **base, "scope": scope(), "payload": None, **more}


def snapshot(seq: int, **more: Any) -> Stored:
    """A snapshot of the run."""
    base = {"snapshot_id": f"snap-{seq}", "run_id": RUN, "seq": seq, "created_at_ms": 200 + seq, "scope": scope()}
    shape = {"status": "running", "phase": "created", "phase_history": [], "allowed_next_phases": []}
    return "snapshot", {"schema_version": 1, **base, **shape, **more}


def outbox(outbox_id: str, **more: Any) -> Stored:
    """A row that was sent."""
    base = {"outbox_id": outbox_id, "operation": "send", "run_id": RUN, "status": "sent", "attempts": 0}
    return "outbox", {"schema_version": 1, **base, "scope": scope(), **TIMES, **more}


def effect(effect_id: str, **more: Any) -> Stored:
    """An effect that succeeded."""
    base = {"effect_id": effect_id, "operation": "send", "audit_hash": "h", "run_id": RUN, "status": "succeeded"}
    return "tool_effect", {"schema_version": 1, **base, "redaction_tier": "", "scope": scope(), **TIMES, **more}


def dead_letter(dead_letter_id: str, **more: Any) -> Stored:
    """An open dead letter."""
    base = {"dead_letter_id": dead_letter_id, "source_type": "tool_effect", "source_id": "effect", "reason": "late"}
    state = {"run_id": RUN, "status": "open", "recovery_options": [], "attempts": 0}
    return "dead_letter", {"schema_version": 1, **base, **state, "scope": scope(), **TIMES, **more}


def compensation(compensation_id: str, **more: Any) -> Stored:
    """A proposed compensation."""
    base = {"compensation_id": compensation_id, "compensation_type": "undo", "run_id": RUN, "status": "proposed"}
    state = {"approval_required": False, "attempts": 0, "scope": scope()}
    return "compensation", {"schema_version": 1, **base, **state, **TIMES, **more}


def decision(decision_id: str, **more: Any) -> Stored:
    """A policy decision that allowed."""
    base = {"decision_id": decision_id, "reason_code": "ok", "reason": "fine", "decision": "allow", "run_id": RUN}
    return "policy_decision", {**base, "tenant_context": OWNER, "created_at_ms": 10, **more}


def audit(event_id: str, payload: Any, **more: Any) -> Stored:
    """A protected audit event."""
    base = {"event_id": event_id, "event_type": "used", "durability": "durable_required", "payload": payload}
    return "protected_audit_event", {**base, "tenant_context": OWNER, "created_at_ms": 10, **more}


SUPERSEDED = {"superseded_by_success": True, "superseded_by_effect_id": "effect-2", "superseded_at_ms": 5}
"""The metadata of a row that a later success made moot."""


@dataclass(frozen=True)
class World:
    """A store with its judge. ``now_ms`` is what its clock says."""

    store: Store
    intake: Intake
    bundle: Bundle
    now_ms: int = NOW
    judge: Judge = field(default_factory=Judge)

    async def put(self, *records: Stored) -> None:
        """Store records as they are loaded: through the door."""
        accepted = [self.intake.accept(kind, record) for kind, record in records]
        assert all(isinstance(one, Prepared) for one in accepted), accepted
        await self.store.put(accepted)

    async def seen(self, plan: Callable[[Verdicts], Plan[Any]], caller: Caller = OPERATOR) -> Any:
        """The view of a plan as its caller gets it: plain JSON."""
        async with self.store.snapshot(TENANT) as snap:
            verdicts = await self.judge.judge(self.bundle, caller, snap, tuple(self.bundle.registry), self.now_ms)
            return plain(await carried_out(plan(verdicts), snap, verdicts))

    async def chosen(self, body: Any, caller: Caller = OPERATOR, run_id: str = RUN, suffix: str = "x") -> Any:
        """The answer to a choice, recorded in a transaction of its own."""
        choice = read_choice(body)
        async with self.store.change(TENANT) as change:
            verdicts = await self.judge.judge(self.bundle, caller, change, tuple(self.bundle.registry), self.now_ms)
            return plain(await choose(choice, run_id, change, verdicts, self.intake.accept, suffix))

    async def stored(self, kind: str, *key: str) -> Record | None:
        """A record as it is stored, when an operator sees it."""
        async with self.store.snapshot(TENANT) as snap:
            verdicts = await self.judge.judge(self.bundle, OPERATOR, snap, (kind,), self.now_ms)
            [page] = await snap.read([Get(kind, (key,))], verdicts)
        return orjson.loads(page.rows[0].stored) if page.rows else None


def plain(view: Any) -> Any:
    """A view as JSON values, its stored records included."""
    return orjson.loads(orjson.dumps(view))
