"""Who sees what: the verdicts of one caller, from labels judged once and kept while nothing they rest on changes."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import orjson

from sidecar.identity.caller import Caller
from sidecar.policy.bundle import Bundle
from sidecar.policy.rules import Mask
from sidecar.policy.standing import Authority, Labels, Record, Standing, masked_document, touched
from sidecar.records.canonical import policy_view
from sidecar.records.reading import Lanes, Row
from sidecar.records.store import Snapshot, Tenant

K = TypeVar("K")
V = TypeVar("V")
Place = tuple[str, Tenant, str]
"""Where a standing is kept: by its caller's digest, tenant and kind."""
Stamp = tuple[str, str, int]
"""What it was made under: revision, history of the store, authority version. Under others it is made anew."""

MOST_LABELS = 2_000_000
"""How many label verdicts are kept, over all callers: some 200 MB."""
CALLER_WEIGHT, GRANT_WEIGHT, RECORD_WEIGHT = 200, 25, 10
"""What else is kept, measured in label verdicts: bound rules and their caller, one of its grants, a label's record."""
_NOTHING = Lanes(frozenset(), frozenset())


@dataclass(frozen=True)
class Verdicts:
    """What one caller sees, under one revision at one instant. Kinds that were not asked for are hidden."""

    revision: str
    caller: Caller
    now_ms: int
    standings: Mapping[str, Standing]
    verify: bool = False

    def lanes(self, kind: str, fields: Sequence[str] = ()) -> Lanes:
        """The labels to page over. A label in which a filtered field is masked in every record is left out."""
        standing = self.standings.get(kind)
        if standing is None:
            return _NOTHING
        lanes = Lanes(standing.lanes.visible, standing.lanes.depends) if self.verify else standing.lanes
        if not fields or not standing.masked:
            return lanes
        visible = lanes.visible
        masked = [label for label, masks in standing.masked.items() if label in visible and touched(masks, fields)]
        return replace(lanes, visible=visible.difference(masked)) if masked else lanes

    def show(self, row: Row, fields: Sequence[str] = ()) -> Row | None:
        """The row as this caller sees it; None when it is hidden or a filtered field is masked in it."""
        standing = self.standings.get(row.kind)
        if standing is None:
            return None
        label: int = row.raw[0]
        if self.verify or label in standing.lanes.depends:
            return self._judged(standing, row, fields)
        if label in standing.lanes.clean:
            return row
        return _masked(row, standing.masked[label], fields) if label in standing.lanes.visible else None

    def labels(self, kind: str) -> Mapping[int, Record]:
        """The pruned records of the labels that this caller sees or may see, masked."""
        standing = self.standings.get(kind)
        return standing.shown if standing is not None else {}

    def masks(self, kind: str, field: str) -> bool:
        """Whether a policy masks something of a field, for this caller or for others."""
        policies = self.standings[kind].authority.policies.policies
        return any(touched(policy.masks, (field,)) for policy in policies)

    def unsure(self, kind: str, field: str) -> frozenset[int]:
        """The labels of which some records may have something of a field masked, others not; in ``labels`` it is."""
        standing = self.standings.get(kind)
        if standing is None:
            return frozenset()
        masked = standing.lanes.depends & standing.masked.keys()
        return frozenset(label for label in masked if touched(standing.masked[label], (field,)))

    def _judged(self, standing: Standing, row: Row, fields: Sequence[str]) -> Row | None:
        """A row that is decided by more than its label, or once more."""
        if row.label_id not in standing.lanes.visible and row.label_id not in standing.lanes.depends:
            return None
        authority = standing.authority
        view = policy_view(authority.policies.kind, orjson.loads(row.doc))
        if authority.whole.verdict(view, authority.tenant, self.now_ms) != "visible":
            return None
        masks, _ = authority.whole.masked(view, authority.tenant, self.now_ms)
        return _masked(row, masks, fields) if masks else row


def _masked(row: Row, masks: frozenset[Mask], fields: Sequence[str]) -> Row | None:
    """A row without what is masked in it; None when that is among the filtered fields."""
    if fields and touched(masks, fields):
        return None
    stored: bytes = row.raw[1]
    document = masked_document(stored, masks)
    return row if document is stored else row._replace(masked=document)


@dataclass(slots=True)
class _Shelf:
    """The labels of one kind of one tenant, in one history of the store: all that there are up to the id ``newest``."""

    history: str
    labels: Labels = field(default_factory=list)
    newest: int = 0


class _Kept(OrderedDict[K, V]):
    """Values up to a total weight; the least recently used go first."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._weights: dict[K, int] = {}
        self._total = 0

    def find(self, key: K) -> V | None:
        """The value of a key, which thereby becomes the most recently used."""
        found = self.get(key)
        if found is not None:
            self.move_to_end(key)
        return found

    def keep(self, key: K, value: V, weight: int) -> None:
        """Keep a value, and let go of others until all fit."""
        self._total += weight - self._weights.get(key, 0)
        self._weights[key] = weight
        self[key] = value
        self.move_to_end(key)
        while self._total > self._most and len(self) > 1:
            oldest, _ = self.popitem(last=False)
            self._total -= self._weights.pop(oldest)


class Judge:
    """Judges labels and keeps the verdicts, over one store.

    What is kept is a function of its place and its stamp, so nothing is ever invalidated, only replaced. ``verify``
    judges every row again as a whole before it is shown.
    """

    def __init__(self, *, verify: bool = False, most_labels: int = MOST_LABELS) -> None:
        self._verify = verify
        self._standings: _Kept[Place, tuple[Stamp, Standing]] = _Kept(most_labels)
        self._shelves: _Kept[tuple[Tenant, str], _Shelf] = _Kept(most_labels)

    async def judge(
        self, bundle: Bundle, caller: Caller, snap: Snapshot, kinds: Sequence[str], now_ms: int
    ) -> Verdicts:
        """The verdicts for a response that shows these kinds. Raises StoreError, ValueError."""
        if snap.tenant != caller.tenant:
            raise ValueError("a caller sees a snapshot of its own tenant only")
        found: dict[str, Standing] = {}
        for kind in kinds:
            policies = bundle.of(kind)
            if policies is not None:
                place = (caller.digest, caller.tenant, kind)
                stamp = (bundle.revision, snap.history, snap.authority_version)
                kept = self._standings.find(place)
                known = kept[1] if kept is not None and kept[0] == stamp else Standing(Authority(policies, caller))
                found[kind] = await self._current(place, stamp, known, snap)
        return Verdicts(bundle.revision, caller, now_ms, found, self._verify)

    async def _current(self, place: Place, stamp: Stamp, known: Standing, snap: Snapshot) -> Standing:
        """The standing with every label that the snapshot has."""
        kind = place[2]
        shelf = self._shelf((snap.tenant, kind), snap.history)
        seen = _last(shelf.labels)
        fresh: Labels = []
        if shelf.newest < snap.newest_label:
            fresh = [(label, orjson.loads(body)) for label, body in await snap.labels(kind, seen)]
        if not snap.committed:
            return known.grown([*shelf.labels, *fresh]) if fresh or known.last != seen else known
        if shelf.newest < snap.newest_label:
            shelf = self._stocked((snap.tenant, kind), shelf, fresh, snap.newest_label)
        if known.last == _last(shelf.labels):
            return known
        grown = known.grown(shelf.labels)
        self._standings.keep(place, (stamp, grown), _weight(grown))
        return grown

    def _shelf(self, key: tuple[Tenant, str], history: str) -> _Shelf:
        """The shelf of this history, which is empty at first."""
        kept = self._shelves.find(key)
        return kept if kept is not None and kept.history == history else _Shelf(history)

    def _stocked(self, key: tuple[Tenant, str], known: _Shelf, fresh: Labels, newest: int) -> _Shelf:
        """The shelf with fresh labels, which begin where the ``known`` one ended.

        Another request may have stocked it meanwhile, or have put one of another history in its place.
        """
        kept = self._shelf(key, known.history)
        shelf = kept if _last(kept.labels) >= _last(known.labels) else known
        seen = _last(shelf.labels)
        shelf.labels += [entry for entry in fresh if entry[0] > seen]
        shelf.newest = max(shelf.newest, newest)
        self._shelves.keep(key, shelf, len(shelf.labels) * RECORD_WEIGHT + 1)
        return shelf


def _weight(standing: Standing) -> int:
    """A caller weighs something even where it sees nothing, or a crowd of such callers would never be let go."""
    labels = len(standing.lanes.visible) + len(standing.lanes.depends)
    return CALLER_WEIGHT + GRANT_WEIGHT * len(standing.authority.caller.grants) + labels


def _last(labels: Labels) -> int:
    return labels[-1][0] if labels else 0
