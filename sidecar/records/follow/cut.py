"""What the files hold at one instant. They change while they are read: a cut is taken again until nothing moved.

A grant that was withdrawn before a record came, or came after a record went, must never meet it. So everything is read
between two looks that see the same, for then there was a moment at which all of it was true.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from sidecar.records.runtime_files import FOLDERS, PLACES, RuntimeFiles
from sidecar.records.runtime_read import LOGS

TRIES = 8
"""How often a cut is tried in one look."""
CATALOGUE = ("org_units", "org_unit_memberships", "org_unit_access_grants", "source_bindings")


_path = lru_cache(2**18)(Path)
"""Making a path costs more than asking the system about its file."""


class MovedOnError(Exception):
    """A file is not any more what it was at the cut: all is to be looked at again."""


class Signature(NamedTuple):
    """What changes whenever a file is written or replaced."""

    inode: int
    modified_ns: int
    size: int


class Seen(NamedTuple):
    """A file that is there, and of which store."""

    store: str
    signature: Signature


Sweep = Mapping[Path, Seen]


@dataclass(frozen=True, slots=True)
class Cut:
    """Every file as it was, and the bytes of those that were wanted; files of one record each are read later.

    One that is not ``together`` is of several moments, that of the catalogue being the last.
    """

    sweep: Sweep
    data: Mapping[Path, bytes]
    together: bool = True


def sweep(files: RuntimeFiles) -> Sweep:
    """Every file that is there. Raises OSError when the folder is gone or may not be read."""
    files.data.stat()
    found: dict[Path, Seen] = {}
    for store in PLACES:
        place = files.place(store)
        if place is not None and store in FOLDERS:
            for entry in _walk(place, FOLDERS[store].count("/") + 1):
                _note(found, store, _path(entry.path), entry.stat)
        elif place is not None:
            _note(found, store, place, place.stat)
    return found


def take_cut(files: RuntimeFiles, known: Mapping[Path, Signature]) -> Cut:
    """The files at one instant, with the bytes of those that differ from what is known of them. Raises OSError."""
    seen = sweep(files)
    read: dict[Path, tuple[Signature, bytes]] = {}
    for _ in range(TRIES):
        wanted = [path for path, one in seen.items() if _wanted(one, known.get(path))]
        for path in sorted(wanted, key=lambda path: seen[path].store in CATALOGUE):
            if path not in read or read[path][0] != seen[path].signature:
                read[path] = seen[path].signature, read_bytes(path)
        taken = Cut(seen, {path: read[path][1] for path in wanted})
        if _nothing_to_read(seen, known) or _unmoved(seen, again := sweep(files)):
            return taken
        seen = again
    return replace(taken, together=False)


def read_bytes(path: Path) -> bytes:
    """What a file holds; nothing when it went away meanwhile, which the next look sees. Raises OSError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def signature_of(stat: Callable[[], os.stat_result]) -> Signature | None:
    """What a file is now, which ``stat`` tells; None when there is none. Raises OSError."""
    try:
        status = stat()
    except FileNotFoundError:
        return None
    return Signature(status.st_ino, status.st_mtime_ns, status.st_size) if S_ISREG(status.st_mode) else None


def _note(found: dict[Path, Seen], store: str, path: Path, stat: Callable[[], os.stat_result]) -> None:
    signature = signature_of(stat)
    if signature is not None:
        found[path] = Seen(store, signature)


def _walk(folder: Path | str, levels: int) -> Iterator[os.DirEntry[str]]:
    """The ``.json`` files so many levels below a folder."""
    try:
        with os.scandir(folder) as entries:
            inside = list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in inside:
        if levels > 1:
            yield from _walk(entry.path, levels - 1)
        elif entry.name.endswith(".json"):
            yield entry


def _wanted(seen: Seen, known: Signature | None) -> bool:
    return seen.store not in LOGS and seen.store not in FOLDERS and seen.signature != known


def _nothing_to_read(seen: Sweep, known: Mapping[Path, Signature]) -> bool:
    return len(seen) == len(known) and all(known.get(path) == one.signature for path, one in seen.items())


def _unmoved(before: Sweep, after: Sweep) -> bool:
    """Whether nothing was replaced or removed in between. A log that grew holds what it held."""
    return len(before) == len(after) and all(_same(one, after.get(path)) for path, one in before.items())


def _same(before: Seen, after: Seen | None) -> bool:
    if after is None or before.store not in LOGS:
        return before == after
    return before.signature.inode == after.signature.inode and before.signature.size <= after.signature.size
