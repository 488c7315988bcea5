"""``sidecar explain``."""

import argparse
import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sidecar.cel import Part
from sidecar.cli.asking import callers, identity_in, instant, kind_named, parts_of, shown_tenant, tenant_named
from sidecar.cli.check import bundle_of
from sidecar.cli.reasons import reasons, shown
from sidecar.cli.terminal import DIM, GREEN, RED, Terminal, harmless
from sidecar.config import Config
from sidecar.errors import ConfigError
from sidecar.identity.caller import Caller
from sidecar.policy.explain import RuleAnswer
from sidecar.policy.explanation import Explanation, Question, explained
from sidecar.policy.next_change import Future
from sidecar.policy.plain import as_json, named
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kind, Kinds
from sidecar.records.opening import opened
from sidecar.records.schemas import load_kinds

_LATEST_SHOWN_MS = 253_402_300_799_999
"""The end of the year 9999; later instants are shown as numbers."""


def run(asked: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    """Explain; 1 when there is no such record. Raises ConfigError, FindingsError, StoreError."""
    kinds = load_kinds(config.schema_folders)
    kind = kind_named(asked.kind, kinds)
    key = _key(asked.id, kind)
    identity = identity_in(Path(asked.caller))
    tenant = identity.tenant if asked.tenant is None else tenant_named(asked.tenant)
    policies = bundle_of(config, kinds).kinds[kind.name]
    told = asyncio.run(_answered(config, kinds, Question(policies, key, tenant, identity, instant(asked))))
    if told is None:
        terminal.error(f"there is no {kind.name} {asked.id} in the tenant {shown_tenant(tenant)}")
        return 1
    if asked.json:
        terminal.json(as_json(told))
    else:
        for line in _told(told, terminal):
            terminal.line(line)
    return 0


async def _answered(config: Config, kinds: Kinds, question: Question) -> Explanation | None:
    async with opened(config, kinds, Intake(kinds), create=False) as store:
        return await explained(store, callers(config), question)


def _key(text: str, kind: Kind) -> tuple[str, ...]:
    key = parts_of(text)
    if len(key) != len(kind.id):
        wanted = "/".join(pointer.rpartition("/")[2] for pointer in kind.id)
        raise ConfigError(f"the id of a {kind.name} is {wanted}, each part %-encoded, not {text!r}")
    return key


def _told(told: Explanation, terminal: Terminal) -> Iterator[str]:
    answer, row = told.answer, told.row
    verdict = terminal.painted("visible", GREEN) if answer.visible else terminal.painted("hidden", RED)
    key = harmless("/".join(row.position.key))
    yield f"{verdict}: {row.kind} {key} of {harmless(shown_tenant(told.question.tenant))}"
    yield f"caller: {_who(told.caller)}"
    yield f"label: shared by {told.sharing} records: {shown(told.label)}"
    if not answer.same_tenant:
        yield "the tenant wall hides it, whatever policies say: the caller is of another tenant"
    if not answer.covered:
        yield "no policy speaks of its kind, so nobody sees it"
    for policy in answer.policies:
        yield f"{policy.policy.name} {'admits it' if policy.admits else 'does not admit it'}"
        for rule in policy.rules:
            yield from _rule(rule, told.parts[rule.rule], terminal)
    if answer.visible and answer.redacted:
        yield f"masked: {', '.join(sorted(answer.redacted))}"
    yield _next(told.future)


def _who(caller: Caller) -> str:
    """The caller in a line; JSON tells all."""
    held = {
        "units": caller.org_units,
        "roles": caller.roles,
        "data classes": caller.data_classes,
        "grants": tuple(grant["grant_id"] for grant in caller.grants),
    }
    lists = [f"{name} {', '.join(names) or 'none'}" for name, names in held.items()]
    operator = "an operator" if caller.is_workspace_operator else "no operator"
    return harmless("; ".join([caller.actor_id or "nobody by name", operator, *lists]))


def _rule(rule: RuleAnswer, part: Part, terminal: Terminal) -> Iterator[str]:
    said = f"ends in an error: {rule.error}" if rule.error is not None else str(rule.value).lower()
    yield f"  {rule.rule.effect} {rule.rule.name}: {harmless(said)}"
    yield from ("    " + terminal.painted(line, DIM) for line in reasons(part))


def _next(future: Future) -> str:
    change = future.change
    if change is not None:
        ended = " and ".join(" ".join(named(record)) for record in change.ended)
        what = "visible" if change.visible else "hidden"
        masked = f", with {', '.join(sorted(change.redacted))} masked" if change.redacted else ""
        edge = f"{what}{masked} from {_time(change.at_ms)} on, when {harmless(ended)} ends"
    elif future.looked_to_ms is not None:
        edge = f"none up to {_time(future.looked_to_ms)}; what ends later was not looked at"
    else:
        edge = "only with the records or the policies"
    if not future.reads_clock:
        return f"next change: {edge}"
    return "may change at any time, for a rule reads the clock" + (f"; {edge}" if change is not None else "")


def _time(at_ms: int) -> str:
    if at_ms > _LATEST_SHOWN_MS:
        return f"{at_ms} ms"
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec='milliseconds')} ({at_ms} ms)"
