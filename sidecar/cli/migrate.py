"""``sidecar migrate``."""

import argparse
import asyncio
from dataclasses import replace

from sidecar.cli.terminal import Terminal
from sidecar.config import Config
from sidecar.records.ingest import Intake
from sidecar.records.opening import opened
from sidecar.records.schemas import load_kinds
from sidecar.records.store import Migrated


def run(asked: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    """Bring the store to the form of this program and its kinds. Raises ConfigError, SchemaError, StoreError."""
    store = replace(config.store, auto_migrate=True, row_level_security=False)  # the owner's, whom no wall holds
    done = asyncio.run(_migrated(replace(config, store=store)))
    if asked.json:
        told = {"created": list(done.created), "promoted": list(done.promoted)}
        terminal.json({**told, "dropped_properties": dict(done.dropped)})
    elif done == Migrated():
        terminal.line("nothing was left to do")
    else:
        for what, kinds in (("created", done.created), ("stored anew under its changed schema", done.promoted)):
            for kind in kinds:
                terminal.line(f"{kind}: {what}")
    return 0


async def _migrated(config: Config) -> Migrated:
    kinds = load_kinds(config.schema_folders)
    async with opened(config, kinds, Intake(kinds)) as store:
        return store.migrated
