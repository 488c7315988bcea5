"""The driver's errors, told as the store's."""

import sqlite3
from typing import Literal

from sidecar.errors import StoreError


class Told:
    """A context in which the driver's errors are StoreErrors that say what it says."""

    __slots__ = ("_what",)

    def __init__(self, what: Literal["read", "written"]) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Nothing has happened yet."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Raises StoreError."""
        if isinstance(error, sqlite3.Error):
            raise StoreError(f"the store could not be {self._what}: {error}") from error
