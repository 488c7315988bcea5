"""One policy for one kind: types, checks, compiled rules, and every sentence about what does not fit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sidecar.cel import (
    INT,
    CelCheckErrors,
    CelSyntaxError,
    Checked,
    Env,
    Expr,
    Type,
    check,
    compile_rule,
    describe_label_gap,
    parse,
    type_from_schema,
)
from sidecar.errors import Finding
from sidecar.policy.load import Expression, MaskDocument, PolicyDocument, RuleDocument
from sidecar.policy.maskable import always_there, copies, mask_refusal
from sidecar.policy.rules import Mask, Policy, Rule, judged_as_stored
from sidecar.records.kind import Kind

TENANT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["org_id", "workspace_id"],
    "properties": {name: {"type": "string"} for name in ("org_id", "workspace_id", "deployment_id")},
    "additionalProperties": False,
}
VARIABLES = ("record", "tenant", "caller", "now_ms")


@dataclass(frozen=True)
class Typing:
    """The variables of a rule of one kind, typed, and what of them a label holds."""

    kind: Kind
    variables: Mapping[str, Type]
    known: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, kind: Kind, caller: Type) -> "Typing":
        """The typing of one kind's rules."""
        record = type_from_schema(kind.schema, "record")
        tenant = type_from_schema(TENANT_SCHEMA, "tenant")
        variables = {"record": record, "tenant": tenant, "caller": caller, "now_ms": INT}
        return cls(kind, variables, judged_as_stored(kind))


@dataclass
class Problems:
    """Findings, each once, with the kinds it is true of."""

    kinds: dict[Finding, list[str]] = field(default_factory=dict)

    def add(self, finding: Finding, kind: str | None = None) -> None:
        """Note a finding, of one kind or of the file as such."""
        found = self.kinds.setdefault(finding, [])
        if kind is not None:
            found.append(kind)

    def findings(self) -> Iterator[Finding]:
        """Every finding, its kinds named at the end of the sentence."""
        for finding, kinds in self.kinds.items():
            named = f" ({'kind' if len(kinds) == 1 else 'kinds'} {', '.join(kinds)})" if kinds else ""
            yield replace(finding, message=finding.message + named)


class Parsed:
    """The expressions of one policy as trees, parsed once for all kinds."""

    def __init__(self, policy: PolicyDocument, problems: Problems) -> None:
        self.policy = policy
        self._problems = problems
        self.lets: dict[str, tuple[Expression, Expr]] = {}
        self.trees: dict[Expression, Expr] = {}
        for name, expression in policy.lets:
            if name.text in VARIABLES:
                message = f"{name.text!r} is a variable of every rule; give the expression another name"
                problems.add(policy.source.finding(name.at, message))
            tree = self._parsed(expression)
            if tree is not None:
                self.lets[name.text] = (expression, tree)
        for expression in (*(rule.when for rule in policy.rules), *(mask.unless for mask in policy.masks)):
            tree = self._parsed(expression)
            if tree is not None:
                self.trees[expression] = tree

    def _parsed(self, expression: Expression) -> Expr | None:
        try:
            return parse(expression.text)
        except CelSyntaxError as error:
            self._problems.add(expression.finding(error.span.offset, error.message))
            return None


def compiled_policy(parsed: Parsed, typing: Typing, problems: Problems) -> Policy:
    """One policy compiled for one kind; what does not fit goes to ``problems`` and is left out."""
    work = _Work(parsed, typing, problems)
    policy = parsed.policy
    rules = [(rule, work.rule(rule)) for rule in policy.rules if _speaks_of(rule, typing.kind.name)]
    masks = [mask for document in policy.masks for mask in work.masks(document)]
    return Policy(
        name=policy.name.text,
        path=policy.source.path,
        allows=tuple(rule for document, rule in rules if rule is not None and document.effect == "allow"),
        denies=tuple(rule for document, rule in rules if rule is not None and document.effect == "deny"),
        masks=tuple(masks),
    )


def _speaks_of(rule: RuleDocument, kind: str) -> bool:
    return rule.kinds is None or any(name.text == kind for name in rule.kinds)


class _Work:
    """The compilation of one policy for one kind."""

    def __init__(self, parsed: Parsed, typing: Typing, problems: Problems) -> None:
        self._parsed = parsed
        self._typing = typing
        self._problems = problems
        self._lets: dict[str, Checked] = {}
        for name, (expression, tree) in parsed.lets.items():
            checked = self._checked(expression, tree)
            if checked is not None:
                self._lets[name] = checked

    def rule(self, document: RuleDocument) -> Rule | None:
        """One allow or deny."""
        return self._rule(document.effect, document.name.text, document.when)

    def masks(self, document: MaskDocument) -> list[Mask]:
        """One redaction, when the kind's records can do without the field, and the same of what else tells it."""
        kind, path = self._typing.kind, tuple(document.path.split("."))
        refusal = mask_refusal(kind, path)
        if refusal is not None:
            self._problems.add(self._parsed.policy.source.finding(document.field.at, refusal), kind.name)
            return []
        rule = self._rule("redact", f"redact {document.path}", document.unless)
        return [Mask(one, always_there(kind, one), rule) for one in (path, *copies(kind, path))] if rule else []

    def _rule(self, effect: Literal["allow", "deny", "redact"], name: str, expression: Expression) -> Rule | None:
        tree = self._parsed.trees.get(expression)
        checked = self._checked(expression, tree) if tree is not None else None
        if tree is None or checked is None:
            return None
        if str(checked.type) != "bool":
            message = f"this must be a condition (true or false), but it is {checked.type}"
            self._problems.add(expression.finding(0, message), self._typing.kind.name)
            return None
        known = self._typing.known
        return Rule(
            policy=self._parsed.policy.name.text,
            name=name,
            effect=effect,
            expression=expression,
            lets={name: expression for name, (expression, _) in self._parsed.lets.items()},
            checked=checked,
            label=compile_rule(checked, known=known),
            whole=compile_rule(checked),
            beyond=tuple(describe_label_gap(checked, known)),
        )

    def _checked(self, expression: Expression, tree: Expr) -> Checked | None:
        try:
            return check(tree, Env(self._typing.variables, dict(self._lets)))
        except CelCheckErrors as errors:
            for error in errors.errors:
                self._problems.add(expression.finding(error.span.offset, error.message), self._typing.kind.name)
            return None
