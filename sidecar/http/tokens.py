"""Bearer tokens of the admin side: who may write which kinds of which tenants."""

import hmac
from collections.abc import Sequence

from aiohttp import web

from sidecar.config import ADMIN_TOKEN, Address, Writer, token_digest
from sidecar.errors import ConfigError, Forbidden, Unauthenticated
from sidecar.identity.callers import CATALOGUE_KINDS
from sidecar.records.store import Tenant

AUTHORITY_KINDS = frozenset(CATALOGUE_KINDS)
"""The kinds from which callers have what they may see."""
ANYBODY = Writer(b"")
"""Whoever can connect, where no token is set: may write everything."""
WRITER: web.RequestKey[Writer] = web.RequestKey("writer", Writer)
"""Who presented the token of a request."""
_SCHEME = "bearer"


class Tokens:
    """The tokens in force. Only their digests are here, so that nobody reads one out of a dump or a log."""

    def __init__(self, writers: Sequence[Writer] = ()) -> None:
        self._writers = tuple(writers)

    @property
    def guarded(self) -> bool:
        """Whether a token is needed; without one set, everybody who can connect may write."""
        return bool(self._writers)

    def bearer(self, authorization: Sequence[str]) -> Writer:
        """Who presents these Authorization headers. Raises Unauthenticated."""
        if len(authorization) != 1:
            raise Unauthenticated("exactly one Authorization header is needed, with Bearer and a token")
        scheme, _, token = authorization[0].strip().partition(" ")
        if scheme.lower() != _SCHEME:
            raise Unauthenticated("the Authorization header must hold Bearer and a token")
        digest = token_digest(token)
        known = [writer for writer in self._writers if hmac.compare_digest(writer.digest, digest)]
        if not known:
            raise Unauthenticated("the token is not known here")
        return known[0]


def require_kind(writer: Writer, kind: str) -> None:
    """Raises Forbidden for a kind that the writer may not write."""
    if writer.kinds is not None and kind not in writer.kinds:
        raise Forbidden("forbidden", f"this token may not write the kind {kind!r}")
    if kind in AUTHORITY_KINDS and not writer.authority:
        raise Forbidden("forbidden", f"this token has no authority over callers, so it may not write {kind!r}")


def require_tenant(writer: Writer, tenant: Tenant) -> None:
    """Raises Forbidden for a tenant whose records the writer may not write."""
    if writer.tenants is None:
        return
    if (tenant.org_id, tenant.workspace_id, tenant.deployment_id) not in writer.tenants:
        raise Forbidden("forbidden", "this token may not write the records of this tenant")


def require_everything(writer: Writer) -> None:
    """Raises Forbidden for a token that does not open the whole store."""
    if writer.kinds is not None or writer.tenants is not None or not writer.authority:
        raise Forbidden("forbidden", "this token does not open everything, so it may not ask what callers see")


def require_guarded(address: Address, tokens: Tokens) -> None:
    """Raises ConfigError for an admin address that others than this machine reach while no token is set."""
    if not tokens.guarded and not address.loopback:
        raise ConfigError(
            f"the admin side may not listen on {address} without a token: set {ADMIN_TOKEN}, "
            "or listen on a loopback address or a Unix socket"
        )
