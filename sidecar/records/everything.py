"""Whoever may read the store itself."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

from sidecar.records.reading import Lanes, Position, Read, Row
from sidecar.records.store import Snapshot

PAGE = 500
"""How many records are held at once."""


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


async def every_row(snap: Snapshot, kind: str, labels: Collection[int]) -> AsyncIterator[Row]:
    """Every record of a kind and some labels, in order, page by page. Raises StoreError."""
    after: Position | None = None
    more = bool(labels)
    while more:
        [page] = await snap.read([Read(kind, PAGE, after=after)], Everything(frozenset(labels)))
        for row in page.rows:
            yield row
        more, after = page.more, page.rows[-1].position if page.rows else None
