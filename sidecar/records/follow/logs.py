"""The logs: files of one record a line, to which the runtime appends. What was read of one is not read again.

A log may also be replaced, as when it is compacted; then it is compared with the store from its first line on.
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
    """One whole line, and the offset behind it; that before it when its end is still to be written."""

    number: int
    text: bytes
    offset: int

    @property
    def ended(self) -> bool:
        """Whether its end is written."""
        return self.text.endswith(b"\n")


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a log was read."""

    inode: int
    offset: int = 0
    lines: int = 0
    edges: bytes = b""


def goes_on(path: Path, reached: Reached, signature: Signature) -> bool:
    """Whether a log is still the one that was read so far. Raises OSError."""
    if signature.inode != reached.inode or signature.size < reached.offset:
        return False
    with path.open("rb") as log:
        return _edges(log, reached.offset) == reached.edges


def reached(path: Path, inode: int, line: Line | None) -> Reached:
    """How far a log was read, this line being the last. Raises OSError, MovedOnError."""
    with _opened(path, inode) as log:
        if line is None:
            return Reached(inode, edges=_edges(log, 0))
        return Reached(inode, line.offset, line.number - (not line.ended), _edges(log, line.offset))


def lines(path: Path, start: Reached, signature: Signature) -> Iterator[Line]:
    """The whole lines from a place up to where the log ended when it was seen. A torn last one is left for later.

    Raises MovedOnError when the log was replaced since, OSError.
    """
    with _opened(path, signature.inode) as log:
        log.seek(start.offset)
        offset, number = start.offset, start.lines
        while offset < signature.size and (text := log.readline(signature.size - offset)):
            number += 1
            offset += len(text) if text.endswith(b"\n") else 0
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


def _edges(log: BinaryIO, offset: int) -> bytes:
    log.seek(0)
    digest = blake2b(log.read(min(EDGE, offset)), digest_size=16)
    log.seek(max(0, offset - EDGE))
    digest.update(log.read(min(EDGE, offset)))
    return digest.digest()
