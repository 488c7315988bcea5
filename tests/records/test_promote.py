"""Opening a store whose kinds' schemas have changed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import orjson
import pytest
import stores

from sidecar.errors import Reject, StoreError
from sidecar.records.kind import Column, Kind, Kinds
from sidecar.records.reading import Is, Lanes, Read, Row
from sidecar.records.store import Migrated, Prepared, Store, Tenant

pytestmark = pytest.mark.usefixtures("store_name")

T = Tenant("org", "main")
OLD = Kind("note", {}, {}, ("/id",), "/t", (), ("/unit",), (), "upsert", {}, None, None, None, "old")
NEW = replace(OLD, columns=(Column("unit", "/unit", "text", False, False, None, ("unit",)),), digest="new")


def before(name: str) -> Prepared:
    doc = orjson.dumps({"id": name, "unit": "u"})
    return Prepared("note", T, (name,), (), b"{}", (), (), doc)


def accept(kind: str, record: object) -> Prepared:
    assert isinstance(record, dict)
    label = orjson.dumps({"unit": record["unit"]})
    return Prepared(kind, T, (record["id"],), (), label, (record["unit"],), (), orjson.dumps(record))


def refuse(kind: str, record: object) -> list[Reject]:
    return [Reject(1, kind, "/unit", "is not of this world")]


def as_it_was(_: str, record: Any) -> Prepared:
    """What the old schema makes of a record."""
    return before(record["id"])._replace(doc=orjson.dumps(record))


def without_unit(kind: str, record: Any) -> Prepared:
    """What a schema makes of a record in which the unit is not declared."""
    return accept(kind, record)._replace(doc=orjson.dumps({"id": record["id"]}), dropped=1)


@dataclass
class Stubborn:
    """Leaves the unit out, and refuses one record once it was admitted some times: another process wrote it then."""

    which: str
    admits: int

    def __call__(self, kind: str, record: Any) -> Prepared | list[Reject]:
        """Validate a record."""
        if record["id"] == self.which:
            self.admits -= 1
            if self.admits < 0:
                return refuse(kind, record)
        return without_unit(kind, record)


class Everything:
    def lanes(self, kind: str, fields: Sequence[str]) -> Lanes:
        return Lanes(frozenset(range(1, 9)), frozenset())

    def show(self, row: Row, fields: Sequence[str]) -> Row | None:
        return row


async def stored(store: Store) -> list[str]:
    async with store.snapshot(T) as snap:
        (page,) = await snap.read([Read("note", 5_000, (Is("unit", ("u",)),))], Everything())
    return [row.position.key[0] for row in page.rows]


async def test_records_are_promoted_again(tmp_path: Path) -> None:
    """A changed schema's new columns and labels hold for what was stored before, in batches, and once."""
    names = [f"n{number:04}" for number in range(2_500)]
    first = await stores.open_store(tmp_path / "s.db", Kinds({"note": OLD}), accept)
    await first.put([before(name) for name in names])
    await first.close()
    second = await stores.open_store(tmp_path / "s.db", Kinds({"note": NEW}), accept)
    assert await stored(second) == names
    await second.close()
    third = await stores.open_store(tmp_path / "s.db", Kinds({"note": NEW}), refuse)
    assert await stored(third) == names
    await third.close()


async def test_a_record_that_no_longer_validates_stops_the_start(tmp_path: Path) -> None:
    """It is named, whatever its batch, and nothing is changed: who works by the schema as it was goes on."""
    names = [f"n{number:04}" for number in range(1_501)]
    async with stores.opened(tmp_path / "s.db", Kinds({"note": OLD}), accept) as old:
        await old.put([before(name) for name in names])
        sentence = "the stored note n1500 of org/main does not validate under its changed schema: /unit: is not of this"
        with pytest.raises(StoreError, match=sentence):
            await stores.open_store(tmp_path / "s.db", Kinds({"note": NEW}), Stubborn("n1500", admits=0))
        assert await old.conflicts([before("n0000")]) == []
        [count] = await old.counts()
        assert count.records == len(names)
    async with stores.opened(tmp_path / "s.db", Kinds({"note": OLD}), refuse) as old:
        assert old.migrated == Migrated()


async def test_what_is_refused_half_way_takes_nothing_away(tmp_path: Path) -> None:
    """Refused behind the proof, for another process wrote it in between: the schema as it was finds every content."""
    names = [f"n{number:04}" for number in range(2_500)]
    async with stores.opened(tmp_path / "s.db", Kinds({"note": OLD}), accept) as old:
        await old.put([before(name) for name in names])
    whole = stores.documents(tmp_path / "s.db", "note")
    for _ in range(2):
        with pytest.raises(StoreError, match="the stored note n2400 of org/main does not validate"):
            await stores.open_store(tmp_path / "s.db", Kinds({"note": NEW}), Stubborn("n2400", admits=1))
        assert "unit" not in stores.documents(tmp_path / "s.db", "note")[0]
        await (await stores.open_store(tmp_path / "s.db", Kinds({"note": OLD}), as_it_was)).close()
        assert stores.documents(tmp_path / "s.db", "note") == whole


async def test_what_a_promotion_leaves_out_is_counted(tmp_path: Path) -> None:
    """Every undeclared property of a stored record once, although the promotion was interrupted half-way."""
    async with stores.opened(tmp_path / "s.db", Kinds({"note": OLD}), accept) as old:
        await old.put([before(f"n{number:04}") for number in range(2_500)])
    with pytest.raises(StoreError, match="n2400"):
        await stores.open_store(tmp_path / "s.db", Kinds({"note": NEW}), Stubborn("n2400", admits=1))
    async with stores.opened(tmp_path / "s.db", Kinds({"note": NEW}), without_unit) as new:
        assert new.migrated == Migrated((), ("note",), {"note": 2_500})


@pytest.mark.parametrize("write", ["upsert", "append_only"])
@pytest.mark.parametrize("apart", [1, 1_500])
@pytest.mark.parametrize("proven", [True, False])
async def test_no_record_is_promoted_over_another(
    write: Literal["upsert", "append_only"], apart: int, proven: bool, tmp_path: Path
) -> None:
    """Of two that have one key under a changed id, in a batch or two, none is dropped: the old schema has them both.

    Both are named; where one of them was written behind the proof only their key is. The way back is to remove one
    of them, where such records can be removed.
    """
    names = [f"n{number:04}" for number in range(1_501)]
    old, new = (replace(kind, write=write) for kind in (OLD, NEW))
    first = await stores.open_store(tmp_path / "s.db", Kinds({"note": old}), accept)
    await first.put([before(name) for name in names])
    await first.close()
    times = Counter[tuple[str, ...]]()

    def renamed(kind: str, record: object) -> Prepared:
        prepared = accept(kind, record)
        times[prepared.key] += 1
        taken = prepared.key == (names[apart],) and times[prepared.key] == 1 + proven
        return prepared._replace(key=(names[0],)) if taken else prepared

    told = "n0000" if proven else f"n0000 of org/main and {names[apart]} of org/main"
    told += "; start with the schema as it was and remove" if write == "upsert" else "; mend the schema"
    with pytest.raises(StoreError, match=f"two stored notes have one key under the changed schema: {told}"):
        await stores.open_store(tmp_path / "s.db", Kinds({"note": new}), renamed)
    again = await stores.open_store(tmp_path / "s.db", Kinds({"note": old}), as_it_was)
    [count] = await again.counts()
    assert count.records == len(names)
    await again.close()


async def test_a_process_with_the_old_schema_stops_answering(tmp_path: Path) -> None:
    """Once another process promoted the records, one that judges by the old schema neither reads nor writes."""
    path = tmp_path / "notes.db"
    old = await stores.open_store(path, Kinds({"note": OLD}), accept)
    await old.put([before("a")])
    async with old.snapshot(T):
        pass
    new = await stores.open_store(path, Kinds({"note": NEW}), accept)
    assert await stored(new) == ["a"]
    with pytest.raises(StoreError, match="schema of note was changed by another process"):
        async with old.snapshot(T):
            pass
    with pytest.raises(StoreError, match="restart"):
        await old.put([before("b")])
    with pytest.raises(StoreError, match="restart"):
        async with old.change(T):
            pass
    assert await stored(new) == ["a"]
    await old.close()
    await new.close()


async def test_nothing_is_answered_of_a_kind_that_is_half_promoted(tmp_path: Path) -> None:
    """A process of the same schema refuses while another's promotion is unfinished, and answers once it is done."""
    path = tmp_path / "notes.db"
    serving = await stores.open_store(path, Kinds({"note": NEW}), accept)
    await serving.put([accept("note", {"id": "a", "unit": "u"})])
    with pytest.raises(StoreError, match="not of this world"):
        await stores.open_store(path, Kinds({"note": OLD}), Stubborn("a", admits=1))
    with pytest.raises(StoreError, match="not of this world"):
        await stores.open_store(path, Kinds({"note": NEW}), Stubborn("a", admits=1))
    with pytest.raises(StoreError, match="records of note are not all stored anew yet"):
        await stored(serving)
    last = await stores.open_store(path, Kinds({"note": NEW}), accept)
    assert await stored(serving) == ["a"]
    await serving.close()
    await last.close()


async def test_a_further_kind_of_another_process_disturbs_nobody(tmp_path: Path) -> None:
    """A process that brings a kind of its own leaves those that do not know it as they were."""
    path = tmp_path / "notes.db"
    store = await stores.open_store(path, Kinds({"note": NEW}), accept)
    other = await stores.open_store(path, Kinds({"note": NEW, "memo": replace(NEW, name="memo")}), accept)
    await store.put([accept("note", {"id": "a", "unit": "u"})])
    assert await stored(store) == ["a"]
    await store.close()
    await other.close()
