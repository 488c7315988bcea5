"""What hostile rules are written over, and what becomes of one: refused, answered, or without a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.cel import (
    INT,
    LIMITS,
    CelCheckErrors,
    CelSyntaxError,
    Checked,
    Env,
    EvaluationError,
    Type,
    Unknown,
    check,
    compile_quick,
    compile_rule,
    law,
    parse,
    sentences,
    type_from_schema,
)

TEXT: dict[str, Any] = {"type": "string"}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}
PART = {"type": "object", "required": ["name", "texts"], "properties": {"name": TEXT, "texts": TEXTS}}
RECORD = {
    "type": "object",
    "required": ["text", "other", "texts", "numbers", "parts", "tags", "at", "ratio", "live"],
    "properties": {
        **{"text": TEXT, "other": TEXT, "texts": TEXTS, "at": {"type": "integer"}, "ratio": {"type": "number"}},
        **{"numbers": {"type": "array", "items": {"type": "integer"}}, "parts": {"type": "array", "items": PART}},
        **{"tags": {"type": "object", "additionalProperties": TEXT}, "live": {"type": "boolean"}, "extra": {}},
    },
}
CALLER = {
    "type": "object",
    "required": ["units", "grants"],
    "properties": {"units": TEXTS, "grants": {"type": "array", "items": PART}},
}
VARIABLES: Mapping[str, Type] = {
    "record": type_from_schema(RECORD, "record"),
    "tenant": type_from_schema({"type": "object", "properties": {}}, "tenant"),
    "caller": type_from_schema(CALLER, "caller"),
    "now_ms": INT,
}
PLAIN = {
    **{"text": "a", "other": "b", "texts": ["a", "b"], "numbers": [1, 2], "parts": [{"name": "a", "texts": ["a"]}]},
    **{"tags": {"a": "b"}, "at": 7, "ratio": 0.5, "live": True},
}
ANYONE = {"units": ["a"], "grants": [{"name": "a", "texts": ["a"]}]}

READABLE = 600
"""Characters of one finding."""
REFUSED, FAILS, EXHAUSTED, TOO_LONG = "is refused at load", "has no value", "took too many steps", "grew too long"
_TOLD = {sentences.over_budget(LIMITS.steps): EXHAUSTED, sentences.too_long_a_text(LIMITS.text): TOO_LONG}


@dataclass(frozen=True)
class Hostile:
    """One attempt: a rule, what it is asked about, and what must become of it (a value, or one of the words above)."""

    name: str
    rule: str
    becomes: Any
    record: Mapping[str, Any] = field(default_factory=dict)
    caller: Mapping[str, Any] = field(default_factory=dict)
    lets: tuple[str, ...] = ()
    """Texts of expressions that the rule knows as ``l0``, ``l1``, …, each of which may use those before it."""

    def checked(self) -> Checked:
        """The rule as it is loaded. Raises CelSyntaxError, CelCheckErrors."""
        lets: dict[str, Checked] = {}
        for number, text in enumerate(self.lets):
            lets[f"l{number}"] = check(parse(text), Env(VARIABLES, dict(lets)))
        return check(parse(self.rule), Env(VARIABLES, lets))

    def outcome(self) -> Any:
        """What becomes of it, by all the forms in which a rule is compiled, which must not contradict each other."""
        try:
            checked = self.checked()
        except CelSyntaxError as error:
            return _refused(error.message)
        except CelCheckErrors as error:
            return _refused(*(found.message for found in error.errors))
        whole, label = compile_rule(checked), compile_rule(checked, known={"record": ()})
        found = self._asked(whole)
        assert self._asked(label) in (found, "is not known")
        if found is True or found is False:
            assert self._asked(compile_quick(law([([checked], [])]))) in (found, FAILS)
        return found

    def _asked(self, compiled: Any) -> Any:
        try:
            return compiled.bind({**ANYONE, **self.caller})({**PLAIN, **self.record}, {}, 0)
        except Unknown:
            return "is not known"
        except EvaluationError as error:
            return _TOLD.get(str(error), FAILS)


def _refused(*findings: str) -> str:
    """A refusal, which must stay readable."""
    assert max(map(len, findings)) < READABLE
    return REFUSED
