"""What is wrong with an expression, collected while it is checked."""

from collections.abc import Iterator
from contextlib import contextmanager

from sidecar.cel.errors import CheckError, Span
from sidecar.cel.types import DYN, Type


class Findings:
    """At most ``most`` findings. ``lenient`` leaves out those below ``&&`` and ``||``, which may not matter."""

    def __init__(self, most: int, *, lenient: bool) -> None:
        self._most, self._lenient = most, lenient
        self._absorbing = 0
        self.found: list[CheckError] = []

    def report(self, span: Span, message: str) -> Type:
        """Keep a finding; the node goes on as ``dyn`` so that one mistake is told once."""
        if not (self._lenient and self._absorbing) and len(self.found) < self._most:
            self.found.append(CheckError(span, message))
        return DYN

    @contextmanager
    def absorbed(self) -> Iterator[None]:
        """As long as the block lasts, what is found lies below ``&&`` or ``||``."""
        self._absorbing += 1
        yield
        self._absorbing -= 1
