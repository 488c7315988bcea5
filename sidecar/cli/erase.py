"""``sidecar erase``."""

import argparse
import asyncio
import sys
from collections.abc import Mapping

from sidecar.cli.asking import plain_tenant, shown_tenant, tenant_named
from sidecar.cli.terminal import Terminal, harmless
from sidecar.config import Config
from sidecar.errors import ConfigError
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.opening import opened
from sidecar.records.schemas import load_kinds
from sidecar.records.store import Tenant

LEFT_ALONE = 1


def run(asked: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    """Erase a tenant; 1 when whoever was asked said no. Raises ConfigError, SchemaError, StoreError."""
    kinds, tenant = load_kinds(config.schema_folders), tenant_named(asked.tenant)
    name = harmless(shown_tenant(tenant))
    if not asked.yes and not _confirmed(asyncio.run(_counted(config, kinds, tenant)), name, terminal):
        terminal.say("nothing was erased")
        return LEFT_ALONE
    erased = asyncio.run(_erased(config, kinds, tenant))
    if asked.json:
        terminal.json({"tenant": plain_tenant(tenant), "erased": erased})
        return 0
    for kind, many in erased.items():
        terminal.line(f"{kind}: {many} erased")
    if not erased:
        terminal.line(f"there was nothing of {name}")
    return 0


def _confirmed(records: int, name: str, terminal: Terminal) -> bool:
    """Whether whoever sits at the terminal wants it. Raises ConfigError when nobody does."""
    if not sys.stdin.isatty():
        raise ConfigError(
            f"{records} records of {name} would be erased for good; add --yes, for nobody can be asked here"
        )
    terminal.err.write(f"Erase {records} records of {name} for good? Write yes: ")
    terminal.err.flush()
    return sys.stdin.readline().strip() == "yes"


async def _counted(config: Config, kinds: Kinds, tenant: Tenant) -> int:
    async with opened(config, kinds, Intake(kinds), create=False) as store:
        return sum(count.records for count in await store.counts(tenant))


async def _erased(config: Config, kinds: Kinds, tenant: Tenant) -> Mapping[str, int]:
    async with opened(config, kinds, Intake(kinds), create=False) as store:
        return await store.erase(tenant)
