"""The logs: files of one record a line, to which the runtime appends. What was read of one is not read again.

A log may also be replaced, as when it is compacted, or be cut off or written over; then it is compared with the store
from its first line on.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from sidecar.errors import FindingsError
from sidecar.records.follow.cut import MovedOnError, Signature
from sidecar.records.follow.entries import accept
from sidecar.records.ingest import Intake
from sidecar.records.load import Refused
from sidecar.records.runtime_read import read_line
from sidecar.records.store import Prepared

EDGE = 1_024
"""So many bytes at the start and before the place that was reached are remembered, to tell a log from its successor."""


class Line(NamedTuple):
    """One whole line, and the offset behind it."""

    number: int
    text: bytes
    offset: int

    @property
    def ended(self) -> bool:
        """Whether its end is written."""
        return self.text.endswith(b"\n")


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a log was read. ``open`` is the length of the last line where its end is still to be written."""

    inode: int
    offset: int = 0
    lines: int = 0
    open: int = 0
    edges: bytes = b""


def goes_on(path: Path, reached: Reached, before: Signature, now: Signature) -> bool:
    """Whether a log is still the one that was read so far, and grew. Raises OSError."""
    if now.inode != reached.inode or now.size <= before.size or now.size < reached.offset:
        return False
    with path.open("rb") as log:
        same = _edges(log, reached.offset, reached.open) == reached.edges
        return same and (not reached.open or log.read(1) in (b"", b"\n"))


def reached(path: Path, inode: int, line: Line | None) -> Reached:
    """How far a log was read, this line being the last. Raises MovedOnError where it stands there no more, OSError."""
    with _opened(path, inode) as log:
        if line is None:
            return Reached(inode, edges=_edges(log, 0))
        log.seek(line.offset - len(line.text))
        if log.read(len(line.text)) != line.text:
            raise MovedOnError
        unended = 0 if line.ended else len(line.text)
        return Reached(inode, line.offset, line.number - (not line.ended), unended, _edges(log, line.offset, unended))


def lines(path: Path, start: Reached, signature: Signature) -> Iterator[Line]:
    """The whole lines from a place up to where the log ended when it was seen. A torn last one is left for later.

    Raises MovedOnError when the log was replaced since, OSError.
    """
    with _opened(path, signature.inode) as log:
        log.seek(start.offset)
        offset, number = start.offset, start.lines
        while offset < signature.size and (text := log.readline(signature.size - offset)):
            number += 1
            offset += len(text)
            line = Line(number, text, offset)
            if line.ended or _object(text):
                yield line
            if not line.ended:
                return


def accept_lines(path: Path, kind: str, batch: Iterable[Line], intake: Intake) -> tuple[list[Prepared], list[Refused]]:
    """The records of some lines, each with its line, and what is wrong with the others. Blank lines are none."""
    accepted: list[Prepared] = []
    faults: list[Refused] = []
    for line in batch:
        if not line.text.strip():
            continue
        try:
            result = accept(read_line(path, kind, line.number, line.text), intake)
        except FindingsError as error:
            faults.append(Refused(str(path), line.number, kind, "", error.findings[0].message))
            continue
        if isinstance(result, Prepared):
            accepted.append(result)
        else:
            faults += result
    return accepted, faults


@contextmanager
def _opened(path: Path, inode: int) -> Iterator[BinaryIO]:
    """The log that was seen. Raises MovedOnError when there is another, OSError."""
    try:
        with path.open("rb") as log:
            if os.fstat(log.fileno()).st_ino != inode:
                raise MovedOnError
            yield log
    except FileNotFoundError:
        raise MovedOnError from None


def _object(text: bytes) -> bool:
    """Whether a line without an end is a whole object all the same: nothing can follow one."""
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def _edges(log: BinaryIO, offset: int, last: int = 0) -> bytes:
    """A short name of what a log begins with and what it holds before a place, there at least ``last`` bytes."""
    log.seek(0)
    digest = blake2b(log.read(min(EDGE, offset)), digest_size=16)
    near = min(max(EDGE, last), offset)
    log.seek(offset - near)
    digest.update(log.read(near))
    return digest.digest()
