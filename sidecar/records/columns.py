"""What a store finds and sorts a record by, read off it: key, order values, columns.

Written as one Python expression for each kind and compiled once: to call a function for each property takes longer
than all that is done with them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from sidecar.records.canonical import FORMS
from sidecar.records.forms import folded
from sidecar.records.kind import Column, Kind, Order
from sidecar.records.places import at, names

LAST = 2**63 - 1
"""The order value of a record that has none, and of the least integer turned round."""


Read = tuple[tuple[str, ...], tuple[int, ...], tuple[str | int | None, ...], tuple[tuple[str, ...], ...], int | None]
"""A record's key, its order values, its single columns, its list columns, and the time of its update."""


def reader_of(kind: Kind) -> Callable[[dict[str, Any]], Read]:
    """What reads all this off a valid record of a kind; columns and order values in the order the kind names them."""
    writing = _Writing()
    parts = (
        _tuple(writing.value(pointer) for pointer in kind.id),
        _tuple(writing.order(order) for order in kind.order),
        _tuple(writing.column(kind, column) for column in kind.columns if not column.many),
        _tuple(writing.texts(column) for column in kind.columns if column.many),
        writing.value(kind.updated) if kind.updated else "None",
    )
    # The text is made of pointers out of the schemas, each written by ``repr``, and of nothing a caller sent.
    read: Callable[[dict[str, Any]], Read] = eval(f"lambda record: {_tuple(parts)}", writing.constants)  # noqa: S307
    return read


@dataclass
class _Writing:
    """Writes expressions over ``record``. ``constants`` are the values that they name."""

    constants: dict[str, Any] = field(default_factory=lambda: {"at": at})

    def _constant(self, value: Any) -> str:
        name = f"_{len(self.constants)}"
        self.constants[name] = value
        return name

    def value(self, pointer: str) -> str:
        """The value a pointer leads to, None when it is not there."""
        path = names(pointer)
        return f"record.get({path[0]!r})" if len(path) == 1 else f"at(record, {path!r})"

    def order(self, order: Order) -> str:
        """The value by which records are sorted, ascending."""
        if len(order.pointers) > 1:
            found = "".join(f"{self.value(pointer)}, " for pointer in order.pointers)
            return f"{self._constant(_least(-1 if order.descending else 1))}({found})"
        read = f"(v := {self.value(order.pointers[0])})"
        if order.descending:
            return f"({LAST} if {read} is None or v < {-LAST} else -v)"
        return f"({LAST} if {read} is None else v)"

    def column(self, kind: Kind, column: Column) -> str:
        """A column's one value."""
        if column.mark is not None:
            holds = jsonschema_rs.validator_for(dict(column.mark), pattern_options=jsonschema_rs.RegexOptions())
            return f"(1 if {self._constant(holds.is_valid)}(record) else 0)"
        read = f"(v := {self.value(column.pointer)})"
        if column.type != "text":
            return f"(v if {read}.__class__ is int else int(v) if v.__class__ is bool else None)"
        formed = "v"
        if column.pointer in kind.canonical:
            formed = f"{self._constant(FORMS[kind.canonical[column.pointer]])}({formed})"
        if column.folded:
            formed = f"{self._constant(folded)}({formed})"
        return f"({formed} if {read}.__class__ is str else None)"

    def texts(self, column: Column) -> str:
        """A list column's texts, each once."""
        deep = column.pointer.endswith("/**")
        found = self.value(column.pointer.removesuffix("/**").removesuffix("/*"))
        each = self._constant(_texts if deep else _items)
        form = self._constant(folded if column.folded else str)
        return f"tuple(dict.fromkeys([{form}(text) for text in {each}({found})]))"


def _tuple(parts: Iterable[str]) -> str:
    return "(" + "".join(f"{part}, " for part in parts) + ")"


def _least(sign: int) -> Callable[..., int]:
    def least(*values: int | None) -> int:
        found = [value for value in values if value is not None]
        return min(LAST, sign * min(found)) if found else LAST

    return least


def _items(value: Any) -> list[str]:
    """The texts of a list."""
    return [item for item in value if item.__class__ is str] if value.__class__ is list else []


def _texts(value: Any) -> Iterator[str]:
    """Every text inside a value; names are not values."""
    if value.__class__ is str:
        yield value
    elif value.__class__ is dict:
        for item in value.values():
            yield from _texts(item)
    elif value.__class__ is list:
        for item in value:
            yield from _texts(item)
