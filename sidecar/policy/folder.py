"""What lies in a folder of policies: what is read, and what looks as if it were."""

import os
from collections.abc import Iterator
from pathlib import Path

from sidecar.errors import ConfigError


def meant(folder: Path) -> list[Path]:
    """Everything in a folder of policies or below it that looks meant as a policy or a suite, in its order.

    Read is only what ends in .yaml and lies in the folder itself. What is hidden below it does not count: a mounted
    ConfigMap of Kubernetes keeps its files in hidden folders, with links to them. Raises ConfigError when the folder
    is not there or may not be read.
    """
    found: list[Path] = []
    for path in _entries(folder):
        if _looks_meant(path.name):
            found.append(path)
        elif not _hidden(path.name):
            found += _below(path)
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())  # glob() takes what may not be read for empty
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigError(f"no folder of policies at {folder}") from error
    except OSError as error:
        raise ConfigError(f"the folder of policies {folder} cannot be read: {error.strerror}") from error


def _below(entry: Path) -> Iterator[Path]:
    """The same below one entry; nothing below what is no folder, or may not be read."""
    for place, folders, files in os.walk(entry):
        folders[:] = sorted(name for name in folders if not _hidden(name))
        yield from (Path(place, name) for name in sorted(files) if _looks_meant(name) and not _hidden(name))


def _looks_meant(name: str) -> bool:
    return Path(name).suffix.lower() in {".yaml", ".yml"}


def _hidden(name: str) -> bool:
    return name.startswith(".")
