"""What a load keeps of its input: the spool gives back what was put in, the ledger remembers across batches."""

import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_samples import LEAST, TENANT, accepted, with_value
from shipped_kinds import intake, kinds

from sidecar.records import spool as spooling
from sidecar.records.ledger import Ledger
from sidecar.records.sources import Placed
from sidecar.records.spool import Spool
from sidecar.records.store import Prepared

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def letter(name: str, reason: str = "late", org: str = "acme") -> Prepared:
    """A dead letter that is ready to be stored."""
    record = with_value(LEAST["dead_letter"], "/dead_letter_id", f"d{name}")
    record = with_value(record, "/reason", reason)
    return accepted("dead_letter", with_value(record, "/scope/tenant_context/org_id", f"o{org}"))


def event(name: str, kind: str = "started") -> Prepared:
    """An event that is ready to be stored."""
    return accepted("event", {**LEAST["event"], "event_id": name, "event_type": kind})


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """An empty ledger."""
    with closing(Ledger(kinds())) as opened:
        yield opened


def spooled(batches: list[list[Placed]], most: int = 1, most_bytes: int = 2**20) -> tuple[list[list[Placed]], str]:
    """What a spool gives back, and its content's id."""
    with closing(Spool(kinds(), intake())) as spool:
        for batch in batches:
            spool.add(batch)
        assert spool.records == sum(map(len, batches))
        return list(spool.batches(most, most_bytes)), spool.content_id


def told(batch: list[Placed]) -> list[Placed]:
    """A batch but for functions."""
    return [one._replace(record=one.record._replace(inherit=None)) for one in batch]


@settings(deadline=None)
@given(
    st.lists(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=5), max_size=5),
    st.sampled_from([0, 2_000, 2**20]),
)
def test_a_spool_gives_back_what_was_put_in(batches: list[list[tuple[str, str, str]]], memory: int) -> None:
    """In memory or on disk, or part of it on disk, every batch comes back as it was."""
    placed = [
        [Placed(path, place, letter(path, reason, org)) for place, (path, reason, org) in enumerate(batch, 7)]
        for batch in batches
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spooling, "MEMORY_BYTES", memory)
        found, content = spooled(placed)
    assert [told(batch) for batch in found] == [told(batch) for batch in placed]
    assert content == spooled(placed)[1]


@given(
    st.lists(st.tuples(st.sampled_from([letter, event]), st.integers(1, 4)), max_size=12),
    st.integers(1, 9),
    st.sampled_from([1, 700, 2**20]),
)
def test_a_spool_joins_what_was_put_in(added: list[tuple[Any, int]], most: int, most_bytes: int) -> None:
    """Batches of a kind are joined while both bounds hold, no later than they must, and the kind's order is kept."""
    made = [
        [Placed("f", place, make(f"{number}.{place}")) for place in range(size)]
        for number, (make, size) in enumerate(added)
    ]
    found, _ = spooled(made, most, most_bytes)
    names = list(dict.fromkeys(batch[0].record.kind for batch in made))
    assert [one for batch in found for one in told(batch)] == [
        one for kind in names for batch in made for one in told(batch) if one.record.kind == kind
    ]
    for batch in found:
        assert len({one.record.kind for one in batch}) == 1
        assert told(batch) in map(told, made) or (len(batch) <= most and size(batch) <= most_bytes)
    for one, after in pairwise(found):
        first = next(batch for batch in made if told(batch)[0] == told(after)[0])
        same = one[0].record.kind == after[0].record.kind
        assert not same or len(one) + len(first) > most or size(one) + size(first) > most_bytes


def size(batch: list[Placed]) -> int:
    """The size of its documents."""
    return sum(len(one.record.doc) for one in batch)


OUTPUTS = {f"n{number}": {"result": [number, None], "text": "x"} for number in range(20)}
SHAPES = {
    "letters": ("dead_letter", "dead_letter_id", {}),
    "long letters": ("dead_letter", "dead_letter_id", {"reason": "x" * 2_000}),
    "many texts": ("protected_audit_event", "event_id", {"payload": {"ids": [f"{number:x}" for number in range(200)]}}),
    "ended runs": ("automation_run", "run_id", {"status": "completed", "checkpoint": {"node_outputs": OUTPUTS}}),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_spool_holds_no_more_than_it_may(shape: tuple[str, str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever records look like, what waits in memory takes no more than the bound; the rest is laid down."""
    kind, name, more = shape
    monkeypatch.setattr(spooling, "MEMORY_BYTES", 2**18)
    with closing(Spool(kinds(), intake())) as spool:
        accepted(kind, {**LEAST[kind], **more})  # what is made once is no record's
        tracemalloc.start()
        for number in range(0, 400, 10):
            names = [f"{place}" for place in range(number, number + 10)]
            spool.add([Placed("f", 1, accepted(kind, {**LEAST[kind], **more, name: one})) for one in names])
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    assert held < 1.1 * 2**18


def test_all_grants_are_one_batch() -> None:
    """An allow and the deny beside it are stored together, however many grants there are and however small a batch is."""
    named = [with_value(LEAST["org_unit_access_grant"], "/grant_id", f"g{number}") for number in range(5)]
    grants = [Placed("f", place, accepted("org_unit_access_grant", grant)) for place, grant in enumerate(named)]
    [batch], _ = spooled([[grant] for grant in grants], most=2)
    assert told(batch) == told(grants)


def test_the_content_decides_the_id_of_a_load() -> None:
    """Other content, another order or other batches make another id; where it was read does not."""
    first, second = Placed("f", 1, letter("1")), Placed("f", 2, letter("2"))
    ids = {
        spooled(batches)[1] for batches in ([[first, second]], [[second, first]], [[first], [second]], [[first]], [])
    }
    assert len(ids) == 5
    assert spooled([[first._replace(path="g", line=9), second]])[1] in ids


@pytest.mark.parametrize("memory", [0, 2**20])
def test_a_run_that_inherits_its_scope_still_does_after_the_spool(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished run without its definition takes the stored run's scope, also when it went through the spool."""
    monkeypatch.setattr(spooling, "MEMORY_BYTES", memory)
    scope = {"tenant_context": TENANT, "owning_org_unit_id": "finance"}
    known = {**LEAST["automation_run"], "automation_snapshot": {"metadata": {"enterprise_scope": scope}}}
    ended = {**LEAST["automation_run"], "status": "completed", "updated_at_ms": 30}
    stored, offered = accepted("automation_run", known), accepted("automation_run", ended)
    [[placed]], _ = spooled([[Placed("f", 3, offered)]])
    assert told([placed]) == told([Placed("f", 3, offered)])
    assert placed.record.inherit is not None
    heir = placed.record.inherit(stored.doc)
    assert orjson.loads(heir.doc)["scope"]["owning_org_unit_id"] == "finance"
    assert orjson.loads(heir.doc)["status"] == "completed"


def test_the_ledger_remembers_across_batches(ledger: Ledger) -> None:
    """The second content under one key is found, in one batch or another; the same content and other keys are fine."""
    assert ledger.differing([event("a"), event("b"), event("a")]) == []
    assert ledger.differing([event("c"), event("b", "ended"), event("a")]) == [1]
    other = accepted("event", with_value(LEAST["event"], "/scope/tenant_context/org_id", "other"))
    assert ledger.differing([other._replace(key=("r", "a"))]) == []


def test_open_children_are_counted_whatever_comes_first(ledger: Ledger) -> None:
    """Unscoped records of a unit's run count before or after the run, in its tenant only, unless a grant names them."""
    owned = {"scope": {"tenant_context": TENANT, "owning_org_unit_id": "finance"}}
    granted = {"scope": {"tenant_context": TENANT, "delegation_grant_ids": ["g"]}}
    elsewhere = {"scope": {"tenant_context": {**TENANT, "org_id": "other"}}}
    events = [{}, owned, granted, elsewhere, {"run_id": "r-2"}]
    run = {**LEAST["workflow_run"], "enterprise_scope": owned["scope"]}
    every = kinds()
    ledger.note_scopes(every["event"], [accepted("event", {**LEAST["event"], **one}) for one in events])
    ledger.note_scopes(every["workflow_run"], [accepted("workflow_run", run)])
    ledger.note_scopes(every["org_unit"], [accepted("org_unit", LEAST["org_unit"])])
    ledger.note_scopes(every["wait"], [accepted("wait", LEAST["wait"])])
    assert ledger.open_children() == {"event": 1, "wait": 1}
