"""Why a rule came to its answer, in lines for people: the parts that decided, and what they read. JSON tells all."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from sidecar.cel import Part, Turn
from sidecar.cli.terminal import harmless

SHOWN = 160
"""Characters of a value or of a part of a rule that are shown to people."""
_DECIDES = {"&&": False, "||": True, "exists": True, "all": False}
"""The value of a part, or of an element, that decides the whole by itself."""


def reasons(rule: Part) -> Iterator[str]:
    """What decided a rule; its own answer is told already."""
    return _line(rule) if rule.form == "read" else _below(rule)


def shown(value: Any) -> str:
    """A value, cut where it is long."""
    return harmless(_cut(orjson.dumps(value, default=str).decode()))


def _part(part: Part) -> Iterator[str]:
    """One part and, further in, what decided it."""
    yield from _line(part)
    yield from (f"  {line}" for line in _below(part))


def _line(part: Part) -> Iterator[str]:
    text = harmless(_cut(part.text))
    if part.error is not None:
        yield f"error: {text}: {harmless(part.error)}"
    elif isinstance(part.value, bool) and part.form != "read":
        yield f"{str(part.value).lower()}: {text}"
    else:
        yield f"{text} = {shown(part.value)}"


def _below(part: Part) -> Iterator[str]:
    if part.form == "!":
        for inner in part.parts:
            yield from _line(inner) if inner.form == "read" else _below(inner)
    elif part.turns:
        yield from _turns(part)
    else:
        for inner in _deciding(part):
            yield from _part(inner)


def _deciding(part: Part) -> Sequence[Part]:
    """The parts that decided a chain; all of them where none did alone."""
    alone = _DECIDES.get(part.form)
    if part.error is not None:
        return [one for one in part.parts if one.error is not None] or part.parts
    return [one for one in part.parts if one.value is alone] if part.value is alone else part.parts


def _turns(part: Part) -> Iterator[str]:
    """The element that decided a loop, or else the one that came nearest to it."""
    count = len(part.turns) + part.more
    if part.form == "all" and part.value is True:
        for read in part.parts:
            yield from _part(read)
        yield f"true for each of {count}"
        return
    yield from _turn(part.turns[0])
    if count > 1:
        yield f"the nearest of {count}" if part.value is not _DECIDES.get(part.form) else f"the first of {count}"


def _turn(turn: Turn) -> Iterator[str]:
    """One element, and why the condition is what it is for it."""
    told = [f"{name} = {shown(value)}" for name, value in turn.names.items()]
    yield f"for {', '.join(told)}"
    for part in turn.parts:
        chain = part.form in ("&&", "||")
        lines = (line for inner in _deciding(part) for line in _part(inner)) if chain else _part(part)
        yield from (f"  {line}" for line in lines if line.lstrip() not in told)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
