"""What the records of the files come to: of several under one key one counts, as when all files are loaded in order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import orjson

from sidecar.records.follow.cut import Signature
from sidecar.records.ingest import Intake
from sidecar.records.load import Refused
from sidecar.records.owner import owner_of
from sidecar.records.runtime_read import RawRecord
from sidecar.records.store import Prepared, Tenant, content_digest


class Name(NamedTuple):
    """Which record: its kind, whose it is, its key."""

    kind: str
    tenant: Tenant
    key: tuple[str, ...]


class Rank(NamedTuple):
    """Where a record comes when all files are read in order."""

    store: int
    path: Path
    place: int


class Entry(NamedTuple):
    """One valid record of a file, by digests: ``raw`` of what the runtime wrote, ``content`` of what is stored."""

    name: Name
    rank: Rank
    raw: bytes
    content: bytes
    updated_at_ms: int | None
    inherits: bool


Chain = tuple[Entry, ...]
"""The entry that counts for a name, and before it those it takes its scope from."""


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was last read whole.

    ``refused`` are the records that do not validate, by their raw digests, and the tenants that they name.
    """

    store: str
    signature: Signature
    entries: Mapping[bytes, Entry]
    refused: Mapping[bytes, Tenant | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """A file read anew, the records that were accepted now, and what is wrong with those that were not."""

    state: FileState
    accepted: Mapping[bytes, Prepared]
    faults: Sequence[Refused]


def judge(raws: Iterable[RawRecord], before: FileState, rank: Rank, intake: Intake) -> Judged:
    """The file's records: those that were in it before are not validated again.

    The place in the file counts only where it holds a name twice; it is not kept up otherwise.
    """
    entries: dict[bytes, Entry] = {}
    accepted: dict[bytes, Prepared] = {}
    refused: dict[bytes, Tenant | None] = {}
    faults: list[Refused] = []
    places: dict[bytes, int] = {}
    for place, raw in enumerate(raws):
        digest = raw_digest(raw)
        places[digest] = place
        known = before.entries.get(digest)
        if known is not None:
            entries[digest] = known
        elif digest in before.refused:
            refused[digest] = before.refused[digest]
        else:
            result = accept(raw, intake)
            if isinstance(result, Prepared):
                accepted[digest] = result
                entries[digest] = _entry(result, rank._replace(place=place), digest)
            else:
                refused[digest] = owner_of(raw.record)
                faults += result
    if len({entry.name for entry in entries.values()}) < len(entries):
        entries = {key: one._replace(rank=rank._replace(place=places[key])) for key, one in entries.items()}
    return Judged(FileState(before.store, before.signature, entries, refused), accepted, faults)


def accept(raw: RawRecord, intake: Intake) -> Prepared | list[Refused]:
    """The record ready to be stored, or what is wrong. Without a tenant it is the local one's, as the runtime means."""
    result = intake.accept(raw.kind, raw.record, line=raw.number, default_tenant=True)
    if isinstance(result, Prepared):
        return result
    return [Refused(str(raw.path), raw.line, raw.kind, reject.pointer, reject.message) for reject in result]


def raw_digest(raw: RawRecord) -> bytes:
    """A short name of a record as the runtime wrote it."""
    written = orjson.dumps((raw.kind, raw.record), option=orjson.OPT_SORT_KEYS)
    return blake2b(written, digest_size=16).digest()


def chain_of(entries: Iterable[Entry]) -> Chain:
    """What counts among the entries of one name, as the write rule of upserts says."""
    chain: Chain = ()
    for entry in sorted(entries, key=lambda entry: entry.rank):
        if chain and _older(entry.updated_at_ms, chain[-1].updated_at_ms):
            continue
        chain = (*chain, entry) if entry.inherits else (entry,)
    return chain


def chain_content(chain: Chain) -> bytes:
    """A short name of what a chain comes to."""
    if len(chain) == 1:
        return chain[0].content
    return blake2b(b"".join(entry.content for entry in chain), digest_size=16).digest()


def joined(links: Sequence[Prepared]) -> Prepared:
    """The last of a chain's records, with the scope it takes from those before it."""
    first, *following = links
    for link in following:
        first = link if link.inherit is None else link.inherit(first.doc)
    return first


def _entry(record: Prepared, rank: Rank, raw: bytes) -> Entry:
    name = Name(record.kind, record.tenant, record.key)
    content = content_digest(record.doc, record.source)
    return Entry(name, rank, raw, content, record.updated_at_ms, record.inherit is not None)


def _older(offered: int | None, stored: int | None) -> bool:
    return offered is not None and stored is not None and offered < stored
