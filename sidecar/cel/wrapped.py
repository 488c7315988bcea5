"""Values of CEL for which Python has no class of its own: optional values, types as values, bools as keys."""

from dataclasses import dataclass
from typing import Any

from sidecar.cel import sentences
from sidecar.cel.errors import EvaluationError


@dataclass(frozen=True, slots=True)
class TypeValue:
    """A type as a value, such as that of ``type(1)``. Its name is how CEL writes it."""

    name: str

    def __str__(self) -> str:
        return self.name


class OptionalValue:
    """A value, or none."""

    __slots__ = ("_held",)

    def __init__(self, *held: Any) -> None:
        self._held = held

    def __bool__(self) -> bool:
        return bool(self._held)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OptionalValue) and self._held == other._held

    def __hash__(self) -> int:
        return hash(("optional", bool(self._held)))

    def __repr__(self) -> str:
        return f"OptionalValue({', '.join(map(repr, self._held))})"

    @property
    def value(self) -> Any:
        """The value. Raises EvaluationError when there is none."""
        if not self._held:
            raise EvaluationError(sentences.none_has_no_value())
        return self._held[0]


NONE = OptionalValue()


class BoolKey:
    """A bool as the key of a map: Python's dict takes ``True`` and ``1`` for one key, CEL does not."""

    __slots__ = ("value",)

    def __init__(self, *, value: bool) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


TRUE_KEY, FALSE_KEY = BoolKey(value=True), BoolKey(value=False)


def stored(key: Any) -> Any:
    """A key as a map that an expression builds holds it."""
    return TRUE_KEY if key is True else FALSE_KEY if key is False else key


def told(key: Any) -> Any:
    """A key as an expression sees it."""
    return key.value if type(key) is BoolKey else key


def keys_of(table: dict[Any, Any]) -> list[Any]:
    """The keys of a map, as an expression sees them."""
    if TRUE_KEY in table or FALSE_KEY in table:
        return [told(key) for key in table]
    return list(table)
