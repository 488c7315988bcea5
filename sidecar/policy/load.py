"""Policy and suite files: from YAML to documents whose every part knows where it stands."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sidecar.errors import Finding, FindingsError, PolicyError
from sidecar.strict_yaml import Items, Members, Node, Scalar, Source, read
from sidecar.validated import nearest, validated, value_of


@dataclass(frozen=True, slots=True)
class Expression:
    """One CEL expression and where it is written."""

    text: str
    source: Source
    scalar: Scalar

    def finding(self, offset: int, message: str) -> Finding:
        """A finding at a character of the expression, placed in its file."""
        return self.source.finding(self.scalar.place(self.source, offset), message)


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """One rule as written. ``kinds`` is None when it is of all kinds of its policy."""

    effect: Literal["allow", "deny"]
    name: Scalar
    when: Expression
    kinds: tuple[Scalar, ...] | None


@dataclass(frozen=True, slots=True)
class MaskDocument:
    """One redaction as written; ``path`` is the field without its leading ``record.``."""

    path: str
    field: Scalar
    unless: Expression


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """One policy file. ``applies_to`` is None for ``all``."""

    source: Source
    name: Scalar
    applies_to: tuple[Scalar, ...] | None
    lets: tuple[tuple[Scalar, Expression], ...]
    rules: tuple[RuleDocument, ...]
    masks: tuple[MaskDocument, ...]


@dataclass(frozen=True, slots=True)
class SuiteRecord:
    """One record of a suite, with its node for findings inside it."""

    kind: Scalar
    record: dict[str, Any]
    node: Members


@dataclass(frozen=True, slots=True)
class SuiteDocument:
    """One suite file; ``expect`` holds what each caller sees, ``redacted`` and ``errors`` what else is demanded."""

    source: Source
    name: Scalar
    now_ms: int
    callers: Mapping[str, Mapping[str, Any]]
    records: Mapping[str, SuiteRecord]
    expect: Mapping[str, frozenset[str]]
    redacted: Mapping[tuple[str, str], frozenset[str]]
    errors: Mapping[tuple[str, str], frozenset[str]]


def load_policy(path: Path) -> PolicyDocument:
    """Read one policy file. Raises ConfigError, PolicyError with every finding."""
    source, members = _read(path, "policy")
    lets = members.get("let")
    rules, masks = members.get("rules"), members.get("redact")
    policy = PolicyDocument(
        source=source,
        name=_scalar(members.get("policy")),
        applies_to=_kinds(members.get("applies_to")),
        lets=tuple((key, _expression(source, node)) for key, node in _members(lets).members.values()),
        rules=tuple(_rule(source, _members(node)) for node in _items(rules)),
        masks=tuple(_mask(source, _members(node)) for node in _items(masks)),
    )
    findings = [*_twice(source, (rule.name for rule in policy.rules))]
    findings += _twice(source, (mask.field for mask in policy.masks))
    if findings:
        raise PolicyError(findings)
    return policy


def load_suite(path: Path) -> SuiteDocument:
    """Read one suite file. Raises ConfigError, PolicyError with every finding."""
    source, members = _read(path, "suite")
    callers, records = _members(members.get("callers")), _members(members.get("records"))
    findings = list(_unknown_names(source, members, callers, records))
    if findings:
        raise PolicyError(findings)
    value = value_of(members, "suite")
    return SuiteDocument(
        source=source,
        name=_scalar(members.get("suite")),
        now_ms=value["now_ms"],
        callers=value["callers"],
        records={name: _record(_members(node)) for name, (_, node) in records.members.items()},
        expect={name: frozenset(seen) for name, seen in value["expect"].items()},
        redacted=_by_pair(value.get("redacted", {})),
        errors=_by_pair(value.get("errors", {})),
    )


def _read(path: Path, schema: str) -> tuple[Source, Members]:
    try:
        source, root = read(path)
        if schema == "policy":
            _refuse_suite(source, root)
        return source, validated(source, root, schema)
    except FindingsError as error:
        raise PolicyError(error.findings) from error


def _refuse_suite(source: Source, root: Node) -> None:
    """A suite by another name would be told key by key. Raises FindingsError."""
    if isinstance(root, Members) and "suite" in root.members and "policy" not in root.members:
        at = root.members["suite"][0].at
        raise FindingsError([source.finding(at, "this is a suite: name it X_test.yaml, beside its policy X.yaml")])


def _rule(source: Source, node: Members) -> RuleDocument:
    effect: Literal["allow", "deny"] = "allow" if "allow" in node.members else "deny"
    kinds = node.get("kinds")
    return RuleDocument(
        effect, _scalar(node.get(effect)), _expression(source, node.get("when")), _kinds(kinds) if kinds else None
    )


def _mask(source: Source, node: Members) -> MaskDocument:
    field = _scalar(node.get("field"))
    path = field.text.strip().removeprefix("record.")  # folded text ends in a line break, which a pattern lets pass
    return MaskDocument(path, field, _expression(source, node.get("unless")))


def _record(node: Members) -> SuiteRecord:
    record = _members(node.get("record"))
    return SuiteRecord(_scalar(node.get("kind")), value_of(record), record)


def _kinds(node: Node | None) -> tuple[Scalar, ...] | None:
    return None if isinstance(node, Scalar) else tuple(_scalar(item) for item in _items(node))


def _expression(source: Source, node: Node | None) -> Expression:
    scalar = _scalar(node)
    return Expression(scalar.text, source, scalar)


def _scalar(node: Node | None) -> Scalar:
    if not isinstance(node, Scalar):
        raise TypeError("a validated file holds text here")
    return node


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Items) else ()


def _members(node: Node | None) -> Members:
    return node if isinstance(node, Members) else Members({}, 0)


def _by_pair(nested: Mapping[str, Mapping[str, list[str]]]) -> dict[tuple[str, str], frozenset[str]]:
    return {(caller, record): frozenset(names) for caller, of in nested.items() for record, names in of.items()}


def _twice(source: Source, names: Iterable[Scalar]) -> Iterator[Finding]:
    seen: set[str] = set()
    for name in names:
        if name.text in seen:
            yield source.finding(name.at, f"{name.text!r} is given twice")
        seen.add(name.text)


def _unknown_names(source: Source, members: Members, callers: Members, records: Members) -> Iterator[Finding]:
    """Callers and records that are named in what is demanded but not defined."""
    for demand in ("expect", "redacted", "errors"):
        for caller, (key, node) in _members(members.get(demand)).members.items():
            if caller not in callers.members:
                yield source.finding(key.at, f"no caller {caller!r} in this suite{nearest(caller, callers.members)}")
            named = [_scalar(item) for item in _items(node)]
            named += [inner for inner, _ in _members(node).members.values()]
            for name in named:
                if name.text not in records.members:
                    near = nearest(name.text, records.members)
                    yield source.finding(name.at, f"no record {name.text!r} in this suite{near}")
