"""The types of CEL, and how a JSON Schema becomes one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Prim:
    """A simple type. ``enum`` narrows a string to the values a schema allows; it plays no part in equality."""

    name: str
    enum: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class ListType:
    """A list of one type. ``most`` is how many elements a schema allows; it plays no part in equality."""

    element: "Type"
    most: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"list({self.element})"


@dataclass(frozen=True, slots=True)
class MapType:
    """A map from one type to another."""

    key: "Type"
    value: "Type"

    def __str__(self) -> str:
        return f"map({self.key}, {self.value})"


@dataclass(frozen=True, slots=True)
class Nullable:
    """A value of the type, or null."""

    inner: "Type"

    def __str__(self) -> str:
        return f"{self.inner} or null"


@dataclass(frozen=True, slots=True)
class OptionalType:
    """A value of the type, or none (the optional extension)."""

    inner: "Type"

    def __str__(self) -> str:
        return f"optional({self.inner})"


@dataclass(frozen=True, slots=True)
class TypeType:
    """The type of a type."""

    inner: "Type"

    def __str__(self) -> str:
        return "type"


@dataclass(frozen=True, slots=True)
class Param:
    """A type yet to be found, in a function's signature."""

    name: str

    def __str__(self) -> str:
        return self.name


NOTHING = object()
"""The default of a field that has none."""


@dataclass(frozen=True, slots=True)
class Field:
    """One property of an object. An absent one is read as its ``default``, when it has one."""

    type: "Type"
    required: bool
    default: Any = NOTHING

    @property
    def enum(self) -> tuple[str, ...]:
        """The values the schema allows, or nothing."""
        inner = self.type.inner if isinstance(self.type, Nullable) else self.type
        return inner.enum if isinstance(inner, Prim) else ()


@dataclass(frozen=True, slots=True, eq=False)
class ObjectType:
    """An object with known fields, such as a record. ``rest`` is the type of any other field, when others may be."""

    name: str
    fields: Mapping[str, Field]
    rest: "Type | None" = None

    def __str__(self) -> str:
        return self.name or "object"


Type = Prim | ListType | MapType | Nullable | OptionalType | TypeType | Param | ObjectType

BOOL, INT, UINT, DOUBLE = Prim("bool"), Prim("int"), Prim("uint"), Prim("double")
STRING, BYTES, NULL, DYN = Prim("string"), Prim("bytes"), Prim("null"), Prim("dyn")
TIMESTAMP, DURATION = Prim("timestamp"), Prim("duration")
NUMBERS = (INT, UINT, DOUBLE)


def bare(type_: Type) -> Type:
    """The type without its null."""
    return type_.inner if isinstance(type_, Nullable) else type_


def assignable(wanted: Type, found: Type) -> bool:
    """Whether a value of ``found`` may stand where ``wanted`` is wanted, as far as types can tell."""
    if DYN in (wanted, found) or wanted == found:
        return True
    match wanted, found:
        case (Nullable(inner=inner), _):
            return found == NULL or assignable(inner, bare(found))
        case (_, Nullable(inner=inner)):
            return wanted == NULL or assignable(wanted, inner)
        case (ListType(element=a), ListType(element=b)):
            return assignable(a, b)
        case (MapType(key=k, value=v), MapType(key=l, value=w)):
            return assignable(k, l) and assignable(v, w)
        case (OptionalType(inner=a), OptionalType(inner=b)):
            return assignable(a, b)
        case (ObjectType(), MapType(key=key)) | (MapType(key=key), ObjectType()):
            return assignable(STRING, key)
        case (ObjectType(), ObjectType()) | (TypeType(), TypeType()):
            return True
    return False


def join(left: Type, right: Type) -> Type | None:
    """The one type of two branches, or None. What either may be, the joined one may be: its enum holds both."""
    if isinstance(left, Prim) and left == right:
        both = tuple(dict.fromkeys(left.enum + right.enum)) if left.enum and right.enum else ()
        return Prim(left.name, both)
    if left == right and not isinstance(left, ListType):
        return left
    if DYN in (left, right):
        return DYN
    if NULL in (left, right):
        other = right if left == NULL else left
        return other if isinstance(other, Nullable) else Nullable(other)
    if isinstance(left, Nullable) or isinstance(right, Nullable):
        inner = join(bare(left), bare(right))
        return None if inner is None else Nullable(inner)
    if isinstance(left, ListType) and isinstance(right, ListType):
        element = join(left.element, right.element)
        return None if element is None else ListType(element)
    if isinstance(left, OptionalType) and isinstance(right, OptionalType):
        inner = join(left.inner, right.inner)
        return None if inner is None else OptionalType(inner)
    return DYN if assignable(left, right) else None


_SCALARS = {"string": STRING, "integer": INT, "number": DOUBLE, "boolean": BOOL, "null": NULL}


def type_from_schema(schema: Mapping[str, Any] | bool, name: str = "") -> Type:
    """The type of the values a JSON Schema allows. The schema is inlined: it holds no ``$ref``.

    What a schema leaves open is ``dyn``. An object's known properties are its fields; one that only has
    ``additionalProperties`` is a map from string.
    """
    if isinstance(schema, bool):
        return DYN
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches and "type" not in schema:
        return _from_branches(branches, name)
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if not kinds:
        return _from_values(schema, name)
    inner = [_from_kind(kind, schema, name) for kind in kinds if kind != "null"]
    if not inner:
        return NULL
    only = inner[0] if len(inner) == 1 else DYN
    return Nullable(only) if "null" in kinds and only != DYN else only


def _from_branches(branches: list[Mapping[str, Any]], name: str) -> Type:
    types = [type_from_schema(branch, name) for branch in branches]
    joined: Type | None = types[0]
    for other in types[1:]:
        joined = None if joined is None else join(joined, other)
    return DYN if joined is None else joined


def _from_values(schema: Mapping[str, Any], name: str) -> Type:
    if "properties" in schema:
        return _from_kind("object", schema, name)
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if values and all(isinstance(value, str) for value in values):
        return Prim("string", tuple(values))
    return DYN


def _from_kind(kind: str, schema: Mapping[str, Any], name: str) -> Type:
    if kind == "array":
        return ListType(type_from_schema(schema.get("items", {}), f"{name}[]"), schema.get("maxItems"))
    if kind == "object":
        return _from_object(schema, name)
    if kind == "string":
        values = schema.get("enum", [schema["const"]] if "const" in schema else [])
        return Prim("string", tuple(value for value in values if isinstance(value, str)))
    return _SCALARS[kind]


def _from_object(schema: Mapping[str, Any], name: str) -> Type:
    properties = schema.get("properties")
    if not properties:
        rest = schema.get("additionalProperties", {})
        return MapType(STRING, type_from_schema({} if rest is True else rest, f"{name}.*"))
    required = frozenset(schema.get("required", ()))
    fields = {
        key: Field(type_from_schema(sub, f"{name}.{key}"), key in required, _default(sub))
        for key, sub in properties.items()
    }
    rest = schema.get("additionalProperties", False)
    return ObjectType(name, fields, None if rest is False else type_from_schema(rest, f"{name}.*"))


def _default(schema: Mapping[str, Any] | bool) -> Any:
    return NOTHING if isinstance(schema, bool) else schema.get("default", NOTHING)
