"""Where a copy of a store is put: under its name when it is whole and durable, and before that under none."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sidecar.errors import ConfigError


@contextmanager
def placed(file: Path, *, force: bool) -> Iterator[Path]:
    """A file beside the named one, for its owner only, to be filled; it gets the name when the context ends well.

    Raises ConfigError when the name is taken, unless ``force`` is given, or cannot be.
    """
    taken = ConfigError(f"{file} is there already; name another file, or add --force to replace it")
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise ConfigError(f"{file} must be a file in a folder that is there")
    if file.exists() and not force:
        raise taken
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=file.absolute().parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        _durable(part)
        if force:
            part.replace(file)
        else:
            _named(part, file, taken)
        _durable(file.absolute().parent)
    finally:
        part.unlink(missing_ok=True)


def _named(part: Path, file: Path, taken: ConfigError) -> None:
    """Give it the name unless somebody took it meanwhile."""
    try:
        file.hardlink_to(part)
    except FileExistsError:
        raise taken from None


def _durable(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
