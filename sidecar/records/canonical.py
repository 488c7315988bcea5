"""The canonical form of a record: declared properties only, defaults filled, what is not there left out.

A schema is compiled once into a walk over its records. The walk never refuses: a value of a wrong type passes as it is,
for validation to speak of.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import orjson

from sidecar.records.forms import unit_id
from sidecar.records.kind import Kind
from sidecar.records.places import names
from sidecar.records.remembering import LONGEST, remember

FORMS: Mapping[str, Callable[[str], str]] = {"unit_id": unit_id}
"""The forms that an annotation's ``canonical`` may name."""


@dataclass(slots=True)
class Notes:
    """What a walk met: how many undeclared properties it dropped, and whether a float stood where an integer must."""

    dropped: int = 0
    inexact: bool = False


Walk = Callable[[Any, Notes], Any]
_Others = Callable[[dict[str, Any], Notes], None]

_ABSENT = object()
MOST_SHARED = 2_000
"""How many canonical values of one shared property are remembered; each is some kilobytes."""


def walk_of(schema: Mapping[str, Any], shared: Collection[str] = ()) -> Walk:
    """The walk that brings a value of this schema to canonical form.

    ``shared`` names properties of which many records have the same value: what became of one is remembered.
    """
    return _walk(schema, shared) or (lambda value, _: value)


def _walk(schema: Mapping[str, Any] | bool, shared: Collection[str] = ()) -> Walk | None:
    """The walk of a schema; None where every value passes as it is."""
    if isinstance(schema, bool):
        return None
    schema = nullable_branch(schema)
    types = schema.get("type")
    words = types if isinstance(types, list) else [types]
    if "object" in words:
        return _object(schema, shared)
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


def _object(schema: Mapping[str, Any], shared: Collection[str]) -> Walk:
    """The walk of an object: it asks at once what most records answer with no, and looks at few properties."""
    required = schema.get("required", ())
    properties: Mapping[str, Any] = schema.get("properties", {})
    filled = dict(_defaults(properties))
    inner = {name: found for name, part in properties.items() if (found := _property(part))}
    integers = tuple(name for name, each in inner.items() if each is _integer)
    inners = tuple(
        (name, _remembered(each) if name in shared else each) for name, each in inner.items() if each is not _integer
    )
    nullable = tuple(name for name, part in properties.items() if _omits_null(part, name in required))
    known = properties.keys()
    others = _others(schema.get("additionalProperties", True), known)

    def walk(value: Any, notes: Notes) -> Any:
        if value.__class__ is not dict:
            return value
        out = {**filled, **value}
        if others is not None and not value.keys() <= known:
            others(out, notes)
        if None in value.values():
            _leave_out_nulls(out, nullable)
        for name in integers:
            if out.get(name).__class__ is float:
                notes.inexact = True
        for name, each in inners:
            if name in out:
                out[name] = kept = each(out[name], notes)
                if kept is _ABSENT:
                    del out[name]
        return out

    return walk


def _remembered(inner: Walk) -> Walk:
    """The same walk, remembering what became of a value by its bytes. That is shared, so nobody may change it."""
    known: dict[bytes, tuple[Any, Notes]] = {}

    def walk(value: Any, notes: Notes) -> Any:
        try:
            raw = orjson.dumps(value)
        except TypeError:  # it holds what no JSON does
            return inner(value, notes)
        found = known.get(raw)
        if found is None:
            own = Notes()
            found = inner(value, own), own
            if len(raw) <= LONGEST:
                remember(known, raw, found, MOST_SHARED)
        notes.dropped += found[1].dropped
        notes.inexact |= found[1].inexact
        return found[0]

    return walk


def _leave_out_nulls(out: dict[str, Any], nullable: Iterable[str]) -> None:
    for name in nullable:
        if name in out and out[name] is None:
            del out[name]


def _others(schema: Mapping[str, Any] | bool, known: AbstractSet[str]) -> _Others | None:
    """What is done to the undeclared properties of an object; None when they stay as they are."""
    inner = _walk(schema)
    if inner is None and schema is not False:
        return None

    def others(out: dict[str, Any], notes: Notes) -> None:
        for name in out.keys() - known:
            if inner is None:
                del out[name]
                notes.dropped += 1
            else:
                out[name] = inner(out[name], notes)

    return others


def _property(schema: Mapping[str, Any] | bool) -> Walk | None:
    """A property's walk, which may find that it is absent; None where every value passes as it is."""
    inner = _walk(schema)
    return _unless_empty(inner) if not isinstance(schema, bool) and omits_empty(schema) else inner


def _omits_null(schema: Mapping[str, Any] | bool, required: bool) -> bool:
    """Whether a null in a property means that it is absent."""
    if isinstance(schema, bool):
        return not required and schema
    takes_null = "default" not in schema and jsonschema_rs.is_valid(dict(schema), None)
    return not required and not omits_empty(schema) and takes_null


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
