"""YAML read strictly: what a file says is what it looks like, and everything knows where it stands.

There are no anchors, aliases, tags, merge keys, directives, duplicate keys or second documents, and a plain scalar is
JSON (a number, true, false, null) or text: ``no`` is the text "no".
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sidecar.errors import ConfigError, Finding, FindingsError

MOST_BYTES = 256 * 1024
DEEPEST = 20
MOST_NODES = 20_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = {"true": True, "false": False, "null": None, "": None}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?")
_SPACE = re.compile(r"\s*")
_ESCAPES = {"n": "\n", "t": "\t", " ": " ", "r": "\r"}
_ESCAPE_LENGTHS = {"x": 4, "u": 6, "U": 10}
_UNCLOSED = "found unexpected end of stream"
_HINTS = {
    _UNCLOSED: "the quote that begins here is never closed",
    "mapping values are not allowed in this context": "indent this line as its neighbours, or quote what holds a ':'",
    "did not find expected '-' indicator": "indent this line as its neighbours",
    "did not find expected key": "indent this line as its neighbours, or quote the whole of a text that holds quotes",
    "found character that cannot start any token": "indent with spaces, or quote a text that begins with this",
    "found a tab character that violates indentation": "indent with spaces",
    "could not find expected ':'": "a key ends with a colon, and the lines of a text are indented",
}
"""What people meant who met one of the parser's sentences."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file and its text."""

    path: str
    text: str

    def finding(self, at: int, message: str) -> Finding:
        """A finding at an offset (characters from 0) of the file."""
        start = self.text.rfind("\n", 0, at) + 1
        end = self.text.find("\n", at)
        line = self.text[start : end if end >= 0 else None].rstrip("\r")
        return Finding(self.path, self.text.count("\n", 0, start) + 1, at - start + 1, message, line)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One scalar. ``at`` and ``end`` are its offsets in the file; ``style`` is empty for a plain one."""

    text: str
    style: str
    at: int
    end: int

    @property
    def value(self) -> Any:
        """The value where the schema does not ask for text: JSON when plain, else the text."""
        if self.style:
            return self.text
        if self.text in _WORDS:
            return _WORDS[self.text]
        match = _NUMBER.fullmatch(self.text)
        if match is None:
            return self.text
        if match.group(2) is None and match.group(3) is None:
            return int(self.text)
        number = float(self.text)
        return number if math.isfinite(number) else self.text

    def place(self, source: Source, offset: int) -> int:
        """Where in the file the character at ``offset`` of the scalar's text stands, folding and escapes undone."""
        raw = source.text[self.at : self.end]
        at = {"": 0, "'": 1, '"': 1}.get(self.style, raw.find("\n") + 1)
        found = at
        for char in self.text[: offset + 1]:
            at = found = _skip(raw, at, char, self.style)
            if raw[at : at + 1] != " " or not char.isspace():
                at += _length(raw, at, char, self.style)
        return self.at + min(found if offset < len(self.text) else at, len(raw))


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: "tuple[Node, ...]"
    at: int


@dataclass(frozen=True, slots=True)
class Members:
    """A mapping: each key's own scalar and its value, by the key's text."""

    members: "Mapping[str, tuple[Scalar, Node]]"
    at: int

    def get(self, key: str) -> "Node | None":
        """The value of a key, if it is there."""
        found = self.members.get(key)
        return found[1] if found else None


Node = Scalar | Items | Members


def _skip(raw: str, at: int, char: str, style: str) -> int:
    """Step over white space and line continuations that the text does not show one to one."""
    while True:
        if style == '"' and raw[at : at + 1] == "\\" and raw[at + 1 : at + 2] in ("\n", "\r"):
            at += 1
        elif char.isspace() or not raw[at : at + 1].isspace():
            return at
        match = _SPACE.match(raw, at)
        at = match.end() if match else at


def _length(raw: str, at: int, char: str, style: str) -> int:
    """How many characters of the file write one character of the text."""
    if style == "'":
        return 2 if char == "'" else int(raw[at : at + 1] == char)
    if style != '"' or raw[at : at + 1] != "\\":
        return int(raw[at : at + 1] == char)
    sign = raw[at + 1 : at + 2]
    if char.isspace() and _ESCAPES.get(sign) != char:
        return 0
    return _ESCAPE_LENGTHS.get(sign, 2)


def read(path: Path) -> tuple[Source, Node]:
    """Read one file. Raises ConfigError when it cannot be opened, FindingsError when it is not strict YAML."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    return read_text(str(path), content)


def read_text(path: str, content: bytes) -> tuple[Source, Node]:
    """Read the content of one file. Raises FindingsError."""
    if len(content) > MOST_BYTES:
        raise FindingsError([Finding(path, 0, 0, f"is {len(content)} bytes long; at most {MOST_BYTES} are read")])
    try:
        source = Source(path, content.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise FindingsError([Finding(path, 0, 0, f"is not UTF-8: byte {error.start} cannot be read")]) from error
    return source, _Builder(source).document()


def _at(event: Any) -> int:
    return int(event.start_mark.index)


def _end(event: Any) -> int:
    return int(event.end_mark.index)


class _Builder:
    """Builds nodes from the parser's events, refusing what is not strict as soon as it appears."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._events: Iterator[Any] = yaml.parse(source.text, Loader=_LOADER)
        self._nodes = 0

    def refuse(self, at: int, message: str) -> FindingsError:
        return FindingsError([self._source.finding(at, message)])

    def document(self) -> Node:
        try:
            return self._document()
        except yaml.MarkedYAMLError as error:
            mark = error.context_mark if error.problem == _UNCLOSED else error.problem_mark or error.context_mark
            said = ": ".join(part for part in (error.context, error.problem) if part)
            said += f"; {_HINTS[error.problem]}" if error.problem in _HINTS else ""
            raise self.refuse(mark.index if mark else 0, f"is not YAML: {said}") from error
        except yaml.YAMLError as error:
            at = getattr(error, "position", 0)
            raise self.refuse(at, f"is not YAML: {str(error).splitlines()[0]}") from error

    def _document(self) -> Node:
        next(self._events)
        start = next(self._events)
        if not isinstance(start, yaml.DocumentStartEvent):
            raise self.refuse(0, "is empty")
        if start.version or start.tags:
            raise self.refuse(_at(start), "directives such as %YAML and %TAG are not supported")
        root = self._node(next(self._events), 0)
        next(self._events)
        after = next(self._events)
        if isinstance(after, yaml.DocumentStartEvent):
            raise self.refuse(_at(after), "a second document begins here; a file holds one")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        at = _at(event)
        self._nodes += 1
        if isinstance(event, yaml.AliasEvent):
            raise self.refuse(at, f"aliases (*{event.anchor}) are not supported; write the value out")
        if event.anchor is not None:
            raise self.refuse(at, f"anchors (&{event.anchor}) are not supported; write the value out")
        if event.tag is not None:
            raise self.refuse(at, f"tags ({event.tag}) are not supported; quote a text that begins with !")
        if depth > DEEPEST:
            raise self.refuse(at, f"is nested deeper than {DEEPEST} levels")
        if self._nodes > MOST_NODES:
            raise self.refuse(at, f"the file has more than {MOST_NODES} nodes")
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0] and not event.style
            return Scalar(event.value, "" if plain else event.style or "'", at, _end(event))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._items(at, depth)
        return self._members(at, depth)

    def _items(self, at: int, depth: int) -> Items:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Items(tuple(items), at)

    def _members(self, at: int, depth: int) -> Members:
        members: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise self.refuse(key.at, "a key is a plain word, not a list or a mapping")
            if key.text == "<<" and not key.style:
                raise self.refuse(key.at, "merge keys (<<) are not supported; write the members out")
            if key.text in members:
                first = self._source.finding(members[key.text][0].at, "")
                place = f"line {first.line}, column {first.column}"
                raise self.refuse(key.at, f"the key {key.text!r} is given twice; the first is in {place}")
            members[key.text] = (key, self._node(next(self._events), depth + 1))
        return Members(members, at)
