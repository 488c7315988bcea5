"""``sidecar test``."""

import argparse
from pathlib import Path

from sidecar.cli.check import bundle_of
from sidecar.cli.terminal import GREEN, RED, Terminal, counted, harmless
from sidecar.config import Config
from sidecar.errors import ConfigError
from sidecar.policy.results import Results, as_json, junit, tree
from sidecar.policy.suite import run as run_suites
from sidecar.records.schemas import load_kinds


def run(asked: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    """Run the suites; 1 when something fails. Raises ConfigError, FindingsError."""
    results = run_suites(
        bundle_of(config, load_kinds(config.schema_folders)),
        holding=asked.holding,
        operator_without_units=config.identity.silent_operators,
    )
    cases = sum(len(suite.cases) for suite in results.suites)
    if asked.holding and not cases and results.passed:
        raise ConfigError(f"no case has {asked.holding!r} in its name, which is suite/caller/record")
    if asked.junit is not None:
        _write(Path(asked.junit), junit(results))
    if asked.json:
        terminal.json(as_json(results))
    else:
        _tell(results, cases, terminal, coverage=asked.coverage)
    return int(not results.passed)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--junit: {path} cannot be written: {error.strerror}") from error


def _tell(results: Results, cases: int, terminal: Terminal, *, coverage: bool) -> None:
    for line in tree(results, coverage=coverage):
        terminal.line(harmless(line))
    verdict = terminal.painted("passed", GREEN) if results.passed else terminal.painted("FAILED", RED)
    terminal.line(f"{verdict}: {counted(len(results.suites), 'suite')}, {counted(cases, 'case')}")
