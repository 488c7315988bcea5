"""The greatest that a record may hold: the longest key, long texts in every filter, the integers at the ends."""

import string
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
import stores
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from record_samples import LEAST, accepted, refused, with_value
from shipped_kinds import intake, kinds
from store_notes import KINDS, NOTE, A, refuse
from stores import AnyStore
from test_load_again import All

from sidecar.records.places import GREATEST, SMALLEST
from sidecar.records.prepare import LONGEST_KEY, Preparer
from sidecar.records.reading import Get, Is, Read, Where
from sidecar.records.store import Prepared, Tenant

pytestmark = pytest.mark.usefixtures("store_name")

PLACE = "/scope/tenant_context/"
ACME = Tenant("acme", "main")
LETTERS = string.ascii_letters + string.digits + "äß€𝄞"
FEW = settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
"""Each example writes and reads every kind; a seed is not made clearer by a smaller one."""


def longest_key(kind: str, texts: Iterator[str]) -> Any:
    """The least record of a kind, with the longest key that is accepted, in parts of equal length."""
    record, pointers = LEAST[kind], kinds()[kind].id
    room = LONGEST_KEY - len(orjson.dumps([""] * len(pointers)))
    for pointer in pointers:
        text = "".join(next(texts) for _ in range(2 * LONGEST_KEY)).encode()[: room // len(pointers)]
        record = with_value(record, pointer, text.decode(errors="ignore"))
    return record


def greatest(kind: str, texts: Iterator[str]) -> Prepared:
    """A record with the longest key, and with a long text in every filter that takes one."""
    record = longest_key(kind, texts)
    for column in kinds()[kind].columns:
        pointer = column.pointer.removesuffix("/**")
        if pointer in kinds()[kind].id or not pointer or column.type != "text":
            continue
        text = "".join(next(texts) for _ in range(3_000))
        longer = with_value(record, pointer, {"said": [text, text[:255]]} if column.many else text)
        record = longer if isinstance(intake().accept(kind, longer), Prepared) else record
    return accepted(kind, record)


def conditions(record: Prepared) -> Iterator[Where]:
    """Every filter that finds the record."""
    columns = kinds()[record.kind].columns
    singles = zip((column for column in columns if not column.many), record.columns, strict=True)
    for column, value in singles:
        if value is not None:
            yield Is(column.name, (bool(value) if column.type == "boolean" else value,))
    lists = zip((column for column in columns if column.many), record.lists, strict=True)
    yield from (Is(column.name, (value,)) for column, values in lists for value in values)


@FEW
@given(st.integers(0, 2**32))
async def test_the_longest_is_stored_and_found(store: AnyStore, seed: int) -> None:
    """The longest key with the longest texts is kept by every kind, and found by its key and by each filter."""
    random = Random(seed)
    texts = iter(lambda: random.choice(LETTERS), "")
    records = [greatest(kind, texts) for kind in LEAST]
    await store.put(records)
    async with store.snapshot(ACME) as snap:
        for record in records:
            eyes = All(frozenset(label for label, _ in await snap.labels(record.kind, 0)))
            asked = [Get(record.kind, (record.key,)), *(Read(record.kind, 9, (one,)) for one in conditions(record))]
            for page in await snap.read(asked, eyes):
                assert record.doc in [row.doc for row in page.rows]


async def test_the_integers_at_the_ends_are_stored_and_found(tmp_path: Path) -> None:
    """Where the newest comes first, the least and the greatest integers are kept, and walked in order."""
    ends = (GREATEST, GREATEST - 1, 0, SMALLEST + 1, SMALLEST)
    tenant = {"org_id": A.org_id, "workspace_id": A.workspace_id}
    prepare = Preparer(NOTE).prepare
    records = [prepare({"id": f"n{place}", "at": at, "tenant": tenant}, 1) for place, at in enumerate(ends)]
    async with stores.opened(tmp_path / "n.db", KINDS, refuse) as store:
        await store.put([record for record in records if isinstance(record, Prepared)])
        async with store.snapshot(A) as snap:
            eyes = All(frozenset(label for label, _ in await snap.labels("note", 0)))
            [page] = await snap.read([Read("note", 9)], eyes)
    assert [row.record()["at"] for row in page.rows] == list(ends)


@pytest.mark.parametrize("part", ["org_id", "workspace_id", "deployment_id"])
async def test_a_tenant_is_no_longer_than_a_key(store: AnyStore, part: str) -> None:
    """Whose name no index holds is refused at the door, and the longest that is accepted is kept and found."""
    long = "".join(Random(1).choices(string.ascii_letters, k=LONGEST_KEY))
    wait = with_value(LEAST["wait"], PLACE + part, long)
    assert refused("wait", wait) == [(PLACE + part, f"makes the record's tenant longer than {LONGEST_KEY} bytes")]
    kept = accepted("wait", with_value(wait, PLACE + part, long[: LONGEST_KEY - 30]))
    await store.put([kept])
    assert [count.tenant for count in await store.counts()] == [kept.tenant]
