"""Addresses of stores, told without their passwords."""

import pytest

from sidecar.records.address import require_address, shown


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
        ("postgresql://u:se/cr?et#se@cr/et@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u:12/34@h/db", "postgresql://u:***@h/db"),
        ("postgresql://me@here:secret@h/db", "postgresql://me@here:***@h/db"),
        ("postgresql://me@here:se/cret@h/db", "postgresql://me@here:***@h/db"),
        ("postgresql://[::1]:5432/db?application_name=a@b", "postgresql://[::1]:5432/db?application_name=a@b"),
        ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db"),
    ],
)
def test_no_password_is_told(url: str, expected: str) -> None:
    """Whatever else is wrong with an address, it is shown as it was written, but for its passwords."""
    assert shown(url) == expected


@pytest.mark.parametrize(
    "who", ["u:se/cret", "u:se?cret", "u:se#cret", "u:s[ecret", "u:12?cret", "u:se@cret", "u:1@2", "me@here:secret"]
)
def test_an_address_that_no_driver_can_take_apart_is_told_in_our_words(who: str) -> None:
    """A password or a user that is not written as it has to be is refused, and no part of it is in what is said."""
    with pytest.raises(ValueError, match="cannot be taken apart") as refused:
        require_address(f"postgresql://{who}@h/db")
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///db",
        "postgresql://u@/db?host=/run",
        "postgresql://u:%2F%40@h1:1,[::1]:2,h3/db?sslmode=prefer&application_name=",
        "postgresql://me%40here:secret@h/db",
        "postgresql://h:5432/db?user=me@here",
    ],
)
def test_an_address_that_can_be_taken_apart_is_used(url: str) -> None:
    """Several hosts, numbers for hosts, none, and an @ behind them are as good as any."""
    require_address(url)
