"""Whoever cannot be told is nobody: identity headers are believed from a peer that is known, or not at all."""

from ipaddress import ip_network
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request

from sidecar.http.app import _peer
from sidecar.identity.authenticate import Peers

EVERYBODY = Peers((ip_network("0.0.0.0/0"), ip_network("::/0")))


@pytest.mark.parametrize(
    ("peername", "trusted"),
    [
        ("", True),
        (b"\0abstract", True),
        (("10.0.0.1", 4), True),
        (("::1", 4, 0, 0), True),
        (None, False),
        (("", 4), False),
    ],
)
def test_a_peer_that_cannot_be_told_is_not_trusted(peername: object, trusted: bool) -> None:
    """A Unix socket and an address are; a connection whose other end has no name, even where everybody is trusted, is not."""
    transport = Mock(get_extra_info=lambda name, default=None: peername if name == "peername" else default)
    assert EVERYBODY.trust(_peer(make_mocked_request("GET", "/", transport=transport))) is trusted


def test_a_connection_that_is_gone_is_not_trusted() -> None:
    """What a peer sent before it left is not taken for the word of a Unix socket."""
    request = make_mocked_request("GET", "/")
    request._protocol.transport = None
    assert request.transport is None
    assert not EVERYBODY.trust(_peer(request))
