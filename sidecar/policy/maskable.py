"""Which fields of a kind can be masked, which others tell the same, and what takes the place of a masked one."""

from collections.abc import Iterator, Mapping
from typing import Any

from sidecar.records.canonical import nullable_branch
from sidecar.records.kind import Kind
from sidecar.records.projection import projection_of
from sidecar.validated import nearest

NEVER_MASKED = ("run_id", "status")


def mask_refusal(kind: Kind, path: tuple[str, ...]) -> str | None:
    """Why a field of a kind cannot be masked; None when it can."""
    schema: Mapping[str, Any] = kind.schema
    for place, name in enumerate(path):
        schema = nullable_branch(schema)
        known = schema.get("properties")
        if schema.get("type") == "array":
            return f"{'.'.join(path[:place])!r} is a list; mask it as a whole"
        if isinstance(known, Mapping) and name not in known and schema.get("additionalProperties") is False:
            return f"{'.'.join(path)!r} is not a field of this kind{nearest(name, known)}"
        schema = known.get(name, {}) if isinstance(known, Mapping) else {}
    for dotted, why in _needed(kind).items():
        parts = tuple(dotted.split("."))
        if parts[: len(path)] == path or path[: len(parts)] == parts:
            return f"{'.'.join(path)!r} cannot be masked: {why}"
    return None


def _needed(kind: Kind) -> dict[str, str]:
    """The fields that pages and cursors are made of, and those that nobody can be kept from knowing."""
    fixed = dict.fromkeys(projection_of(kind).fixed, "every record of this kind has the same")
    key = dict.fromkeys(kind.id, "it is the record's key")
    order = {pointer: "records are sorted by it" for order in kind.order for pointer in order.pointers}
    pointers = {**order, **key, kind.tenant: "it is the record's tenant"}
    named = dict.fromkeys(NEVER_MASKED, "it names or sorts records")
    return {**named, **fixed} | {pointer.strip("/").replace("/", "."): why for pointer, why in pointers.items()}


def copies(kind: Kind, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The other fields of a kind that tell what stands at a path, because its projection made them of it."""
    return ((name,) for name in projection_of(kind).copies.get(path[0], ()))


def always_there(kind: Kind, path: tuple[str, ...]) -> bool:
    """Whether every record that has the field's parent has the field: it is required, or output as null or default."""
    schema: Mapping[str, Any] = kind.schema
    for name in path[:-1]:
        schema = nullable_branch(schema).get("properties", {}).get(name, {})
    schema = nullable_branch(schema)
    own = schema.get("properties", {}).get(path[-1], {})
    return path[-1] in schema.get("required", ()) or ("default" in own and "x-sidecar" not in own)
