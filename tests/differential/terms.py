"""Random expressions that have values: strings, numbers, lists. The conditions they need are written elsewhere."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from shapes import ANY, INTS, LOOKALIKES, WHOLE, WORDS, Places, Shape, World, below, kind

NUMBERS = (0, 1, 2, 3, -1, 2**53, 2**62, 2**63 - 1, -(2**63))
_TABLE = '{"a": "b", "b": "c"}'
DOUBLES = ("0.0", "0.5", "1.0", "-0.0", "2.5", "1e308", "5e-324")


def quoted(text: str) -> str:
    """A string literal: JSON's escapes are CEL's too."""
    return json.dumps(text, ensure_ascii=False)


class Terms:
    """Writes expressions of a wanted shape and about a wanted number of parts; ``places`` are the paths in reach.

    ``condition`` writes what is true or false, in about so many comparisons.
    """

    def __init__(self, dice: Random, world: World, condition: Callable[[int], str]) -> None:
        self.dice = dice
        self.condition = condition
        record, caller = below("record", world.record), below("caller", world.caller)
        self.places: Places = [*record, *record, *caller, *below("tenant", world.tenant), ("now_ms", WHOLE)]

    def pick(self, *choices: Any) -> Any:
        """One of the choices."""
        return self.dice.choice(choices)

    def one(self, *ways: Callable[[], str]) -> str:
        """What one of the ways writes."""
        return self.dice.choice(ways)()

    def _places(self, *kinds: str, of: str = "") -> list[str]:
        """The paths of a kind, lists by what they hold."""
        return [
            text
            for text, shape in self.places
            if kind(shape) in kinds and (not of or kind(shape.get("items", ANY)) == of)
        ]

    def place(self, *kinds: str, of: str = "", otherwise: str = "") -> str:
        """One of the paths of a kind."""
        found = self._places(*kinds, of=of)
        near = [text for text in found if text[0] in "vb"]  # a loop that forgets its variable says little
        if near and self.dice.random() < 0.6:
            return self.dice.choice(near)
        return self.dice.choice(found) if found else otherwise

    # --- values ---

    def of(self, shape: Shape, size: int) -> str:
        """An expression of a shape."""
        match kind(shape):
            case "string":
                return self.text(size)
            case "integer":
                return self.number(size)
        return self.condition(size)

    def text(self, size: int) -> str:
        """A string."""
        place = self.place("string", otherwise='"a"')
        if size > 1 or self.dice.random() < 0.1:
            return self.one(
                lambda: f"({self.text(0)} + {self.text(0)})",
                lambda: f"({self.condition(1)} ? {self.text(0)} : {self.text(0)})",
                lambda: f"string({self.number(0)})",
                lambda: f"{self.texts()}[{self.number(0)}]",
                lambda: f"{self.place('map', otherwise=_TABLE)}[{self.text(0)}]",
                lambda: place,
            )
        return quoted(self._word()) if self.dice.random() < 0.2 else place

    def _word(self) -> str:
        return self.pick(*WORDS, *WORDS, *WORDS, self.pick(*LOOKALIKES))

    def number(self, size: int) -> str:
        """A whole number."""
        place = self.place("integer", otherwise="1")
        if size > 1 or self.dice.random() < 0.1:
            return self.one(
                lambda: f"({place} {self.pick('+', '-', '*', '/', '%')} {self.number(0)})",
                lambda: f"(-{place})",
                lambda: f"size({self.texts()})",
                lambda: f"({self.condition(1)} ? {place} : {self.number(0)})",
                lambda: f'{{"a": 1, "b": {place}, {self.pick("true", "7", "7u")}: 2}}[{self.text(0)}]',
                lambda: f"size({self.text(0)})",
                lambda: f"int({self.pick(self.text(0), self.real(0))})",
                lambda: place,
            )
        return str(self.pick(*INTS, *NUMBERS)) if self.dice.random() < 0.3 else place

    def real(self, size: int) -> str:
        """A double."""
        place = self.place("number", otherwise="0.5")
        if size > 1:
            return self.one(
                lambda: f"({place} {self.pick('+', '-', '*', '/')} {self.real(0)})",
                lambda: f"(-{place})",
                lambda: f"double({self.pick(self.text(0), self.number(0))})",
                lambda: place,
            )
        return self.pick(*DOUBLES) if self.dice.random() < 0.3 else place

    def texts(self) -> str:
        """A list of strings."""
        place = self.place("list", of="string", otherwise='["a"]')
        return self.one(
            *(lambda: place,) * 6,
            lambda: f"[{self.text(0)}, {self.text(0)}]",
            lambda: f"({place} + {self.place('list', of='string', otherwise='[]')})",
            lambda: f"{place}.filter(w, w != {self.text(0)})",
            lambda: f"{place}.map(w, w + {quoted(self._word())})",
        )

    def numbers(self) -> str:
        """A list of whole numbers."""
        place = self.place("list", of="integer", otherwise="[1, 2]")
        return self.one(
            lambda: place,
            lambda: place,
            lambda: f"[{self.number(0)}, 1, {self.pick(*NUMBERS)}]",
            lambda: f"{place}.map(n, n {self.pick('+', '*', '%')} {self.pick(1, 2, 2**62)})",
            lambda: f"{self.texts()}.map(w, size(w))",
        )
