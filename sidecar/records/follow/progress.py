"""How following goes, for whoever asks."""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Progress:
    """What one process knows of it. Stores are named, never a record or a tenant."""

    following: bool = False
    """Whether it is this process that follows, rather than another of the same runtime."""
    caught_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the store has been what the files are, since this process began."""
    equal_at_ms: int | None = None
    """The last instant at which the files were looked at and the store was what they are."""
    lag_ms: int | None = None
    """How long after it was written the last change was stored."""
    unreadable: tuple[str, ...] = ()
    """The stores of the runtime some file of which does not read whole, so that its last good state stays."""
    refused: int = 0
    """Records of the files that do not validate, so that they are not stored."""
    stored: int = 0
    removed: int = 0

    def data_age_ms(self, now_ms: int) -> int | None:
        """How old what is shown may be; None when this process cannot tell."""
        return None if self.equal_at_ms is None else max(0, now_ms - self.equal_at_ms)
