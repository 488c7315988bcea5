"""Which of several processes follows: whoever holds the lock of the followed folder, which dies with its holder.

The lock is exclusive while the holder brings the store up to the files, and shared once it has: so the others can tell.
"""

import fcntl
import os
from pathlib import Path


class Lease:
    """The lock of one folder, for one process."""

    def __init__(self, folder: Path) -> None:
        """Open the folder. Raises OSError."""
        self._file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._held = False
        self.shown = False
        """Whether the others can tell that this process has caught up."""

    def take(self) -> bool:
        """Become the one that follows, unless another is."""
        self._held = self._held or self._lock(fcntl.LOCK_EX)
        return self._held

    def show(self) -> None:
        """Show the others that the store is what the files are. One that takes the lock meanwhile follows instead."""
        self._held = self.shown = self._lock(fcntl.LOCK_SH)

    def caught_up_elsewhere(self) -> bool:
        """Whether another process follows, and its store is what the files are."""
        shown = self._lock(fcntl.LOCK_SH)
        if shown:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        return shown

    def close(self) -> None:
        """Let another follow."""
        os.close(self._file)

    def _lock(self, how: int) -> bool:
        try:
            fcntl.flock(self._file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
