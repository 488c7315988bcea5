"""``sidecar explain``."""

import argparse
import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson

from sidecar.cli.asking import callers, identity_in, instant, kind_named
from sidecar.cli.check import bundle_of
from sidecar.cli.terminal import DIM, GREEN, RED, Terminal, harmless
from sidecar.config import Config
from sidecar.errors import ConfigError
from sidecar.identity.authority import Authority
from sidecar.identity.caller import Caller, Identity
from sidecar.policy.explain import Answer, Explainer, RuleAnswer
from sidecar.policy.rules import KindPolicies
from sidecar.records.canonical import policy_view
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kind
from sidecar.records.opening import open_store
from sidecar.records.schemas import load_kinds
from sidecar.records.store import Get, Lanes, Row, Store, Tenant

_LATEST_SHOWN_MS = 253_402_300_799_999
"""The end of the year 9999; later instants are shown as numbers."""
SHOWN = 200
"""Characters of a value that are shown to people."""
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """One record, the caller, and the answer."""

    row: Row
    sharing: int
    authority: Authority
    answer: Answer


def run(asked: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    """Explain; 1 when there is no such record. Raises ConfigError, FindingsError, StoreError."""
    kinds = load_kinds(config.schema_folders)
    kind = kind_named(asked.kind, kinds)
    key = _key(asked.id, kind)
    identity = identity_in(Path(asked.caller))
    tenant = identity.tenant if asked.tenant is None else _tenant(asked.tenant)
    policies = bundle_of(config, kinds).kinds[kind.name]
    store = open_store(config, kinds, Intake(kinds), create=False)
    found = asyncio.run(_found(store, config, policies, key, tenant, identity, instant(asked)))
    if found is None:
        terminal.error(f"there is no {kind.name} {asked.id} in the tenant {_shown_tenant(tenant)}")
        return 1
    if asked.json:
        terminal.json(_as_json(found, policies, tenant))
    else:
        for line in _told(found, policies, tenant, terminal):
            terminal.line(line)
    return 0


def _key(text: str, kind: Kind) -> Key:
    key = tuple(unquote(part) for part in text.split("/"))
    if len(key) != len(kind.id):
        wanted = "/".join(pointer.rpartition("/")[2] for pointer in kind.id)
        raise ConfigError(f"the id of a {kind.name} is {wanted}, each part %-encoded, not {text!r}")
    return key


def _tenant(text: str) -> Tenant:
    parts = [unquote(part) for part in text.split("/")]
    if len(parts) not in (2, 3) or not all(parts):
        raise ConfigError(f"--tenant {text!r}: write org/workspace or org/workspace/deployment, each %-encoded")
    return Tenant(*parts)


@dataclass(frozen=True, slots=True)
class _Everything:
    """Sees all: who may run this may read the store."""

    labels: frozenset[int]

    def lanes(self, kind: str, fields: Sequence[str]) -> Lanes:  # noqa: ARG002 - of the protocol
        return Lanes(self.labels, frozenset())

    def show(self, row: Row, fields: Sequence[str]) -> Row | None:  # noqa: ARG002 - of the protocol
        return row


async def _found(
    store: Store, config: Config, policies: KindPolicies, key: Key, tenant: Tenant, identity: Identity, now_ms: int
) -> _Found | None:
    """The record and the answer; the store is closed after it."""
    try:
        async with store.snapshot(identity.tenant) as own:
            authority = await callers(config).authority(identity, own, now_ms)
        async with store.snapshot(tenant) as snap:
            name = policies.kind.name
            labels = frozenset(label for label, _ in await snap.labels(name, 0))
            [page] = await snap.read([Get(name, (key,))], _Everything(labels))
            if not page.rows:
                return None
            row = page.rows[0]
            view = policy_view(policies.kind, row.record())
            answer = Explainer(policies, authority.caller).answer(view, tenant, now_ms)
            return _Found(row, await snap.sharing(row.label_id), authority, answer)
    finally:
        await store.close()


def _told(found: _Found, policies: KindPolicies, tenant: Tenant, terminal: Terminal) -> Iterator[str]:
    answer, row = found.answer, found.row
    verdict = terminal.painted("visible", GREEN) if answer.visible else terminal.painted("hidden", RED)
    yield f"{verdict}: {row.kind} {harmless('/'.join(row.position.key))} of {harmless(_shown_tenant(tenant))}"
    yield f"caller: {_who(found.authority.caller)}"
    yield f"label: shared by {found.sharing} records: {_shown(_label(row, policies))}"
    if not answer.same_tenant:
        yield "the tenant wall hides it, whatever policies say: the caller is of another tenant"
    if not answer.covered:
        yield "no policy speaks of its kind, so nobody sees it"
    for policy in answer.policies:
        yield f"{policy.policy.name} {'admits it' if policy.admits else 'does not admit it'}"
        for rule in policy.rules:
            yield from _rule(rule, terminal)
    if answer.visible and answer.redacted:
        yield f"masked: {', '.join(sorted(answer.redacted))}"
    yield _next(found, policies)


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


def _rule(rule: RuleAnswer, terminal: Terminal) -> Iterator[str]:
    said = f"ends in an error: {rule.error}" if rule.error is not None else str(rule.value).lower()
    yield f"  {rule.rule.effect} {rule.rule.name}: {harmless(said)}"
    for name, value in rule.read.items():
        yield "    " + terminal.painted(f"{name} = {_shown(value)}", DIM)


def _next(found: _Found, policies: KindPolicies) -> str:
    until = found.authority.until_ms
    ends = "" if until is None else f"at {_time(until)}, when a membership or grant ends"
    if _reads_clock(policies):
        return f"may change at any time, for a rule reads the clock{', and ' + ends if ends else ''}"
    return f"next change: {ends or 'only with the records or the policies'}"


def _reads_clock(policies: KindPolicies) -> bool:
    return any(path.root == "now_ms" for rule in policies.rules for path in rule.checked.paths)


def _time(at_ms: int) -> str:
    if at_ms > _LATEST_SHOWN_MS:
        return f"{at_ms} ms"
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec='milliseconds')} ({at_ms} ms)"


def _label(row: Row, policies: KindPolicies) -> Mapping[str, Any]:
    """The properties of the record that its label holds, by dotted name."""
    found: dict[str, Any] = {}
    record = row.record()
    for pointer in policies.kind.label:
        value: Any = record
        for name in pointer.split("/")[1:]:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            found[pointer.lstrip("/").replace("/", ".")] = value
    return found


def _as_json(found: _Found, policies: KindPolicies, tenant: Tenant) -> dict[str, Any]:
    answer, row = found.answer, found.row
    return {
        "visible": answer.visible,
        "kind": row.kind,
        "key": row.position.key,
        "tenant": [tenant.org_id, tenant.workspace_id, tenant.deployment_id],
        "same_tenant": answer.same_tenant,
        "covered": answer.covered,
        "caller": found.authority.caller.document,
        "label": {"records": found.sharing, "values": _label(row, policies)},
        "policies": [
            {"policy": one.policy.name, "admits": one.admits, "rules": [_rule_json(rule) for rule in one.rules]}
            for one in answer.policies
        ],
        "masked": sorted(answer.redacted),
        "reads_clock": _reads_clock(policies),
        "until_ms": found.authority.until_ms,
    }


def _rule_json(rule: RuleAnswer) -> dict[str, Any]:
    return {
        "rule": rule.rule.name,
        "effect": rule.rule.effect,
        "value": rule.value,
        "error": rule.error,
        "read": dict(rule.read),
    }


def _shown(value: Any) -> str:
    """A value, cut where it is long; JSON tells all."""
    text = orjson.dumps(value).decode()
    return harmless(text if len(text) <= SHOWN else text[:SHOWN] + "…")


def _shown_tenant(tenant: Tenant) -> str:
    return "/".join(part for part in (tenant.org_id, tenant.workspace_id, tenant.deployment_id) if part)
