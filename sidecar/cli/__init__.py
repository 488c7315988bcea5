"""The command line: one verb a file. Exit codes: 0 fine, 1 something is wrong in a file, 2 in how it was asked.

Some verbs say more with 1: there is no such record, somebody said no, or policies differ.
"""

import signal
from collections.abc import Sequence

EARLY = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that wait until it is known which verb they are for: ``serve`` takes them otherwise than all others."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code. Raises SystemExit for a command line that argparse refuses, and for --help."""
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, EARLY)

    def let_through() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)

    try:
        from sidecar.cli.command import run  # noqa: PLC0415 - half a second, in which signals wait

        return run(argv, let_through)
    finally:
        let_through()
