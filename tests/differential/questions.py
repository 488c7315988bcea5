"""Triples that once divided the voices: shrunk, written down, asked again for good."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from jsonschema_rs import is_valid
from rules import Rule
from shapes import Shape, World
from voices import Answer, OracleRefusesError, panel_of, prepared_caller, prepared_record, variables_of

from sidecar.cel import CelError, parse
from sidecar.cel.ast import children, walk

FOLDER = Path(__file__).parent / "cases"
MOST_TRIES = 4_000
_CONSTANTS = ("true", "false", '""', "0", "0.0", "[]", "{}", "null")


@dataclass(frozen=True)
class Question:
    """One triple with all that it takes to ask it again."""

    world: World
    rule: Rule
    record: Any
    caller: Any
    tenant: Any
    now_ms: int

    def answers(self) -> dict[str, Answer]:
        """What each voice says. Raises CelError, OracleRefusesError when there is no such rule."""
        panel = panel_of(self.world, self.rule, variables_of(self.world))
        caller = prepared_caller(self.world, self.caller)
        record = prepared_record(self.world, self.record)
        return panel.answers(panel.bound(caller), record, caller, self.tenant, self.now_ms)

    @property
    def divided(self) -> bool:
        """Whether it can be asked and the voices disagree."""
        if not (is_valid(self.world.record, self.record) and is_valid(self.world.caller, self.caller)):
            return False
        try:
            return len(set(self.answers().values())) > 1
        except (CelError, OracleRefusesError):
            return False


# --- files ------------------------------------------------------------------------------------------------------------


def written(question: Question, why: str = "the voices disagreed") -> str:
    """Keep the question as a case file; its text. The expected answer is the reference's, for a person to confirm."""
    world, rule = question.world, question.rule
    document = {
        "why": why,
        "rule": rule.text,
        "lets": dict(rule.lets),
        "answer": question.answers()["reference"],
        **{"record": question.record, "caller": question.caller, "tenant": question.tenant, "now_ms": question.now_ms},
        **{"known": list(world.known), "record_schema": world.record, "caller_schema": world.caller},
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{sha256(text.encode()).hexdigest()[:12]}.json").write_text(text)
    return text


def read_case(path: Path) -> tuple[Question, Answer]:
    """A case file's question and what it must be answered."""
    document = json.loads(path.read_text())
    world = World(document["record_schema"], document["caller_schema"], tuple(document["known"]))
    asked = (document[name] for name in ("record", "caller", "tenant", "now_ms"))
    return Question(world, Rule(document["rule"], document["lets"]), *asked), document["answer"]


# --- shrinking --------------------------------------------------------------------------------------------------------


def shrunk(question: Question, divided: Callable[[Question], bool] = lambda question: question.divided) -> Question:
    """The smallest question found that still divides the voices: parts of the rule and of the values are dropped."""
    tries = iter(range(MOST_TRIES))
    found = True
    while found:
        found = False
        for smaller in _smaller(question):
            if next(tries, None) is None:
                return question
            if divided(smaller):
                question, found = smaller, True
                break
    return question


def _smaller(question: Question) -> Iterator[Question]:
    if question.rule.lets:
        yield replace(question, rule=Rule(question.rule.expanded))
    else:
        yield from (replace(question, rule=Rule(text)) for text in _shorter(question.rule.text))
    yield from (replace(question, record=record) for record in _without(question.record))
    yield from (replace(question, caller=caller) for caller in _without(question.caller))
    world = question.world
    yield from (replace(question, world=replace(world, record=shape)) for shape in _narrower(world.record))
    yield from (replace(question, world=replace(world, caller=shape)) for shape in _narrower(world.caller))
    for pointer in world.known:
        yield replace(question, world=replace(world, known=tuple(kept for kept in world.known if kept != pointer)))


def _shorter(text: str) -> Iterator[str]:
    """The rule with one of its parts replaced by a part of that part, or by a constant."""
    for node in walk(parse(text)):
        parts = [text[part.span.offset : part.span.end] for part in children(node)]
        for instead in (*parts, *(f"({part})" for part in parts), *_CONSTANTS):
            if len(instead) < node.span.end - node.span.offset:
                yield text[: node.span.offset] + instead + text[node.span.end :]


def _without(value: Any) -> Iterator[Any]:
    """The value with one thing less in it."""
    for at in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        if isinstance(value, dict):
            yield {name: held for name, held in value.items() if name != at}
            yield from ({**value, at: less} for less in _without(value[at]))
        else:
            yield [*value[:at], *value[at + 1 :]]
            yield from ([*value[:at], less, *value[at + 1 :]] for less in _without(value[at]))


def _narrower(shape: Shape) -> Iterator[Shape]:
    """The schema with one field less."""
    fields = shape.get("properties", {})
    for name, inner in fields.items():
        rest = {other: held for other, held in fields.items() if other != name}
        required = [other for other in shape["required"] if other != name]
        yield {**shape, "properties": rest, "required": required}
        yield from ({**shape, "properties": {**fields, name: less}} for less in _narrower(inner))
