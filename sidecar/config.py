"""The configuration: immutable values, every limit with its default and its unit in its name."""

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sidecar.errors import ConfigError
from sidecar.shipped import shipped

DEFAULT = "default"
"""The word that names the shipped policies among the folders."""
ADMIN_TOKEN = "SIDECAR_ADMIN_TOKEN"  # noqa: S105 - the name of a variable, no token

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
TenantTriple = tuple[str, str, str]
"""Organisation, workspace, and deployment or the empty text."""

_LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_GREATEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a host and port, or the path of a Unix socket (then the host is empty)."""

    host: str
    port: int
    path: str = ""

    @classmethod
    def of(cls, text: str) -> "Address":
        """Read ``host:port``, ``[v6]:port`` or ``unix:/path``. Raises ValueError with a sentence."""
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if not path:
                raise ValueError("names no socket; write unix:/run/sidecar.sock")
            return cls("", 0, path)
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
        if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > _GREATEST_PORT:
            raise ValueError(f"{text!r} is no address; write host:port, [v6]:port or unix:/path")
        return cls(host, int(port))

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Where records are kept."""

    url: str = "sqlite:///sidecar.db"
    read_connections: int = 16
    statement_timeout_ms: int = 2_000
    auto_migrate: bool = True
    read_url: str | None = None
    read_staleness_ms: int = 1_000
    row_level_security: bool = False


@dataclass(frozen=True, slots=True)
class IdentityConfig:
    """Who may state identities, and what is made of those that say nothing of units."""

    trusted_proxies: tuple[Network, ...] = _LOOPBACK
    operator_without_units: Literal["when-no-membership", "never"] = "when-no-membership"
    unit_claim: Literal["optional", "required"] = "optional"

    @property
    def silent_operators(self) -> bool:
        """Whether an identity that says nothing of units can be an operator's."""
        return self.operator_without_units != "never"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who may write: the SHA-256 of a token, and its kinds and tenants; None stands for all."""

    digest: bytes
    kinds: frozenset[str] | None = None
    tenants: frozenset[TenantTriple] | None = None
    authority: bool = True


def token_digest(token: str) -> bytes:
    """The SHA-256 of a token, configured or presented: of its bytes, whatever they are, without the space around it."""
    return hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).digest()


@dataclass(frozen=True, slots=True)
class TokenConfig:
    """One token as configured: the variable that holds it, or its SHA-256."""

    kinds: frozenset[str]
    tenants: frozenset[TenantTriple]
    authority: bool = False
    token_env: str | None = None
    token_sha256: str | None = None

    def writer(self, environ: Mapping[str, str]) -> Writer:
        """What the token may write. Raises ConfigError when its variable is not set."""
        if self.token_sha256 is not None:
            return Writer(bytes.fromhex(self.token_sha256), self.kinds, self.tenants, self.authority)
        token = environ.get(self.token_env or "", "").strip()
        if not token:
            raise ConfigError(
                f"admin.tokens: the environment variable {self.token_env} is not set; put the token there"
            )
        return Writer(token_digest(token), self.kinds, self.tenants, self.authority)


@dataclass(frozen=True, slots=True)
class AdminConfig:
    """Who may write records over HTTP."""

    tokens: tuple[TokenConfig, ...] = ()

    def writers(self, environ: Mapping[str, str]) -> tuple[Writer, ...]:
        """Everyone who may write; nobody when no token is set anywhere. Raises ConfigError, also for a blank token."""
        given = environ.get(ADMIN_TOKEN, "")
        if given.isspace():  # whoever set it means to guard something
            raise ConfigError(f"the environment variable {ADMIN_TOKEN} is blank; put a token there, or unset it")
        first = (Writer(token_digest(given)),) if given else ()
        return (*first, *(token.writer(environ) for token in self.tokens))


@dataclass(frozen=True, slots=True)
class CursorConfig:
    """The keys that seal cursors, newest first."""

    keys: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """How the runtime's own files are read."""

    paths: Mapping[str, str] = field(default_factory=dict)
    assume_unscoped: bool = False
    follow: str | None = None
    poll_ms: int = 250


@dataclass(frozen=True, slots=True)
class RetentionConfig:
    """How long records of some kinds are kept (ms), and how often ``serve`` removes those that are older."""

    keep: Mapping[str, int] = field(default_factory=dict)
    every_ms: int = 3_600_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take, of time, of bytes, at once; and how long one of several workers may be silent."""

    header_timeout_ms: int = 5_000
    body_timeout_ms: int = 10_000
    handler_timeout_ms: int = 2_000
    keepalive_timeout_ms: int = 30_000
    drain_timeout_ms: int = 10_000
    worker_timeout_ms: int = 30_000
    header_bytes: int = 16 * 1024
    body_bytes: int = 10 * 1024 * 1024
    record_bytes: int = 4 * 1024 * 1024
    choice_bytes: int = 64 * 1024
    connections: int = 1_000
    requests_per_tenant: int = 64


@dataclass(frozen=True, slots=True)
class ReloadConfig:
    """How changed policy files come into force."""

    watch: bool = True
    poll_ms: int = 1_000


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set. ``config_file.read_config`` makes it."""

    store: StoreConfig = StoreConfig()
    policies: tuple[str, ...] = (DEFAULT,)
    schemas: tuple[str, ...] = ()
    judging: Literal["labels", "labels-only"] = "labels"
    verify: Literal["never", "always"] = "never"
    listen: Address = Address("127.0.0.1", 8480)
    admin_listen: Address = Address("127.0.0.1", 8481)
    workers: int = 1
    identity: IdentityConfig = IdentityConfig()
    admin: AdminConfig = AdminConfig()
    cursor: CursorConfig = CursorConfig()
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    retention: RetentionConfig = field(default_factory=RetentionConfig)
    limits: Limits = Limits()
    reload: ReloadConfig = ReloadConfig()
    log: LogConfig = LogConfig()

    @property
    def policy_folders(self) -> tuple[Path, ...]:
        """The folders whose policies are the bundle."""
        return tuple(shipped("policies") if folder == DEFAULT else Path(folder) for folder in self.policies)

    @property
    def schema_folders(self) -> tuple[Path, ...]:
        """The folders whose schemas are the kinds: the shipped one, then the added ones."""
        return (shipped("schemas"), *map(Path, self.schemas))
