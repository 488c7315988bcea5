"""``sidecar backup``."""

import argparse
from pathlib import Path

from sidecar.cli.terminal import Terminal, harmless
from sidecar.config import Config
from sidecar.records.opening import copy_store


def run(asked: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    """Copy the store into a file. Raises ConfigError, StoreError."""
    file = Path(asked.file)
    restored = copy_store(config, file, force=asked.force)
    terminal.line(harmless(f"{file}: {file.stat().st_size} bytes; {restored}"))
    return 0
