"""What the files hold at one instant. They change while they are read: a cut is taken again until nothing moved.

A grant that was withdrawn before a record came, or came after a record went, must never meet it. So everything is read
between two looks that see the same, for then there was a moment at which all of it was true.
"""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
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
    """A file is no more what it was at the cut, or the store what was known of it: all is to be looked at again."""


class Signature(NamedTuple):
    """What changes whenever a file is written or replaced."""

    inode: int
    modified_ns: int
    size: int


UNREADABLE = Signature(0, 0, -1)
"""What a file is known as that cannot be looked at or read."""


NOT_THERE = "runtime.paths names it, and it is not there"
"""The trouble with a file of the catalogue that somebody named: to take it for an empty one could open something."""


class Seen(NamedTuple):
    """A file or folder that is there, of which store, and why it cannot be read, where it cannot."""

    store: str
    signature: Signature
    trouble: str = ""


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
        try:
            place = files.place(store)
        except OSError as error:
            found[Path(error.filename)] = _unreadable(store, error)
            continue
        if place is None and store in CATALOGUE and store in files.paths:
            found[files.data / files.paths[store]] = Seen(store, UNREADABLE, NOT_THERE)
        elif place is not None and store in FOLDERS:
            _walk(found, store, place, FOLDERS[store].count("/") + 1)
        elif place is not None:
            _note(found, store, place, partial(_of_log, place) if store in LOGS else place.stat)
    return found


def take_cut(files: RuntimeFiles, known: Mapping[Path, Signature]) -> Cut:
    """The files at one instant, with the bytes of those that differ from what is known of them. Raises OSError."""
    seen = sweep(files)
    read: dict[Path, tuple[Signature, bytes]] = {}
    failed: dict[Path, Seen] = {}
    for _ in range(TRIES):
        wanted = [path for path, one in seen.items() if _wanted(one, known.get(path))]
        for path in sorted(wanted, key=lambda path: seen[path].store in CATALOGUE):
            if path not in read or read[path][0] != seen[path].signature:
                failed.pop(path, None)
                try:
                    read[path] = seen[path].signature, read_bytes(path)
                except OSError as error:
                    read[path], failed[path] = (seen[path].signature, b""), _unreadable(seen[path].store, error)
        taken = Cut({**seen, **failed}, {path: read[path][1] for path in wanted})
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
    """What a file is now, which ``stat`` tells; None when there is none. Raises OSError, also for what is no file."""
    try:
        status = stat()
    except FileNotFoundError:
        return None
    if not S_ISREG(status.st_mode):
        raise OSError(errno.EISDIR, "it is no file")
    return Signature(status.st_ino, status.st_mtime_ns, status.st_size)


def _note(found: dict[Path, Seen], store: str, path: Path, stat: Callable[[], os.stat_result]) -> None:
    try:
        signature = signature_of(stat)
    except OSError as error:
        found[path] = _unreadable(store, error)
        return
    if signature is not None:
        found[path] = Seen(store, signature)


def _unreadable(store: str, error: OSError) -> Seen:
    return Seen(store, UNREADABLE, error.strerror or str(error))


def _of_log(path: Path) -> os.stat_result:
    """What a log is now, which can be opened: it is read only later. Raises OSError."""
    status = path.stat()
    if S_ISREG(status.st_mode):
        path.open("rb").close()
    return status


def _walk(found: dict[Path, Seen], store: str, folder: Path | str, levels: int) -> None:
    """Note the ``.json`` files so many levels below a folder."""
    try:
        with os.scandir(folder) as entries:
            inside = list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        found[_path(folder)] = _unreadable(store, error)
        return
    for entry in inside:
        if levels > 1:
            _walk(found, store, entry.path, levels - 1)
        elif entry.name.endswith(".json"):
            _note(found, store, _path(entry.path), entry.stat)


def _wanted(seen: Seen, known: Signature | None) -> bool:
    return seen.store not in LOGS and seen.store not in FOLDERS and not seen.trouble and seen.signature != known


def _nothing_to_read(seen: Sweep, known: Mapping[Path, Signature]) -> bool:
    return len(seen) == len(known) and all(known.get(path) == one.signature for path, one in seen.items())


def _unmoved(before: Sweep, after: Sweep) -> bool:
    """Whether nothing was replaced or removed in between. A log that grew holds what it held."""
    return len(before) == len(after) and all(_same(one, after.get(path)) for path, one in before.items())


def _same(before: Seen, after: Seen | None) -> bool:
    if after is None or before.store not in LOGS:
        return before == after
    return before.signature.inode == after.signature.inode and before.signature.size <= after.signature.size
