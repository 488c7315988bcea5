"""Text to tokens. Strings come decoded; every token knows its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as OneOf

from sidecar.cel import sentences
from sidecar.cel.ast import Scalar, UInt
from sidecar.cel.errors import CelSyntaxError, Span

TokenKind = OneOf["name", "quoted", "literal", "punctuation", "end"]

RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
KEYWORDS = frozenset(("in", "true", "false", "null"))

_TOKEN = re.compile(
    r"""(?P<space>(?:[ \t\n\f\r]+|//[^\n]*)+)
      | (?P<string>[bB]?[rR]?(?:\"{3}|'{3}|"|'))
      | (?P<float>(?:[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?))
      | (?P<int>0x[0-9a-fA-F]+[uU]?|[0-9]+[uU]?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | `(?P<quoted>[A-Za-z0-9_./ -]+)`
      | (?P<punctuation>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE,
)
_SIMPLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11} | {c: ord(c) for c in "\\?\"'`"}
_ESCAPE = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|X[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|[abfnrtv\\?\"'`])"
)
_INT_MAX, _UINT_MAX = 2**63, 2**64 - 1
_DIGITS = 21
"""More than a number of 64 bits has, in any base: the rest need not be read to know that it does not fit."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token; ``text`` is what was written, ``value`` what a literal means."""

    kind: TokenKind
    text: str
    span: Span
    value: Scalar = None

    @property
    def shown(self) -> str:
        """The token as an error message names it."""
        return "the end" if self.kind == "end" else f"'{sentences.start(self.text)}'"


class _Places:
    """Turns offsets, asked in ascending order, into lines and columns."""

    def __init__(self, source: str) -> None:
        self._source, self._at, self._line, self._start = source, 0, 1, 0

    def span(self, offset: int, end: int) -> Span:
        newlines = self._source.count("\n", self._at, offset)
        if newlines:
            self._line += newlines
            self._start = self._source.rindex("\n", self._at, offset) + 1
        self._at = offset
        return Span(offset, end, self._line, offset - self._start + 1)


def tokens(source: str) -> Iterator[Token]:
    """The tokens of a text, the last one of kind ``end``. Raises CelSyntaxError."""
    places = _Places(source)
    at = 0
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None:
            raise CelSyntaxError(_no_token(source[at]), places.span(at, at + 1))
        kind, text = found.lastgroup, found.group()
        if kind == "space":
            at = found.end()
            continue
        if kind == "string":
            token = _string(source, at, text, places)
        elif kind in ("int", "float"):
            token = _number(text, places.span(at, found.end()))
        elif kind == "quoted":
            token = Token("quoted", found.group("quoted"), places.span(at, found.end()))
        else:
            token = Token("name" if kind == "name" else "punctuation", text, places.span(at, found.end()))
        at = token.span.end
        yield token
    yield Token("end", "", places.span(at, at))


def _no_token(character: str) -> str:
    return sentences.single_operator(character) if character in "&|=" else sentences.unexpected_character(character)


def _number(text: str, span: Span) -> Token:
    """A number without its sign. Raises CelSyntaxError when it has more than 64 bits."""
    lowered = text.lower()
    if not lowered.startswith("0x") and not lowered.rstrip("u").isdigit():
        return Token("literal", text, span, float(text))
    digits = lowered.removeprefix("0x").rstrip("u").lstrip("0")[:_DIGITS] or "0"
    number = int(digits, 16 if lowered.startswith("0x") else 10)
    if lowered.endswith("u"):
        if number > _UINT_MAX:
            raise CelSyntaxError(sentences.integer_out_of_range(text, "an unsigned integer"), span)
        return Token("literal", text, span, UInt(number))
    if number > _INT_MAX:  # 2**63 itself may still follow a minus; the parser decides
        raise CelSyntaxError(sentences.integer_out_of_range(text, "an integer"), span)
    return Token("literal", text, span, number)


def _string(source: str, at: int, opening: str, places: _Places) -> Token:
    """A string or bytes, decoded, from its prefix and opening quotes on."""
    prefix = opening.rstrip("\"'").lower()
    quote = opening[len(prefix) :]
    start = at + len(opening)
    end = _closing(source, start, quote, raw="r" in prefix)
    span = places.span(at, len(source) if end < 0 else end + len(quote))
    if end < 0:
        raise CelSyntaxError(sentences.unterminated_string(), span)
    body = source[start:end].replace("\r\n", "\n").replace("\r", "\n")
    value: Scalar
    if "b" in prefix:
        value = body.encode() if "r" in prefix else _decode_bytes(body, span)
    else:
        value = body if "r" in prefix else _decode_text(body, span)
    return Token("literal", source[at : span.end], span, value)


def _closing(source: str, start: int, quote: str, *, raw: bool) -> int:
    """Where the string ends, or -1. One-line strings end before a newline."""
    at = start
    while at < len(source):
        if source.startswith(quote, at):
            return at
        if source[at] in "\n\r" and len(quote) == 1:
            return -1
        at += 2 if source[at] == "\\" and not raw else 1
    return -1


def _pieces(body: str, span: Span) -> Iterator[tuple[str, int | None]]:
    """Plain stretches, and escapes with their code."""
    at = 0
    while at < len(body):
        stop = body.find("\\", at)
        if stop < 0:
            yield body[at:], None
            return
        if stop > at:
            yield body[at:stop], None
        found = _ESCAPE.match(body, stop)
        if found is None:
            raise CelSyntaxError(sentences.bad_escape(body[stop : stop + 2]), span)
        text = found.group()
        yield text, _code(text[1:])
        at = found.end()


def _code(text: str) -> int:
    if text in _SIMPLE:
        return _SIMPLE[text]
    return int(text[1:], 16) if text[0] in "xXuU" else int(text, 8)


def _decode_text(body: str, span: Span) -> str:
    decoded = []
    for text, code in _pieces(body, span):
        if code is None:
            decoded.append(text)
        elif code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - the surrogates
            raise CelSyntaxError(sentences.bad_code_point(text), span)
        else:
            decoded.append(chr(code))
    return "".join(decoded)


def _decode_bytes(body: str, span: Span) -> bytes:
    decoded = bytearray()
    for text, code in _pieces(body, span):
        if code is None:
            decoded += text.encode()
        elif text[1] in "uU":
            raise CelSyntaxError(sentences.escape_in_bytes(text), span)
        else:
            decoded.append(code)
    return bytes(decoded)
