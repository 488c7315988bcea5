"""``sidecar check``."""

import argparse
from collections.abc import Iterable, Iterator
from typing import Any

from sidecar.cli.terminal import GREEN, Terminal, counted
from sidecar.config import Config
from sidecar.errors import Finding, FindingsError, SchemaError
from sidecar.policy.bundle import SUITE_SUFFIX, Bundle, build
from sidecar.policy.load import load_policy
from sidecar.records.kind import Kinds
from sidecar.records.schemas import load_kinds


def run(asked: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    """Check; 1 when something is wrong. Raises ConfigError."""
    try:
        bundle = bundle_of(config, _kinds(config))
    except FindingsError as error:
        if asked.json:
            terminal.json({"passed": False, "findings": _plain(error.findings)})
        else:
            terminal.findings(error.findings)
            terminal.line(counted(len(error.findings), "error"))
        return 1
    if asked.json:
        terminal.json(_as_json(bundle))
    else:
        _tell(bundle, terminal)
    return 0


def bundle_of(config: Config, kinds: Kinds) -> Bundle:
    """The configured bundle. Raises ConfigError, PolicyError."""
    return build(config.policy_folders, kinds, labels_only=config.judging == "labels-only")


def _kinds(config: Config) -> Kinds:
    """The kinds. Raises SchemaError, also with what is wrong in policies whatever the kinds are."""
    try:
        return load_kinds(config.schema_folders)
    except SchemaError as error:
        raise FindingsError([*error.findings, *_malformed(config)]) from error


def _malformed(config: Config) -> Iterator[Finding]:
    for path in (path for folder in config.policy_folders for path in sorted(folder.glob("*.yaml"))):
        if not path.name.endswith(SUITE_SUFFIX):
            try:
                load_policy(path)
            except FindingsError as error:
                yield from error.findings


def _tell(bundle: Bundle, terminal: Terminal) -> None:
    judging = sorted(bundle.judging(), key=lambda one: (one.path, one.line, one.column))
    for finding in (*judging, *bundle.notes):
        terminal.line(terminal.finding(finding))
    policies = counted(len(bundle.documents), "policy", "policies")
    sizes = f"{counted(len(bundle.registry), 'kind')}, {policies}, {counted(len(judging), 'rule')}"
    terminal.line(f"{terminal.painted('nothing is wrong', GREEN)}: {sizes}, {bundle.revision}")


def _as_json(bundle: Bundle) -> dict[str, Any]:
    return {
        "passed": True,
        "revision": bundle.revision,
        "findings": [],
        "rules": _plain(bundle.judging()),
        "notes": _plain(bundle.notes),
    }


def _plain(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "path": one.path,
            "line": one.line,
            "column": one.column,
            "severity": one.severity,
            "message": one.message,
        }
        for one in findings
    ]
