"""``sidecar expire``."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence

from sidecar.cli.asking import instant
from sidecar.cli.terminal import Terminal
from sidecar.config import Config
from sidecar.errors import ConfigError
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.opening import opened
from sidecar.records.retention import Rule, expire, rules_of
from sidecar.records.schemas import load_kinds


def run(asked: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    """Remove what is kept no longer. Raises ConfigError, SchemaError, StoreError."""
    kinds = load_kinds(config.schema_folders)
    rules = rules_of(config, kinds)
    if not rules:
        raise ConfigError(
            "retention.keep names no kind, so all is kept; write such as keep: {event: 30d} under retention"
        )
    removed = asyncio.run(_removed(config, kinds, rules, instant(asked)))
    if asked.json:
        terminal.json({"removed": removed})
    else:
        for kind, many in removed.items():
            terminal.line(f"{kind}: {many} removed")
    return 0


async def _removed(config: Config, kinds: Kinds, rules: Sequence[Rule], now_ms: int) -> Mapping[str, int]:
    async with opened(config, kinds, Intake(kinds), create=False) as store:
        return await expire(store, rules, now_ms)
