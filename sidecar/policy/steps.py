"""Long work in short steps, so that whoever has more to do may do it in between, or give the work up."""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Steps = Generator[None, None, T]
"""Work that pauses between its steps, of some ten milliseconds each at most, and returns what came of it."""


def whole(steps: Steps[T]) -> T:
    """Do all the work at once; what came of it."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
