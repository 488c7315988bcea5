"""What share of the stored records callers see, counted exactly.

Labels are judged and the records that share them counted; only where a label does not decide, its records are judged
one by one.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sidecar.identity.caller import Caller
from sidecar.policy.bundle import Bundle
from sidecar.policy.counting import by_label, by_record, undecided
from sidecar.policy.standing import Authority
from sidecar.records.canonical import policy_view
from sidecar.records.kind import Kind
from sidecar.records.store import Snapshot

Askers = Mapping[str, Authority]


async def seen(bundle: Bundle, snap: Snapshot, callers: Mapping[str, Caller], now_ms: int) -> Counter[tuple[str, str]]:
    """How many records of each kind each caller of the snapshot's tenant sees, by name and kind. Raises StoreError."""
    counted: Counter[tuple[str, str]] = Counter()
    for kind in bundle.registry.values():
        policies = bundle.of(kind.name)
        if policies is not None:
            askers = {name: Authority(policies, caller) for name, caller in callers.items()}
            for name, records in (await _Counting(kind, snap, askers, now_ms).run()).items():
                counted[name, kind.name] = records
    return counted


class _Counting:
    """The counting over one kind of one tenant."""

    def __init__(self, kind: Kind, snap: Snapshot, askers: Askers, now_ms: int) -> None:
        self._kind, self._snap, self._askers, self._now_ms = kind, snap, askers, now_ms
        self._sharing: Mapping[int, int] = {}
        self._seen: Counter[str] = Counter()

    async def run(self) -> Counter[str]:
        """Every label, and the records of those that labels do not decide; how many each caller sees."""
        self._sharing = await self._snap.shared(self._kind.name)
        async for row, askers in undecided(self._snap, self._kind.name, self._label):
            view = policy_view(self._kind, row.record())
            self._seen.update(name for name in askers if by_record(self._askers[name], view, self._now_ms) is not None)
        return self._seen

    async def _label(self, label: int, record: Mapping[str, Any]) -> list[str]:
        """Count the records of a label for those for whom it decides; whom it leaves open."""
        verdicts = {name: by_label(authority, record) for name, authority in self._askers.items()}
        unsure = [name for name, verdict in verdicts.items() if verdict == "depends"]
        certain = [name for name, verdict in verdicts.items() if verdict is not None and verdict != "depends"]
        if certain:
            self._seen.update(dict.fromkeys(certain, self._sharing.get(label, 0)))
        return unsure
