"""Random rules: each is well typed over a world's schemas, and asks things that its records answer differently."""

from collections.abc import Callable
from random import Random

from rules import Rule
from shapes import ANY, FLAG, TEXT, WHOLE, Shape, World, below, kind
from terms import Terms, quoted

PATTERNS = ("^a", "[0-9]+$", "^.$", "é", "^(a|b)+$", r"\p{Lu}", "a.b", "^$", r"(?i)A", "[^a-c]", "x{2,5}")
SIGNS = ("==", "!=", "<", "<=", ">", ">=")


def new_rule(dice: Random, world: World) -> Rule:
    """A rule of the world, with up to two named expressions."""
    writer = Writer(dice, world)
    lets = {}
    for number in range(dice.choice((0, 0, 0, 1, 2))):
        name, shape = f"let_{number}", dice.choice((FLAG, FLAG, TEXT, WHOLE))
        lets[name] = writer.terms.of(shape, 2)
        writer.terms.places.append((name, shape))
    text = writer.condition(dice.choice((1, 2, 2, 3, 3, 4, 5, 6)))
    return Rule(text, lets)


class Writer:
    """Writes conditions."""

    def __init__(self, dice: Random, world: World) -> None:
        self.terms = Terms(dice, world, self.condition)
        self._typed = kind(world.record) != "any"
        self._record = below("record", world.record)
        self._loops = self._binds = 0

    def condition(self, size: int) -> str:
        """True or false, in about so many comparisons."""
        if size <= 1:
            return self._leaf()
        left = self.terms.dice.randint(1, size - 1)
        return self.terms.one(
            lambda: f"({self.condition(left)} && {self.condition(size - left)})",
            lambda: f"({self.condition(left)} || {self.condition(size - left)})",
            lambda: f"({self.condition(left)} || {self.condition(size - left)})",
            lambda: f"!({self.condition(size - 1)})",
            lambda: f"({self.condition(1)} ? {self.condition(left)} : {self.condition(size - left)})",
            lambda: self._guarded(size - 1),
            lambda: self._guarded(size - 1),
            lambda: self._loop(size - 1),
            lambda: self._loop(size - 1),
            lambda: self._granted(size - 1),
            lambda: self._granted(size - 1),
            lambda: f"({self._leaf()} {self.terms.pick('==', '!=')} {self.condition(size - 1)})",
            lambda: self._bound(size - 1),
        )

    def _guarded(self, size: int) -> str:
        """A question about a path that is first asked for."""
        path = self.terms.place("string", "integer", "object", "map", "any")
        head, dot, name = path.rpartition(".")
        if not dot or "[" in name:
            return self.condition(size)
        return f"(has({head}.{name}) {self.terms.pick('&&', '&&', '||')} {self._about(path, size)})"

    def _about(self, path: str, size: int) -> str:
        shape = next((shape for text, shape in self.terms.places if text == path), ANY)
        match kind(shape):
            case "string":
                return f"{path} {self.terms.pick('==', '!=')} {self.terms.text(size)}"
            case "integer":
                return f"{path} {self.terms.pick(*SIGNS)} {self.terms.number(size)}"
        return self.condition(size)

    def _leaf(self) -> str:
        if not self._typed and self.terms.dice.random() < 0.7:
            return self._odd()
        return self.terms.one(
            self._strings, self._strings, self._member, self._member, self._numbers, self._reals, self._presence,
            self._lists, self._odd, lambda: self.terms.place("boolean", otherwise="true"),
        )  # fmt: skip

    def _strings(self) -> str:
        way = self.terms.pick(
            "==", "==", "==", "!=", "<", ">=", "contains", "startsWith", "endsWith", "matches", "literal"
        )
        if way == "matches":
            pattern = self.terms.text(1) if self.terms.dice.random() < 0.15 else f'r"{self.terms.pick(*PATTERNS)}"'
            return f"{self.terms.text(1)}.matches({pattern})"
        if way == "literal":
            enum = self.terms.place("enum")
            return (
                f'{enum} {self.terms.pick("==", "!=")} "{self.terms.pick("open", "closed", "held")}"'
                if enum
                else "true"
            )
        if way.isalpha():
            return f"{self.terms.text(1)}.{way}({self.terms.text(1)})"
        return f"{self.terms.text(1)} {way} {self.terms.text(1)}"

    def _member(self) -> str:
        table = self.terms.place("map", otherwise='{"a": 1, "b": 2}')
        return self.terms.one(
            *(lambda: f"{self.terms.text(1)} in {self.terms.texts()}",) * 4,
            lambda: f"{self.terms.text(1)} in {table}",
            lambda: f"{self.terms.number(1)} in {self.terms.numbers()}",
            lambda: f"{self.terms.place('number', otherwise='1.0')} in {self.terms.numbers()}",
        )

    def _numbers(self) -> str:
        if self.terms.dice.random() < 0.1:
            unsigned = f"uint({self.terms.one(lambda: self.terms.number(1), lambda: self.terms.real(1), lambda: self.terms.text(1))})"
            return f"{unsigned} {self.terms.pick(*SIGNS)} {self.terms.pick('0u', '1u', '9223372036854775808u')}"
        return f"{self.terms.number(2)} {self.terms.pick(*SIGNS)} {self.terms.number(1)}"

    def _reals(self) -> str:
        return f"{self.terms.real(2)} {self.terms.pick(*SIGNS)} {self.terms.one(lambda: self.terms.real(1), lambda: self.terms.number(1))}"

    def _presence(self) -> str:
        asked = [path for path, _ in self.terms.places if "." in path and path[-1] != "]"]
        return f"has({self.terms.dice.choice(asked)})" if asked else "true"

    def _lists(self) -> str:
        return self.terms.one(
            lambda: f"size({self.terms.texts()}) {self.terms.pick(*SIGNS)} {self.terms.pick(0, 1, 2)}",
            lambda: f"{self.terms.texts()} {self.terms.pick('==', '!=')} {self.terms.texts()}",
            lambda: f"{self.terms.numbers()} == {self.terms.numbers()}",
            lambda: (
                f"{self.terms.place('object', otherwise='record')} == {self.terms.place('object', otherwise='record')}"
            ),
            lambda: f"{self.terms.place('nullable', otherwise='null')} {self.terms.pick('==', '!=')} null",
        )

    def _odd(self) -> str:
        """Something whose types only the values tell."""
        free = self.terms.place("any", otherwise="dyn(record)")
        other = self.terms.one(lambda: self.terms.place("any", "string", "integer"), self._literal, self._literal)
        return self.terms.one(
            *(lambda: f"{free} {self.terms.pick('==', '==', '!=')} {other}",) * 3,
            lambda: f"{free} {self.terms.pick('<', '>=')} {self._literal()}",
            lambda: f"({free} {self.terms.pick('+', '-', '*', '/', '%')} {free}) == {other}",
            *(lambda: f"{self.terms.pick(quoted('a'), quoted('b'), other)} in {free}",) * 2,
            lambda: (
                f"type({free}) {self.terms.pick('==', '!=')} {self.terms.pick('int', 'double', 'string', 'bool', 'list', 'map', 'null_type')}"
            ),
            lambda: f"has({free}.{self.terms.pick('a', 'b', 'c')})",
            lambda: f"size({free}) {self.terms.pick('==', '>')} {self.terms.pick(0, 1, 2)}",
            lambda: f"{free}[{self._literal()}] == {other}",
            lambda: f"({free} {self.terms.pick('&&', '||')} {self.terms.pick('true', 'false', free)})",
            lambda: f"!{free}",
            lambda: f"({free} ? {free} : {other}) == {other}",
            lambda: (
                f"{free}.{self.terms.pick('contains', 'startsWith', 'endsWith')}({self.terms.pick(free, quoted('a'))})"
            ),
        )

    def _literal(self) -> str:
        return self.terms.pick(
            *(
                "null",
                "true",
                "true",
                "false",
                "0",
                "1",
                "1",
                "2",
                "1u",
                "1.0",
                "-0.0",
                "0.5",
                '"a"',
                '"b"',
                '"1"',
                '""',
                "[]",
                "[1]",
            ),
            *('["a"]', "{}", '{"a": 1}', '[1, "a"]', "{1: 2}", "9223372036854775807"),
        )

    # --- names bound inside ---

    def _bound(self, size: int) -> str:
        self._binds += 1
        name, shape = f"b{self._binds}", self.terms.pick(TEXT, WHOLE, FLAG)
        value = self.terms.of(shape, 2)
        kept = self.terms.places
        self.terms.places = [*kept, *[(name, shape)] * 3]
        body = self.condition(size)
        self.terms.places = kept
        return f"cel.bind({name}, {value}, {body})"

    def _loop(self, size: int) -> str:
        found = [(text, shape) for text, shape in self.terms.places if kind(shape) in ("list", "map", "any")]
        if self._loops >= 2 or not found:
            return self.condition(size)
        target, shape = self.terms.dice.choice(found)
        macro = self.terms.pick("exists", "exists", "exists", "all", "all", "exists_one", "filter")
        inside = {"list": lambda: shape["items"], "map": lambda: TEXT}.get(kind(shape), lambda: ANY)()
        name, body = self._turn(inside, lambda _: self.condition(size))
        if macro == "filter":
            return f"size({target}.filter({name}, {body})) {self.terms.pick('==', '>', '<')} {self.terms.pick(0, 1, 2)}"
        return f"{target}.{macro}({name}, {body})"

    def _turn(self, shape: Shape, write: Callable[[str], str]) -> tuple[str, str]:
        """A new loop variable, and what is written where it is in reach."""
        name = f"v{self._loops}"
        kept = self.terms.places
        self.terms.places = [*kept, *below(name, shape) * 3]
        self._loops += 1
        body = write(name)
        self._loops -= 1
        self.terms.places = kept
        return name, body

    def _granted(self, size: int) -> str:
        """A grant that the record names, and more about it: the loop that becomes a lookup."""
        grants = next((shape["items"] for text, shape in self.terms.places if text == "caller.grants"), None)
        if grants is None or self._loops:
            return self._loop(size)
        texts = [place for place in self._record if kind(place[1]) == "string"]
        lists = [place for place in self._record if kind(place[1]) == "list" and kind(place[1]["items"]) == "string"]

        def body(name: str) -> str:
            inside = below(name, grants)
            key = self.terms.dice.choice([text for text, shape in inside if kind(shape) == "string"])
            keys = self.terms.dice.choice([text for text, shape in inside if kind(shape) == "list"])
            text, many = (self.terms.dice.choice(places)[0] if places else '"a"' for places in (texts, lists))
            many = many if lists else '["a"]'
            tie = self.terms.pick(
                f"{key} in {many}", f"{key} in {many}", f"{key} == {text}", f"{text} == {key}", f"{text} in {keys}"
            )
            more = self.condition(size) if self.terms.dice.random() < 0.7 else ""
            return self.terms.pick(f"{tie} && {more}", f"{more} && {tie}") if more else tie

        name, written = self._turn(grants, body)
        return f"caller.grants.{self.terms.pick('exists', 'exists', 'exists', 'all')}({name}, {written})"
