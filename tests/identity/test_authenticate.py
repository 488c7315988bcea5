"""Identity headers, as an attacker would send them."""

import ipaddress

import pytest

from sidecar.errors import Unauthenticated
from sidecar.identity.authenticate import ASSERTIONS, IDENTITY_HEADERS, Peers, from_headers
from sidecar.identity.caller import Identity
from sidecar.records.store import Tenant

PLAIN = [("x-tandem-org-id", "acme"), ("x-tandem-workspace-id", "main")]
LOOPBACK = Peers((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))


def test_everything_a_proxy_may_state() -> None:
    """Each header lands in its place, trimmed; lists are split at commas and lose their blanks."""
    headers = [
        ("X-Tandem-Org-Id", " acme "),
        ("x-tenant-workspace-id", "main"),
        ("X-USER-ID", "ann"),
        ("x-tandem-deployment-id", "eu"),
        ("x-tandem-org-units", "finance, ,organization_unit/ops"),
        ("x-tandem-roles", "auditor"),
        ("x-tandem-data-classes", "restricted,executive"),
        ("x-request-id", "a,b"),
    ]
    units, classes = ("finance", "organization_unit/ops"), ("restricted", "executive")
    expected = Identity(Tenant("acme", "main", "eu"), "ann", units, ("auditor",), classes)
    assert from_headers(headers, trusted=True) == expected


@pytest.mark.parametrize(("units", "claim"), [([], None), ([("x-tandem-org-units", " ")], ())])
def test_an_empty_claim_is_a_claim(units: list[tuple[str, str]], claim: tuple[str, ...] | None) -> None:
    """A blank unit header claims no unit; an absent one claims nothing."""
    assert from_headers(PLAIN + units, trusted=True).org_units == claim


@pytest.mark.parametrize("missing", [0, 1])
@pytest.mark.parametrize("instead", [[], [""], ["  "]])
def test_nobody_is_a_local_caller(missing: int, instead: list[str]) -> None:
    """Without an organisation or a workspace there is no tenant, not an implicit one."""
    headers = [pair for index, pair in enumerate(PLAIN) if index != missing]
    headers += [(PLAIN[missing][0], value) for value in instead]
    with pytest.raises(Unauthenticated, match="both needed"):
        from_headers(headers, trusted=True)


def test_an_untrusted_peer_states_nothing() -> None:
    """Perfect headers from a peer that is not the proxy prove nothing."""
    with pytest.raises(Unauthenticated, match="not believed"):
        from_headers(PLAIN, trusted=False)


@pytest.mark.parametrize("name", sorted(IDENTITY_HEADERS))
def test_twice_is_refused(name: str) -> None:
    """No identity header may come twice, equal or not, in any case."""
    with pytest.raises(Unauthenticated, match="more than once"):
        from_headers([(name, "v"), *((n, v) for n, v in PLAIN if n != name), (name.upper(), "v")], trusted=True)


@pytest.mark.parametrize("name", sorted(IDENTITY_HEADERS))
@pytest.mark.parametrize("places", ["all", "first", "last"])
def test_look_alikes_are_refused(name: str, places: str) -> None:
    """An underscore in place of a dash is no identity header, and refuses the request that carries it."""
    parts = name.split("-")
    twin = {
        "all": "_".join(parts),
        "first": parts[0] + "_" + "-".join(parts[1:]),
        "last": "-".join(parts[:-1]) + "_" + parts[-1],
    }[places]
    with pytest.raises(Unauthenticated, match="looks like"):
        from_headers([*PLAIN, (twin, "evil")], trusted=True)


@pytest.mark.parametrize("name", [*sorted(ASSERTIONS), "X-Tandem-Context-JWS", "x_tandem_context_assertion"])
@pytest.mark.parametrize("stated", [PLAIN, []])
@pytest.mark.parametrize("token", ["a.b.c", ""])
def test_a_signed_assertion_is_refused(name: str, stated: list[tuple[str, str]], token: str) -> None:
    """A token that nobody here reads may speak of another than the headers beside it, so neither is believed."""
    with pytest.raises(Unauthenticated, match="is not read here: the proxy proves tokens"):
        from_headers([*stated, (name, token)], trusted=True)


def test_what_a_proxy_passes_on_beside_its_own_is_not_read() -> None:
    """The password or token that the proxy asked for proves nothing more here, and refuses nobody."""
    assert from_headers([*PLAIN, ("Authorization", "Bearer a.b.c")], trusted=True) == from_headers(PLAIN, trusted=True)


@pytest.mark.parametrize(
    ("alias", "primary"),
    [("x-tenant-org-id", "x-tandem-org-id"), ("x-tenant-workspace-id", "x-tandem-workspace-id")],
)
def test_an_alias_beside_its_primary_is_a_duplicate(alias: str, primary: str) -> None:
    """Two names of one header cannot name two tenants."""
    with pytest.raises(Unauthenticated, match=f"{primary} and {alias}"):
        from_headers([*PLAIN, (alias, "other")], trusted=True)


@pytest.mark.parametrize("value", ["a,b", "caf\u00e9", "a\x00b", "a\x7f", "x" * 5_000])
def test_a_strange_value_is_refused(value: str) -> None:
    """A list where one value belongs, a control character, non-ASCII or excess length refuses the request."""
    with pytest.raises(Unauthenticated):
        from_headers([("x-tandem-org-id", value), PLAIN[1]], trusted=True)


def test_a_claim_can_be_required() -> None:
    """With the claim required, silence about units is refused and an empty claim is not."""
    with pytest.raises(Unauthenticated, match="x-tandem-org-units"):
        from_headers(PLAIN, trusted=True, claim_required=True)
    assert from_headers([*PLAIN, ("x-tandem-org-units", "")], trusted=True, claim_required=True).org_units == ()


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        (None, True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::2", False),
        ("::ffff:10.0.0.1", False),
        ("", False),
        ("localhost", False),
    ],
)
def test_peers(address: str | None, trusted: bool) -> None:
    """Headers are believed from a Unix socket and from the named networks, in either spelling of an address."""
    assert LOOPBACK.trust(address) == trusted
