"""Who asks, when, and of what: what the verbs that read the store share."""

import argparse
import time
from pathlib import Path

from sidecar.config import Config
from sidecar.errors import BadRequest, ConfigError, Finding
from sidecar.http.query import path_parts
from sidecar.identity.caller import Identity
from sidecar.identity.callers import Callers
from sidecar.identity.claims import claims_schema
from sidecar.records.explain import Explainer
from sidecar.records.kind import Kind, Kinds
from sidecar.records.places import BadJson, line_of, read_placed
from sidecar.records.store import Tenant
from sidecar.validated import nearest


def identity_in(path: Path) -> Identity:
    """The identity in a file that has the shape of a suite's callers. Raises ConfigError."""
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path} cannot be read: {why}") from error
    try:
        claims, places = read_placed(text)
    except BadJson as error:
        line, column, shown = line_of(text, error.offset)
        raise ConfigError.of([Finding(str(path), line, column, error.message, shown)]) from error
    faults = Explainer(claims_schema()).faults(claims)
    if faults:
        told = [(places.line(places.at(pointer)), f"{pointer or '/'} {message}") for pointer, message in faults]
        raise ConfigError.of([Finding(str(path), *at[:2], message, at[2]) for at, message in told])
    return Identity.of(claims)


def kind_named(name: str, kinds: Kinds) -> Kind:
    """The kind of a name. Raises ConfigError."""
    found = kinds.get(name)
    if found is None:
        raise ConfigError(f"there is no kind {name!r}{nearest(name, kinds) or '; there are ' + ', '.join(kinds)}")
    return found


def parts_of(text: str) -> tuple[str, ...]:
    """The parts of a name, decoded as those of a URL's path are. Raises ConfigError for what is not UTF-8."""
    try:
        return path_parts(text)
    except BadRequest:
        raise ConfigError(f"{text!r} is not UTF-8 once its %-encoding is undone") from None


def tenant_named(text: str) -> Tenant:
    """The tenant that ``--tenant`` names. Raises ConfigError."""
    parts = parts_of(text)
    if len(parts) not in (2, 3) or not all(parts):
        raise ConfigError(f"--tenant {text!r}: write org/workspace or org/workspace/deployment, each %-encoded")
    return Tenant(*parts)


def shown_tenant(tenant: Tenant) -> str:
    """A tenant as people read it."""
    return "/".join(part for part in (tenant.org_id, tenant.workspace_id, tenant.deployment_id) if part)


def plain_tenant(tenant: Tenant) -> list[str]:
    """A tenant as programs read it."""
    return [tenant.org_id, tenant.workspace_id, tenant.deployment_id]


def instant(asked: argparse.Namespace) -> int:
    """The instant that is asked about (Unix milliseconds)."""
    return time.time_ns() // 1_000_000 if asked.at is None else int(asked.at)


def callers(config: Config) -> Callers:
    """Who makes callers of identities, as configured."""
    return Callers(operator_without_units=config.identity.silent_operators)
