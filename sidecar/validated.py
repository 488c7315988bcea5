"""YAML files of the product's own forms, proven against their JSON Schema; what is wrong is told at its place."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from sidecar.errors import FindingsError
from sidecar.shipped import shipped
from sidecar.strict_yaml import Items, Members, Node, Scalar, Source, read

Schema = Mapping[str, Any]

SHOWN = 40
_WORDS = {
    "string": "text",
    "array": "a list",
    "object": "a mapping",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
}


def read_validated(path: Path, schema: str) -> tuple[Source, Members]:
    """Read a file of one form. Raises ConfigError when it cannot be opened, FindingsError with every finding."""
    source, root = read(path)
    return source, validated(source, root, schema)


def validated(source: Source, root: Node, schema: str) -> Members:
    """The file's root, proven against its JSON Schema. Raises FindingsError with every finding in the file's order."""
    if not isinstance(root, Members):
        raise FindingsError([source.finding(root.at, f"a {schema} file is a mapping of keys to values")])
    errors = Draft202012Validator(dict(schema_of(schema))).iter_errors(value_of(root, schema))
    found = [place for error in errors for place in _explained(error, root)]
    if found:
        raise FindingsError([source.finding(at, message) for at, message in sorted(set(found))])
    return root


@cache
def schema_of(name: str) -> Schema:
    """The shipped schema of one form of file."""
    schema: Schema = orjson.loads((shipped("schemas") / f"{name}.schema.json").read_bytes())
    return schema


def value_of(node: Node, schema: str | None = None) -> Any:
    """What a node says. A scalar is text where the schema asks for text."""
    root: Schema = schema_of(schema) if schema else {}
    return _value(node, root, root)


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


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that names what was probably meant; empty when nothing is near."""
    found = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {found[0]!r}?" if found else ""


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


def _explained(error: ValidationError, root: Members) -> Iterator[tuple[int, str]]:
    node = node_at(root, error.absolute_path)
    schema: Any = error.schema
    if error.validator == "additionalProperties":
        known = schema.get("properties", {})
        for key, _ in _keys(node).values():
            if key.text not in known:
                meant = nearest(key.text, known) or "; known are " + ", ".join(known)
                yield key.at, f"unknown key {key.text!r}{meant}"
    elif "propertyNames" in error.schema_path:
        named = _keys(node)[str(error.instance)][0]
        yield named.at, f"{error.instance!r} is not a name here; a name matches {schema['pattern']}"
    else:
        yield node.at, _sentence(error)


def _keys(node: Node) -> Mapping[str, tuple[Scalar, Node]]:
    return node.members if isinstance(node, Members) else {}


def _sentence(error: ValidationError) -> str:
    """What is wrong and what would be right, for one failed keyword."""
    limit: Any = error.validator_value
    shown = repr(error.instance) if len(repr(error.instance)) <= SHOWN else "this"
    about = _mapping(error.schema).get("description", "")
    if error.validator == "required":
        missing = next(name for name in limit if name not in _mapping(error.instance))
        return f"the key {missing!r} is missing"
    if error.validator == "oneOf":
        required = [name for branch in limit for name in branch.get("required", ())]
        if required:
            return f"give exactly one of the keys {', '.join(required)}"
        return f"{shown} is not what belongs here. {about}"
    sentences: dict[str, Callable[[], str]] = {
        "type": lambda: f"{shown} is not {_WORDS[limit]}",
        "enum": lambda: f"{shown} is none of {', '.join(limit)}{nearest(str(error.instance), limit)}",
        "minimum": lambda: f"{shown} is too small; the least is {limit}",
        "maximum": lambda: f"{shown} is too great; the most is {limit}",
        "const": lambda: f"{shown} is not {limit!r}, the one value known here",
        "pattern": lambda: f"{shown} does not match {limit}" + (f". {about}" if about else ""),
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
