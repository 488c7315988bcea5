"""Where the configuration comes from: a flag stands above the environment, that above the file, that above defaults."""

import base64
import binascii
import ipaddress
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidecar.config import (
    DEFAULT,
    Address,
    AdminConfig,
    Config,
    CursorConfig,
    IdentityConfig,
    Limits,
    LogConfig,
    Network,
    ReloadConfig,
    RetentionConfig,
    RuntimeConfig,
    StoreConfig,
    TokenConfig,
)
from sidecar.errors import ConfigError, Finding, FindingsError
from sidecar.strict_yaml import Items, Members, Node, Source
from sidecar.validated import node_at, read_validated, value_of

FILE = Path("sidecar.yaml")
"""The file that is read when none is named and it is there."""
KEY_BYTES = 64
MOST_WORKERS = 64
_UNITS_MS = {"h": 3_600_000, "d": 86_400_000}
_SQLITE = "sqlite:///"

Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says; None where it says nothing."""

    config: str | None = None
    store: str | None = None
    policies: Sequence[str] | None = None
    schemas: Sequence[str] | None = None
    listen: str | None = None
    admin_listen: str | None = None
    workers: int | None = None
    follow_runtime: str | None = None


def read_config(flags: Flags = Flags(), environ: Mapping[str, str] | None = None) -> Config:
    """The configuration in force. Raises ConfigError with everything that is wrong in the file, or the first flag."""
    given = os.environ if environ is None else environ
    named = flags.config or given.get("SIDECAR_CONFIG")
    settings = _file(Path(named)) if named else _file(FILE) if FILE.is_file() else {}
    if store := flags.store or given.get("SIDECAR_STORE"):
        settings["store"] = {**settings.get("store", {}), "url": store}
    for name in ("policies", "schemas"):
        if folders := getattr(flags, name) or _listed(given.get(f"SIDECAR_{name.upper()}", "")):
            settings[name] = list(folders)
    for name, read in (("listen", Address.of), ("admin_listen", Address.of), ("workers", _workers)):
        if (value := getattr(flags, name)) is not None:
            settings[name] = _flag(name, value, read)
    if flags.follow_runtime is not None:
        settings["runtime"] = {**settings.get("runtime", {}), "follow": flags.follow_runtime}
    return _config(settings)


def _listed(folders: str) -> list[str]:
    return [folder for folder in folders.split(os.pathsep) if folder]


def _flag(name: str, value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise ConfigError(f"--{name.replace('_', '-')}: {error}") from None


def _file(path: Path) -> Settings:
    """The settings of a file, each value read into what it means, relative paths from the file's folder."""
    try:
        source, root = read_validated(path, "config")
        return _at_home(path.parent, _meanings(source, root))
    except FindingsError as error:
        raise ConfigError.of(error.findings) from error


def _meanings(source: Source, root: Members) -> Settings:
    """The file's values, those that are written as text read into what they mean. Raises FindingsError."""
    settings: Settings = value_of(root, "config")
    findings: list[Finding] = []
    for (*sections, name), read in _READERS.items():
        section = settings
        for part in sections:
            section = section.get(part, {})
        if name in section:
            section[name] = _meaning(source, node_at(root, (*sections, name)), section[name], read, findings)
    if findings:
        raise FindingsError(findings)
    return settings


def _meaning(source: Source, node: Node, value: Any, read: Callable[[Any], Any], findings: list[Finding]) -> Any:
    """What a value means, of a list each element; what it cannot mean becomes a finding at its place."""
    if isinstance(node, Items):
        return [_meaning(source, at, one, read, findings) for at, one in zip(node.items, value, strict=True)]
    try:
        return read(value)
    except ValueError as error:
        findings.append(source.finding(node.at, str(error)))
        return None


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{error}; write an address, or a network such as 10.0.0.0/8") from None


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a cursor key is base64 of {KEY_BYTES} random bytes, and this is not")
    return key


def _workers(number: int) -> int:
    if not 1 <= number <= MOST_WORKERS:
        raise ValueError(f"{number} workers cannot serve; write a number from 1 to {MOST_WORKERS}")
    return number


def _kept(ages: Mapping[str, str]) -> dict[str, int]:
    """How long each kind is kept, in milliseconds. The schema has seen to the form: a number and its unit."""
    return {kind: int(age[:-1]) * _UNITS_MS[age[-1]] for kind, age in ages.items()}


def _token(values: Mapping[str, Any]) -> TokenConfig:
    tenants = frozenset(
        (tenant["org_id"], tenant["workspace_id"], tenant.get("deployment_id", "")) for tenant in values["tenants"]
    )
    return TokenConfig(**{**values, "kinds": frozenset(values["kinds"]), "tenants": tenants})


_READERS: Mapping[tuple[str, ...], Callable[[Any], Any]] = {
    ("listen",): Address.of,
    ("admin_listen",): Address.of,
    ("workers",): _workers,
    ("identity", "trusted_proxies"): _network,
    ("admin", "tokens"): _token,
    ("cursor", "keys"): _key,
    ("retention", "keep"): _kept,
}


def _at_home(home: Path, settings: Settings) -> Settings:
    """Relative paths of the file made to start from its folder."""
    for name in ("policies", "schemas"):
        if name in settings:
            here = {DEFAULT: DEFAULT} if name == "policies" else {}
            settings[name] = [here.get(folder) or str(home / folder) for folder in settings[name]]
    url = settings.get("store", {}).get("url", "")
    if url.startswith(_SQLITE):
        settings["store"]["url"] = _SQLITE + str(home / url.removeprefix(_SQLITE))
    followed = settings.get("runtime", {}).get("follow")
    if followed is not None:
        settings["runtime"]["follow"] = str(home / followed)
    return settings


def _config(settings: Settings) -> Config:
    """The values as one immutable whole."""
    sections: dict[str, Callable[..., Any]] = {
        "store": StoreConfig,
        "identity": IdentityConfig,
        "admin": AdminConfig,
        "cursor": CursorConfig,
        "runtime": RuntimeConfig,
        "retention": RetentionConfig,
        "limits": Limits,
        "reload": ReloadConfig,
        "log": LogConfig,
    }
    made: Settings = {name: sections[name](**_tupled(settings[name])) for name in sections if name in settings}
    return Config(**{**_tupled(settings), **made})


def _tupled(section: Settings) -> Settings:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in section.items()}
