"""The canonical form of a record: declared properties only, defaults filled, what is not there left out.

A schema is compiled once into a walk over its records. The walk never refuses: a value of a wrong type passes as it is,
for validation to speak of.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from sidecar.records.forms import unit_id
from sidecar.records.kind import Kind
from sidecar.records.places import names

FORMS: Mapping[str, Callable[[str], str]] = {"unit_id": unit_id}
"""The forms that an annotation's ``canonical`` may name."""


@dataclass(slots=True)
class Notes:
    """What a walk met: how many undeclared properties it dropped, and whether a float stood where an integer must."""

    dropped: int = 0
    inexact: bool = False


Walk = Callable[[Any, Notes], Any]

_ABSENT = object()


def walk_of(schema: Mapping[str, Any]) -> Walk:
    """The walk that brings a value of this schema to canonical form."""
    return _walk(schema) or (lambda value, _: value)


def _walk(schema: Mapping[str, Any] | bool) -> Walk | None:
    """The walk of a schema; None where every value passes as it is."""
    if isinstance(schema, bool):
        return None
    schema = nullable_branch(schema)
    types = schema.get("type")
    words = types if isinstance(types, list) else [types]
    if "object" in words:
        return _object(schema)
    if "array" in words and isinstance(schema.get("items"), Mapping):
        return _array(_walk(schema["items"]))
    if "integer" in words and "number" not in words:
        return _integer
    return None


def _integer(value: Any, notes: Notes) -> Any:
    if value.__class__ is float:
        notes.inexact = True
    return value


def _array(each: Walk | None) -> Walk | None:
    if each is None:
        return None

    def walk(value: Any, notes: Notes) -> Any:
        return [each(item, notes) for item in value] if value.__class__ is list else value

    return walk


def _unless_empty(inner: Walk | None) -> Walk:
    def walk(value: Any, notes: Notes) -> Any:
        if value == [] and value.__class__ is list:
            return _ABSENT
        return value if inner is None else inner(value, notes)

    return walk


def _object(schema: Mapping[str, Any]) -> Walk:
    required = schema.get("required", ())
    properties: Mapping[str, Any] = schema.get("properties", {})
    steps = {name: _step(part, name in required) for name, part in properties.items()}
    defaults = tuple(_defaults(properties))
    others = schema.get("additionalProperties", True)
    keeps = others is not False
    other = _walk(others)

    def walk(value: Any, notes: Notes) -> Any:
        if value.__class__ is not dict:
            return value
        out = {}
        for name, item in value.items():
            step = steps.get(name)
            if step is None:
                if keeps:
                    out[name] = item if other is None else other(item, notes)
                else:
                    notes.dropped += 1
                continue
            inner, omits_null = step
            if item is None and omits_null:
                continue
            kept = item if inner is None else inner(item, notes)
            if kept is not _ABSENT:
                out[name] = kept
        for name, default in defaults:
            if name not in out:
                out[name] = default
        return out

    return walk


def _step(schema: Mapping[str, Any] | bool, required: bool) -> tuple[Walk | None, bool]:
    """A property's walk, and whether a null in it means that it is absent."""
    inner = _walk(schema)
    if isinstance(schema, bool):
        return inner, not required and schema
    if omits_empty(schema):
        return _unless_empty(inner), False
    omits_null = not required and "default" not in schema and jsonschema_rs.is_valid(dict(schema), None)
    return inner, omits_null


def _defaults(properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, part in properties.items():
        if isinstance(part, Mapping) and "default" in part and not omits_empty(part):
            yield name, walk_of(part)(part["default"], Notes())


def omits_empty(schema: Mapping[str, Any]) -> bool:
    """Whether an empty list in this property is left out."""
    annotation = schema.get("x-sidecar")
    return isinstance(annotation, Mapping) and annotation.get("omit_empty") is True


def nullable_branch(schema: Any) -> Mapping[str, Any]:
    """The schema of a property's value when it is not null: of ``anyOf: [X, null]`` it is X."""
    if not isinstance(schema, Mapping):
        return {}
    branches = schema.get("anyOf")
    if not isinstance(branches, list):
        return schema
    others = [branch for branch in branches if branch != {"type": "null"}]
    return others[0] if len(others) == 1 and isinstance(others[0], Mapping) else schema


def own_names(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every property that a condition names, parents included."""
    if not isinstance(schema, Mapping):
        return
    for name in schema.get("required", ()):
        yield (*path, name)
    for name, part in schema.get("properties", {}).items():
        yield (*path, name)
        yield from own_names(part, (*path, name))
    for word in ("not", "if", "then", "else", "items", "contains"):
        yield from own_names(schema.get(word), path)
    for word in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(word, ()):
            yield from own_names(part, path)


def policy_view(kind: Kind, record: dict[str, Any]) -> dict[str, Any]:
    """The record as policies see it: its ids in the forms in which they are compared."""
    for pointer, form in kind.canonical.items():
        record = _replaced(record, names(pointer), FORMS[form])
    return record


def _replaced(node: Any, path: tuple[str, ...], form: Callable[[str], str]) -> Any:
    """The node with one text below it in another form; what the text does not stand in is shared, not copied."""
    if not path:
        return form(node) if isinstance(node, str) else node
    if not isinstance(node, dict) or path[0] not in node:
        return node
    return {**node, path[0]: _replaced(node[path[0]], path[1:], form)}
