"""What becomes of records: counted, cleared away, and erased with their tenant while other processes go on."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stores
from record_samples import LEAST, accepted
from shipped_kinds import intake, kinds
from stores import AnyStore

from sidecar.errors import StoreError
from sidecar.records.kind import Kinds
from sidecar.records.reading import Lanes, Position, Read, Row
from sidecar.records.sqlite import SqliteStore
from sidecar.records.store import Count, LoadMark, Prepared, Tenant

ACME, OTHER = Tenant("acme", "main"), Tenant("acme", "main", "blue")
TRIPLES = {ACME: {"org_id": "acme", "workspace_id": "main"}, OTHER: {**LEAST["event"]["scope"]["tenant_context"]}}
TRIPLES[OTHER] = {**TRIPLES[ACME], "deployment_id": "blue"}


@dataclass
class Everything:
    """Sees every record of some labels."""

    labels: frozenset[int]

    def lanes(self, kind: str, fields: Any) -> Lanes:
        """The same for every kind."""
        return Lanes(self.labels, frozenset())

    def show(self, row: Row, fields: Any) -> Row | None:
        """The row."""
        return row


def letter(number: int, tenant: Tenant = ACME, **changes: Any) -> Prepared:
    """A dead letter, whose label is that of its unit."""
    scope = {"tenant_context": TRIPLES[tenant], "owning_org_unit_id": f"unit-{number % 3}"}
    return accepted("dead_letter", {**LEAST["dead_letter"], "dead_letter_id": f"d-{number}", "scope": scope, **changes})


def event(number: int, at_ms: int, tenant: Tenant = ACME) -> Prepared:
    """An event, which never changes."""
    scope = {"tenant_context": TRIPLES[tenant]}
    changes = {"event_id": f"e-{number}", "seq": number, "occurred_at_ms": at_ms, "scope": scope}
    return accepted("event", {**LEAST["event"], **changes})


def member(name: str, tenant: Tenant = ACME) -> Prepared:
    """A membership: its tenant is managed from then on."""
    changes = {"membership_id": name, "tenant_context": TRIPLES[tenant]}
    return accepted("org_unit_membership", {**LEAST["org_unit_membership"], **changes})


@asynccontextmanager
async def opened(path: Path, of: Kinds | None = None) -> AsyncIterator[AnyStore]:
    """The store of a path, as one process has it open."""
    async with stores.opened(path / "s.db", of or kinds(), intake().accept) as store:
        yield store


@asynccontextmanager
async def on_sqlite(path: Path) -> AsyncIterator[SqliteStore]:
    """A store on SQLite, whichever else tests run on."""
    store = SqliteStore(path / "s.db", kinds(), intake().accept)
    try:
        yield store
    finally:
        await store.close()


async def stored(store: AnyStore, kind: str, tenant: Tenant = ACME) -> list[str]:
    """The last part of every key that can be found under a label of the tenant."""
    found: list[str] = []
    after: Position | None = None
    async with store.snapshot(tenant) as snap:
        eyes = Everything(frozenset(label for label, _ in await snap.labels(kind, 0)))
        while True:
            [page] = await snap.read([Read(kind, 100, after=after)], eyes)
            found += [row.position.key[-1] for row in page.rows]
            if not page.more:
                return sorted(found)
            after = page.rows[-1].position


async def test_counts_are_what_is_stored(store_name: str, tmp_path: Path) -> None:
    """Labels and records of each kind and tenant are counted, labels whose records are gone are not, nor is another's."""
    async with opened(tmp_path) as store:
        await store.put([*(letter(number) for number in range(7)), letter(1, OTHER), event(1, 5)])
        assert list(await store.counts()) == [
            Count(ACME, "dead_letter", 3, 7),
            Count(ACME, "event", 1, 1),
            Count(OTHER, "dead_letter", 1, 1),
        ]
        async with store.change(ACME) as change:
            assert await change.clear("dead_letter", [("d-0",), ("d-3",), ("d-6",), ("d-1",), ("none",)]) == 4
            assert await change.clear("event", [("r", "e-1")]) == 1
        assert list(await store.counts(ACME)) == [Count(ACME, "dead_letter", 2, 3)]
        assert await stored(store, "dead_letter") == ["d-2", "d-4", "d-5"]
        assert await stored(store, "dead_letter", OTHER) == ["d-1"]


async def test_weight_is_the_bytes_of_documents(store_name: str, tmp_path: Path) -> None:
    """The documents of a kind weigh what their bytes are, those of one tenant or of all."""
    mine, others = [letter(number) for number in range(3)], [letter(number, OTHER) for number in range(4)]
    async with opened(tmp_path) as store:
        await store.put([*mine, *others, event(1, 5)])
        assert await store.weight("dead_letter", ACME) == sum(len(record.doc) for record in mine)
        assert await store.weight("dead_letter") == sum(len(record.doc) for record in (*mine, *others))
        assert await store.weight("wait") == 0


async def test_an_erasure_takes_all_of_one_tenant(store_name: str, tmp_path: Path) -> None:
    """Every kind of the tenant is gone, list columns and all, the other tenant keeps everything, and again is nothing."""
    async with opened(tmp_path) as store:
        every = [accepted(kind, record) for kind, record in LEAST.items()]
        await store.put([*every, letter(1, OTHER), event(1, 5, OTHER)])
        assert await store.erase(ACME) == dict.fromkeys(sorted(LEAST), 1)
        assert [count.tenant for count in await store.counts()] == [OTHER, OTHER]
        for kind in LEAST:
            assert await stored(store, kind) == []
        assert await stored(store, "event", OTHER) == ["e-1"]
        assert await store.erase(ACME) == {}
        assert await store.erase(Tenant("nobody", "ever")) == {}
        await store.put(every)
        assert [count.records for count in await store.counts(ACME)] == [1] * len(LEAST)


async def test_a_load_that_was_interrupted_begins_anew_after_an_erasure(store_name: str, tmp_path: Path) -> None:
    """Else it would leave out what it had stored before and is erased; one that was finished is not remembered."""
    async with opened(tmp_path) as store:
        await store.put([letter(1)], LoadMark("interrupted", 1))
        await store.put([letter(2, OTHER)], LoadMark("finished", 1, finished=True))
        assert await store.loaded("interrupted") == 1
        await store.erase(ACME)
        assert [await store.loaded(load) for load in ("interrupted", "finished")] == [0, 0]


async def test_a_load_that_is_under_way_during_an_erasure_leaves_no_mark(store_name: str, tmp_path: Path) -> None:
    """What it stores afterwards is there, and when it is interrupted then, it begins anew; else its mark moves on."""
    async with opened(tmp_path) as store:
        for erased in (False, True):
            await store.put([letter(1)], LoadMark("under way", 1))
            if erased:
                await store.erase(ACME)
            await store.put([letter(2)], LoadMark("under way", 2, behind=1))
            assert await stored(store, "dead_letter") == (["d-2"] if erased else ["d-1", "d-2"])
            assert await store.loaded("under way") == (0 if erased else 2)
        await store.put([letter(1)], LoadMark("under way", 1))
        await store.put([letter(3)], LoadMark("under way", 3, behind=2))
        assert await store.loaded("under way") == 1, "a mark of another load of the same, which has begun anew"


async def test_what_another_process_remembers_of_an_erased_tenant_is_forgotten(store_name: str, tmp_path: Path) -> None:
    """A record that another process writes after the erasure, under a label it knew, stands under one that lives."""
    async with opened(tmp_path) as here, opened(tmp_path) as there:
        await here.put([letter(0), letter(1), event(1, 5)])
        await there.put([letter(3), letter(4), event(3, 5)])
        async with there.snapshot(ACME) as snap:
            before = snap.newest_label
        await here.erase(ACME)
        await there.put([letter(0), letter(9)])
        async with there.change(ACME) as change:
            await change.put([letter(1), event(2, 5)])
        for store in (here, there):
            assert await stored(store, "dead_letter") == ["d-0", "d-1", "d-9"]
            assert await stored(store, "event") == ["e-2"]
            assert [count[2:] for count in await store.counts(ACME)] == [(2, 3), (1, 1)]
            async with store.snapshot(ACME) as snap:
                labels = [*await snap.labels("event", 0), *await snap.labels("dead_letter", 0)]
                assert min(label for label, _ in labels) > before


async def test_an_erased_tenant_begins_no_number_again(store_name: str, tmp_path: Path) -> None:
    """The authority version goes on and a managed tenant stays managed, or what was kept of before would hold again."""
    async with opened(tmp_path) as here, opened(tmp_path) as there:
        await here.put([member("m")])
        versions = []
        for _ in range(3):
            async with there.snapshot(ACME) as snap:
                versions.append(snap.authority_version)
                assert snap.managed
            await here.erase(ACME)
            await there.put([member("m")])
        assert versions == sorted(set(versions))


async def test_a_kind_that_is_not_described_stops_an_erasure(store_name: str, tmp_path: Path) -> None:
    """With a kind in the store of which no schema is given nothing is erased, for its records would stay."""
    async with opened(tmp_path) as store:
        await store.put([letter(1), event(1, 5)])
    fewer = Kinds({name: kind for name, kind in kinds().items() if name != "event"})
    async with stores.opened(tmp_path / "s.db", fewer, intake().accept) as store:
        with pytest.raises(StoreError, match="also holds event"):
            await store.erase(ACME)
        assert await stored(store, "dead_letter") == ["d-1"]


async def test_no_byte_of_an_erased_tenant_is_left_in_the_files(tmp_path: Path) -> None:
    """Replaced, moved, deleted or stored last: whatever was written of it, database and log hold none of it."""
    canary = "canary-7f3a"
    async with on_sqlite(tmp_path) as store, on_sqlite(tmp_path) as other:
        store._writer.execute("PRAGMA secure_delete = OFF")  # as most builds have it
        for round_ in range(6):
            await store.put(
                [
                    letter(
                        number,
                        (ACME, OTHER)[number % 2],
                        reason=(canary if number % 2 == 0 else "kept") * (1 + (number * 7 + round_ * 31) % 90),
                        updated_at_ms=20 + round_,
                        run_id=f"{canary if number % 2 == 0 else 'run'}-{round_}",
                    )
                    for number in range(300)
                ]
            )
            async with store.change(ACME) as change:
                await change.clear("dead_letter", [(f"d-{number}",) for number in range(round_, 300, 7)])
        assert canary.encode() in _bytes(tmp_path)
        assert len(await stored(other, "dead_letter", OTHER)) == 150
        await store.erase(ACME)
        assert canary.encode() not in _bytes(tmp_path)
        assert len(await stored(other, "dead_letter", OTHER)) == 150
    assert sqlite3.connect(tmp_path / "s.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_reader_of_before_is_told_of_after_an_erasure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody still reads what was there, the erasure says that traces are left; run again, none are."""
    monkeypatch.setattr("sidecar.records.sqlite.file.WAIT_S", 0.1)
    async with on_sqlite(tmp_path) as store, on_sqlite(tmp_path) as other:
        await store.put([letter(1, reason="canary-7f3a")])
        async with other.snapshot(ACME):
            with pytest.raises(StoreError, match="run again"):
                await store.erase(ACME)
        assert await stored(store, "dead_letter") == []
        assert await store.erase(ACME) == {}
        assert b"canary-7f3a" not in _bytes(tmp_path)


def _bytes(folder: Path) -> bytes:
    """Whatever stands in the files of the store."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("s.db*")))
