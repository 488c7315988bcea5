"""The annotation of a kind's schema, checked against the schema it stands in, and what follows from it."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jsonschema
import jsonschema_rs
import orjson

from sidecar.errors import Finding, SchemaError
from sidecar.records.canonical import Notes, nullable_branch, omits_empty, walk_of
from sidecar.records.explain import Explainer, explained
from sidecar.records.kind import Column, Order
from sidecar.records.marks import WORDS, own_names, strangers
from sidecar.records.places import names, token
from sidecar.records.projection import PROJECTIONS
from sidecar.records.schema_files import SUFFIX, SchemaFile

_META_SCHEMA = jsonschema.Draft202012Validator.META_SCHEMA
_accepts_schema = jsonschema_rs.Draft202012Validator(_META_SCHEMA).is_valid
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_COLUMN = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
_TAKEN = ("limit", "cursor")
_TYPES: Mapping[str, Literal["text", "integer", "boolean"]] = {
    "string": "text",
    "integer": "integer",
    "boolean": "boolean",
}


def annotated(
    file: SchemaFile, annotation: Any, schema: Mapping[str, Any], source: Mapping[str, Any], rules: Path
) -> dict[str, Any]:
    """What the annotation says, as the values of a Kind; ``rules`` is the schema of annotations.

    Raises SchemaError with everything that is wrong in the annotation or in the schema around it.
    """
    findings = [*_schema_findings(file, source), *_shape_findings(file, annotation, rules)]
    if findings:
        raise SchemaError(findings)
    reader = _Reader(file, annotation, schema)
    found = {
        "id": reader.key(),
        "tenant": reader.tenant(),
        "order": tuple(reader.orders()),
        "label": reader.properties("label"),
        "columns": tuple(reader.columns()),
        "write": annotation["write"],
        "canonical": {pointer: annotation["canonical"][pointer] for pointer in reader.texts("canonical")},
        "projection": annotation.get("projection"),
        "authority": annotation.get("authority"),
        "updated": "/updated_at_ms" if reader.type_at("/updated_at_ms") == "integer" else None,
    }
    if reader.findings:
        raise SchemaError(reader.findings)
    return found


def _shape_findings(file: SchemaFile, annotation: Any, rules: Path) -> Iterator[Finding]:
    for pointer, message in _annotation_rules(rules).faults(annotation):
        yield file.finding("/x-sidecar" + pointer, f"{pointer or 'x-sidecar'} {message}")
    if not isinstance(annotation, dict):
        return
    projection = annotation.get("projection")
    if isinstance(projection, str) and projection not in PROJECTIONS:
        known = ", ".join(PROJECTIONS)
        yield file.finding("/x-sidecar/projection", f"{projection!r} is no projection; there are {known}")
    reshapes = any(known.project is not None for name, known in PROJECTIONS.items() if name == projection)
    if reshapes != ("serves" in annotation):
        yield file.finding("/x-sidecar", "a projection to another shape and 'serves' go together")


@cache
def _annotation_rules(path: Path) -> Explainer:
    return Explainer(orjson.loads(path.read_bytes()))


def _schema_findings(file: SchemaFile, source: Mapping[str, Any]) -> Iterator[Finding]:
    """The file is a JSON Schema of an object, of a good name, whose patterns cannot be made to run for ever."""
    name = file.path.name.removesuffix(SUFFIX)
    if not _NAME.fullmatch(name):
        yield file.finding("", f"{name!r} cannot be a kind's name: lower case, digits and _")
    faults = [] if _accepts_schema(source) else list(jsonschema.Draft202012Validator(_META_SCHEMA).iter_errors(source))
    yield from (file.finding(pointer, f"{pointer} {message}") for pointer, message in explained(faults))
    if faults:
        return
    if source.get("type") != "object":
        yield file.finding("/type", 'a record is an object: write "type": "object"')
    for pointer, pattern in _patterns(source, ""):
        try:
            jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())
        except ValueError:
            yield file.finding(pointer, f"the pattern {pattern!r} does not run in linear time")
    yield from _default_findings(file, source, "")


def _default_findings(file: SchemaFile, schema: Mapping[str, Any], pointer: str) -> Iterator[Finding]:
    """Every default is valid where it stands, or records that leave the property out could not be accepted."""
    schema = nullable_branch(schema)
    for name, part in schema.get("properties", {}).items():
        if not isinstance(part, Mapping):
            continue
        place = f"{pointer}/properties{token(name)}"
        if "default" in part and not jsonschema_rs.is_valid(dict(part), walk_of(part)(part["default"], Notes())):
            yield file.finding(place + "/default", f"the default of {name!r} does not match its own schema")
        if omits_empty(part) and part.get("default") != []:
            yield file.finding(place, f'{name!r} leaves empty lists out, so write "default": []')
        yield from _default_findings(file, part, place)


def _patterns(node: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Every regular expression of a schema and where it stands."""
    if isinstance(node, list):
        for place, item in enumerate(node):
            yield from _patterns(item, f"{pointer}/{place}")
    if not isinstance(node, Mapping):
        return
    if isinstance(node.get("pattern"), str):
        yield pointer + "/pattern", node["pattern"]
    if isinstance(node.get("patternProperties"), Mapping):
        yield from ((pointer + "/patternProperties" + token(name), name) for name in node["patternProperties"])
    for name, item in node.items():
        yield from _patterns(item, pointer + token(name))


class _Reader:
    """Reads a well-formed annotation against the schema of what is served, gathering what does not fit."""

    def __init__(self, file: SchemaFile, annotation: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        self._file = file
        self._annotation = annotation
        self._schema = schema
        self._names: set[str] = set()
        self.findings: list[Finding] = []

    def refuse(self, where: str, message: str) -> None:
        """Note what is wrong at a pointer of the annotation."""
        self.findings.append(self._file.finding("/x-sidecar" + where, message))

    def type_at(self, pointer: str) -> str | None:
        """The JSON type of a property: ``any`` when it has several or none, None when there is no such property."""
        node = self._part(pointer)
        if node is None:
            return None
        found = nullable_branch(node).get("type", "any")
        types = [word for word in found if word != "null"] if isinstance(found, list) else [found]
        return types[0] if len(types) == 1 else "any"

    def _part(self, pointer: str) -> Any:
        """The schema of a property; None when there is no such property."""
        node: Any = self._schema
        for name in names(pointer):
            node = nullable_branch(node).get("properties", {}).get(name)
            if node is None:
                return None
        return node

    def _need(self, where: str, pointer: str) -> str | None:
        found = self.type_at(pointer)
        if found is None:
            self.refuse(where, f"{pointer} is no property of the schema")
        return found

    def properties(self, member: str) -> tuple[str, ...]:
        """The pointers of a member, all of which name properties."""
        for place, pointer in enumerate(self._annotation[member]):
            self._need(f"/{member}/{place}", pointer)
        return tuple(self._annotation[member])

    def texts(self, member: str) -> tuple[str, ...]:
        """The pointers of a member (the keys of an object), all of which name texts."""
        pointers = self._annotation.get(member, ())
        for place, pointer in enumerate(pointers):
            where = f"/{member}" + (token(pointer) if isinstance(pointers, dict) else f"/{place}")
            if self._need(where, pointer) not in ("string", None):
                self.refuse(where, f"{pointer} is no text")
        return tuple(pointers)

    def key(self) -> tuple[str, ...]:
        """The pointers of the key, all of which name texts that every valid record has."""
        pointers = self.texts("id")
        for place, pointer in enumerate(pointers):
            lacking = self._lacking(pointer, "key") if self.type_at(pointer) == "string" else None
            if lacking is not None:
                self.refuse(f"/id/{place}", lacking)
        return pointers

    def _lacking(self, pointer: str, part_of: str) -> str | None:
        """Why a valid record may have nothing at a pointer of its key or tenant; None when each has something there."""
        node, path = self._schema, ""
        for name in names(pointer):
            if node.get("type") != "object":
                return f'{path} need not be an object, but holds the {part_of}; write "type": "object"'
            part = node["properties"][name]
            path += token(name)
            if name not in node.get("required", ()) and "default" not in part:
                return f"{path} may be left out, but belongs to the {part_of}; require it or give it a default"
            if jsonschema_rs.is_valid(dict(part), None):
                return f"{path} may be null, but belongs to the {part_of}; leave null out of its type"
            node = part
        return None

    def tenant(self) -> str:
        """The pointer of the tenant, an object that always has organisation and workspace, all of its ids texts."""
        pointer: str = self._annotation["tenant"]
        if self._need("/tenant", pointer) is not None:
            for fault in dict.fromkeys(self._tenant_faults(pointer)):
                self.refuse("/tenant", fault)
        return pointer

    def _tenant_faults(self, pointer: str) -> Iterator[str]:
        for name in ("org_id", "workspace_id"):
            inner = f"{pointer}/{name}"
            is_text = self.type_at(inner) == "string"
            fault = self._lacking(inner, "tenant") if is_text else f"{pointer} has no text {name!r}"
            if fault is not None:
                yield fault
        deployment = self.type_at(f"{pointer}/deployment_id")
        if deployment is None and _lets_in(nullable_branch(self._part(pointer)), "deployment_id"):
            yield (
                f"{pointer} takes any 'deployment_id'; declare it as a text, or write \"additionalProperties\": false "
                "and no pattern of such a name"
            )
        if deployment not in ("string", None):
            yield f"{pointer}/deployment_id is no text"

    def orders(self) -> Iterator[Order]:
        """The sort keys."""
        for place, order in enumerate(self._annotation["order"]):
            pointers = tuple(order.get("fields") or [order["field"]])
            for pointer in pointers:
                if self._need(f"/order/{place}", pointer) not in ("integer", None):
                    self.refuse(f"/order/{place}", f"{pointer} is no integer; only integers are sort keys")
                self._declared(f"/order/{place}", pointer)
            yield Order(pointers, order["dir"] == "desc")

    def _declared(self, where: str, pointer: str) -> None:
        """What holds an integer says that it is an object, or 1.0 and 1e300 would pass for integers in it."""
        parent = pointer.rpartition("/")[0]
        while parent and self._part(parent) is not None:
            if "object" not in nullable_branch(self._part(parent)).get("type", ()):
                self.refuse(where, f'{parent} need not be an object, but holds the integer; write "type": "object"')
            parent = parent.rpartition("/")[0]

    def columns(self) -> Iterator[Column]:
        """The filterable properties in their order, then the marks."""
        folded = self._annotation.get("folded", ())
        for place, pointer in enumerate(folded):
            if pointer not in self._annotation["filterable"]:
                self.refuse(f"/folded/{place}", f"{pointer} is not filterable")
        for place, pointer in enumerate(self._annotation["filterable"]):
            yield from self._column(f"/filterable/{place}", pointer, pointer in folded)
        for name, schema in self._annotation.get("marks", {}).items():
            yield self._mark(f"/marks{token(name)}", name, schema)

    def _column(self, where: str, pointer: str, folded: bool) -> Iterator[Column]:
        plain = pointer.removesuffix("/**").removesuffix("/*")
        many = plain != pointer
        found = self._need(where, plain)
        if found is None:
            return
        kind = "text" if many else _TYPES.get(found)
        name = ".".join(names(plain))
        self._claim(where, name)
        if kind is None:
            self.refuse(
                where, f"{plain} is neither a text, an integer nor a boolean; for the texts of a list write {plain}/*"
            )
        elif folded and kind != "text":
            self.refuse(where, f"{plain} is no text and cannot be folded")
        else:
            if kind == "integer":
                self._declared(where, plain)
            yield Column(name, pointer, kind, many, folded, None, (name,))

    def _mark(self, where: str, name: str, schema: Mapping[str, Any]) -> Column:
        self._claim(where, name)
        for pointer, word in strangers(schema, where):
            self.refuse(pointer, f"{pointer}: a mark may say of the record itself only {', '.join(WORDS)}, not {word}")
        fields = tuple(dict.fromkeys(".".join(path) for path in own_names(schema)))
        return Column(name, "", "boolean", many=False, folded=False, mark=schema, fields=fields)

    def _claim(self, where: str, name: str) -> None:
        """Take a name for a column; it must be a fit one, and free."""
        if not _COLUMN.fullmatch(name) or name in _TAKEN:
            self.refuse(
                where, f"{name!r} cannot be a filter's name: lower case, digits, _ and dots; not limit or cursor"
            )
        if name in self._names:
            self.refuse(where, f"two filters are called {name!r}")
        self._names.add(name)


def _lets_in(schema: Mapping[str, Any], undeclared: str) -> bool:
    """Whether an object may have a property that is not declared, by a pattern of its name or as any other."""
    patterns = schema.get("patternProperties", {})
    by_pattern = jsonschema_rs.validator_for(
        {"patternProperties": dict.fromkeys(patterns, False)}, pattern_options=jsonschema_rs.RegexOptions()
    )
    return schema.get("additionalProperties") is not False or not by_pattern.is_valid({undeclared: ""})
