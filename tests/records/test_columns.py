"""What a record is found and sorted by: the compiled expression of its kind reads what a plain reading finds."""

from collections.abc import Iterator
from typing import Any, Literal

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shipped_kinds import kinds

from sidecar.records.columns import reader_of
from sidecar.records.forms import folded, unit_id
from sidecar.records.kind import Column, Kind, Order
from sidecar.records.places import GREATEST, SMALLEST, token

FORMS = {"unit_id": unit_id}
NAMES = ("a", "b", "~", "/", "~1", "~0/", "'", '"', "\\", "{v}", "é", "\u2028", "", "v", "record", "at", "_1", "None")
NUMBERS = st.sampled_from((SMALLEST, SMALLEST + 1, -1, 0, 1, GREATEST - 1, GREATEST)) | st.integers(SMALLEST, GREATEST)
TEXTS = st.sampled_from(("", " A-b ", "\u3000É-\x1f", "x'\"\\", "None", "Ärger", "a", "A", "\u2028"))
LEAVES = TEXTS | NUMBERS | st.booleans() | st.none() | st.just(0.5)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=2)
)
Sort = tuple[Literal["text", "integer", "boolean"], str, bool, bool]
SORTS: tuple[Sort, ...] = (
    *(("text", "", fold, form) for fold in (False, True) for form in (False, True)),
    *(("text", ending, fold, False) for fold in (False, True) for ending in ("/*", "/**")),
    *(("integer", "", False, False), ("boolean", "", False, False)),
)
"""Every sort of column: its type, how its pointer ends, whether it is folded, whether it has a canonical form."""
HELD = {"text": TEXTS, "integer": NUMBERS | st.booleans(), "boolean": st.booleans()}
LISTS = st.lists(TEXTS, min_size=2, max_size=4)
POINTERS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map(lambda path: "".join(map(token, path)))


def path(pointer: str) -> list[str]:
    """The names of a pointer, each read sign by sign."""
    found: list[str] = []
    signs = iter(pointer)
    for sign in signs:
        if sign == "/":
            found.append("")
        else:
            found[-1] += {"0": "~", "1": "/"}[next(signs)] if sign == "~" else sign
    return found


def there(record: Any, pointer: str) -> Any:
    """What stands at a pointer; None where nothing does."""
    for name in path(pointer):
        if not isinstance(record, dict) or name not in record:
            return None
        record = record[name]
    return record


def texts(value: Any, deep: bool) -> Iterator[str]:
    """The texts of a list, or all inside a value."""
    for item in [value] if deep else value if isinstance(value, list) else []:
        if isinstance(item, str):
            yield item
        elif deep and isinstance(item, (dict, list)):
            for inner in item.values() if isinstance(item, dict) else item:
                yield from texts(inner, deep=True)


def sorted_by(order: Order, record: Any) -> int:
    """The order value."""
    found = [value for pointer in order.pointers if (value := there(record, pointer)) is not None]
    least = min(found, default=None)
    return GREATEST if least is None else min(GREATEST, -least if order.descending else least)


def single(kind: Kind, column: Column, record: Any) -> Any:
    """A column's one value."""
    if column.mark is not None:
        return int(jsonschema.Draft202012Validator(column.mark).is_valid(record))
    value = there(record, column.pointer)
    if column.type != "text":
        return int(value) if isinstance(value, int) else None
    if not isinstance(value, str):
        return None
    value = FORMS[kind.canonical[column.pointer]](value) if column.pointer in kind.canonical else value
    return folded(value) if column.folded else value


def many(column: Column, record: Any) -> tuple[str, ...]:
    """A list column's texts."""
    value = there(record, column.pointer.rpartition("/")[0])
    found = [folded(text) if column.folded else text for text in texts(value, column.pointer.endswith("/**"))]
    return tuple(text for place, text in enumerate(found) if text not in found[:place])


def plainly(kind: Kind, record: Any) -> Any:
    """All that is read off a record."""
    return (
        tuple(there(record, pointer) for pointer in kind.id),
        tuple(sorted_by(order, record) for order in kind.order),
        tuple(single(kind, column, record) for column in kind.columns if not column.many),
        tuple(many(column, record) for column in kind.columns if column.many),
        there(record, kind.updated) if kind.updated else None,
    )


def placed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A record with values at pointers, the later ones in the place of what is in their way."""
    record: dict[str, Any] = {}
    for pointer, value in pairs:
        node = record
        *parents, last = path(pointer)
        for name in parents:
            if not isinstance(node.get(name), dict):
                node[name] = {}
            node = node[name]
        node[last] = value
    return record


@st.composite
def records(draw: st.DrawFn, kind: Kind) -> dict[str, Any]:
    """A record of a kind: anything may stand where it is found by, and integers, or nothing, where it is sorted by."""
    dotted = [
        "".join(map(token, field.split("."))) for column in kind.columns if column.mark for field in column.fields
    ]
    numbers = [pointer for order in kind.order for pointer in order.pointers]
    values = dict.fromkeys((*kind.id, *dotted), VALUES)
    for column in kind.columns:
        if not column.mark:
            pointer = column.pointer.removesuffix("/**").removesuffix("/*")
            values[pointer] = (LISTS if column.many else HELD[column.type]) | VALUES
    values |= dict.fromkeys(numbers, NUMBERS)
    chosen = draw(st.lists(st.sampled_from([*values]), min_size=len(values) // 2, unique=True))
    record = placed([(pointer, draw(values[pointer])) for pointer in chosen])
    assume(all(type(there(record, pointer)) in (int, type(None)) for pointer in numbers))
    return record


@st.composite
def odd_kinds(draw: st.DrawFn) -> Kind:
    """A kind with every sort of column, at pointers that nobody would write."""
    each = [draw(POINTERS) for _ in SORTS]
    columns = [
        Column(f"c{number}", pointer + ending, sort, bool(ending), fold, None, ())
        for number, (pointer, (sort, ending, fold, _)) in enumerate(zip(each, SORTS, strict=True))
    ]
    name = draw(st.sampled_from(NAMES))
    columns.append(Column("mark", "", "boolean", False, False, {"required": [name]}, (name,)))
    canonical = {pointer: "unit_id" for pointer, (_, _, _, form) in zip(each, SORTS, strict=True) if form}
    numbers = st.lists(POINTERS, min_size=1, max_size=3).map(tuple)
    orders = (Order(draw(numbers), descending=False), Order(draw(numbers), descending=True))
    ids, updated = (draw(POINTERS), draw(POINTERS)), draw(st.none() | POINTERS)
    return Kind("odd", {}, {}, ids, "/t", orders, (), tuple(columns), "upsert", canonical, None, None, updated, "")


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_an_odd_kind_is_read_as_its_pointers_say(data: st.DataObject) -> None:
    """Whatever names pointers go through, and whatever stands there, each value is the one that they lead to."""
    kind = data.draw(odd_kinds())
    record = data.draw(records(kind))
    assert repr(reader_of(kind)(record)) == repr(plainly(kind, record))


@pytest.mark.parametrize("name", kinds())
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_a_kind_is_read_as_its_annotation_says(name: str, data: st.DataObject) -> None:
    """What a store finds and sorts the records of a kind by is what its annotation names, in the form it names."""
    kind = kinds()[name]
    record = data.draw(records(kind))
    assert repr(reader_of(kind)(record)) == repr(plainly(kind, record))
