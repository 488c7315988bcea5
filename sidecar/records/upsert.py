"""What becomes of records that are offered, given what is stored under their keys: the write rule of their kind."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sidecar.errors import RecordConflict, Reject
from sidecar.records.kind import Kind
from sidecar.records.projection import projection_of
from sidecar.records.store import STORED_OTHERWISE, Prepared

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored under a key, or about to be. The document is there where the write rule compares it."""

    updated_at_ms: int | None
    doc: bytes


@dataclass(slots=True)
class Settled(Generic[K]):
    """What is to be written under each key, how many were left alone as stale, and which may not be written at all."""

    write: dict[K, Prepared] = field(default_factory=dict)
    stale: int = 0
    conflicts: list[Reject] = field(default_factory=list)


def settle(
    kind: Kind,
    offered: Iterable[tuple[K, Prepared]],
    stored: Mapping[K, Stored],
    went: Callable[[K], bool],
    *,
    overrule: bool = False,
) -> Settled[K]:
    """Go through the records in their order; one that is to be written counts as stored for those after it.

    ``went`` tells whether what was stored under a key may be gone. With ``overrule`` the records say all there is to
    know, and replace what is stored whatever it is: newer, or append-only.
    """
    settled: Settled[K] = Settled()
    known: dict[K, Stored | Prepared] = dict(stored)
    for key, given in offered:
        record, before = given, known.get(key)
        if record.inherit is not None and (before is not None or (not overrule and went(key))):
            record = record.inherit(None if before is None else before.doc)
        if before is not None and not overrule and kind.write == "append_only":
            if before.doc != record.doc:
                settled.conflicts.append(Reject(given.line, record.kind, "", STORED_OTHERWISE))
            continue
        if before is not None and not overrule and _older(record.updated_at_ms, before.updated_at_ms):
            settled.stale += 1
            continue
        known[key] = settled.write[key] = record
    return settled


def raise_conflicts(every: Iterable[Settled[Any]]) -> None:
    """Raise RecordConflict with all that may not be written, in the order of the lines, if there is any."""
    conflicts = sorted((reject for one in every for reject in one.conflicts), key=lambda reject: reject.line)
    if conflicts:
        raise RecordConflict(conflicts)


def scopes_went(tenant_id: int) -> str:
    """The setting that tells that runs, and their scopes with them, went from a tenant."""
    return f"scopes went {tenant_id}"


def scope_goes(kind: Kind) -> bool:
    """Whether nobody knows the scope of a record of the kind any more when the stored one is gone."""
    return projection_of(kind).scope_goes


def compares_documents(kind: Kind) -> bool:
    """Whether the write rule looks into what is stored."""
    return kind.write == "append_only" or kind.projection is not None


def _older(offered: int | None, stored: int | None) -> bool:
    return offered is not None and stored is not None and offered < stored
