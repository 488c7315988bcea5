"""What a mark reads: all of it must be known, so that a mask on any of it keeps the mark from being a filter."""

from collections.abc import Iterator, Mapping
from typing import Any

from sidecar.records.places import token

_PARTS = ("not", "if", "then", "else")
_BRANCHES = ("allOf", "anyOf", "oneOf")
_SILENT = ("type", "title", "description", "$comment")
WORDS = ("required", "properties", *_PARTS, *_BRANCHES, *_SILENT)
"""The keywords that may say something of the record itself. What is said of one of its properties reads no other."""


def own_names(mark: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every property that a mark names, parents included."""
    if not isinstance(mark, Mapping):
        return
    for name in mark.get("required", ()):
        yield (*path, name)
    for name, part in mark.get("properties", {}).items():
        yield (*path, name)
        yield from own_names(part, (*path, name))
    for _, part in _conditions(mark):
        yield from own_names(part, path)


def strangers(mark: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Every keyword about the record itself of which it is not known what it reads: its pointer and the keyword."""
    if not isinstance(mark, Mapping):
        return
    yield from ((pointer + token(word), word) for word in mark if word not in WORDS)
    for place, part in _conditions(mark):
        yield from strangers(part, pointer + place)


def _conditions(mark: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The conditions that a condition is made of, all on the same value, and their pointers."""
    yield from ((token(word), mark[word]) for word in _PARTS if word in mark)
    for word in _BRANCHES:
        yield from ((f"/{word}/{place}", part) for place, part in enumerate(mark.get(word, ())))
