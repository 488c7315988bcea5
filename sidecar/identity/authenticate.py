"""Proving who asks, from the headers that a trusted proxy sets. Anything doubtful is nobody."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sidecar.errors import Unauthenticated
from sidecar.identity.caller import Identity
from sidecar.records.forms import WHITE_SPACE
from sidecar.records.store import Tenant

ORG = ("x-tandem-org-id", "x-tenant-org-id")
WORKSPACE = ("x-tandem-workspace-id", "x-tenant-workspace-id")
ACTOR = ("x-tandem-actor-id", "x-user-id")
DEPLOYMENT = ("x-tandem-deployment-id",)
UNITS = ("x-tandem-org-units",)
ROLES = ("x-tandem-roles",)
DATA_CLASSES = ("x-tandem-data-classes",)
LISTS = frozenset(UNITS + ROLES + DATA_CLASSES)
IDENTITY_HEADERS = frozenset((*ORG, *WORKSPACE, *ACTOR, *DEPLOYMENT, *LISTS))
ASSERTIONS = frozenset(("x-tandem-context-assertion", "x-tandem-context-jws", "x-tandem-tenant-context-jws"))
"""Signed tokens that state an identity, which may be another than the headers do. Proving them is the proxy's work."""

LONGEST_VALUE = 4_096

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Peers:
    """Whom identity headers are believed from: a Unix socket, or an address inside one of the networks."""

    networks: tuple[Network, ...]

    def trust(self, address: str | None) -> bool:
        """Whether a peer may state identities. None is a Unix socket."""
        if address is None:
            return True
        peer = _address(address)
        return peer is not None and any(peer in network for network in self.networks if network.version == peer.version)


@lru_cache(1_000)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address of a peer, one inside IPv6 as what it is; None for what is no address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


def from_headers(headers: Iterable[tuple[str, str]], *, trusted: bool, claim_required: bool = False) -> Identity:
    """The identity in a request's headers, each given at most once, an alias counting as its primary.

    ``claim_required`` refuses an identity that says nothing about units. Raises Unauthenticated.
    """
    if not trusted:
        raise Unauthenticated("identity headers are not believed from this peer")
    values = _identity_values(headers)
    org, workspace = _one(values, ORG), _one(values, WORKSPACE)
    if not org or not workspace:
        raise Unauthenticated(f"{ORG[0]} and {WORKSPACE[0]} are both needed")
    units = _list(values, UNITS)
    if units is None and claim_required:
        raise Unauthenticated(f"{UNITS[0]} is needed; it may be empty")
    return Identity(
        tenant=Tenant(org, workspace, _one(values, DEPLOYMENT) or ""),
        actor_id=_one(values, ACTOR),
        org_units=units,
        roles=_list(values, ROLES) or (),
        data_classes=_list(values, DATA_CLASSES) or (),
    )


def _identity_values(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The identity headers by name. A second one refuses the request, as do an assertion and a look-alike."""
    values: dict[str, str] = {}
    for spelled, value in headers:
        name = spelled.lower()
        if name not in IDENTITY_HEADERS:
            _refuse_doubtful(name)
            continue
        if name in values:
            raise Unauthenticated(f"{name} is given more than once")
        if len(value) > LONGEST_VALUE or not value.isascii() or not value.replace("\t", " ").isprintable():
            raise Unauthenticated(f"{name} is not a short line of ASCII")
        if name not in LISTS and "," in value:
            raise Unauthenticated(f"{name} holds one value, not a list")
        values[name] = value
    return values


def _refuse_doubtful(name: str) -> None:
    """Refuse a header that may state another identity than those that are read. Raises Unauthenticated."""
    meant = name.replace("_", "-")
    if meant in IDENTITY_HEADERS:
        raise Unauthenticated(f"{name[:64]} looks like an identity header but is none")
    if meant in ASSERTIONS:
        raise Unauthenticated(f"{name[:64]} is not read here: the proxy proves tokens, and states who asks")


def _one(values: dict[str, str], names: Sequence[str]) -> str | None:
    """A single value, trimmed; blank is absent. A primary and its alias together are a duplicate."""
    given = [name for name in names if name in values]
    if len(given) > 1:
        raise Unauthenticated(f"{given[0]} and {given[1]} are two names of one header; send one of them")
    return (values[given[0]].strip(WHITE_SPACE) or None) if given else None


def _list(values: dict[str, str], names: Sequence[str]) -> tuple[str, ...] | None:
    """The elements of a comma list, blanks left out; None when the header is absent, empty when it is blank."""
    value = values.get(names[0])
    if value is None:
        return None
    return tuple(element for part in value.split(",") if (element := part.strip(WHITE_SPACE)))
