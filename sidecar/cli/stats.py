"""``sidecar stats``."""

import argparse
import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.cli.asking import callers, instant, plain_tenant, shown_tenant, tenant_named
from sidecar.cli.check import bundle_of
from sidecar.cli.diff import suite_callers
from sidecar.cli.terminal import Terminal, harmless
from sidecar.config import Config
from sidecar.identity.caller import Identity
from sidecar.policy.bundle import Bundle
from sidecar.policy.share import seen
from sidecar.records.ingest import Intake
from sidecar.records.opening import opened
from sidecar.records.schemas import load_kinds
from sidecar.records.store import Count, Store, Tenant

Seen = Mapping[str, Mapping[str, int]]
"""Of each caller, how many records of each kind it sees."""


@dataclass(frozen=True, slots=True)
class _Stats:
    """What was counted. ``askers`` are the callers whose tenants have records; ``weights`` is empty when not asked."""

    counts: Sequence[Count]
    weights: Mapping[str, int]
    askers: Mapping[str, Identity]
    seen: Seen

    def of(self, kind: str, tenant: Tenant | None = None) -> tuple[int, int]:
        """Labels and records of a kind, of all tenants or one."""
        own = [count for count in self.counts if count.kind == kind and tenant in (None, count.tenant)]
        return sum(count.labels for count in own), sum(count.records for count in own)

    @property
    def kinds(self) -> Sequence[str]:
        """Every kind that there are records of."""
        return sorted({count.kind for count in self.counts})

    @property
    def tenants(self) -> Sequence[Tenant]:
        """Every tenant that has records."""
        return list(dict.fromkeys(count.tenant for count in self.counts))


def run(asked: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    """Count. Raises ConfigError, FindingsError, StoreError."""
    kinds = load_kinds(config.schema_folders)
    bundle = bundle_of(config, kinds)
    tenant = None if asked.tenant is None else tenant_named(asked.tenant)
    stats = asyncio.run(_counted(config, bundle, tenant, instant(asked), weighed=asked.bytes))
    if asked.json:
        terminal.json(_as_json(stats))
    else:
        _tell(stats, terminal)
    return 0


async def _counted(config: Config, bundle: Bundle, tenant: Tenant | None, now_ms: int, *, weighed: bool) -> _Stats:
    kinds = bundle.registry
    async with opened(config, kinds, Intake(kinds), create=False) as store:
        counts = await store.counts(tenant)
        there = {count.tenant for count in counts}
        every = suite_callers([bundle], [])
        askers = {name: identity for name, identity in every.items() if identity.tenant in there}
        stored = sorted({count.kind for count in counts} & set(kinds)) if weighed else ()
        weights = {kind: await store.weight(kind, tenant) for kind in stored}
        return _Stats(counts, weights, askers, await _seen(config, bundle, store, askers, now_ms))


async def _seen(config: Config, bundle: Bundle, store: Store, askers: Mapping[str, Identity], now_ms: int) -> Seen:
    """What each caller sees, each tenant in one snapshot."""
    found: dict[str, Counter[str]] = {name: Counter() for name in askers}
    make = callers(config)
    for tenant in dict.fromkeys(identity.tenant for identity in askers.values()):
        own = {name: identity for name, identity in askers.items() if identity.tenant == tenant}
        async with store.snapshot(tenant) as snap:
            made = {name: await make.caller(identity, snap, now_ms) for name, identity in own.items()}
            for (name, kind), records in (await seen(bundle, snap, made, now_ms)).items():
                found[name][kind] = records
    return found


def _tell(stats: _Stats, terminal: Terminal) -> None:
    if not stats.counts:
        terminal.line("there are no records")
        return
    terminal.line(f"tenants: {len(stats.tenants)}, records: {sum(count.records for count in stats.counts)}")
    widest = max(map(len, stats.kinds))
    digits = len(str(max(stats.of(kind)[1] for kind in stats.kinds)))
    for kind in stats.kinds:
        labels, records = stats.of(kind)
        weight = f", {stats.weights[kind]} bytes" if kind in stats.weights else ""
        terminal.line(f"{kind:<{widest}}  {records:>{digits}} records under {labels} labels{weight}")
    terminal.line()
    if not stats.askers:
        terminal.line("no suite has a caller of a tenant that has records here, so no share is told")
    for name, identity in stats.askers.items():
        shares = {kind: (stats.seen[name].get(kind, 0), stats.of(kind, identity.tenant)[1]) for kind in stats.kinds}
        who = f"{name} of {shown_tenant(identity.tenant)} sees"
        if all(mine == records for mine, records in shares.values()):
            terminal.line(harmless(f"{who} everything"))
        elif not any(mine for mine, _ in shares.values()):
            terminal.line(harmless(f"{who} nothing"))
        else:
            terminal.line(harmless(who))
            for kind, (mine, records) in shares.items():
                if records:
                    terminal.line(f"  {kind:<{widest}}  {mine} of {records} ({mine / records:.1%})")


def _as_json(stats: _Stats) -> dict[str, Any]:
    return {
        "kinds": [
            {
                **dict(zip(("labels", "records"), stats.of(kind), strict=True)),
                "kind": kind,
                "bytes": stats.weights.get(kind),
            }
            for kind in stats.kinds
        ],
        "tenants": [
            {"tenant": plain_tenant(count.tenant), "kind": count.kind, "labels": count.labels, "records": count.records}
            for count in stats.counts
        ],
        "callers": [
            {"caller": name, "tenant": plain_tenant(identity.tenant), "kind": kind, "seen": mine, "records": records}
            for name, identity in stats.askers.items()
            for kind in stats.kinds
            for mine, (_, records) in [(stats.seen[name].get(kind, 0), stats.of(kind, identity.tenant))]
            if records
        ],
    }
