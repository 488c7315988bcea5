"""What comes twice in a load, or in two: the write rule of its kind decides, wherever the two stand."""

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
import stores
from record_samples import LEAST, accepted
from shipped_kinds import intake, kinds

from sidecar.errors import RecordConflict
from sidecar.records import load as loading
from sidecar.records import spool as spooling
from sidecar.records.load import Load, Loaded, Refused
from sidecar.records.reading import Lanes, Read, Row
from sidecar.records.sources import Lines
from sidecar.records.store import Prepared, Store, Tenant
from sidecar.records.upsert import Stored, settle

pytestmark = pytest.mark.usefixtures("store_name")

Record = dict[str, Any]
Rounds = list[list[Record]]

MEMBERSHIP = "org_unit_membership"
TENANT = Tenant("acme", "main")
UPDATED = (50, 50, 100)
"""When the versions of a record say that they were written."""

ARRANGEMENTS = {
    "neighbours in a file": lambda rounds: [
        [[record for versions in zip(*rounds, strict=True) for record in versions]]
    ],
    "a batch apart": lambda rounds: [[[record for versions in rounds for record in versions]]],
    "in two files": lambda rounds: [[rounds[0] + rounds[1], rounds[2]]],
    "in two loads": lambda rounds: [[rounds[0]], [rounds[1] + rounds[2]]],
    "in three loads": lambda rounds: [[versions] for versions in rounds],
}
"""From the first, second and third versions of all records, the loads: of each its files, of each its records."""


class Nobody:
    """Nobody looks on."""

    def refused(self, fault: Refused) -> None:
        """Not told."""

    def stage(self, name: str, unit: str, total: int | None) -> None:
        """Not shown."""

    def advance(self, units: int) -> None:
        """Not shown."""


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    """An empty store, loaded in batches so small that the tests have many."""
    monkeypatch.setattr(loading, "_READ", len(ORDERS))
    monkeypatch.setattr(loading, "BATCH", len(ORDERS))
    async with stores.opened(tmp_path / "s.db", kinds(), intake().accept) as opened:
        yield opened


async def loaded(store: Store, kind: str, files: Sequence[list[Record]], *, keep_going: bool = False) -> Loaded:
    """One load of some files."""
    texts = [b"\n".join(map(orjson.dumps, records)) for records in files]
    sources = [Lines(f"f{number}", partial(io.BytesIO, text), kind) for number, text in enumerate(texts)]
    return await Load(kinds(), intake(), store, Nobody(), keep_going).run(sources)


class All:
    """Sees every record of the tenant."""

    def __init__(self, labels: frozenset[int]) -> None:
        self._labels = labels

    def lanes(self, kind: str, fields: Sequence[str]) -> Lanes:
        """Every label."""
        return Lanes(self._labels, frozenset(), self._labels)

    def show(self, row: Row, fields: Sequence[str]) -> Row | None:
        """As it is."""
        return row


async def stored(store: Store, kind: str, tenant: Tenant = TENANT) -> list[Record]:
    """Every stored record of a tenant."""
    async with store.snapshot(tenant) as snap:
        labels = frozenset(label for label, _ in await snap.labels(kind, 0))
        [page] = await snap.read([Read(kind, 1_000)], All(labels))
    return [row.record() for row in page.rows]


ORDERS = list(permutations(range(3)))
"""Every order in which three versions can come; each is tried with a record of its own."""


def rounds(kind: str, name: str, versions: Sequence[Record]) -> Rounds:
    """What comes first of every record, what second, what third."""
    return [
        [{**LEAST[kind], **versions[order[turn]], name: f"n{number}"} for number, order in enumerate(ORDERS)]
        for turn in range(3)
    ]


@pytest.mark.parametrize("arranged", ARRANGEMENTS.values(), ids=ARRANGEMENTS)
async def test_the_newest_version_wins_wherever_it_stands(store: Store, arranged: Any) -> None:
    """An older version never replaces a newer one, an equally old one does, in every order and in every arrangement."""
    versions = [{"updated_at_ms": at, "reason": f"v{number}"} for number, at in enumerate(UPDATED)]
    outcomes = [
        await loaded(store, "dead_letter", files)
        for files in arranged(rounds("dead_letter", "dead_letter_id", versions))
    ]
    expected, stale = {}, 0
    for number, order in enumerate(ORDERS):
        kept = order[0]
        for version in order[1:]:
            if UPDATED[version] >= UPDATED[kept]:
                kept = version
            else:
                stale += 1
        expected[f"n{number}"] = f"v{kept}"
    assert {one["dead_letter_id"]: one["reason"] for one in await stored(store, "dead_letter")} == expected
    assert sum(one.stale["dead_letter"] for one in outcomes) == stale
    assert sum(one.accepted["dead_letter"] for one in outcomes) == 3 * len(ORDERS)


@pytest.mark.parametrize("arranged", ARRANGEMENTS.values(), ids=ARRANGEMENTS)
async def test_the_last_version_wins_where_none_says_when_it_was_written(store: Store, arranged: Any) -> None:
    """A kind without a time of its own takes whatever comes last."""
    versions = [{"seq": number} for number in range(3)]
    for files in arranged(rounds("snapshot", "snapshot_id", versions)):
        assert (await loaded(store, "snapshot", files)).stale["snapshot"] == 0
    found = {one["snapshot_id"]: one["seq"] for one in await stored(store, "snapshot")}
    assert found == {f"n{number}": order[-1] for number, order in enumerate(ORDERS)}


@pytest.mark.parametrize("arranged", ARRANGEMENTS.values(), ids=ARRANGEMENTS)
async def test_the_first_version_stays_where_records_never_change(store: Store, arranged: Any) -> None:
    """Going on, an append-only record stays what it was first, the same again is accepted and any other refused."""
    kinds_of_event = ("same", "same", "other")
    versions = [{"event_type": name} for name in kinds_of_event]
    outcomes = [
        await loaded(store, "event", files, keep_going=True)
        for files in arranged(rounds("event", "event_id", versions))
    ]
    found = {one["event_id"]: one["event_type"] for one in await stored(store, "event")}
    assert found == {f"n{number}": kinds_of_event[order[0]] for number, order in enumerate(ORDERS)}
    differing = sum(kinds_of_event[version] != kinds_of_event[order[0]] for order in ORDERS for version in order)
    assert sum(one.refused["event"] for one in outcomes) == differing
    assert sum(one.accepted["event"] for one in outcomes) == 3 * len(ORDERS) - differing


@pytest.mark.parametrize("arranged", ARRANGEMENTS.values(), ids=ARRANGEMENTS)
async def test_a_changed_record_keeps_its_load_out(store: Store, arranged: Any) -> None:
    """Unless going on, a load with an append-only record that differs from an earlier one stores nothing."""
    versions = [{"event_type": name} for name in ("same", "same", "other")]
    known: dict[str, str] = {}
    for files in arranged(rounds("event", "event_id", versions)):
        offered = dict(known)
        differs = False
        for record in (record for file in files for record in file):
            differs |= offered.setdefault(record["event_id"], record["event_type"]) != record["event_type"]
        outcome = await loaded(store, "event", files)
        assert outcome.stored is not differs
        known = known if differs else offered
        assert {one["event_id"]: one["event_type"] for one in await stored(store, "event")} == known


class Stopped(Exception):  # noqa: N818 - a word from outside, not a fault
    """The load is interrupted."""


class Stopping(Nobody):
    """Ends a load once so many batches are stored."""

    def __init__(self, batches: int) -> None:
        self._left = batches
        self._storing = False

    def stage(self, name: str, unit: str, total: int | None) -> None:
        """Wait for the stage that stores."""
        self._storing = name == "storing"

    def advance(self, units: int) -> None:
        """One batch is stored."""
        self._left -= self._storing
        if not self._left:
            raise Stopped


async def test_who_belongs_to_what_is_stored_before_what_they_see(store: Store) -> None:
    """An interrupted load has stored memberships first: without one, whoever says nothing of units is an operator."""
    runs = [{**LEAST["event"], "event_id": f"e{number}"} for number in range(2 * len(ORDERS))]
    named = [("event", runs), ("org_unit", [LEAST["org_unit"]]), (MEMBERSHIP, [LEAST[MEMBERSHIP]])]
    texts = {kind: b"\n".join(map(orjson.dumps, records)) for kind, records in named}
    files = [Lines(kind, partial(io.BytesIO, text), kind) for kind, text in texts.items()]
    seen = []
    for batches in range(1, 4):
        with suppress(Stopped):
            await Load(kinds(), intake(), store, Stopping(batches)).run(files)
        async with store.snapshot(TENANT) as snap:
            seen.append({kind for kind, _ in named if await snap.labels(kind, 0)})
    assert seen == [{MEMBERSHIP}, {MEMBERSHIP, "org_unit"}, {MEMBERSHIP, "org_unit", "event"}]


@pytest.mark.parametrize("memory", [0, 2_000, 2**20])
async def test_a_load_that_goes_on_after_an_interruption_tells_and_stores_the_same(
    store: Store, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted after any batch, and held in memory or not: the same is stored, and the same records are refused."""
    monkeypatch.setattr(spooling, "MEMORY_BYTES", memory)
    size, outcomes = 30, []
    for batches in range(size // len(ORDERS)):
        first = {**LEAST["event"], "event_id": f"{batches}-5", "event_type": "stored before"}
        records = [
            {**LEAST["event"], "event_id": f"{batches}-{number % 13}", "event_type": f"t{number in (3, 17, 20, 26)}"}
            for number in range(size)
        ]
        await store.put([accepted("event", first)])
        files = [Lines("f", partial(io.BytesIO, b"\n".join(map(orjson.dumps, records))), "event")]
        with suppress(Stopped):
            await Load(kinds(), intake(), store, Stopping(batches or size), keep_going=True).run(files)
        done = await Load(kinds(), intake(), store, Nobody(), keep_going=True).run(files)
        assert done.resumed == batches * len(ORDERS)
        names = {one["event_id"]: one["event_type"] for one in await stored(store, "event")}
        found = {name.partition("-")[2]: kept for name, kept in names.items() if name.startswith(f"{batches}-")}
        outcomes.append((done.accepted, done.refused, found))
    assert outcomes[0][1]["event"] > 4
    assert outcomes == [outcomes[0]] * len(outcomes)


class Overtaken(Nobody):
    """Another process stores records while a load begins to store its own, and one more for each that is refused."""

    def __init__(self, path: Path, *records: Prepared) -> None:
        self._path, self._records = path, list(records)
        self.told: list[int] = []

    def stage(self, name: str, unit: str, total: int | None) -> None:
        """Store a record, when everything was found to be new."""
        if name == "storing":
            self._store_one()

    def refused(self, fault: Refused) -> None:
        """Store the next one, before what is left is tried again."""
        self.told.append(fault.line)
        self._store_one()

    def _store_one(self) -> None:
        if self._records:
            with ThreadPoolExecutor(1) as elsewhere:
                elsewhere.submit(asyncio.run, self._store(self._records.pop(0))).result()

    async def _store(self, record: Prepared) -> None:
        async with stores.opened(self._path, kinds(), intake().accept) as store:
            await store.put([record])


async def test_a_load_that_was_overtaken_says_what_it_has_stored(store: Store, tmp_path: Path) -> None:
    """Where another writer came first with an append-only record, what was stored before it stays, and is counted."""
    texts = {"org_unit": orjson.dumps(LEAST["org_unit"]), "event": orjson.dumps(LEAST["event"])}
    files = [Lines(kind, partial(io.BytesIO, text), kind) for kind, text in texts.items()]
    other = Overtaken(tmp_path / "s.db", accepted("event", {**LEAST["event"], "event_type": "other"}))
    with pytest.raises(RecordConflict, match=r"1 append-only .*; 1 record\(s\) before them are stored already"):
        await Load(kinds(), intake(), store, other).run(files)
    assert await stored(store, "org_unit")


async def test_a_load_that_goes_on_is_overtaken_as_often_as_it_may_be(store: Store, tmp_path: Path) -> None:
    """Going on, a batch is stored without whatever others came first with, also while it was tried again."""
    events = [{**LEAST["event"], "event_id": f"n{number}"} for number in range(5)]
    others = [accepted("event", {**events[place], "event_type": "other"}) for place in (3, 1, 4)]
    watcher = Overtaken(tmp_path / "s.db", *others)
    text = b"\n".join(map(orjson.dumps, events))
    done = await Load(kinds(), intake(), store, watcher, keep_going=True).run(
        [Lines("f", partial(io.BytesIO, text), "event")]
    )
    assert watcher.told == [4, 2, 5]
    assert (done.accepted["event"], done.refused["event"]) == (2, 3)
    found = {one["event_id"]: one["event_type"] for one in await stored(store, "event")}
    assert found == {"n0": "started", "n1": "other", "n2": "started", "n3": "other", "n4": "other"}


def differing(number: int, org: str, content: str, kind: str = "event") -> Record:
    """An append-only record of some tenant."""
    tenant = {"org_id": org, "workspace_id": "main"}
    owner = {"scope": {"tenant_context": tenant}} if kind == "event" else {"tenant_context": tenant}
    return {**LEAST[kind], **owner, "event_id": f"n{number}", "event_type": content}


async def test_every_conflict_of_a_write_is_told(store: Store) -> None:
    """Of all tenants and kinds in one write, each append-only record that differs is named by its line, in order."""
    audit = "protected_audit_event"
    first = [("event", "acme", "a"), ("event", "other", "a"), (audit, "acme", "a")]
    again = [(kind, org, text) for text in "ab" for kind, org, _ in first]
    await store.put([accepted(kind, differing(1, org, text, kind)) for kind, org, text in first])
    offered = [
        accepted(kind, differing(1, org, text, kind), line=line) for line, (kind, org, text) in enumerate(again, 10)
    ]
    with pytest.raises(RecordConflict) as told:
        await store.put([*offered, accepted("event", differing(2, "acme", "new"), line=20)])
    assert [(reject.line, reject.kind) for reject in told.value.rejects] == [
        (13, "event"),
        (14, "event"),
        (15, audit),
    ]
    assert [one["event_id"] for one in await stored(store, "event")] == ["n1"]


async def test_going_on_leaves_out_what_differs_in_any_tenant(store: Store) -> None:
    """A batch in which records of several tenants never change is stored without those that differ, each told."""
    records = [differing(1, org, text) for org in ("acme", "other", "third") for text in ("first", "then")]
    done = await loaded(store, "event", [records], keep_going=True)
    assert (done.stored, done.accepted["event"], done.refused["event"]) == (True, 3, 3)
    again = await loaded(store, "event", [[differing(1, org, "then") for org in ("acme", "other")]], keep_going=True)
    assert (again.stored, again.accepted["event"], again.refused["event"]) == (True, 0, 2)
    assert [one["event_type"] for one in await stored(store, "event")] == ["first"]


def test_a_run_that_never_changes_is_told_by_the_line_it_was_given() -> None:
    """An append-only run that inherits its scope conflicts under the number it is offered with, not where it was read."""
    ended = accepted("automation_run", {**LEAST["automation_run"], "status": "completed"}, line=7)._replace(line=0)
    before = accepted("automation_run", LEAST["automation_run"])
    kind = replace(kinds()["automation_run"], write="append_only")
    [conflict] = settle(kind, [(ended.key, ended)], {ended.key: Stored(None, before.doc)}, lambda _: False).conflicts
    assert conflict.line == 0


NAMES = {"event": "event_id", "dead_letter": "dead_letter_id", "snapshot": "snapshot_id"}
SAYS = {"event": ("event_type", "ab"), "dead_letter": ("reason", "ab"), "snapshot": ("seq", range(2))}
"""By kind, a property that is part of no key, and what it is."""
Key = tuple[str, str, str]
"""Kind, organisation and name of a record."""


def anything(chance: Random) -> tuple[Key, Record]:
    """A record of some kind and tenant; few names and few contents, so that many come again."""
    kind, org, name = chance.choice(list(NAMES)), chance.choice(("acme", "other", "third")), f"n{chance.randrange(5)}"
    scope = {"tenant_context": {"org_id": org, "workspace_id": "main"}}
    says, contents = SAYS[kind]
    record = {**LEAST[kind], "scope": scope, NAMES[kind]: name, says: chance.choice(contents)}
    return (kind, org, name), record | ({"updated_at_ms": chance.randrange(4)} if kind == "dead_letter" else {})


def alone(known: dict[Key, Record], key: Key, record: Record) -> str:
    """What becomes of one record that comes after all others."""
    before = known.setdefault(key, record)
    if key[0] == "event":
        return "accepted" if before == record else "refused"
    if key[0] == "dead_letter" and record["updated_at_ms"] < before["updated_at_ms"]:
        return "stale"
    known[key] = record
    return "accepted"


class Listening(Nobody):
    """Keeps where records were refused."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def refused(self, fault: Refused) -> None:
        """One more."""
        self.told.append((fault.path, fault.line))


@pytest.mark.parametrize("memory", [0, 4_000, 2**20])
async def test_a_load_is_as_if_each_record_came_alone(
    store: Store, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of some kinds, tenants and files at once, each record is stored, stale or refused as if the others were before it."""
    monkeypatch.setattr(spooling, "MEMORY_BYTES", memory)
    monkeypatch.setattr(loading, "BATCH", 3 * len(ORDERS))
    chance, known = Random(memory), dict[Key, Record]()
    for _ in range(5):
        files, became = [], Counter[tuple[str, str]]()
        watcher, refused = Listening(), []
        for file in ("f", "g"):
            records = [anything(chance) for _ in range(chance.randrange(1, 40))]
            text = b"\n".join(orjson.dumps({"kind": key[0], "record": record}) for key, record in records)
            files.append(Lines(file, partial(io.BytesIO, text)))
            for line, (key, record) in enumerate(records, 1):
                outcome = alone(known, key, record)
                became[outcome, key[0]] += 1
                refused += [(file, line)] if outcome == "refused" else []
        done = await Load(kinds(), intake(), store, watcher, keep_going=True).run(files)
        assert watcher.told == refused
        assert all(done.refused[kind] == became["refused", kind] for kind in NAMES)
        assert all(done.stale[kind] == became["stale", kind] for kind in NAMES)
        assert all(done.accepted[kind] == became["accepted", kind] + became["stale", kind] for kind in NAMES)
    for kind, name in NAMES.items():
        for org in ("acme", "other", "third"):
            found = {one[name]: one[SAYS[kind][0]] for one in await stored(store, kind, Tenant(org, "main"))}
            assert found == {key[2]: one[SAYS[kind][0]] for key, one in known.items() if key[:2] == (kind, org)}
