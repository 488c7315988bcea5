"""One file of the runtime, read as raw records: each where it stands, or the whole file refused.

Half of a file would look like all of it, so a file that does not read whole is not read in part.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from sidecar.errors import Finding, FindingsError
from sidecar.records.owner import owner_of
from sidecar.records.places import BadJson, Places, line_of, read_placed, token
from sidecar.records.projection import lost_scope
from sidecar.records.strict import read_json

LOGS: Mapping[str, str] = {"events": "event", "protected_audit_events": "protected_audit_event"}
"""The stores of one record a line, to which the runtime appends, and their kinds."""

MEMBERSHIPS = "org_unit_memberships"
"""The store whose records say by being there that silence about units makes nobody an operator in their tenant."""

_RELIABILITY = {
    "outbox": "outbox",
    "tool_effects": "tool_effect",
    "dead_letters": "dead_letter",
    "compensations": "compensation",
}
_RUN_FILE_VERSION = 1
_RECORD_LEVEL = 2
"""Records stand at most so deep in a file; what is below has no line of its own."""


@dataclass(frozen=True)
class Document:
    """A file that is one JSON value. Where its parts stand is found out when it is asked for, which is slow."""

    path: Path
    text: str
    value: Any

    @cached_property
    def places(self) -> Places:
        """Where records stand."""
        return read_placed(self.text if self.text.strip() else "{}", _RECORD_LEVEL)[1]


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as the runtime wrote it, and where it stands: on a line of a log, or in a document."""

    path: Path
    kind: str
    record: Any
    number: int = 1
    document: Document | None = None
    pointer: str = ""

    @property
    def line(self) -> int:
        """The line on which it begins."""
        if self.document is None:
            return self.number
        places = self.document.places
        return places.line(places.at(self.pointer))[0]


def read_whole(store: str, path: Path, data: bytes, *, assume_unscoped: bool = False) -> Iterator[RawRecord]:
    """The records of a file of a store that is no log. Raises FindingsError before the first of them."""
    found = _SHAPES[store](_document(path, data))
    if store == MEMBERSHIPS:
        found = _owned(found)
    return found if assume_unscoped or KINDS[store] != ("automation_run",) else map(_scoped, found)


def read_line(path: Path, kind: str, number: int, line: bytes) -> RawRecord:
    """The record of one line of a log. Raises FindingsError."""
    try:
        return RawRecord(path, kind, read_json(line.rstrip(b"\r\n")), number)
    except BadJson as error:
        shown = line.decode("utf-8", "replace").rstrip("\r\n")
        raise refused(path, number, error.offset + 1, _torn(error), shown) from error


def refused(path: Path, line: int, column: int, message: str, text: str = "") -> FindingsError:
    """What is wrong with a file, as an error."""
    return FindingsError([Finding(str(path), line, column, message, text)])


def _document(path: Path, data: bytes) -> Document:
    """A file that is one JSON value. An empty one is an object without members, as the runtime reads it."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refused(path, 0, 0, f"cannot be read: {error}") from error
    try:
        return Document(path, text, read_json(data if text.strip() else b"{}"))
    except BadJson as error:
        line, column, shown = line_of(text, error.offset)
        raise refused(path, line, column, _torn(error), shown) from error


def _torn(error: BadJson) -> str:
    where = f"{error.pointer} " if error.pointer else ""
    return f"{where}{error.message}; a file that is being written, or was torn, is not read in part"


def _map(kind: str, document: Document) -> Iterator[RawRecord]:
    """An object of records; its keys say nothing that the records do not."""
    return _members(document, _object(document, document.value), "", kind)


def _waits(document: Document) -> Iterator[RawRecord]:
    return _items(document, _list(document, document.value), "", "wait")


def _reliability(document: Document) -> Iterator[RawRecord]:
    lists = _object(document, document.value)
    found = {name: _list(document, lists.get(name, [])) for name in _RELIABILITY}
    return (raw for name, items in found.items() for raw in _items(document, items, token(name), _RELIABILITY[name]))


def _snapshot(document: Document) -> Iterator[RawRecord]:
    return iter((RawRecord(document.path, "snapshot", document.value),))


def _history(document: Document) -> Iterator[RawRecord]:
    run = _object(document, document.value)
    return iter((RawRecord(document.path, "automation_run", run.get("run", run)),))


def _hot_runs(document: Document) -> Iterator[RawRecord]:
    """The runs of the current file: under ``runs``, or in the old form the file itself."""
    found = _object(document, document.value)
    if not isinstance(found.get("runs"), dict):
        return _members(document, found, "", "automation_run")
    version = found.get("schema_version", _RUN_FILE_VERSION)
    if version != _RUN_FILE_VERSION:
        message = f"is of schema version {version!r}; only {_RUN_FILE_VERSION} is known"
        raise refused(document.path, 1, 1, message)
    return _members(document, found["runs"], "/runs", "automation_run")


def _scoped(raw: RawRecord) -> RawRecord:
    """A finished run that lost its definition lost its scope with it: only operators see it until it is known."""
    run = raw.record
    if not isinstance(run, dict) or not lost_scope(run):
        return raw
    return RawRecord(raw.path, raw.kind, {**run, "scope_unknown": True}, raw.number, raw.document, raw.pointer)


def _owned(raws: Iterator[RawRecord]) -> Iterator[RawRecord]:
    """Memberships, each of which says whose it is: one that does not may be the first of any tenant."""
    found = list(raws)
    for raw in found:
        if owner_of(raw.record) is None:
            raise refused(raw.path, raw.line, 1, "a membership that names no tenant; it might be anybody's")
    return iter(found)


def _members(document: Document, members: dict[str, Any], pointer: str, kind: str) -> Iterator[RawRecord]:
    return (
        RawRecord(document.path, kind, record, 1, document, pointer + token(name)) for name, record in members.items()
    )


def _items(document: Document, items: list[Any], pointer: str, kind: str) -> Iterator[RawRecord]:
    return (
        RawRecord(document.path, kind, record, 1, document, f"{pointer}/{place}") for place, record in enumerate(items)
    )


def _object(document: Document, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refused(document.path, 1, 1, "must hold an object of records")
    return value


def _list(document: Document, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise refused(document.path, 1, 1, "must hold a list of records")
    return value


_MAPS = {
    "org_units": "org_unit",
    "org_unit_memberships": "org_unit_membership",
    "org_unit_access_grants": "org_unit_access_grant",
    "source_bindings": "source_binding",
    "workflow_runs": "workflow_run",
    "policy_decisions": "policy_decision",
}
_SHAPES: Mapping[str, Callable[[Document], Iterator[RawRecord]]] = {
    **{store: partial(_map, kind) for store, kind in _MAPS.items()},
    "automation_run_history": _history,
    "automation_runs": _hot_runs,
    "waits": _waits,
    "reliability": _reliability,
    "snapshots": _snapshot,
}
KINDS: Mapping[str, tuple[str, ...]] = {
    **{store: (kind,) for store, kind in (*_MAPS.items(), *LOGS.items())},
    "automation_run_history": ("automation_run",),
    "automation_runs": ("automation_run",),
    "waits": ("wait",),
    "reliability": tuple(_RELIABILITY.values()),
    "snapshots": ("snapshot",),
}
"""The kinds of records that each store holds."""
