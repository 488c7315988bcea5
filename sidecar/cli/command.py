"""What every verb has in common: how it is asked for, what it is given, and how its trouble is told."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sidecar.cli.parser import flags, parser
from sidecar.cli.terminal import Terminal
from sidecar.config_file import read_config
from sidecar.errors import ConfigError, FindingsError, RecordConflict, SidecarError

FINE, FINDINGS, WRONG = 0, 1, 2
INTERRUPTED = 130
BROKEN_PIPE = 141


def run(argv: Sequence[str] | None, let_through: Callable[[], None]) -> int:
    """Run one verb; the exit code. Raises SystemExit for a command line that argparse refuses, and for --help.

    ``let_through`` is called when the verb is known, and hears the signals that waited for that.
    """
    _open_closed()
    asked = parser().parse_args(argv)
    terminal = Terminal(sys.stdout, sys.stderr, os.environ)
    try:
        with asked.hearing():
            let_through()
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
