"""The files that are read as a whole: what they hold together, and by what it differs from what is stored."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sidecar.errors import FindingsError
from sidecar.records.follow.cut import Cut, MovedOnError, Signature, read_bytes, signature_of
from sidecar.records.follow.entries import (
    Chain,
    Entry,
    FileState,
    Name,
    Rank,
    accept,
    chain_content,
    chain_of,
    joined,
    judge,
    raw_digest,
)
from sidecar.records.ingest import Intake
from sidecar.records.load import Refused
from sidecar.records.runtime_files import PLACES, RuntimeFiles
from sidecar.records.runtime_read import KINDS, MEMBERSHIPS, RawRecord, refused
from sidecar.records.store import Prepared, Tenant

MOST_PREPARED = 20_000
"""Accepted records that are kept until they are stored; others are read again then."""

_RANKS = {store: rank for rank, store in enumerate(PLACES)}
_NOTHING: Mapping[bytes, Entry] = {}


@dataclass(slots=True)
class Plan:
    """By what the store differs from the files. ``missing`` are records that are stored and in no file.

    ``later`` are records of tenants that wait until all of the catalogue could be read.
    """

    chains: dict[Name, Chain] = field(default_factory=dict)
    missing: list[Name] = field(default_factory=list)
    later: list[Name] = field(default_factory=list)
    prepared: dict[tuple[Path, bytes], Prepared] = field(default_factory=dict)


@dataclass(slots=True)
class Whole:
    """What is known of the files and of the store. ``held`` is None until the store has told what it holds."""

    intake: Intake
    states: dict[Path, FileState] = field(default_factory=dict)
    held: dict[Name, bytes] | None = None
    _names: dict[Name, tuple[Entry, ...]] = field(default_factory=dict)
    _touched: set[Name] = field(default_factory=set)
    _fresh: dict[tuple[Path, bytes], Prepared] = field(default_factory=dict)

    def signatures(self) -> dict[Path, Signature]:
        """What the files were when they were last read whole."""
        return {path: state.signature for path, state in self.states.items()}

    def doubtful(self) -> set[str]:
        """The kinds of which some record does not validate."""
        return {kind for state in self.states.values() if state.refused for kind in KINDS[state.store]}

    def unclear(self) -> set[Tenant]:
        """The tenants of which some membership does not validate."""
        found = (state.refused.values() for state in self.states.values() if state.store == MEMBERSHIPS)
        return {tenant for tenants in found for tenant in tenants if tenant is not None}

    def read(self, files: RuntimeFiles, cut: Cut, path: Path) -> list[Refused]:
        """Take up a file as it is at the cut; what is wrong with its records.

        Raises FindingsError for one that does not read whole, MovedOnError, OSError.
        """
        seen = cut.sweep[path]
        if seen.trouble:
            raise refused(path, 0, 0, f"cannot be read: {seen.trouble}")
        data = cut.data[path] if path in cut.data else _still(path, seen.signature)
        if not data.strip():
            raise refused(path, 0, 0, "is empty, as a file is that is about to be written")
        known = self.states.get(path)
        before = FileState(seen.store, seen.signature, _NOTHING) if known is None else known
        judged = judge(files.read(seen.store, path, data), before, Rank(_RANKS[seen.store], path, 0), self.intake)
        for digest, record in judged.accepted.items():
            if len(self._fresh) < MOST_PREPARED:
                self._fresh[path, digest] = record
        self._replace(path, replace(judged.state, signature=seen.signature))
        return list(judged.faults)

    def forget(self, path: Path) -> None:
        """Take it that a file is gone."""
        state = self.states[path]
        self._replace(path, FileState(state.store, state.signature, _NOTHING))
        del self.states[path]

    def _replace(self, path: Path, state: FileState) -> None:
        """Put a file's entries in the place of those it had; the names of those that differ are touched."""
        old = self.states[path].entries if path in self.states else _NOTHING
        for digest in old.keys() - state.entries.keys():
            name = old[digest].name
            left = tuple(entry for entry in self._names[name] if entry is not old[digest])
            self._touched.add(name)
            if left:
                self._names[name] = left
            else:
                del self._names[name]
        for digest, entry in state.entries.items():
            if entry is old.get(digest):
                continue
            others = tuple(one for one in self._names.get(entry.name, ()) if one is not old.get(digest))
            self._names[entry.name] = (*others, entry)
            self._touched.add(entry.name)
        self.states[path] = state

    def plan(self, blind: Iterable[str], *, entire: bool) -> Plan:
        """By what the store differs. Of ``blind`` kinds some file was never read: nothing of them is missing yet.

        Before the ``entire`` catalogue was read nothing comes of tenants of which nothing is stored: of others what
        denies was stored before, and stays.
        """
        assert self.held is not None
        plan, unread = Plan(prepared=self._fresh), set(blind)
        tenants = set() if entire else {name.tenant for name in self.held}
        for name in self._touched:
            entries = self._names.get(name)
            if entries and not entire and name.tenant not in tenants:
                plan.later.append(name)
            elif entries:
                chain = chain_of(entries)
                if self.held.get(name) != chain_content(chain):
                    plan.chains[name] = chain
            elif name in self.held and name.kind not in unread:
                plan.missing.append(name)
        return plan

    def compare_all(self) -> None:
        """Have the next plan look at every record of the files and of the store."""
        assert self.held is not None
        self._touched.update(self._names, self.held)

    def done(self, plan: Plan, lingering: Iterable[Name]) -> None:
        """The plan was carried out; ``lingering`` names are looked at again next time."""
        assert self.held is not None
        for name in plan.missing:
            del self.held[name]
        self.held |= {name: chain_content(chain) for name, chain in plan.chains.items()}
        self._touched = {name for name in self._touched if name in self.held and name not in self._names}
        self._touched.update(lingering, plan.later)
        self._fresh = {}

    def records(self, plan: Plan, files: RuntimeFiles, cut: Cut) -> Iterator[Prepared]:
        """The records that the plan stores. Raises MovedOnError when one is not any more where it was read."""
        found = dict(plan.prepared)
        places = {name: [(entry.rank.path, entry.raw) for entry in chain] for name, chain in plan.chains.items()}
        links = {place for chain in places.values() if len(chain) > 1 for place in chain}
        lacking: dict[Path, set[bytes]] = {}
        for path, raw in {place for chain in places.values() for place in chain} - found.keys():
            lacking.setdefault(path, set()).add(raw)
        for path, raws in lacking.items():
            for raw, record in self._again(files, cut, path, raws):
                if (path, raw) in links:
                    found[path, raw] = record
                else:
                    yield record
        for chain in places.values():
            if all(place in found for place in chain):
                yield joined([found[place] for place in chain])

    def _again(self, files: RuntimeFiles, cut: Cut, path: Path, raws: set[bytes]) -> Iterator[tuple[bytes, Prepared]]:
        """Records of a file that was read before."""
        state, left = self.states[path], set(raws)
        data = cut.data[path] if path in cut.data else _still(path, state.signature)
        for raw, digest in _digested(path, files, state.store, data):
            if digest in left:
                left.remove(digest)
                record = accept(raw, self.intake)
                assert isinstance(record, Prepared)
                yield digest, record
        if left:
            raise MovedOnError


def _digested(path: Path, files: RuntimeFiles, store: str, data: bytes) -> Iterator[tuple[RawRecord, bytes]]:
    try:
        for raw in files.read(store, path, data):
            yield raw, raw_digest(raw)
    except FindingsError:
        raise MovedOnError from None


def _still(path: Path, signature: Signature) -> bytes:
    """What a file holds, provided that it is what it was. Raises MovedOnError."""
    data = read_bytes(path)
    if signature_of(path.stat) != signature:
        raise MovedOnError
    return data
