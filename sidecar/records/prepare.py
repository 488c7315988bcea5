"""What a store needs of a valid record: key, order, label, columns, bytes. Compiled once for each kind."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from sidecar.records.canonical import FORMS
from sidecar.records.columns import reader_of
from sidecar.records.forms import WHITE_SPACE
from sidecar.records.kind import Kind
from sidecar.records.places import at, names
from sidecar.records.remembering import LONGEST, remember
from sidecar.records.store import Prepared, Tenant
from sidecar.records.strict import fault_in, may_hold_nul

LONGEST_KEY = 2_048
"""Bytes of a record's key, written as JSON: it has to fit in a cursor, and a cursor in the first line of a request.

As many for its tenant: what is longer fits into no index. No key is longer than the document that it is part of.
"""
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
        self._read = reader_of(kind)
        self._tenant = names(kind.tenant)
        self._label = _tree(kind)
        self._tenants: dict[tuple[str, str, str | None], Tenant] = {}
        self._labels: dict[bytes, bytes] = {}

    def prepare(
        self,
        record: dict[str, Any],
        line: int,
        source: bytes | None = None,
        inherit: Callable[[bytes | None], Prepared] | None = None,
    ) -> Prepared | Faults:
        """The prepared record; faults when its key or tenant is no good, or it holds what no store keeps."""
        doc = _encoded(record)
        if doc is None:
            return [fault_in(record) or ("", "cannot be written as JSON")]
        key, order, columns, lists, updated = self._read(record)
        owner = at(record, self._tenant)
        triple = (owner["org_id"], owner["workspace_id"], owner.get("deployment_id"))
        tenant = self._tenants.get(triple) or self._tenant_of(triple)
        if tenant is None or _blank(key):
            return list(self._bad_names(key, owner))
        if len(doc) > LONGEST_KEY and len(orjson.dumps(key)) > LONGEST_KEY:
            return [self._too_long(key)]
        label, kind = self._label_of(record), self._kind.name
        return Prepared(kind, tenant, key, order, label, columns, lists, doc, source, updated, line, inherit)

    def _tenant_of(self, triple: tuple[str, str, str | None]) -> Tenant | None:
        """One value for each tenant; None when a part of it is blank, or all together are too long."""
        if _blank(triple) or len(orjson.dumps(triple)) > LONGEST_KEY:
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


def _blank(parts: Iterable[str | None]) -> bool:
    """Whether a part that is there is blank."""
    for part in parts:  # noqa: SIM110 - as a generator it takes four times as long
        if part is not None and not part.strip(WHITE_SPACE):
            return True
    return False


def _encoded(record: dict[str, Any]) -> bytes | None:
    """The record's canonical bytes; None when something in it cannot be kept."""
    try:
        doc = orjson.dumps(record, option=_CHECKED)
        if not may_hold_nul(doc) or fault_in(record) is None:
            return fitted(doc)
    except TypeError:
        if fault_in(record) is None:
            return fitted(orjson.dumps(record, option=_SORTED))
    return None


def fitted(written: bytes) -> bytes:
    """The same bytes in as little memory as they need; those of orjson keep what it had reserved, some kilobytes."""
    return b"".join((written, b""))


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
