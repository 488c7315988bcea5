"""Addresses of stores, told without their passwords."""

import pytest

from sidecar.records.address import shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:se@cret@h:5432/db", "postgresql://u:***@h:5432/db"),
        ("postgresql://:secret@/db?host=/run", "postgresql://:***@/db?host=/run"),
        ("postgresql://u:secret@[::1/db", "postgresql://u:***@[::1/db"),
        ("postgres+driver://u:secret@h/db", "postgres+driver://u:***@h/db"),
        (
            "postgresql:///db?user=u&password=secret&sslpassword=secret",
            "postgresql:///db?user=u&password=***&sslpassword=***",
        ),
        ("postgresql://u@h1:1,h2:2/db?application_name=a@b", "postgresql://u@h1:1,h2:2/db?application_name=a@b"),
        ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db"),
    ],
)
def test_no_password_is_told(url: str, expected: str) -> None:
    """Whatever else is wrong with an address, it is shown as it was written, but for its passwords."""
    assert shown(url) == expected
