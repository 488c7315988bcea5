"""The protocol every store keeps: one snapshot behind the tenant wall, pages over visible labels, one writer."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

from sidecar.records.reading import Page, Request, Visibility

STORED_OTHERWISE = "is stored already with other content, and such records never change"
"""What is wrong with an append-only record that comes again and differs."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """The tenant triple. No deployment is the empty string."""

    org_id: str
    workspace_id: str
    deployment_id: str = ""


class Prepared(NamedTuple):
    """One validated record, ready to be stored. A tuple, for that is made four times faster than a frozen dataclass.

    ``columns`` holds one value for each of the kind's single columns, ``lists`` one tuple for each list column, both in
    the kind's order; ``label`` is the canonical JSON of the record pruned to its label's properties.
    """

    kind: str
    tenant: Tenant
    key: tuple[str, ...]
    order: tuple[int, ...]
    label: bytes
    columns: tuple[str | int | None, ...]
    lists: tuple[tuple[str, ...], ...]
    doc: bytes
    source: bytes | None = None
    updated_at_ms: int | None = None
    line: int = 1
    """Where it was read, for messages."""
    inherit: "Callable[[bytes | None], Prepared] | None" = None
    """Given the stored document, this record with what it inherits from it (a run keeps its scope); given None, which
    says that it may be gone, this record as far as can be known without."""
    dropped: int = 0
    """Undeclared properties that were left out."""


@dataclass(frozen=True, slots=True)
class LoadMark:
    """How far a load has come: written in the same transaction as its records.

    With ``behind``, what the load had stored before, it takes the place of the mark that says so, or of none: who
    erased records took the mark too, and to begin anew loses nothing.
    """

    load_id: str
    lines: int
    finished: bool = False
    behind: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a write did: records accepted (no-ops included) and, of them, left alone because a newer one is stored."""

    accepted: int = 0
    stale: int = 0


@dataclass(frozen=True, slots=True)
class Migrated:
    """What opening a store changed in it: the kinds it got tables for, and those whose records were stored anew.

    ``dropped`` counts, by kind, the properties of stored records that its changed schema does not declare.
    """

    created: tuple[str, ...] = ()
    promoted: tuple[str, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)


NOT_MIGRATED = (
    "is not in the form of this program and its schemas; run sidecar migrate, "
    "or let serve or load do it, which store.auto_migrate allows"
)
"""What is wrong with a store that may not be migrated."""


def unlike(changed: Sequence[str], unfinished: Sequence[str]) -> str | None:
    """Why a process does not work on kinds that another one changed, or has not promoted whole; None when it may."""
    if changed:
        return f"the schema of {', '.join(changed)} was changed by another process; restart with it"
    if unfinished:
        return f"the records of {', '.join(unfinished)} are not all stored anew yet; sidecar migrate goes on with it"
    return None


class Snapshot(Protocol):
    """One consistent view of one tenant. Nothing of another tenant can be reached through it."""

    tenant: Tenant
    history: str
    """Ids and versions of another history mean other things: a database that lost something gives them again."""
    authority_version: int
    managed: bool
    """Whether the tenant has ever had a membership record."""
    newest_label: int
    """At least the greatest label id of the tenant. Whoever knows all labels up to it has none to ask for."""
    committed: bool
    """Whether what it shows is stored for good. What a change shows may be undone, and its ids be given to others."""

    async def labels(self, kind: str, after: int) -> Sequence[tuple[int, bytes]]:
        """The kind's labels with an id above ``after``, ascending, each with its pruned record."""

    async def sharing(self, label_id: int) -> int:
        """How many records of the tenant share a label."""

    async def shared(self, kind: str) -> Mapping[int, int]:
        """How many records share each label of a kind that has any."""

    async def authority(self, kind: str) -> Sequence[bytes]:
        """Every record of a catalogue kind, unjudged: for computing the caller's authority, never for showing."""

    async def read(self, requests: Sequence[Request], visible: Visibility) -> list[Page]:
        """Answer all requests from this snapshot, each with what ``visible`` lets through."""


class Change(Snapshot, Protocol):
    """A snapshot inside a write transaction: read, decide, put, and all of it commits or none."""

    async def put(self, records: Iterable[Prepared]) -> Outcome:
        """Insert or replace by key, as each kind's write rule says."""

    async def delete(self, kind: str, key: tuple[str, ...]) -> bool:
        """Remove one record of the snapshot's tenant; whether it was there."""

    async def clear(self, kind: str, keys: Sequence[tuple[str, ...]]) -> int:
        """Remove records of the snapshot's tenant, append-only ones too; how many there were."""


class Held(NamedTuple):
    """One stored record of any tenant, by its digest: enough to tell whether it is what it should be."""

    tenant: Tenant
    key: tuple[str, ...]
    content: bytes


def content_digest(doc: bytes, source: bytes | None) -> bytes:
    """A short name of what is stored of a record: its document and its source."""
    digest = blake2b(b"%d:" % len(doc), digest_size=16)
    digest.update(doc)
    digest.update(source or b"")
    return digest.digest()


MOST_LABELS_KEPT = 200_000
"""Labels of which a process remembers the ids, so that writing asks for them once."""


def label_digest(label: bytes) -> bytes:
    """What a label is found by among those of its tenant and kind."""
    return blake2b(label, digest_size=16).digest()


class Mirror(Protocol):
    """One write transaction over all tenants, by whoever owns the truth of some kinds: the store follows it."""

    async def catalogue_version(self) -> int:
        """What the store tells of it, as this transaction finds it."""

    def held(self, kind: str) -> AsyncIterator[Held]:
        """Every stored record of a kind; what this transaction changed meanwhile may be among them or not."""

    async def put(self, records: Sequence[Prepared]) -> None:
        """Insert by key or replace, even what is newer or append-only; later ones count. A run keeps a known scope."""

    async def delete(self, kind: str, tenant: Tenant, keys: Sequence[tuple[str, ...]]) -> None:
        """Remove records, append-only ones too; a key under which nothing is stored is none."""

    async def manage(self, tenants: Collection[Tenant]) -> None:
        """Have it stand that tenants had a membership, of which nothing is stored."""


class Count(NamedTuple):
    """How many records of a kind one tenant has, and under how many labels; neither is ever 0."""

    tenant: Tenant
    kind: str
    labels: int
    records: int


FORGET_LOADS = "DELETE FROM load WHERE NOT finished"
"""Said with every erasure: a load that goes on would leave out what it had stored and was erased since."""


def undescribed(kinds: Iterable[str]) -> str:
    """Why nothing is erased from a store that holds kinds of which no schema is given."""
    return (
        f"the store also holds {', '.join(kinds)}, of which no schema is given; "
        "name the folders of all of its schemas, so that nothing of the tenant stays"
    )


class Lease(Protocol):
    """Something that only one of the processes on a store may do at once. It ends with the process that has it."""

    async def take(self) -> bool:
        """Have it, unless another process has; whoever had it may have lost it. Raises StoreError."""

    async def show(self) -> None:
        """Show the others that what it is for is done once. Raises StoreError."""

    async def shown(self) -> bool:
        """Whether another process has it and has shown it. Raises StoreError."""


class Store(Protocol):
    """Where records are kept."""

    migrated: Migrated

    def snapshot(self, tenant: Tenant) -> AbstractAsyncContextManager[Snapshot]:
        """The only door to rows."""

    def change(self, tenant: Tenant) -> AbstractAsyncContextManager[Change]:
        """One write transaction, durable when the context ends without an error."""

    def mirror(self) -> AbstractAsyncContextManager[Mirror]:
        """One write transaction over all tenants, durable when the context ends without an error."""

    async def put(self, records: Sequence[Prepared], mark: LoadMark | None = None) -> Outcome:
        """Store records of any tenants in one durable transaction (the load and admin path).

        Raises RecordConflict, before anything is stored, when an append-only record is stored with other content.
        """

    async def conflicts(self, records: Sequence[Prepared]) -> list[int]:
        """The places of the append-only records that are stored already with other content. Nothing is written."""

    async def loaded(self, load_id: str) -> int:
        """How many records of an interrupted load are stored; 0 when it is new or was finished."""

    async def catalogue_version(self) -> int:
        """What grows with each change of what decides who sees what, of any tenant, and with each erasure."""

    async def setting(self, name: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """The stored setting, or ``value`` stored now: for keys that all processes share."""

    async def counts(self, tenant: Tenant | None = None) -> Sequence[Count]:
        """What is stored, of one tenant or of all, in the order of tenants and kinds. Read from the labels: no scan."""

    async def weight(self, kind: str, tenant: Tenant | None = None) -> int:
        """The bytes of a kind's documents, of one tenant or of all. Looks at every one of them."""

    async def erase(self, tenant: Tenant) -> Mapping[str, int]:
        """Remove all records of a tenant in one transaction; how many of each kind.

        Kept are its name, that it was managed, and its authority version, which goes on: nothing that any process
        remembers of before holds for what is stored afterwards. Raises StoreError when kinds are stored that this
        program was not opened with, for their records would stay.
        """

    def lease(self, name: str) -> AbstractAsyncContextManager[Lease]:
        """What this name stands for, to be taken by one process at a time."""

    async def ready(self) -> None:
        """Prove that the store answers. Raises StoreError."""

    async def close(self) -> None:
        """Release every connection."""
