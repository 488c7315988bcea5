"""The address of a store: taken apart before anybody uses it, and told without its passwords."""

import re
from urllib.parse import parse_qsl, urlsplit

_BEFORE_HOST = re.compile(r"(://[^/?#:@\[]*|://[^/?#:\[]*(?!:\d+[,/?#])):.*@", re.DOTALL)
"""From a user to the last @, for a password may hold what it should not; only a port stands there too."""
_IN_QUERY = re.compile(r"([?&](?:ssl)?password=)[^&]*")
_HOST = re.compile(r"(?:\[[^\]@]*\]|[^:\[\]@]*)(?::\d*)?")


def shown(url: str) -> str:
    """The address as it was written, but for its passwords; also one that is no address. In doubt less of it."""
    return _IN_QUERY.sub(r"\1***", _BEFORE_HOST.sub(r"\1:***@", url))


def require_address(url: str) -> None:
    """Prove that a driver can take the address apart. Raises ValueError, which quotes nothing of it."""
    try:
        parts = urlsplit(url)
        parse_qsl(parts.query, strict_parsing=parts.query != "")
        before, at, behind = parts.netloc.partition("@")  # the first one, as drivers do
        hosts = (behind if at else before).split(",")
        good = all(_HOST.fullmatch(host) for host in hosts)
    except ValueError:
        good = False
    if not good:
        raise ValueError("it cannot be taken apart; before its host write / ? # [ ] @ as %2F %3F %23 %5B %5D %40")
