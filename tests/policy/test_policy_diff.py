"""Comparing bundles: exactly what judging every record by itself under both of them gives."""

import asyncio
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
import stores
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_files import ACME, bundle_of, new_store, note, policy
from random_policies import CALLERS, NOTES, POLICIES, texts_of

from sidecar.identity.caller import Caller
from sidecar.policy import counting
from sidecar.policy import diff as comparing
from sidecar.policy.bundle import Bundle
from sidecar.policy.diff import Change, Diff
from sidecar.policy.explain import Explainer
from sidecar.policy.next_change import shown
from sidecar.records import everything
from sidecar.records.canonical import policy_view
from sidecar.records.store import Prepared, Tenant

pytestmark = pytest.mark.usefixtures("store_name")

NOW_MS = 5
ADA = Caller(ACME, actor_id="ada", org_units=("finance",))


def compared(folder: Path, old: Bundle, new: Bundle, records: list[Prepared], *callers: Caller) -> Diff:
    """What differs over some stored records."""

    async def run() -> Diff:
        store = await new_store(folder / "store.db")
        await store.put(records)
        diff = Diff(old, new, NOW_MS)
        async with store.snapshot(ACME) as snap:
            await diff.tenant(snap, {f"c{number}": caller for number, caller in enumerate(callers)})
        await store.close()
        stores.give_back(folder / "store.db")
        return diff

    return asyncio.run(run())


def counted(diff: Diff) -> dict[Change, int]:
    """How many records change in each way."""
    return {change: tally.records for change, tally in diff.tallies.items()}


def naive(old: Bundle, new: Bundle, records: list[Prepared], *callers: Caller) -> Counter[Change]:
    """The same, from the explanation of every record under both bundles."""
    found: Counter[Change] = Counter()
    for number, caller in enumerate(callers):
        for prepared in records:
            kind = old.registry[prepared.kind]
            view = policy_view(kind, orjson.loads(prepared.doc))
            (was, masked), (is_, masks) = (
                shown(Explainer(bundle.kinds[kind.name], caller).answer(view, ACME, NOW_MS)) for bundle in (old, new)
            )
            of = view.get("unit") or None
            if was != is_:
                found[Change(f"c{number}", kind.name, "appears" if is_ else "vanishes", of)] += 1
            elif masks - masked:
                found[Change(f"c{number}", kind.name, "masked", of, tuple(sorted(masks - masked)))] += 1
            if was and is_ and masked - masks:
                found[Change(f"c{number}", kind.name, "unmasked", of, tuple(sorted(masked - masks)))] += 1
    return found


@settings(max_examples=60, deadline=None)
@given(POLICIES, POLICIES, NOTES, st.lists(CALLERS, min_size=1, max_size=2), st.sampled_from((1, 2, 1_000)))
def test_counts_are_those_of_every_record_by_itself(
    was: list[Any], is_: list[Any], notes: list[dict[str, Any]], callers: list[Caller], batch: int
) -> None:
    """For every caller, kind, effect and unit the count is exact, whether labels decide or records one by one."""
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "MOST_OPEN", batch)
        patch.setattr(everything, "PAGE", batch)
        folder = Path(name)
        old, new = bundle_of(folder / "o", **texts_of(was)), bundle_of(folder / "n", **texts_of(is_))
        records = [note(f"n{number}", **fields) for number, fields in enumerate(notes)]
        diff = compared(folder, old, new, records, *callers)
        assert counted(diff) == dict(naive(old, new, records, *callers))
        held = {prepared.key for prepared in records}
        assert all(tally.example in held for tally in diff.tallies.values())


def test_labels_decide_where_they_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where labels decide, no record is judged: a label's records are counted as the store counts them."""
    monkeypatch.setattr(comparing, "by_record", None)
    old = bundle_of(tmp_path / "o", p=policy("p", "allow own: record.unit in caller.org_units"))
    new = bundle_of(tmp_path / "n", p=policy("p", "allow all: true"))
    records = [note(f"n{number}", unit="legal" if number < 7 else "finance", code=str(number)) for number in range(9)]
    assert counted(compared(tmp_path, old, new, records, ADA)) == {Change("c0", "note", "appears", "legal"): 7}


def test_kinds_with_the_same_policies_are_passed_over(tmp_path: Path) -> None:
    """A kind whose policies have one text in both bundles is not judged at all."""
    text = policy("p", "allow own: record.unit in caller.org_units")
    other = policy("q", "allow all: true", applies_to="[memo]")
    old, new = bundle_of(tmp_path / "o", p=text), bundle_of(tmp_path / "n", p=text, q=other)
    diff = compared(tmp_path, old, new, [note("n"), note("m", kind="memo", unit="finance")], ADA)
    assert (counted(diff), diff.labels) == ({Change("c0", "memo", "appears", "finance"): 1}, 1)


def test_only_one_tenant_is_compared(tmp_path: Path) -> None:
    """Records of other tenants count for nobody here."""
    old = bundle_of(tmp_path / "o", p=policy("p", "allow own: record.unit in caller.org_units"))
    new = bundle_of(tmp_path / "n", p=policy("p", "allow all: true"))
    elsewhere = Tenant("umbrella", "main")
    records = [note("n"), note("f", tenant={"org_id": elsewhere.org_id, "workspace_id": elsewhere.workspace_id})]
    assert counted(compared(tmp_path, old, new, records, ADA)) == {Change("c0", "note", "appears", None): 1}
