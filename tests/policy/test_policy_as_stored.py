"""Pages that go out as they are stored: never with anything in them that a look at each record would have masked."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_files import ACME, bundle_of, new_store, note, policy
from random_policies import CALLERS, MASKS, NOTES, POLICIES, texts_of

from sidecar.identity.caller import Caller
from sidecar.policy.judge import Judge, Verdicts
from sidecar.policy.standing import Authority, Standing
from sidecar.records.reading import Read, Row
from sidecar.records.store import Prepared

MASKED = MASKS.map(lambda masks: [([("allow", "true")], masks)])
"""A policy that hides nothing, with masks."""


def rows_of(notes: list[Prepared]) -> tuple[list[Row], list[tuple[int, Any]]]:
    """The records as a store gives them, and their labels."""
    known: dict[bytes, int] = {}
    rows = [Row("note", 1, (known.setdefault(one.label, len(known) + 1), one.doc, 1, *one.key)) for one in notes]
    return rows, [(number, orjson.loads(label)) for label, number in known.items()]


def may_be_masked(standing: Standing, row: Row) -> bool:
    """Whether a masked field's name stands in a record at all."""
    return any(f'"{mask.path[-1]}"'.encode() in row.stored for mask in standing.masked.get(row.label_id, ()))


@settings(max_examples=50, deadline=None)
@given(POLICIES | MASKED, NOTES, CALLERS, st.integers(0, 6), st.integers(0, 9))
def test_what_goes_out_as_stored_is_what_each_record_shows(
    policies: list[Any], notes: list[dict[str, Any]], caller: Caller, known: int, now_ms: int
) -> None:
    """Whatever labels were known before others came, one record or many: judged as a whole each shows the same bytes."""
    with TemporaryDirectory() as folder:
        bundle = bundle_of(Path(folder), **texts_of(policies))
    rows, labels = rows_of([note(f"n{number}", **fields) for number, fields in enumerate(notes)])
    standing = Standing(Authority(bundle.kinds["note"], caller)).grown(labels[:known]).grown(labels)
    once, again = (Verdicts("", caller, now_ms, {"note": standing}, verify) for verify in (False, True))
    whole = {row: again.show(row) for row in rows}
    for found in (rows, *([row] for row in rows)):
        raws = [row.raw for row in found]
        if once.lanes("note").as_stored(raws):
            assert [shown and shown.doc for shown in map(whole.get, found)] == [row.stored for row in found]
        else:
            assert any(row.label_id not in standing.lanes.visible or may_be_masked(standing, row) for row in found)
        assert not again.lanes("note").as_stored(raws)


def test_what_is_masked_alike_is_kept_once(tmp_path: Path) -> None:
    """Labels in which the same fields are masked share what says so, for there are as many as two million of them."""
    bundle = bundle_of(
        tmp_path, p=policy("p", "allow all: true", redact=["record.author: false", "record.deep: false"])
    )
    _, labels = rows_of([note(f"n{number}", unit=f"u{number}") for number in range(5)])
    standing = Standing(Authority(bundle.kinds["note"], Caller(ACME))).grown(labels)
    for kept in (standing.masked, standing.lanes.telltales):
        assert (len(kept), len({id(one) for one in kept.values()})) == (5, 1)


EVA = {"author": "eva"}
NOTED = {
    "nothing masked": [{}] * 12,
    "hidden, then masked": [{"unit": "shut"}] * 7 + [{}, EVA, {}, EVA, {}],
    "hidden, then not masked": [{"unit": "shut"}] * 7 + [{}] * 5,
    "hidden to the last": [{"unit": "shut"}] * 11 + [EVA],
    "by turns": [{"unit": "shut"}, EVA, {}] * 4,
    "shown one by one": [{"unit": "shut", "code": "d"}, {}, {"unit": "shut", "code": "d", **EVA}] * 4,
}
RULES = policy("p", "allow open: !has(record.unit)", "allow code: record.code == 'd'", redact=["record.author: false"])


@pytest.mark.usefixtures("store_name")
@pytest.mark.parametrize("noted", NOTED.values(), ids=NOTED)
async def test_pages_behind_hidden_records_are_masked_too(tmp_path: Path, noted: list[dict[str, Any]]) -> None:
    """A page that is filled only after many hidden records shows what judging every record shows, of any length."""
    store = await new_store(tmp_path / "s.db")
    await store.put([note(f"n{place:02}", **{"at": place, **fields}) for place, fields in enumerate(noted)])
    bundle = bundle_of(tmp_path / "policies", p=RULES)
    pages = []
    async with store.snapshot(ACME) as snap:
        for judge in (Judge(), Judge(verify=True)):
            verdicts = await judge.judge(bundle, Caller(ACME), snap, ["note"], 0)
            pages.append(await snap.read([Read("note", limit) for limit in (1, 2, 3, 5, 8, 13)], verdicts))
    once, whole = ([([row.doc for row in page.rows], page.more) for page in some] for some in pages)
    assert once == whole
    shown = [fields for fields in noted if "unit" not in fields or fields.get("code") == "d"]
    assert [len(docs) for docs, _ in once] == [min(limit, len(shown)) for limit in (1, 2, 3, 5, 8, 13)]
    assert b"eva" not in b"".join(doc for docs, _ in once for doc in docs)
    await store.close()
