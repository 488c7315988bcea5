"""What a store needs of a valid record: key, order, label, columns, bytes. Compiled once for each kind."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import orjson

from sidecar.records.canonical import FORMS
from sidecar.records.forms import WHITE_SPACE, folded
from sidecar.records.kind import Column, Kind, Order
from sidecar.records.places import at, names
from sidecar.records.remembering import LONGEST, remember
from sidecar.records.store import Prepared, Tenant
from sidecar.records.strict import fault_in, may_hold_nul

LONGEST_KEY = 2_048
"""Bytes of a record's key, written as JSON: it has to fit in a cursor, and a cursor in the first line of a request.

As many for its tenant: what is longer fits into no index.
"""
LAST = 2**63 - 1
"""The order value of a record that has none, and of the least integer turned round."""

Faults = list[tuple[str, str]]
"""What is wrong with a record: JSON pointers and sentences."""

_SORTED = orjson.OPT_SORT_KEYS
_CHECKED = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER

Path = tuple[str, ...]
Form = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A property that is kept whole, in a form if it has one."""

    form: Form | None


Tree = dict[str, "Tree | _Leaf"]


class Preparer:
    """Makes valid records of one kind ready to be stored."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._key = tuple(_reader(names(pointer)) for pointer in kind.id)
        self._tenant = _reader(names(kind.tenant))
        self._order = tuple(_order_value(order) for order in kind.order)
        self._label = _tree(kind)
        self._singles = tuple(_single(kind, column) for column in kind.columns if not column.many)
        self._lists = tuple(_list(column) for column in kind.columns if column.many)
        self._updated = _reader(names(kind.updated)) if kind.updated else None
        self._tenants: dict[tuple[str, str, str | None], Tenant] = {}
        self._labels: dict[bytes, bytes] = {}

    def prepare(
        self,
        record: dict[str, Any],
        line: int,
        source: bytes | None = None,
        inherit: Callable[[bytes], Prepared] | None = None,
    ) -> Prepared | Faults:
        """The prepared record; faults when its key or tenant is no good, or it holds what no store keeps."""
        doc = _encoded(record)
        if doc is None:
            return [fault_in(record) or ("", "cannot be written as JSON")]
        key = tuple([part(record) for part in self._key])
        owner = self._tenant(record)
        triple = (owner["org_id"], owner["workspace_id"], owner.get("deployment_id"))
        tenant = self._tenants.get(triple) or self._tenant_of(triple)
        if tenant is None or not all([part is None or part.strip(WHITE_SPACE) for part in key]):  # noqa: C419 - faster
            return list(self._bad_names(key, owner))
        if len(orjson.dumps(key)) > LONGEST_KEY:
            return [self._too_long(key)]
        return Prepared(
            self._kind.name,
            tenant,
            key,
            tuple([value(record) for value in self._order]),
            self._label_of(record),
            tuple([value(record) for value in self._singles]),
            tuple([values(record) for values in self._lists]),
            doc,
            source,
            self._updated(record) if self._updated else None,
            line,
            inherit,
        )

    def _tenant_of(self, triple: tuple[str, str, str | None]) -> Tenant | None:
        """One value for each tenant; None when a part of it is blank, or all together are too long."""
        blank = not all(part is None or part.strip(WHITE_SPACE) for part in triple)
        if blank or len(orjson.dumps(triple)) > LONGEST_KEY:
            return None
        return remember(self._tenants, triple, Tenant(triple[0], triple[1], triple[2] or ""))

    def _label_of(self, record: dict[str, Any]) -> bytes:
        """One value for each label, found by what it is made of, as it stands: to prune and to sort takes longer."""
        raw = orjson.dumps({name: record[name] for name in self._label if name in record})
        known = self._labels.get(raw)
        if known is not None:
            return known
        label = orjson.dumps(_pruned(record, self._label), option=_SORTED)
        return label if len(raw) > LONGEST else remember(self._labels, raw, label)

    def _bad_names(self, key: Path, owner: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """What is wrong with a record's key or tenant: blanks, or a tenant that is too long."""
        for part, pointer in zip(key, self._kind.id, strict=True):
            if not part or not part.strip(WHITE_SPACE):
                yield pointer, "is blank, and part of the record's key"
        triple = {name: owner.get(name) for name in ("org_id", "workspace_id", "deployment_id")}
        if len(orjson.dumps([*triple.values()])) > LONGEST_KEY:
            longest = max(triple, key=lambda name: len(triple[name] or ""))
            yield f"{self._kind.tenant}/{longest}", f"makes the record's tenant longer than {LONGEST_KEY} bytes"
        for name, given in triple.items():
            if given is not None and not given.strip(WHITE_SPACE):
                hint = "; leave it out when there is none" if name == "deployment_id" else ""
                yield f"{self._kind.tenant}/{name}", f"is blank, and part of the record's tenant{hint}"

    def _too_long(self, key: Path) -> tuple[str, str]:
        longest = max(range(len(key)), key=lambda place: len(key[place]))
        return self._kind.id[longest], f"makes the record's key longer than {LONGEST_KEY} bytes"


def _reader(path: Path) -> Callable[[Any], Any]:
    """What reads the value at the end of a path off a record; ``at`` for one path, and faster for most."""
    if len(path) == 1:
        name = path[0]
        return lambda record: record.get(name)
    return lambda record: at(record, path)


def _encoded(record: dict[str, Any]) -> bytes | None:
    """The record's canonical bytes; None when something in it cannot be kept."""
    try:
        doc = orjson.dumps(record, option=_CHECKED)
        if not may_hold_nul(doc) or fault_in(record) is None:
            return doc
    except TypeError:
        if fault_in(record) is None:
            return orjson.dumps(record, option=_SORTED)
    return None


def _order_value(order: Order) -> Callable[[Any], int]:
    reads = tuple(_reader(names(pointer)) for pointer in order.pointers)
    sign = -1 if order.descending else 1

    def one(record: Any, read: Callable[[Any], Any] = reads[0]) -> int:
        value = read(record)
        return LAST if value is None else min(LAST, sign * value)

    def least(record: Any) -> int:
        found = [value for value in (read(record) for read in reads) if value is not None]
        return min(LAST, sign * min(found)) if found else LAST

    return one if len(reads) == 1 else least


def _tree(kind: Kind) -> Tree:
    """The properties of the label as a tree; one that stands below another is part of it."""
    tree: Tree = {}
    for pointer in sorted(kind.label, key=len):
        *parents, last = names(pointer)
        node: Tree | _Leaf = tree
        for name in parents:
            node = node.setdefault(name, {}) if isinstance(node, dict) else node
        if isinstance(node, dict):
            form = kind.canonical.get(pointer)
            node.setdefault(last, _Leaf(FORMS[form] if form else None))
    return tree


def _pruned(record: Mapping[str, Any], tree: Tree) -> dict[str, Any]:
    """The record with the tree's properties only. Parents the record has are kept, so that rules can tell."""
    found: dict[str, Any] = {}
    for name, below in tree.items():
        if name not in record:
            continue
        value = record[name]
        if below.__class__ is dict:
            found[name] = _pruned(value, below) if value.__class__ is dict else value
        else:
            form = below.form  # type: ignore[union-attr]  # what is no dict is a leaf
            found[name] = form(value) if form is not None and value.__class__ is str else value
    return found


def _single(kind: Kind, column: Column) -> Callable[[Any], str | int | None]:
    """How a column's one value is read off a record."""
    if column.mark is not None:
        holds = jsonschema_rs.validator_for(dict(column.mark), pattern_options=jsonschema_rs.RegexOptions()).is_valid
        return lambda record: int(holds(record))
    read = _reader(names(column.pointer))
    wanted = (str,) if column.type == "text" else (int, bool)
    forms = [FORMS[kind.canonical[column.pointer]]] if column.pointer in kind.canonical else []
    forms += [folded] if column.folded else []

    def value(record: Any) -> str | int | None:
        found = read(record)
        if found.__class__ not in wanted:
            return None
        for form in forms:
            found = form(found)
        return int(found) if found.__class__ is bool else found

    return value


def _list(column: Column) -> Callable[[Any], tuple[str, ...]]:
    """How a list column's texts are read off a record, each once."""
    deep = column.pointer.endswith("/**")
    read = _reader(names(column.pointer.removesuffix("/**").removesuffix("/*")))

    def values(record: Any) -> tuple[str, ...]:
        found = read(record)
        if deep:
            texts = list(_texts(found))
        else:
            texts = [item for item in found if item.__class__ is str] if found.__class__ is list else []
        return tuple(dict.fromkeys(folded(text) if column.folded else text for text in texts))

    return values


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
