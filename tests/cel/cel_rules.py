"""Random well-typed rules, with records, callers and labels for them: what the laws of the engine are tried on."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from random import Random
from typing import Any

from hypothesis import assume

from sidecar.cel import BOOL, INT, CelError, Checked, Env, Type, check, parse, type_from_schema

TEXT: dict[str, Any] = {"type": "string"}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT, "default": []}
PART = {
    "type": "object",
    "required": ["kind", "id"],
    "properties": {"kind": TEXT, "id": TEXT, "rank": {"type": "integer"}},
}
RECORD_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id", "scope", "at", "state"],
    "properties": {
        "id": TEXT,
        "at": {"type": "integer"},
        "state": {"type": "string", "enum": ["open", "closed"]},
        "ratio": {"type": "number"},
        "live": {"type": "boolean"},
        "owner": {"anyOf": [TEXT, {"type": "null"}]},
        "holder": {"anyOf": [PART, {"type": "null"}]},
        "tags": {"type": "object", "additionalProperties": TEXT},
        "extra": {},
        "scope": {
            "type": "object",
            "required": ["classes", "parts"],
            "properties": {
                "unit": TEXT,
                "classes": {"type": "array", "items": TEXT},
                "grants": TEXTS,
                "parts": {"type": "array", "items": PART},
                "root": PART,
            },
        },
    },
}
LABEL = (
    *(("scope", "unit"), ("scope", "classes"), ("scope", "grants"), ("scope", "root", "kind")),
    *(("owner",), ("holder", "kind")),
)
KNOWN = {"record": tuple("/" + "/".join(pointer) for pointer in LABEL)}
"""What a label tells, as the compiler is told of it."""
GRANT = {
    "type": "object",
    "required": ["grant_id", "resource", "permissions"],
    "properties": {"grant_id": TEXT, "permissions": TEXTS, "data_classes": TEXTS, "resource": PART},
}
CALLER_SCHEMA = {
    "type": "object",
    "required": ["units", "operator", "grants"],
    "properties": {
        "actor": TEXT,
        "operator": {"type": "boolean"},
        "units": {"type": "array", "items": TEXT},
        "grants": {"type": "array", "items": GRANT},
    },
}
VARIABLES: Mapping[str, Type] = {
    "record": type_from_schema(RECORD_SCHEMA, "record"),
    "tenant": type_from_schema({"type": "object", "required": ["org"], "properties": {"org": TEXT}}, "tenant"),
    "caller": type_from_schema(CALLER_SCHEMA, "caller"),
    "now_ms": INT,
}
DAMAGE = (None, True, 0, 1, 1.0, 2.5, "a", [], ["a"], [1], [{}], {}, {"a": 1}, {"kind": "a", "id": "a"})
WORDS = ("a", "b", "open", "é😀", "", "1")
NUMBERS = (0, 1, -1, 2, 7, 2**53, 2**63 - 1, -(2**63))


def rule(dice: Random, depth: int = 3) -> str:
    """A condition that the checker accepts."""
    return _Rules(dice).condition(depth)


def accepted(text: str) -> Checked:
    """The rule, checked. Passes the example over when it nests its loops too deep."""
    try:
        return check(parse(text), Env(VARIABLES), expects=BOOL)
    except CelError as error:
        assume("nested deeper" not in str(error))
        raise


class _Rules:
    """Writes expressions of a wanted type; ``names`` are the loop variables in reach, by type."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._names: list[tuple[str, str]] = []

    def condition(self, depth: int) -> str:
        if depth <= 0:
            return self._one(self._flag, self._text_test, self._number_test, self._presence, self._listed, self._odd)
        return self._one(
            lambda: f"({self.condition(depth - 1)} && {self.condition(depth - 1)})",
            lambda: f"({self.condition(depth - 1)} || {self.condition(depth - 1)})",
            lambda: f"({self.condition(depth - 2)} && {self.condition(depth - 1)} && {self.condition(depth - 2)})",
            lambda: f"!({self.condition(depth - 1)})",
            lambda: f"({self.condition(depth - 1)} ? {self.condition(depth - 1)} : {self.condition(depth - 2)})",
            lambda: self._loop(depth),
            lambda: self._loop(depth),
            lambda: self.condition(0),
        )

    def _one(self, *ways: Callable[[], str]) -> str:
        return self._dice.choice(ways)()

    def _pick(self, *choices: str) -> str:
        return self._dice.choice(choices)

    def _named(self, type_: str) -> list[str]:
        return [name for name, held in self._names if held == type_]

    # --- conditions ---

    def _flag(self) -> str:
        return self._pick("caller.operator", "record.live", "true", "false")

    def _text_test(self) -> str:
        way = self._pick("==", "!=", "<", ">=", "startsWith", "contains", "endsWith", "matches")
        if way == "matches":
            return f"{self.text()}.matches({self._quoted('^a', '[0-9]+$', 'é.', '^$')})"
        if way.isalpha():
            return f"{self.text()}.{way}({self.text()})"
        return f"{self.text()} {way} {self.text()}"

    def _number_test(self) -> str:
        way = self._pick("==", "!=", "<", "<=", ">", ">=")
        return self._pick(
            f"{self.number()} {way} {self.number()}",
            f"record.ratio {way} {self.number()}",
            f"record.ratio {way} {self._pick('0.5', '1.0', '-1.0')}",
        )

    def _presence(self) -> str:
        plain = (
            *("record.ratio", "record.live", "record.owner", "record.scope.unit", "record.scope.root", "record.tags.a"),
            *("record.scope.root.kind", "record.scope.root.rank", "record.scope.grants", "record.extra.a.b"),
            *("record.extra.a", "caller.actor", "record.tags"),
        )
        return f"has({self._pick(*plain, *(f'{name}.rank' for name in self._named('part')))})"

    def _listed(self) -> str:
        return self._pick(
            f"{self.text()} in {self.texts()}",
            f"{self.text()} in {self.texts()}",
            f"{self.text()} in record.tags",
            f"{self.number()} in [1, record.at, 7]",
            f"size({self.texts()}) {self._pick('==', '>', '<=')} {self._pick('0', '1', '2')}",
            f"{self.texts()} == {self.texts()}",
        )

    def _odd(self) -> str:
        return self._pick(
            f"record.owner {self._pick('==', '!=')} {self._pick('null', self.text())}",
            f"record.extra {self._pick('==', '!=')} {self._pick('1', self._quoted(), 'null', '[1]', 'record.ratio', 'true')}",
            f"record.extra.a == {self._pick('1', self._quoted(), 'record.at')}",
            f"record.extra {self._pick('<', '>=')} {self._pick('1', '2.5')}",
            f"record.state {self._pick('==', '!=')} {self._quoted('open', 'closed')}",
            f"record.scope.parts == {self._pick('[]', 'record.scope.parts')}",
            f"{self._pick('1', self._quoted(), 'null', 'true')} in record.extra",
            *(
                "has(record.holder.kind)",
                "has(record.holder)",
                "record.holder == null",
                "record.holder.kind == record.id",
            ),
            'record.extra.exists(x, x == "a" || x == 1)',
        )

    # --- values ---

    def text(self) -> str:
        """An expression of type string."""
        held = self._named("text")
        if held and self._dice.random() < 0.5:
            return self._pick(*held)
        parts = self._named("part")
        grants = self._named("grant")
        more = [f"{name}.{field}" for name in parts for field in ("kind", "id")]
        more += [f"{name}.{field}" for name in grants for field in ("grant_id", "resource.kind", "resource.id")]
        return self._pick(
            *("record.id", "record.scope.unit", "record.scope.root.kind", "record.scope.root.id", "caller.actor"),
            *("record.tags.a", 'record.tags["b"]', "tenant.org", f"({self._quoted()} + record.id)"),
            *("record.scope.classes[0]", "(record.live ? record.id : record.scope.unit)", "string(record.at)"),
            *(self._quoted(), *more, *more),
        )

    def _quoted(self, *choices: str) -> str:
        return f'"{self._dice.choice(choices or WORDS)}"'

    def number(self) -> str:
        """An expression of type int."""
        return self._pick(
            *("record.at", "now_ms", "record.scope.root.rank", "size(record.id)", "size(record.scope.parts)"),
            *(str(self._dice.choice(NUMBERS)), f"(record.at {self._pick('+', '-', '*', '/', '%')} {self._small()})"),
            *("int(record.id)", *(f"{name}.rank" for name in self._named("part"))),
        )

    def _small(self) -> str:
        return str(self._dice.choice((0, 1, 2, 2**62)))

    def texts(self) -> str:
        """An expression of type list(string)."""
        lists = [f"{name}.{field}" for name in self._named("grant") for field in ("permissions", "data_classes")]
        return self._pick(
            *("record.scope.classes", "record.scope.grants", "caller.units", f"[{self._quoted()}, record.id]"),
            *('["a", "b"]', "record.scope.parts.map(q, q.kind)", 'caller.units.filter(q, q != "a")', *lists, *lists),
        )

    def _loop(self, depth: int) -> str:
        if len(self._names) >= 2:
            return self.condition(depth - 1)
        type_, target = self._dice.choice(
            (
                *(("text", "record.scope.classes"), ("text", "caller.units"), ("text", "record.scope.grants")),
                *(("part", "record.scope.parts"), ("grant", "caller.grants"), ("grant", "caller.grants")),
                ("text", "record.tags"),
            )
        )
        name = f"v{len(self._names)}"
        self._names.append((name, type_))
        tie = f"{self._tie(name)} && " if type_ == "grant" and self._dice.random() < 0.7 else ""
        body = f"{tie}{self.condition(depth - 2)}"
        self._names.pop()
        return f"{target}.{self._pick('exists', 'exists', 'all', 'exists_one')}({name}, {body})"

    def _tie(self, name: str) -> str:
        """What binds a grant to the record: the conditions that become a lookup."""
        return self._pick(
            f"{name}.grant_id in record.scope.grants",
            f"{name}.grant_id == record.scope.unit",
            f"record.id == {name}.resource.id",
            f"record.scope.unit in {name}.data_classes",
            f"{name}.resource.kind == record.scope.root.kind",
        )


# --- what the rules are asked about -----------------------------------------------------------------------------------


def _maybe(dice: Random, chance: float, **fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if dice.random() < chance}


def _words(dice: Random) -> list[str]:
    return [dice.choice(WORDS) for _ in range(dice.choice((0, 1, 1, 2, 3)))]


def _part(dice: Random) -> dict[str, Any]:
    return {"kind": dice.choice(WORDS), "id": dice.choice(WORDS), **_maybe(dice, 0.5, rank=dice.choice(NUMBERS))}


def _anything(dice: Random) -> Any:
    values = (None, True, 1, 0, 2.5, 1.0, "a", "", [], [1, "a"], ["a", None], {"a": 1}, {"a": {"b": None}}, {"1": []})
    return dice.choice(values)


def record(dice: Random) -> dict[str, Any]:
    """A record of the schema, defaults left out or not."""
    return {
        "id": dice.choice(WORDS),
        "at": dice.choice(NUMBERS),
        "state": dice.choice(("open", "closed")),
        **_maybe(dice, 0.7, ratio=dice.choice((0.5, 1, 1.0, -0.0)), live=dice.random() < 0.5),
        **_maybe(dice, 0.7, owner=dice.choice((None, "a", "b")), tags=_maybe(dice, 0.5, a="a", b=dice.choice(WORDS))),
        **_maybe(dice, 0.7, extra=_anything(dice), holder=dice.choice((None, _part(dice), _part(dice)))),
        "scope": {
            "classes": _words(dice),
            "parts": [_part(dice) for _ in range(dice.choice((0, 1, 2)))],
            **_maybe(dice, 0.6, unit=dice.choice(WORDS), grants=_words(dice), root=_part(dice)),
        },
    }


def damaged(dice: Random, value: dict[str, Any]) -> dict[str, Any]:
    """The record with some values gone or replaced by what does not belong there. The given one is lost."""
    for _ in range(dice.choice((1, 1, 2, 3))):
        places = list(_places(value))
        owner, at = dice.choice(places) if places else (value, "id")
        if isinstance(owner, dict) and dice.random() < 0.3:
            del owner[at]
        else:
            owner[at] = deepcopy(dice.choice(DAMAGE))
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document: what holds it, and under which name or number."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for at, held in inside:
        yield value, at
        yield from _places(held)


def caller(dice: Random) -> dict[str, Any]:
    """A caller of the schema."""
    return {
        "operator": dice.random() < 0.3,
        "units": _words(dice),
        "grants": [_grant(dice) for _ in range(dice.choice((0, 1, 3)))],
        **_maybe(dice, 0.7, actor=dice.choice(WORDS)),
    }


def _grant(dice: Random) -> dict[str, Any]:
    return {
        "grant_id": dice.choice(WORDS),
        "resource": _part(dice),
        "permissions": _words(dice),
        **_maybe(dice, 0.7, data_classes=_words(dice)),
    }


def filled(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value with every default written out: what an engine must be given that does not know the schema."""
    if isinstance(value, list):
        return [filled(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return float(value) if schema.get("type") == "number" and type(value) is int else value
    known = schema.get("properties", {})
    defaults = {name: part["default"] for name, part in known.items() if "default" in part}
    return {name: filled(item, known.get(name, {})) for name, item in {**defaults, **value}.items()}


def pruned(value: Any, pointers: tuple[tuple[str, ...], ...] = LABEL) -> Any:
    """The record as its label holds it: the pointers' values, and the parents they stand in."""
    if not isinstance(value, dict) or () in pointers:
        return value
    heads = {pointer[0] for pointer in pointers} & value.keys()
    below = {head: tuple(pointer[1:] for pointer in pointers if pointer[0] == head) for head in heads}
    return {head: pruned(value[head], below[head]) for head in heads}
