"""The address of a store as it may be told."""

import re

_BEFORE_HOST = re.compile(r"(://[^/?#:@]*):[^/?#]*@")
_IN_QUERY = re.compile(r"([?&](?:ssl)?password=)[^&]*")


def shown(url: str) -> str:
    """The address as it was written, but for its passwords; also one that is no address."""
    return _IN_QUERY.sub(r"\1***", _BEFORE_HOST.sub(r"\1:***@", url))
