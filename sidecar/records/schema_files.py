"""Schema files: read with places, refused with places, and inlined so that nobody else meets a reference."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidecar.errors import Finding, SchemaError
from sidecar.records.places import BadJson, Places, line_of, names, read_placed, token

COMMON = "urn:sidecar:common"
SUFFIX = ".schema.json"

# What may stand beside a reference: it tells or fills, but restricts nothing. An annotation beside the reference wins.
_BESIDE = {"$schema", "$id", "$comment", "$defs", "title", "description", "default", "examples", "x-sidecar"}
_DATA = {"default", "const", "enum", "examples", "x-sidecar", "$defs"}
_NAMED = {"properties", "patternProperties", "dependentSchemas"}
_REFUSED = ("$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor")

Through = tuple[tuple[Path, str], ...]
"""The references that were followed to where we are."""


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """One schema file and where its parts stand."""

    path: Path
    document: Mapping[str, Any]
    places: Places

    def finding(self, pointer: str, message: str) -> Finding:
        """A finding at a pointer of this file."""
        line, column, text = self.places.line(self.places.at(pointer))
        return Finding(str(self.path), line, column, message, text)


def read_schema(path: Path) -> SchemaFile:
    """Read one schema file. Raises SchemaError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError([Finding(str(path), 0, 0, f"cannot be read: {error}")]) from error
    try:
        document, places = read_placed(text)
    except BadJson as error:
        line, column, shown = line_of(text, error.offset)
        where = f" ({error.pointer})" if error.pointer else ""
        raise SchemaError([Finding(str(path), line, column, f"{error.message}{where}", shown)]) from error
    if not isinstance(document, dict):
        raise SchemaError([Finding(str(path), 1, 1, "a schema is a JSON object", line_of(text, 0)[2])])
    return SchemaFile(path, document, places)


def inlined(file: SchemaFile, common: SchemaFile, *, start: str | None = None) -> dict[str, Any]:
    """The file's schema with every reference replaced by what it names; with ``start``, what that reference names.

    References are local (``#/$defs/x``) or into the common file (``urn:sidecar:common#/$defs/x``); anything else, and a
    schema that contains itself, is refused. Raises SchemaError.
    """
    inliner = _Inliner({"": file, COMMON: common})
    if start is not None:
        found = inliner.target(start, file, "/x-sidecar/serves", ())
    else:
        found = inliner.walk(file.document, file, "", ())
    if inliner.findings:
        raise SchemaError(inliner.findings)
    result: dict[str, Any] = found
    result.pop("$defs", None)
    return result


class _Inliner:
    def __init__(self, files: Mapping[str, SchemaFile]) -> None:
        self._files = files
        self.findings: list[Finding] = []

    def walk(self, node: Any, file: SchemaFile, pointer: str, through: Through) -> Any:
        if isinstance(node, list):
            return [self.walk(item, file, f"{pointer}/{place}", through) for place, item in enumerate(node)]
        if not isinstance(node, Mapping):
            return node
        for word in _REFUSED:
            if word in node:
                self.findings.append(file.finding(pointer + token(word), f"{word} is not supported; use $ref"))
        if isinstance(node.get("$ref"), str):
            return self._reference(node, file, pointer, through)
        return {name: self._member(name, item, file, pointer, through) for name, item in node.items()}

    def _member(self, name: str, item: Any, file: SchemaFile, pointer: str, through: Through) -> Any:
        if name in _DATA:
            return item
        place = pointer + token(name)
        if name in _NAMED and isinstance(item, Mapping):
            return {key: self.walk(inner, file, place + token(key), through) for key, inner in item.items()}
        return self.walk(item, file, place, through)

    def _reference(self, node: Mapping[str, Any], file: SchemaFile, pointer: str, through: Through) -> Any:
        extra = sorted(set(node) - _BESIDE - {"$ref"})
        if extra:
            self.findings.append(file.finding(pointer + token(extra[0]), f"{extra[0]} cannot stand beside $ref"))
        target = self.target(node["$ref"], file, pointer + "/$ref", through)
        beside = {name: item for name, item in node.items() if name not in ("$ref", "$defs")}
        return {**target, **beside}

    def target(self, reference: str, file: SchemaFile, pointer: str, through: Through) -> Any:
        """What a reference names, inlined; an empty schema beside a finding when it names nothing."""
        home, _, place = reference.partition("#")
        other = file if home == "" else self._files.get(home)
        if other is None or not place.startswith("/$defs/"):
            allowed = f"#/$defs/… or {COMMON}#/$defs/…"
            self.findings.append(file.finding(pointer, f"{reference!r} is not a local reference; write {allowed}"))
            return {}
        step = (other.path, place)
        if step in through:
            self.findings.append(
                file.finding(pointer, f"{reference!r} leads back to itself; a schema cannot be recursive")
            )
            return {}
        node: Any = other.document
        for name in names(place):
            node = node.get(name) if isinstance(node, Mapping) else None
        if not isinstance(node, Mapping):
            self.findings.append(file.finding(pointer, f"{reference!r} names nothing in {other.path.name}"))
            return {}
        return self.walk(node, other, place, (*through, step))


def schema_paths(folders: Iterable[Path]) -> list[Path]:
    """Every schema file of the folders, in order of name within each folder."""
    return [path for folder in folders for path in sorted(folder.glob(f"*{SUFFIX}"))]
