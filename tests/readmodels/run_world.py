"""A real store with the shipped policies, or others, and what one identity is answered from it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import stores
import yaml
from shipped_kinds import intake, kinds

from sidecar.identity.authority import Catalogue, authority_of
from sidecar.identity.caller import Caller, Identity
from sidecar.policy.bundle import Bundle, build
from sidecar.policy.judge import Judge, Verdicts
from sidecar.readmodels.catalogue import CATALOGUE_KINDS, SeenCatalogue, seen_catalogue
from sidecar.readmodels.plan import Plan, View, carried_out
from sidecar.readmodels.runs import KINDS, RunQuery, RunsQuery, run_detail, runs
from sidecar.records.reading import Page, Request
from sidecar.records.store import Prepared, Snapshot, Store, Tenant
from sidecar.shipped import shipped

NOW = 1_000
TENANT = Tenant("acme", "main")
OWNER = {"org_id": "acme", "workspace_id": "main"}
BY = {"kind": "human_user", "id": "root"}
OPERATOR = Identity(TENANT, "olga", roles=("workspace_operator",), data_classes=("restricted", "credential"))
AUTHORITY = ("org_unit", "org_unit_membership", "org_unit_access_grant")


@cache
def shipped_bundle() -> Bundle:
    return build([shipped("policies")], kinds())


def masking(folder: Path, masked: list[str], redact: list[dict[str, str]]) -> Bundle:
    """Everything is visible to all of the tenant, and some kinds have masks."""
    made = folder / "masking"
    made.mkdir()
    everyone = {"apiVersion": "sidecar/v1", "rules": [{"allow": "all", "when": "true"}]}
    rest = [kind for kind in kinds() if kind not in masked]
    (made / "open.yaml").write_text(yaml.safe_dump({**everyone, "policy": "open", "applies_to": rest}))
    (made / "masks.yaml").write_text(
        yaml.safe_dump({**everyone, "policy": "masks", "applies_to": masked, "redact": redact})
    )
    return build([made], kinds())


def resource(kind: str = "repository", name: str = "repo", **more: Any) -> dict[str, Any]:
    return {"organization_id": "acme", "workspace_id": "main", "resource_kind": kind, "resource_id": name, **more}


def workflow_run(run_id: str, updated: int = 20, **more: Any) -> tuple[str, Any]:
    """A workflow run; ``scope`` is its enterprise scope."""
    scope = {"enterprise_scope": more.pop("scope")} if "scope" in more else {}
    plain = {"run_id": run_id, "workflow_id": "w", "status": "running", "created_at_ms": 10, "updated_at_ms": updated}
    return "workflow_run", {**plain, "tenant_context": OWNER, **scope, **more}


def automation_run(run_id: str, updated: int = 20, **more: Any) -> tuple[str, Any]:
    """An automation run; ``scope`` is its enterprise scope."""
    scope = {"automation_snapshot": {"metadata": {"enterprise_scope": more.pop("scope")}}} if "scope" in more else {}
    plain = {
        "run_id": run_id,
        "automation_id": "a",
        "trigger_type": "manual",
        "status": "running",
        "checkpoint": {},
        "created_at_ms": 10,
        "updated_at_ms": updated,
    }
    return "automation_run", {**plain, "tenant_context": OWNER, **scope, **more}


def child(kind: str, run_id: str, name: str, **more: Any) -> tuple[str, Any]:
    """A wait, event or snapshot of a run; ``unit`` is the unit that owns it."""
    scope = {"tenant_context": OWNER, **({"owning_org_unit_id": more.pop("unit")} if "unit" in more else {})}
    plain: dict[str, dict[str, Any]] = {
        "wait": {"wait_kind": "timer", "status": "waiting", "created_at_ms": 10, "updated_at_ms": 20},
        "event": {"event_type": "started", "seq": 1, "occurred_at_ms": 5},
        "snapshot": {"seq": 1, "created_at_ms": 10, "status": "running", "phase": "created"},
    }
    return kind, {"run_id": run_id, f"{kind}_id": name, "scope": scope, **plain[kind], **more}


def unit(name: str, **more: Any) -> tuple[str, Any]:
    record = {"unit_id": name, "display_name": f"{name} Ops", "created_by": BY, "created_at_ms": 1, "updated_at_ms": 1}
    return "org_unit", {**record, "tenant_context": OWNER, **more}


def grant(name: str, to: str = "organization_unit/finance", kind: str = "organization_unit", **more: Any) -> Any:
    record = {"grant_id": name, "unit": {"kind": kind, "id": to}, "resource": resource(), "permissions": ["read"]}
    return "org_unit_access_grant", {
        **record, "tenant_context": OWNER, "created_at_ms": 1, "updated_at_ms": 1, **more
    }  # fmt: skip


def binding(name: str, **more: Any) -> tuple[str, Any]:
    record = {
        "binding_id": name,
        "connector_id": "drive",
        "source_type": "folder",
        "native_source_id": "n",
        "resource_ref": resource(),
        "data_class": "internal",
        "created_by": BY,
        "created_at_ms": 1,
        "updated_at_ms": 1,
    }
    return "source_binding", {**record, "tenant_context": OWNER, **more}


@dataclass
class World:
    """A store under one bundle."""

    store: Store
    bundle: Bundle
    judge: Judge = field(default_factory=Judge)
    rounds: list[list[str]] = field(default_factory=list)

    async def take(self, *records: tuple[str, Any]) -> None:
        """Store records; the test fails when one is refused."""
        prepared = [intake().accept(kind, record) for kind, record in records]
        assert all(isinstance(one, Prepared) for one in prepared), prepared
        await self.store.put(prepared)  # type: ignore[arg-type]

    async def runs(self, who: Identity = OPERATOR, *, now_ms: int = NOW, limit: int = 250, **filters: Any) -> View:
        """The run list."""
        query = RunsQuery(limit, **filters)
        return await self.ask(who, lambda verdicts, catalogue: runs(query, verdicts, catalogue), now_ms)

    async def ids(self, who: Identity = OPERATOR, **asked: Any) -> list[str]:
        """The run ids of the run list."""
        return [row["run"]["run_id"] for row in (await self.runs(who, **asked))["runs"]]

    async def run(self, run_id: str, who: Identity = OPERATOR, *, now_ms: int = NOW, events: int = 50) -> View:
        """One run in detail."""
        query = RunQuery(run_id, events, 10)
        return await self.ask(who, lambda verdicts, catalogue: run_detail(query, verdicts, catalogue), now_ms)

    async def scope(self, run_id: str, who: Identity = OPERATOR, *, now_ms: int = NOW) -> View:
        """The enterprise scope of one run."""
        view: View = (await self.run(run_id, who, now_ms=now_ms))["enterprise_scope"]
        return view

    async def ask(self, who: Identity, plan: Callable[[Verdicts, SeenCatalogue], Plan[View]], now_ms: int) -> View:
        """What a read model answers, through JSON as a client gets it; ``rounds`` holds what it asked the store."""
        async with self.store.snapshot(who.tenant) as snap:
            caller = await caller_of(who, snap, now_ms)
            verdicts = await self.judge.judge(self.bundle, caller, snap, (*KINDS, *CATALOGUE_KINDS), now_ms)
            catalogue = await carried_out(seen_catalogue(), snap, verdicts)
            self.rounds.clear()
            view: View = orjson.loads(
                orjson.dumps(await carried_out(self._noted(plan(verdicts, catalogue)), snap, verdicts))
            )
            return view

    def _noted(self, plan: Plan[View]) -> Plan[View]:
        pages: list[Page] | None = None
        while True:
            try:
                requests: list[Request] = list(next(plan) if pages is None else plan.send(pages))
            except StopIteration as end:
                view: View = end.value
                return view
            self.rounds.append([f"{type(request).__name__} {request.kind}" for request in requests])
            pages = yield requests


async def caller_of(who: Identity, snap: Snapshot, now_ms: int) -> Caller:
    """The caller that an identity is, from the stored catalogue."""
    catalogue = [[orjson.loads(doc) for doc in await snap.authority(kind)] for kind in AUTHORITY]
    return authority_of(who, Catalogue.of(*catalogue), now_ms, managed=snap.managed).caller


@asynccontextmanager
async def world(folder: Path, *records: tuple[str, Any], bundle: Bundle | None = None) -> AsyncIterator[World]:
    """A fresh store that holds records."""
    async with stores.opened(folder / "runs.db", kinds(), intake().accept) as store:
        made = World(store, bundle or shipped_bundle())
        await made.take(*records)
        yield made
