"""The files that the runtime keeps itself, in both layouts in which it does, read as raw records.

A missing file is an empty store. A file that does not read whole is refused: half of it would look like all of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sidecar.errors import ConfigError, Finding, FindingsError
from sidecar.records.places import BadJson, Places, line_of, read_placed, token
from sidecar.records.projection import TERMINAL
from sidecar.records.strict import read_json

EVENTS = "runtime/stateful_events.jsonl"
AUDIT = "audit/protected_events.log.jsonl"
SNAPSHOTS = "runtime/stateful_snapshots"

PLACES: Mapping[str, tuple[str, ...]] = {
    "events": (EVENTS,),
    "snapshots": (SNAPSHOTS,),
    "waits": ("runtime/stateful_waits.json",),
    "reliability": ("runtime/stateful_reliability.json",),
    "protected_audit_events": (AUDIT,),
    "automation_runs": ("automation_v2_runs.json",),
    "automation_run_history": ("automation-runs/automation_v2_runs",),
    "workflow_runs": ("workflow_runs.json", "../workflow_runs.json"),
    "policy_decisions": ("governance/policy_decisions.json", "policy_decisions.json"),
    "org_units": ("enterprise/org_units.json", "enterprise_org_units.json"),
    "org_unit_memberships": ("enterprise/org_unit_memberships.json", "enterprise_org_unit_memberships.json"),
    "org_unit_access_grants": ("enterprise/org_unit_access_grants.json", "enterprise_org_unit_access_grants.json"),
    "source_bindings": ("enterprise/source_bindings.json", "enterprise_source_bindings.json"),
}
"""Every store and where it may lie under the data directory; the first that is there is read."""

_RELIABILITY = {
    "outbox": "outbox",
    "tool_effects": "tool_effect",
    "dead_letters": "dead_letter",
    "compensations": "compensation",
}
_MAPS = {
    "workflow_runs": "workflow_run",
    "policy_decisions": "policy_decision",
    "org_units": "org_unit",
    "org_unit_memberships": "org_unit_membership",
    "org_unit_access_grants": "org_unit_access_grant",
    "source_bindings": "source_binding",
}
_RUN_FILE_VERSION = 1
_RECORD_LEVEL = 2
"""Records stand at most so deep in a file; what is below has no line of its own."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as the runtime wrote it, and where it stands."""

    path: Path
    line: int
    kind: str
    record: Any


@dataclass(frozen=True, slots=True)
class RuntimeFiles:
    """The stores found under one directory. ``paths`` names some of them itself, from that directory on."""

    data: Path
    paths: Mapping[str, str] = field(default_factory=dict)
    assume_unscoped: bool = False
    """Whether a finished automation run without its definition is open to all, rather than to operators only."""

    def records(self) -> Iterator[RawRecord]:
        """Every record of every store, catalogue first. Raises FindingsError at the first file that does not read."""
        for store in ("org_units", "org_unit_memberships", "org_unit_access_grants", "source_bindings"):
            yield from self._map(store)
        yield from self._automation_runs()
        yield from self._map("workflow_runs")
        yield from self._map("policy_decisions")
        yield from self._waits()
        yield from self._reliability()
        yield from self._snapshots()
        yield from self._lines("events", "event")
        yield from self._lines("protected_audit_events", "protected_audit_event")

    def found(self) -> dict[str, Path]:
        """The stores that are there, each with its place."""
        places = ((store, self._place(store)) for store in PLACES)
        return {store: place for store, place in places if place is not None}

    def _place(self, store: str) -> Path | None:
        named = self.paths.get(store)
        if named is not None:
            place = self.data / named
            if not place.exists():
                raise ConfigError(f"runtime.paths.{store} names {place}, which is not there")
            return place
        beside = self.data.name.lower() == "data"
        candidates = (self.data / place for place in PLACES[store] if beside or not place.startswith("../"))
        return next((place for place in candidates if place.exists()), None)

    def _map(self, store: str) -> Iterator[RawRecord]:
        """A store that is an object of records; its keys say nothing that the records do not."""
        path = self._place(store)
        if path is not None:
            document, places = _whole(path)
            yield from _members(path, _object(path, document), places, "", _MAPS[store])

    def _waits(self) -> Iterator[RawRecord]:
        path = self._place("waits")
        if path is not None:
            document, places = _whole(path)
            yield from _items(path, _list(path, document), places, "", "wait")

    def _reliability(self) -> Iterator[RawRecord]:
        path = self._place("reliability")
        if path is None:
            return
        document, places = _whole(path)
        for name, kind in _RELIABILITY.items():
            listed = _object(path, document).get(name, [])
            yield from _items(path, _list(path, listed), places, token(name), kind)

    def _snapshots(self) -> Iterator[RawRecord]:
        root = self._place("snapshots")
        for path in sorted(root.glob("*/*.json")) if root is not None else ():
            yield RawRecord(path, 1, "snapshot", _whole(path)[0])

    def _lines(self, store: str, kind: str) -> Iterator[RawRecord]:
        """A store of one record a line; blank lines are none. A last line that was torn is refused like any other."""
        path = self._place(store)
        if path is None:
            return
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield RawRecord(path, number, kind, _line(path, number, line))

    def _automation_runs(self) -> Iterator[RawRecord]:
        """Finished runs first, as their history keeps them, then the current ones, which are at least as new."""
        history = self._place("automation_run_history")
        for path in sorted(history.glob("*/*/*.json")) if history is not None else ():
            document = _object(path, _whole(path)[0])
            yield self._scoped(RawRecord(path, 1, "automation_run", document.get("run", document)))
        path_now = self._place("automation_runs")
        if path_now is None:
            return
        document, places = _whole(path_now)
        runs, pointer = _hot_runs(path_now, _object(path_now, document))
        for raw in _members(path_now, runs, places, pointer, "automation_run"):
            yield self._scoped(raw)

    def _scoped(self, raw: RawRecord) -> RawRecord:
        """A finished run that lost its definition lost its scope with it: only operators see it until it is known."""
        run = raw.record
        lost = (
            not self.assume_unscoped
            and isinstance(run, dict)
            and run.get("status") in TERMINAL
            and run.get("automation_snapshot") is None
        )
        return RawRecord(raw.path, raw.line, raw.kind, {**run, "scope_unknown": True}) if lost else raw


def runtime_files(
    folder: Path, paths: Mapping[str, str] | None = None, *, assume_unscoped: bool = False
) -> RuntimeFiles:
    """The runtime's files in a folder or its ``data``, whichever holds any. Raises ConfigError when neither does."""
    unknown = sorted(set(paths or {}) - set(PLACES))
    if unknown:
        raise ConfigError(f"runtime.paths knows no {unknown[0]!r}; there are {', '.join(PLACES)}")
    for data in (folder / "data", folder):
        files = RuntimeFiles(data, paths or {}, assume_unscoped)
        if data.is_dir() and files.found():
            return files
    raise ConfigError(f"no files of the runtime in {folder} or {folder / 'data'}")


def _hot_runs(path: Path, document: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The runs of the current file and where they stand: under ``runs``, or in the old form the file itself."""
    if not isinstance(document.get("runs"), dict):
        return document, ""
    version = document.get("schema_version", _RUN_FILE_VERSION)
    if version != _RUN_FILE_VERSION:
        raise _refused(path, 1, 1, f"is of schema version {version!r}; only {_RUN_FILE_VERSION} is known", "")
    return document["runs"], "/runs"


def _members(path: Path, members: dict[str, Any], places: Places, pointer: str, kind: str) -> Iterator[RawRecord]:
    for name, record in members.items():
        yield RawRecord(path, places.line(places.at(pointer + token(name)))[0], kind, record)


def _items(path: Path, items: list[Any], places: Places, pointer: str, kind: str) -> Iterator[RawRecord]:
    for place, record in enumerate(items):
        yield RawRecord(path, places.line(places.at(f"{pointer}/{place}"))[0], kind, record)


def _whole(path: Path) -> tuple[Any, Places]:
    """A file that is one JSON value. An empty one is an object without members, as the runtime reads it."""
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(path, 0, 0, f"cannot be read: {error}", "") from error
    try:
        return read_placed(text if text.strip() else "{}", _RECORD_LEVEL)
    except BadJson as error:
        line, column, shown = line_of(text, error.offset)
        raise _refused(path, line, column, _torn(error), shown) from error


def _line(path: Path, number: int, line: bytes) -> Any:
    try:
        return read_json(line.rstrip(b"\r\n"))
    except BadJson as error:
        shown = line.decode("utf-8", "replace").rstrip("\r\n")
        raise _refused(path, number, error.offset + 1, _torn(error), shown) from error


def _torn(error: BadJson) -> str:
    where = f"{error.pointer} " if error.pointer else ""
    return f"{where}{error.message}; a file that is being written, or was torn, is not read in part"


def _object(path: Path, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refused(path, 1, 1, "must hold an object of records", "")
    return value


def _list(path: Path, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _refused(path, 1, 1, "must hold a list of records", "")
    return value


def _refused(path: Path, line: int, column: int, message: str, text: str) -> FindingsError:
    return FindingsError([Finding(str(path), line, column, message, text)])
