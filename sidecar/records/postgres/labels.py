"""Interning labels: each distinct one of a tenant and kind is stored once, and its id found again without asking."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from sidecar.records.postgres.pages import Connection
from sidecar.records.store import MOST_LABELS_KEPT, label_digest

_IDENTITIES = "unnest($1::bigint[], $2::text[], $3::bytea[]"
_FIND = (
    "SELECT l.label_id, l.tenant_id, l.kind, l.digest "
    f"FROM {_IDENTITIES}) AS k(tenant_id, kind, digest) JOIN label AS l USING (tenant_id, kind, digest)"
)
_ADD = (
    f"INSERT INTO label (tenant_id, kind, digest, body) SELECT * FROM {_IDENTITIES}, $4::bytea[]) "
    "RETURNING label_id, tenant_id, kind, digest"
)


class Locked(NamedTuple):
    """A tenant whose row is locked: nobody else writes its records before the transaction ends.

    ``erasures`` tells how often it was erased, ``history`` which one of the store this is: ids of before are nobody's.
    """

    tenant_id: int
    erasures: int
    history: UUID | None


LabelKey = tuple[Locked, str, bytes]
"""Its tenant, the kind, and the label's text."""


class Interned:
    """Label ids of committed transactions. What was learnt of a tenant before its erasure is never asked for again."""

    def __init__(self) -> None:
        self._labels: dict[LabelKey, int] = {}

    def find(self, key: LabelKey) -> int | None:
        """The id of a label; None when it is not known here."""
        return self._labels.get(key)

    def learn(self, labels: Mapping[LabelKey, int]) -> None:
        """Keep what a committed transaction found or gave."""
        if len(self._labels) + len(labels) > MOST_LABELS_KEPT:
            self._labels.clear()
        self._labels.update(labels)


class Labels:
    """The labels of one write transaction, which holds the locks of their tenants."""

    def __init__(self, connection: Connection, interned: Interned) -> None:
        self._connection = connection
        self._interned = interned
        self._found: dict[LabelKey, int] = {}

    def committed(self) -> None:
        """Let other transactions know the ids, which exist from now on."""
        self._interned.learn(self._found)

    async def ids(self, labels: Iterable[LabelKey]) -> Mapping[LabelKey, int]:
        """The ids of the labels, given now to those that are new."""
        missing: dict[tuple[int, str, bytes], LabelKey] = {}
        for key in labels:
            if key not in self._found:
                known = self._interned.find(key)
                if known is None:
                    missing[key[0].tenant_id, key[1], label_digest(key[2])] = key
                else:
                    self._found[key] = known
        await self._look(missing)
        await self._add(missing)
        return self._found

    async def _look(self, missing: dict[tuple[int, str, bytes], LabelKey]) -> None:
        """Take those out that are stored."""
        if missing:
            for number, *identity in await self._connection.fetch(_FIND, *map(list, zip(*missing, strict=True))):
                self._found[missing.pop(tuple(identity))] = number

    async def _add(self, missing: dict[tuple[int, str, bytes], LabelKey]) -> None:
        """Store the others."""
        if missing:
            bodies = [label for *_, label in missing.values()]
            added = await self._connection.fetch(_ADD, *map(list, zip(*missing, strict=True)), bodies)
            for number, *identity in added:
                self._found[missing[tuple(identity)]] = number
