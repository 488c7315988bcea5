"""Policy and suite files: from YAML to documents whose every part knows where it stands."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from sidecar.errors import Finding, PolicyError
from sidecar.policy.strict_yaml import Items, Members, Node, Scalar, Source, read
from sidecar.records.schemas import shipped_schemas

Schema = Mapping[str, Any]

SHOWN = 40
_WORDS = {"string": "text", "array": "a list", "object": "a mapping", "integer": "an integer"}


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


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that names what was probably meant; empty when nothing is near."""
    found = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {found[0]!r}?" if found else ""


def load_policy(path: Path) -> PolicyDocument:
    """Read one policy file. Raises ConfigError, PolicyError with every finding."""
    source, root = read(path)
    members = _validated(source, root, "policy")
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
    source, root = read(path)
    members = _validated(source, root, "suite")
    callers, records = _members(members.get("callers")), _members(members.get("records"))
    findings = list(_unknown_names(source, members, callers, records))
    if findings:
        raise PolicyError(findings)
    value = _value(members, _schema("suite"), _schema("suite"))
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


def node_at(node: Node, path: Iterable[str | int]) -> Node:
    """The node at a path of keys and places, or the nearest one above it that is there."""
    for part in path:
        inner: Node | None = None
        if isinstance(node, Members):
            inner = node.get(str(part))
        elif isinstance(node, Items) and str(part).isdigit() and int(part) < len(node.items):
            inner = node.items[int(part)]
        if inner is None:
            return node
        node = inner
    return node


def _rule(source: Source, node: Members) -> RuleDocument:
    effect: Literal["allow", "deny"] = "allow" if "allow" in node.members else "deny"
    kinds = node.get("kinds")
    return RuleDocument(
        effect, _scalar(node.get(effect)), _expression(source, node.get("when")), _kinds(kinds) if kinds else None
    )


def _mask(source: Source, node: Members) -> MaskDocument:
    field = _scalar(node.get("field"))
    return MaskDocument(field.text.removeprefix("record."), field, _expression(source, node.get("unless")))


def _record(node: Members) -> SuiteRecord:
    record = _members(node.get("record"))
    return SuiteRecord(_scalar(node.get("kind")), _value(record, {}, {}), record)


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


@cache
def _schema(name: str) -> Schema:
    schema: Schema = orjson.loads((shipped_schemas() / f"{name}.schema.json").read_bytes())
    return schema


def _resolved(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    return root["$defs"][reference.rpartition("/")[2]] if reference else schema


def _value(node: Node, schema: Schema, root: Schema) -> Any:
    """What a node says: a scalar is text where the schema asks for text."""
    schema = _resolved(schema, root)
    if isinstance(node, Scalar):
        branches = [schema, *schema.get("oneOf", ())]
        return node.text if any(branch.get("type") == "string" for branch in branches) else node.value
    if isinstance(node, Items):
        lists = [schema, *(_resolved(branch, root) for branch in schema.get("oneOf", ()))]
        inner: Schema = next((branch["items"] for branch in lists if "items" in branch), {})
        return [_value(item, inner, root) for item in node.items]
    known, other = schema.get("properties", {}), schema.get("additionalProperties") or {}
    return {key: _value(item, known.get(key, other), root) for key, (_, item) in node.members.items()}


def _validated(source: Source, root: Node, name: str) -> Members:
    """The file's root, proven against its JSON Schema. Raises PolicyError with every finding in the file's order."""
    schema = _schema(name)
    if not isinstance(root, Members):
        raise PolicyError([source.finding(root.at, f"a {name} file is a mapping, with keys such as {name}:")])
    errors = Draft202012Validator(dict(schema)).iter_errors(_value(root, schema, schema))
    found = [place for error in errors for place in _explained(error, root)]
    if found:
        raise PolicyError([source.finding(at, message) for at, message in sorted(set(found))])
    return root


def _explained(error: ValidationError, root: Members) -> Iterator[tuple[int, str]]:
    node = node_at(root, error.absolute_path)
    schema: Any = error.schema
    if error.validator == "additionalProperties":
        known = schema.get("properties", {})
        for key, _ in _members(node).members.values():
            if key.text not in known:
                meant = nearest(key.text, known) or "; known are " + ", ".join(known)
                yield key.at, f"unknown key {key.text!r}{meant}"
    elif "propertyNames" in error.schema_path:
        named = _members(node).members[str(error.instance)][0]
        yield named.at, f"{error.instance!r} is not a name here; a name matches {schema['pattern']}"
    else:
        yield node.at, _sentence(error)


def _sentence(error: ValidationError) -> str:
    """What is wrong and what would be right, for one failed keyword."""
    limit: Any = error.validator_value
    shown = repr(error.instance) if len(repr(error.instance)) <= SHOWN else "this"
    if error.validator == "required":
        missing = next(name for name in limit if name not in _mapping(error.instance))
        return f"the key {missing!r} is missing"
    if error.validator == "oneOf":
        required = [name for branch in limit for name in branch.get("required", ())]
        if required:
            return f"give exactly one of the keys {', '.join(required)}"
        return f"{shown} is not what belongs here. {_mapping(error.schema).get('description', '')}"
    sentences: dict[str, Callable[[], str]] = {
        "type": lambda: f"{shown} is not {_WORDS[limit]}",
        "const": lambda: f"{shown} is not {limit!r}, the one value known here",
        "pattern": lambda: f"{shown} does not match {limit}",
        "minItems": lambda: "is empty; give at least one",
        "minLength": lambda: "is empty; a text is wanted",
        "minProperties": lambda: "is empty; give at least one",
        "maxLength": lambda: f"is longer than {limit} characters",
        "uniqueItems": lambda: "names something twice",
    }
    explain = sentences.get(str(error.validator))
    return explain() if explain else error.message


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
