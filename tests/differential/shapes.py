"""Generated schemas, and the most awkward values that they allow. A shape is a JSON Schema, so the engine reads it too."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

Shape = Mapping[str, Any]
Places = list[tuple[str, Shape]]

TEXT: Shape = {"type": "string"}
WHOLE: Shape = {"type": "integer"}
REAL: Shape = {"type": "number"}
FLAG: Shape = {"type": "boolean"}
STATE: Shape = {"type": "string", "enum": ["open", "closed", "held"]}
ANY: Shape = {}
DOCUMENT: Shape = {"title": "a document of any kind"}
SCALARS = (TEXT, TEXT, TEXT, WHOLE, WHOLE, REAL, FLAG, STATE)
NAMES = ("unit", "kind", "code", "rank", "owner", "part", "note", "level")

WORDS = ("a", "b", "c")
LOOKALIKES = (
    *("", "A", "a ", "aa", "ab", "é", "e\u0301", "é😀", "😀", "\uffff", "\u03b1", "\u0430", "İ", "ß", "a\nb"),
    *(
        "1",
        "-1",
        "+7",
        "007",
        "1.0",
        "1e3",
        "1e999",
        "true",
        "null",
        "[]",
        '{"a":1}',
        "open",
        "(",
        "^a",
        ".*",
        "x" * 300,
    ),
)
INTS = (0, 1, 2, 3)
FAR_INTS = (-1, 7, 2**31, 2**53 - 1, 2**53, 2**53 + 1, 2**62, 2**63 - 1, -(2**63), -(2**63) + 1)
REALS = (0.0, 1.0, 2, 0.5)
FAR_REALS = (
    -0.0,
    -1.5,
    1e308,
    -1e308,
    5e-324,
    2.2250738585072014e-308,
    0.1,
    2.0**53,
    2.0**63,
    -(2.0**63),
    9007199254740993,
)

LONG, LENGTHS = 0.002, (40,) * 8 + (130, 1_100)
"""How often a list is a long one, and how long: past 128 and past 1,024 the closure takes its careful form."""


def kind(shape: Shape) -> str:
    """What a shape is: string, enum, integer, number, boolean, list, object, map, nullable, any."""
    if "anyOf" in shape:
        return "nullable"
    name = shape.get("type", "any")
    if name == "object":
        return "object" if "properties" in shape else "map"
    return {"array": "list"}.get(name, "enum" if "enum" in shape else name)


def list_of(items: Shape, *, default: bool = False) -> Shape:
    """A list; with a default it is empty when absent."""
    return {"type": "array", "items": items, **({"default": []} if default else {})}


def or_null(shape: Shape) -> Shape:
    """The shape, or null."""
    return {"anyOf": [shape, {"type": "null"}]}


def object_of(fields: Mapping[str, Shape], required: Sequence[str]) -> Shape:
    """An object that holds these fields and no others."""
    return {"type": "object", "properties": dict(fields), "required": list(required), "additionalProperties": False}


@dataclass(frozen=True)
class World:
    """The schemas of one run of rules, and which pointers of the record a label holds."""

    record: Shape
    caller: Shape
    known: tuple[str, ...]
    tenant: Shape = field(default_factory=lambda: object_of({"org": TEXT, "region": TEXT}, ["org"]))


def new_world(dice: Random, *, typed: bool = True) -> World:
    """A world of its own; without types everything is ``dyn``."""
    if not typed:
        return World(DOCUMENT, DOCUMENT, ("/a", "/b/c"))
    part = _object(dice, 0, dict.fromkeys(dice.sample(NAMES, 3), TEXT))
    fields = {"id": TEXT, "rank": WHOLE, "unit": TEXT, "classes": list_of(TEXT), "grants": list_of(TEXT, default=True)}
    fields |= {"ratio": REAL, "live": FLAG, "state": STATE, "extra": ANY, "owner": or_null(TEXT), "root": part}
    fields |= {
        "parts": list_of(part),
        "tags": {"type": "object", "additionalProperties": TEXT},
        "holder": or_null(part),
    }
    fields |= {"scope": _object(dice, 2, {"unit": TEXT, "classes": list_of(TEXT, default=dice.random() < 0.5)})}
    fields |= {"numbers": list_of(WHOLE), "limits": list_of(REAL)}
    kept = ["id", "scope", *dice.sample(sorted(fields.keys() - {"id", "scope"}), 11)]
    record = object_of({name: fields[name] for name in kept}, ["id", *(n for n in kept[1:] if dice.random() < 0.5)])
    grant = object_of(
        {"id": TEXT, "until": WHOLE, "deny": FLAG, "classes": list_of(TEXT, default=True), "part": part},
        ["id", "until"],
    )
    caller = object_of(
        {"actor": TEXT, "operator": FLAG, "units": list_of(TEXT), "grants": list_of(grant), "level": WHOLE},
        ["operator", "units", "grants"],
    )
    pointers = sorted(_pointers(record))
    return World(record, caller, tuple(dice.sample(pointers, dice.randint(1, len(pointers) * 2 // 3))))


def _object(dice: Random, depth: int, fields: Mapping[str, Shape]) -> Shape:
    """An object with these fields and some more."""
    more = {name: dice.choice(SCALARS) for name in dice.sample(NAMES, 2)}
    if depth:
        more[dice.choice(("inner", "part"))] = _object(dice, depth - 1, {"kind": TEXT})
        more["numbers"] = list_of(WHOLE)
    every = {**more, **fields}
    return object_of(every, [name for name in every if dice.random() < 0.6])


def _pointers(shape: Shape, at: str = "") -> Iterator[str]:
    """The JSON pointers of everything that a label may hold."""
    for name, inner in shape["properties"].items():
        yield f"{at}/{name}"
        if kind(inner) == "object":
            yield from _pointers(inner, f"{at}/{name}")


def below(text: str, shape: Shape, depth: int = 4) -> Places:
    """What can be read of a variable: each expression with its shape."""
    found: Places = [(text, shape)]
    match kind(shape):
        case "object" if depth:
            for name, inner in shape["properties"].items():
                found += below(f"{text}.{name}", inner, depth - 1)
        case "nullable":
            found += below(text, shape["anyOf"][0], depth)[1:]
        case "map":
            found += [(f"{text}.a", shape["additionalProperties"]), (f'{text}["b"]', shape["additionalProperties"])]
        case "list" if depth > 1:
            found += below(f"{text}[0]", shape["items"], 1)
        case "any":
            found += [(f"{text}.{name}", ANY) for name in ("a", "b", "b.c")]
    return found


class Values:
    """Draws values. ``far`` is how often one is taken from the awkward ones."""

    def __init__(self, dice: Random, far: float = 0.2) -> None:
        self._dice, self._far = dice, far

    def of(self, shape: Shape, *, long: bool = True) -> Any:  # noqa: PLR0911 - one return a kind
        """A value that the shape allows."""
        dice = self._dice
        match kind(shape):
            case "string":
                return self._either(WORDS, LOOKALIKES)
            case "enum":
                return dice.choice(shape["enum"])
            case "integer":
                return self._either(INTS, FAR_INTS)
            case "number":
                return self._either(REALS, FAR_REALS)
            case "boolean":
                return dice.random() < 0.5
            case "nullable":
                return None if dice.random() < 0.3 else self.of(shape["anyOf"][0])
            case "list":
                return [self.of(shape["items"], long=False) for _ in range(self._length(long=long))]
            case "map":
                return {
                    name: self.of(shape["additionalProperties"]) for name in ("a", "b", "😀") if dice.random() < 0.5
                }
            case "object":
                return self._object(shape)
        return self.document() if shape is DOCUMENT else self.anything()

    def document(self) -> dict[str, Any]:
        """A JSON object of anything, mostly under the names that rules look for."""
        inner = {"c": self.anything(1), "a": self.anything(1)} if self._dice.random() < 0.5 else self.anything(2)
        fields = {"a": self.anything(2), "b": inner, "c": self.anything(2), "1": self.anything(1), "": None}
        return {name: value for name, value in fields.items() if self._dice.random() < 0.85}

    def _object(self, shape: Shape) -> dict[str, Any]:
        present = (n for n in shape["properties"] if n in shape["required"] or self._dice.random() < 0.7)
        return {name: self.of(shape["properties"][name]) for name in present}

    def _either(self, near: Sequence[Any], far: Sequence[Any]) -> Any:
        return self._dice.choice(far if self._dice.random() < self._far else near)

    def _length(self, *, long: bool) -> int:
        if long and self._dice.random() < LONG:
            return self._dice.choice(LENGTHS)
        return self._dice.choice((0, 1, 1, 2, 2, 3, 5))

    def anything(self, depth: int = 3) -> Any:
        """Whatever JSON can hold."""
        dice = self._dice
        pick = dice.random() if depth else 0.0
        if pick < 0.4:
            return dice.choice((None, True, False, *WORDS, *INTS, *REALS, self._either(LOOKALIKES, FAR_INTS)))
        if pick < 0.55:
            return [self.anything(depth - 1) for _ in range(dice.choice((0, 1, 2, 3)))]
        return {name: self.anything(depth - 1) for name in ("a", "b", "c", "1", "") if dice.random() < 0.6}


def filled(value: Any, shape: Shape) -> Any:
    """The value with every default written out and every number a double: what an engine without the schema needs."""
    match kind(shape):
        case "nullable":
            return None if value is None else filled(value, shape["anyOf"][0])
        case "number":
            return float(value)
        case "list":
            return [filled(item, shape["items"]) for item in value]
        case "object":
            fields = shape["properties"]
            defaults = {name: inner["default"] for name, inner in fields.items() if "default" in inner}
            return {name: filled(inner, fields.get(name, ANY)) for name, inner in {**defaults, **value}.items()}
    return value


def pruned(value: Any, pointers: Sequence[str]) -> Any:
    """The record as a label holds it: what the pointers name, and the parents that it stands in."""
    if not isinstance(value, dict) or "" in pointers:
        return value
    heads: dict[str, list[str]] = {}
    for pointer in pointers:
        head, slash, rest = pointer[1:].partition("/")
        heads.setdefault(head, []).append(slash + rest)
    return {name: pruned(value[name], rests) for name, rests in heads.items() if name in value}
