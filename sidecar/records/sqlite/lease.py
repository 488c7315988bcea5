"""What only one of the processes on a file may do: whoever holds the lock of a file beside it, which dies with them."""

import fcntl
import os
from pathlib import Path

from sidecar.errors import StoreError


class SqliteLease:
    """The lock of one file, for one process: exclusive at first, shared by its holder once it has shown it."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Raises OSError."""
        # Never a file of the database itself: to close one would end the locks of all connections to it.
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._held = False

    async def take(self) -> bool:
        """Have it, unless another process has. Raises StoreError."""
        self._held = self._held or self._lock(fcntl.LOCK_EX)
        return self._held

    async def show(self) -> None:
        """Show the others that what it is for is done once; again is no harm. One that comes between takes it over.

        Raises StoreError.
        """
        self._held = self._lock(fcntl.LOCK_SH)

    async def shown(self) -> bool:
        """Whether another process has it and has shown it. Raises StoreError."""
        shown = self._lock(fcntl.LOCK_SH)
        if shown:
            self._lock(fcntl.LOCK_UN)
        return shown

    def close(self) -> None:
        """Leave it to others."""
        os.close(self._file)

    def _lock(self, how: int) -> bool:
        try:
            fcntl.flock(self._file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:  # of locks that the system has no more of, or a file system does not know
            raise StoreError(f"the lock beside the store cannot be taken: {error.strerror}") from error
        return True
