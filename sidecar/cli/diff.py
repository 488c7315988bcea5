"""``sidecar diff``: exit code 0 when nothing changes for anybody, 1 when something does, 2 when that cannot be told."""

import argparse
import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from sidecar.cli.asking import callers, identity_in, instant, plain_tenant
from sidecar.cli.parser import flags
from sidecar.cli.terminal import GREEN, RED, Terminal, harmless
from sidecar.config import Config
from sidecar.errors import ConfigError, FindingsError
from sidecar.identity.caller import Identity
from sidecar.policy.bundle import Bundle, build
from sidecar.policy.diff import Change, Diff, Tally
from sidecar.policy.load import load_suite
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.opening import opened
from sidecar.records.schemas import load_kinds
from sidecar.records.store import Snapshot

SAME, DIFFERS, TROUBLE = 0, 1, 2
_FEW = 5
"""How many callers without records are named."""
MOST_TOLD = 20
"""Units that are told one by one for each caller, kind and effect."""
Askers = Mapping[str, Identity]


@dataclass(frozen=True, slots=True)
class _Compared:
    """What came of it. ``absent`` are callers of tenants that have no records."""

    diff: Diff
    askers: Askers
    absent: tuple[str, ...]


def run(asked: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    """Compare. Raises ConfigError, StoreError."""
    if flags(asked).policies:
        raise ConfigError("diff compares the bundles OLD and NEW; leave --policies out")
    try:
        kinds = load_kinds(config.schema_folders)
        old, new = (_bundle(text, config, kinds) for text in (asked.old, asked.new))
        askers = suite_callers((old, new), [Path(path) for path in asked.callers])
    except FindingsError as error:
        terminal.findings(error.findings)
        return TROUBLE
    compared = asyncio.run(_compared(config, kinds, Diff(old, new, instant(asked)), askers))
    if asked.json:
        terminal.json(_as_json(compared))
    else:
        _tell(compared, terminal)
    return DIFFERS if compared.diff.tallies else SAME


def _bundle(text: str, config: Config, kinds: Kinds) -> Bundle:
    """The bundle of one folder, or of several. Raises ConfigError, PolicyError."""
    folders = tuple(folder for folder in text.split(os.pathsep) if folder)
    if not folders:
        raise ConfigError("a bundle is a folder of policies, several joined by :, or default; this one is empty")
    return build(replace(config, policies=folders).policy_folders, kinds)


def suite_callers(bundles: Sequence[Bundle], files: Sequence[Path]) -> dict[str, Identity]:
    """The given callers and those of every suite, each identity once. Raises ConfigError, PolicyError."""
    found: dict[Identity, str] = {}
    for file in files:
        _name(found, identity_in(file), file.stem, str(file))
    for stem, path in (suite for bundle in bundles for suite in bundle.suites()):
        for name, claims in load_suite(path).callers.items():
            _name(found, Identity.of(claims), name, f"{stem}/{name}")
    return {name: identity for identity, name in found.items()}


def _name(found: dict[Identity, str], identity: Identity, *names: str) -> None:
    """Keep an identity under the first of its names that is free."""
    if identity not in found:
        taken = set(found.values())
        found[identity] = next((name for name in names if name not in taken), f"{names[-1]} ({len(taken)})")


async def _compared(config: Config, kinds: Kinds, diff: Diff, askers: Askers) -> _Compared:
    """The comparison, tenant by tenant, each in one snapshot. Raises ConfigError, StoreError."""
    absent: list[str] = []
    make = callers(config)
    async with opened(config, kinds, Intake(kinds), create=False) as store:
        for tenant in dict.fromkeys(identity.tenant for identity in askers.values()):
            own = {name: identity for name, identity in askers.items() if identity.tenant == tenant}
            async with store.snapshot(tenant) as snap:
                if await _empty(snap, diff.old.registry):
                    absent += own
                    continue
                made = {name: await make.caller(identity, snap, diff.now_ms) for name, identity in own.items()}
                await diff.tenant(snap, made)
    if len(absent) == len(askers):
        raise ConfigError("no caller is of a tenant that has records; name one with --as")
    return _Compared(diff, askers, tuple(absent))


async def _empty(snap: Snapshot, kinds: Kinds) -> bool:
    """Whether the tenant has no records."""
    for kind in kinds:
        if await snap.labels(kind, 0):
            return False
    return True


# --- what is told -----------------------------------------------------------------------------------------------------


def _sorted(diff: Diff) -> list[tuple[Change, Tally]]:
    def place(entry: tuple[Change, Tally]) -> tuple[Any, ...]:
        change, tally = entry
        return (*_way(change), -tally.records, change.of or "")

    return sorted(diff.tallies.items(), key=place)


def _way(change: Change) -> tuple[Any, ...]:
    """A change whatever the unit."""
    return change.caller, change.kind, change.effect, change.fields


def _tell(compared: _Compared, terminal: Terminal) -> None:
    for _, changes in groupby(_sorted(compared.diff), key=lambda entry: _way(entry[0])):
        for change, tally in islice(changes, MOST_TOLD):
            colour = GREEN if change.effect in ("appears", "unmasked") else RED
            terminal.line(terminal.painted(harmless(sentence(change, tally)), colour))
        rest = [tally.records for _, tally in changes]
        if rest:
            terminal.line(f"and so do {sum(rest)} more, of {len(rest)} other units; --json tells all")
    if not compared.diff.tallies:
        terminal.line(f"nothing changes; callers compared: {len(compared.askers) - len(compared.absent)}")
    if compared.absent:
        few = ", ".join(compared.absent[:_FEW]) + (", …" if len(compared.absent) > _FEW else "")
        terminal.say(f"left out, for their tenants have no records: {len(compared.absent)} ({few})")


def sentence(change: Change, tally: Tally) -> str:
    """One change in a sentence: how many records, of which unit, what becomes of them, for whom, and one of them."""
    word = change.kind.replace("_", " ")
    many = tally.records != 1
    plural = ("es" if word.endswith(("s", "x")) else "s") if many else ""
    what = f"{tally.records} {word}{plural}" + (f" of {change.of}" if change.of else "")
    example = f" (such as {'/'.join(tally.example)})"
    if change.effect in _STATES:
        becomes = "become" if many else "becomes"
        return f"{what} {becomes} {_STATES[change.effect]} to {change.caller}{example}"
    shows = f"no longer show{'' if many else 's'}" if change.effect == "masked" else f"now show{'' if many else 's'}"
    return f"{what} {shows} {', '.join(change.fields)} to {change.caller}{example}"


_STATES = {"appears": "visible", "vanishes": "hidden"}


def _as_json(compared: _Compared) -> dict[str, Any]:
    diff = compared.diff
    return {
        "same": not diff.tallies,
        "old": diff.old.revision,
        "new": diff.new.revision,
        "at_ms": diff.now_ms,
        "callers": [
            {"caller": name, "tenant": plain_tenant(identity.tenant), "records": name not in compared.absent}
            for name, identity in compared.askers.items()
        ],
        "changes": list(_changes(compared)),
    }


def _changes(compared: _Compared) -> Iterator[dict[str, Any]]:
    for change, tally in _sorted(compared.diff):
        yield {
            "caller": change.caller,
            "tenant": plain_tenant(compared.askers[change.caller].tenant),
            "kind": change.kind,
            "change": change.effect,
            "of": change.of,
            "fields": list(change.fields),
            "records": tally.records,
            "example": list(tally.example),
        }
