"""The witness: cel-python's answer to the same rule over the same record. It never decides; it may only disagree."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import celpy
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.celtypes import BoolType
from celpy.evaluation import CELEvalError

from sidecar.cel import Checked
from sidecar.identity.caller import Caller
from sidecar.policy.explain import RuleAnswer
from sidecar.policy.load import Expression
from sidecar.policy.rules import Rule, tenant_document
from sidecar.records.canonical import nullable_branch
from sidecar.records.kind import Kind
from sidecar.records.schemas import load_schema, shipped_schemas
from sidecar.records.store import Tenant

Outcome = bool | str
"""True, false, or the sentence of an error."""


@dataclass(frozen=True, slots=True)
class Defect:
    """Something the witness is known to get wrong: when a disagreement is this and no finding."""

    name: str
    explains: Callable[[str, RuleAnswer, Outcome], bool]


DEFECTS = (
    Defect(
        "has() below a missing parent is false to it, an error to CEL",
        lambda text, ours, theirs: "has(" in text and ours.value is None and isinstance(theirs, bool),
    ),
    Defect(
        "it compares no numbers of two types",
        lambda _, ours, theirs: ours.value is not None and "DoubleType" in str(theirs) and "IntType" in str(theirs),
    ),
)


class Witness:
    """Asks cel-python; each rule is compiled once."""

    def __init__(self, caller_schema: Mapping[str, Any]) -> None:
        self._caller_schema = caller_schema
        self._environment = celpy.Environment()
        self._programs: dict[tuple[str, str], Callable[[Any], Any]] = {}

    @classmethod
    def of_callers(cls) -> "Witness":
        """The witness for callers as their schema types them."""
        return cls(load_schema(shipped_schemas() / "caller.schema.json"))

    def variables(
        self, kind: Kind, caller: Caller, record: Mapping[str, Any], tenant: Tenant, now_ms: int
    ) -> Mapping[str, Any]:
        """What a rule reads, as the witness wants it: unlike our engine it has to be given what the schemas fill."""
        return {
            "record": json_to_cel(filled(record, kind.schema)),
            "tenant": json_to_cel(tenant_document(tenant)),
            "caller": json_to_cel(filled(caller.document, self._caller_schema)),
            "now_ms": json_to_cel(now_ms),
        }

    def disagreement(self, ours: RuleAnswer, variables: Mapping[str, Any]) -> str | None:
        """The sentence about a disagreement; None when both agree or a known defect explains it."""
        theirs = self._outcome(ours.rule, variables)
        if ours.value == theirs or (ours.value is None and isinstance(theirs, str)):
            return None
        text = inlined(ours.rule.expression.text, ours.rule.checked, ours.rule.lets)
        if any(defect.explains(text, ours, theirs) for defect in DEFECTS):
            return None
        said = ours.error or str(ours.value).lower()
        answered = theirs if isinstance(theirs, str) else str(theirs).lower()
        return f"{ours.rule.policy}/{ours.rule.name}: our engine says {said}, cel-python says {answered}"

    def _outcome(self, rule: Rule, variables: Mapping[str, Any]) -> Outcome:
        key = (rule.policy, rule.name)
        try:
            if key not in self._programs:
                tree = self._environment.compile(inlined(rule.expression.text, rule.checked, rule.lets))
                self._programs[key] = self._environment.program(tree).evaluate
            value = self._programs[key](variables)
        except (CELEvalError, CELParseError) as error:
            return str(error.args[0])
        if isinstance(value, CELEvalError):
            return str(value.args[0])
        return bool(value) if isinstance(value, (bool, BoolType)) else f"{value!r}, no condition"


def inlined(text: str, checked: Checked, lets: Mapping[str, Expression]) -> str:
    """The text of a rule with its named expressions written out."""
    named = {
        node.span.offset: (node.span.end, ref.name)
        for node in checked.parts()
        if (ref := checked.refs.get(node.id)) is not None and ref.kind == "let"
    }
    for start, (end, name) in sorted(named.items(), reverse=True):
        text = f"{text[:start]}({inlined(lets[name].text, checked.lets[name], lets)}){text[end:]}"
    return text


def filled(value: Any, schema: Any) -> Any:
    """The value with every default of its schema written out."""
    schema = nullable_branch(schema)
    if isinstance(value, list):
        return [filled(item, schema.get("items")) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    defaults = {name: part["default"] for name, part in properties.items() if "default" in part}
    return {name: filled(item, properties.get(name)) for name, item in {**defaults, **value}.items()}
