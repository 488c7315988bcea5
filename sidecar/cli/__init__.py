"""The command line: one verb a file. Exit codes: 0 fine, 1 something is wrong in a file, 2 in how it was asked.

Some verbs say more with 1: there is no such record, somebody said no, or policies differ.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sidecar.cli.parser import flags, parser
from sidecar.cli.terminal import Terminal
from sidecar.config_file import read_config
from sidecar.errors import ConfigError, FindingsError, RecordConflict, SidecarError

FINE, FINDINGS, WRONG = 0, 1, 2
INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code. Raises SystemExit for a command line that argparse refuses, and for --help."""
    _open_closed()
    asked = parser().parse_args(argv)
    terminal = Terminal(sys.stdout, sys.stderr, os.environ)
    try:
        code: int = asked.verb(asked, read_config(flags(asked)), terminal)
        sys.stdout.flush()
    except FindingsError as error:
        terminal.findings(error.findings)
        return FINDINGS
    except RecordConflict as error:
        terminal.error(str(error))
        return FINDINGS
    except (SidecarError, OSError) as error:
        return _failed(error, terminal)
    except KeyboardInterrupt:
        terminal.error("interrupted")
        return INTERRUPTED
    return code


def _open_closed() -> None:
    """A standard stream that was closed is one that nobody uses; a store must not be opened in its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process


def _failed(error: Exception, terminal: Terminal) -> int:
    if isinstance(error, BrokenPipeError):  # whoever read the output has enough; say nothing, also not at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    if isinstance(error, ConfigError) and error.findings:
        terminal.findings(error.findings)
    else:
        terminal.error(str(error))
    return WRONG
