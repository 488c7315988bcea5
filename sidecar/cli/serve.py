"""``sidecar serve``."""

import argparse

from sidecar.cli.terminal import Terminal
from sidecar.config import Config


def run(asked: argparse.Namespace, config: Config, terminal: Terminal) -> int:  # noqa: ARG001 - as every verb
    """Serve until SIGTERM. Raises ConfigError, FindingsError, StoreError."""
    from sidecar.http.serve import run as serve  # noqa: PLC0415 - no other verb pays for the server

    return serve(config)
