"""Whoever may read the store itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.records.store import Lanes, Row


@dataclass(frozen=True, slots=True)
class Everything:
    """Sees all records of some labels: for whoever may read the store itself."""

    labels: frozenset[int]

    def lanes(self, kind: str, fields: Sequence[str]) -> Lanes:  # noqa: ARG002 - of the protocol
        """Every label."""
        return Lanes(self.labels, frozenset())

    def show(self, row: Row, fields: Sequence[str]) -> Row | None:  # noqa: ARG002 - of the protocol
        """The row as it is stored."""
        return row
