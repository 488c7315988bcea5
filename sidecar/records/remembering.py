"""A bounded memory for what many records have in common: a tenant, a scope, a label."""

from typing import TypeVar

MOST = 10_000
"""How many values are remembered by one memory."""
LONGEST = 1_024
"""Bytes of the longest thing that a value is remembered by."""

K = TypeVar("K")
V = TypeVar("V")


def remember(known: dict[K, V], key: K, value: V, most: int = MOST) -> V:
    """The value, remembered; all are forgotten when they are too many."""
    if len(known) >= most:
        known.clear()
    known[key] = value
    return value
