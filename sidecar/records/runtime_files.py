"""The files that the runtime keeps itself, in both layouts in which it does. A missing file is an empty store."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.errors import ConfigError
from sidecar.records.runtime_read import LOGS, RawRecord, read_line, read_whole, refused

PLACES: Mapping[str, tuple[str, ...]] = {
    "org_units": ("enterprise/org_units.json", "enterprise_org_units.json"),
    "org_unit_memberships": ("enterprise/org_unit_memberships.json", "enterprise_org_unit_memberships.json"),
    "org_unit_access_grants": ("enterprise/org_unit_access_grants.json", "enterprise_org_unit_access_grants.json"),
    "source_bindings": ("enterprise/source_bindings.json", "enterprise_source_bindings.json"),
    "automation_run_history": ("automation-runs/automation_v2_runs",),
    "automation_runs": ("automation_v2_runs.json",),
    "workflow_runs": ("workflow_runs.json", "../workflow_runs.json"),
    "policy_decisions": ("governance/policy_decisions.json", "policy_decisions.json"),
    "waits": ("runtime/stateful_waits.json",),
    "reliability": ("runtime/stateful_reliability.json",),
    "snapshots": ("runtime/stateful_snapshots",),
    "events": ("runtime/stateful_events.jsonl",),
    "protected_audit_events": ("audit/protected_events.log.jsonl",),
}
"""Every store and where it may lie under the data directory; the first that is there is read.

The order is that of reading. Finished runs come first, as their history keeps them, then the current ones, which are
at least as new.
"""
DATA = "data"
"""The folder in which the runtime keeps its stores, unless it keeps them beside one another."""
FOLDERS: Mapping[str, str] = {"snapshots": "*/*.json", "automation_run_history": "*/*/*.json"}
"""The stores that are a file for each record, and how those lie in their folder."""


@dataclass(frozen=True, slots=True)
class RuntimeFiles:
    """The stores found under one directory. ``paths`` names some of them itself, from that directory on."""

    data: Path
    paths: Mapping[str, str] = field(default_factory=dict)
    assume_unscoped: bool = False
    """Whether a finished automation run without its definition is open to all, rather than to operators only."""

    def records(self) -> Iterator[RawRecord]:
        """Every record of every store, catalogue first. Raises FindingsError at the first file that does not read."""
        for store in PLACES:
            for path in self.files(store):
                yield from self._lines(store, path) if store in LOGS else self.read(store, path, _bytes(path))

    def read(self, store: str, path: Path, data: bytes) -> Iterator[RawRecord]:
        """The records of a file of a store that is no log. Raises FindingsError before the first of them."""
        return read_whole(store, path, data, assume_unscoped=self.assume_unscoped)

    def files(self, store: str) -> list[Path]:
        """The files of a store that are there, in the order in which they are read."""
        place = self.place(store)
        if place is None:
            return []
        return sorted(place.glob(FOLDERS[store])) if store in FOLDERS else [place]

    def place(self, store: str) -> Path | None:
        """The file or folder of a store; None when it is not there. Raises OSError when that cannot be told."""
        beside = self.data.name.lower() == "data"
        usual = [place for place in PLACES[store] if beside or not place.startswith("../")]
        candidates = [self.paths[store]] if store in self.paths else usual
        return next((place for name in candidates if _is_there(place := self.data / name)), None)

    def any_found(self) -> bool:
        """Whether some store is there, though it may be one that cannot be read."""
        return any(self._found(store) for store in PLACES)

    def _found(self, store: str) -> bool:
        try:
            return self.place(store) is not None
        except OSError:
            return True

    def _lines(self, store: str, path: Path) -> Iterator[RawRecord]:
        """A store of one record a line; blank lines are none. A last line that was torn is refused like any other."""
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield read_line(path, LOGS[store], number, line)


def runtime_files(
    folder: Path, paths: Mapping[str, str] | None = None, *, assume_unscoped: bool = False
) -> RuntimeFiles:
    """The runtime's files in a folder or its ``data``, whichever holds any. Raises ConfigError when neither does."""
    try:
        files = find_runtime_files(folder, paths, assume_unscoped=assume_unscoped)
    except OSError as error:
        raise ConfigError(f"{error.filename} leads nowhere: {error.strerror}") from error
    for store, name in (paths or {}).items():
        if files is None or files.place(store) is None:
            place = (folder if files is None else files.data) / name
            raise ConfigError(f"runtime.paths.{store} names {place}, which is not there")
    if files is None:
        raise ConfigError(f"no files of the runtime in {folder} or {folder / 'data'}")
    return files


def find_runtime_files(
    folder: Path, paths: Mapping[str, str] | None = None, *, assume_unscoped: bool = False
) -> RuntimeFiles | None:
    """The runtime's files in a folder or its ``data``; None when neither holds any yet.

    Raises ConfigError, and OSError for a ``data`` that leads nowhere now: what lies beside it is not all there is.
    """
    unknown = sorted(set(paths or {}) - set(PLACES))
    if unknown:
        raise ConfigError(f"runtime.paths knows no {unknown[0]!r}; there are {', '.join(PLACES)}")
    if (inside := folder / DATA).is_symlink():
        inside.stat()
    for data in (inside, folder):
        files = RuntimeFiles(data, paths or {}, assume_unscoped)
        if data.is_dir() and files.any_found():
            return files
    return None


def _is_there(path: Path) -> bool:
    """Whether there is something. A name that no file can have is of none. Raises OSError."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    return True


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise refused(path, 0, 0, f"cannot be read: {error.strerror}") from error
