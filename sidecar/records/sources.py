"""Where a load reads from: files of lines, folders with a file for each kind, standard input, the runtime's files."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sidecar.errors import ConfigError, Reject
from sidecar.records.ingest import Intake
from sidecar.records.lines import accept_line
from sidecar.records.owner import owner_of
from sidecar.records.runtime_files import RuntimeFiles
from sidecar.records.runtime_read import KINDS, MEMBERSHIPS
from sidecar.records.store import Prepared, Tenant

SUFFIX = ".jsonl"
_MEANT = (SUFFIX, ".ndjson")
_BUFFER = 1024 * 1024

Advance = Callable[[int], None]
"""Told of every so many bytes that were read."""


class Placed(NamedTuple):
    """A record ready to be stored, and where it was read."""

    path: str
    line: int
    record: Prepared


class Unfit(NamedTuple):
    """What is wrong with a record, and where it was read. ``managed`` is the tenant that a membership names."""

    path: str
    line: int
    rejects: list[Reject]
    managed: Tenant | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """One file of lines, read once. With ``kind`` each line is a bare record of it."""

    path: str
    open: Callable[[], BinaryIO]
    kind: str | None = None
    size: int | None = None

    def read(self, intake: Intake, longest: int, advance: Advance) -> Iterator[Placed | Unfit]:
        """Every line that is not blank; no more than one is held, and of one that is too long not the whole."""
        with self.open() as file:
            number = 0
            while data := file.readline(longest + 1):
                number += 1
                taken = len(data)
                if taken > longest and not data.endswith(b"\n"):
                    taken += _skip_line(file, longest)
                    fault = Reject(number, self.kind, "", f"is longer than {longest} bytes, the most for one line")
                    yield Unfit(self.path, number, [fault])
                elif line := data.strip(b" \t\r\n"):
                    yield _placed(self.path, number, accept_line(intake, line, number, self.kind))
                advance(taken)


@dataclass(frozen=True, slots=True)
class Runtime:
    """The runtime's own files. A record without a tenant is the local one's, as the runtime means it."""

    files: RuntimeFiles
    size: int | None = None

    def read(self, intake: Intake, longest: int, advance: Advance) -> Iterator[Placed | Unfit]:  # noqa: ARG002 - as Lines
        """Every record. Raises FindingsError at a file that does not read whole."""
        for raw in self.files.records():
            result = intake.accept(raw.kind, raw.record, line=raw.line, default_tenant=True)
            if isinstance(result, list) and raw.kind in KINDS[MEMBERSHIPS]:
                yield Unfit(str(raw.path), raw.line, result, owner_of(raw.record))
            else:
                yield _placed(str(raw.path), raw.line, result)


Source = Lines | Runtime


def _placed(path: str, line: int, result: Prepared | list[Reject]) -> Placed | Unfit:
    return Unfit(path, line, result) if isinstance(result, list) else Placed(path, line, result)


def sources(path: Path, kinds: Mapping[str, object]) -> list[Source]:
    """What a path names: a file of lines, or a folder of ``K.jsonl``. Raises ConfigError."""
    if path.is_dir():
        return _folder(path, kinds)
    if not path.exists():
        raise ConfigError(f"{path} is not there; name a file of lines or a folder of K{SUFFIX}")
    return [_file(path)]


def _folder(path: Path, kinds: Mapping[str, object]) -> list[Source]:
    files = sorted(path.glob(f"*{SUFFIX}"))
    for other in sorted(path.iterdir()):
        if other.suffix.lower() in _MEANT and other.suffix != SUFFIX and not other.name.startswith("."):
            raise ConfigError(f"{other} is not read: a file of a folder is called K{SUFFIX} after its records' kind")
    if not files:
        raise ConfigError(f"{path} holds no file named after a kind, such as {next(iter(kinds))}{SUFFIX}")
    return [_file(file, file.name.removesuffix(SUFFIX)) for file in files]


def _file(path: Path, kind: str | None = None) -> Lines:
    def opened() -> BinaryIO:
        try:
            return path.open("rb", _BUFFER)
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from error

    return Lines(str(path), opened, kind, path.stat().st_size if path.is_file() else None)


def _skip_line(file: BinaryIO, chunk: int) -> int:
    """Read on to the end of a line; how many bytes that were."""
    skipped = 0
    while data := file.readline(chunk):
        skipped += len(data)
        if data.endswith(b"\n"):
            break
    return skipped
