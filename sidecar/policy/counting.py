"""What one bundle shows of labels and records, for whoever counts over all that a tenant has stored."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import orjson

from sidecar.policy.standing import Authority
from sidecar.records.everything import every_row
from sidecar.records.reading import Row
from sidecar.records.store import Snapshot

MOST_OPEN = 1_000
"""Labels whose records are judged one by one are gathered up to this number and then read together."""
Seen = frozenset[str] | None
"""What one bundle shows of a record: the dotted fields that it masks; None when it hides the record."""
Asker = TypeVar("Asker")
Decide = Callable[[int, Mapping[str, Any]], Awaitable[Sequence[Asker]]]
"""Told of a label, by its number and what it holds, and answers for whom it does not decide."""


async def undecided(snap: Snapshot, kind: str, decide: Decide[Asker]) -> AsyncIterator[tuple[Row, Sequence[Asker]]]:
    """Ask about every label of a kind; each record of those that leave somebody open, and whom. Raises StoreError."""
    open_: dict[int, Sequence[Asker]] = {}
    for label, body in await snap.labels(kind, 0):
        askers = await decide(label, orjson.loads(body))
        if askers:
            open_[label] = askers
        if len(open_) == MOST_OPEN:
            async for row in every_row(snap, kind, open_):
                yield row, open_[row.label_id]
            open_ = {}
    async for row in every_row(snap, kind, open_):
        yield row, open_[row.label_id]


def by_label(authority: Authority | None, record: Mapping[str, Any]) -> Seen | Literal["depends"]:
    """What a bundle shows of every record of a label."""
    if authority is None:
        return None
    conditions = authority.label
    verdict = conditions.verdict(record, authority.tenant, 0)
    if verdict != "visible":
        return "depends" if verdict == "depends" else None
    masks, certain = conditions.masked(record, authority.tenant, 0)
    return frozenset(mask.dotted for mask in masks) if certain else "depends"


def by_record(authority: Authority | None, record: Mapping[str, Any], now_ms: int) -> Seen:
    """What a bundle shows of one record, masks of fields that it does not have left out."""
    if authority is None or authority.whole.verdict(record, authority.tenant, now_ms) != "visible":
        return None
    masks, _ = authority.whole.masked(record, authority.tenant, now_ms)
    return frozenset(mask.dotted for mask in masks if mask.masks_in(record))
