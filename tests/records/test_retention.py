"""Retention: exactly the records that are older than their kind is kept go, whatever else is there or happens."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from record_samples import LEAST, accepted
from shipped_kinds import kinds
from store_notes import NOTE
from test_lifecycle import ACME, OTHER, TRIPLES, event, letter, opened, stored

from sidecar.config import Config, RetentionConfig, RuntimeConfig
from sidecar.errors import ConfigError
from sidecar.records import retention
from sidecar.records.kind import Kinds, Order
from sidecar.records.prepare import Preparer
from sidecar.records.reading import Row
from sidecar.records.retention import Rule, expire, rules_of
from sidecar.records.store import Prepared

NOW, DAY = 1_000_000_000, 86_400_000


def rules(keep: Mapping[str, int], of: Kinds | None = None, **settings: Any) -> Sequence[Rule]:
    """The rules of a configuration."""
    return rules_of(Config(retention=RetentionConfig(keep=keep), **settings), of or kinds())


def aged(kind: str, number: int, age_ms: int) -> Any:
    """A record of any kind that is as old as that now, newly created ones apart."""
    record = dict(LEAST[kind])
    pointers = kinds()[kind].id
    record[pointers[-1].lstrip("/")] = f"n-{number}"
    for name in ("created_at_ms", "updated_at_ms", "occurred_at_ms"):
        if name in record:
            record[name] = NOW - age_ms if name != "created_at_ms" or "updated_at_ms" not in record else 1
    if "seq" in record:
        record["seq"] = (number * 37) % 101 + 1
    return accepted(kind, record)


@pytest.mark.parametrize("kind", [name for name, kind in kinds().items() if kind.authority is None])
async def test_what_is_older_than_its_kind_is_kept_goes(
    kind: str, store_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every kind, over several pages, those older than the limit go and those exactly as old stay, and only they."""
    monkeypatch.setattr(retention, "PAGE", 4)
    monkeypatch.setattr(retention, "PAUSE_S", 0.0)
    ages = {number: DAY + (number * 7) % 23 - 11 for number in range(23)}
    async with opened(tmp_path) as store:
        await store.put([aged(kind, number, age) for number, age in ages.items()])
        over = [number for number, age in ages.items() if age > DAY]
        assert await expire(store, rules({kind: DAY}), NOW) == {kind: len(over)}
        assert await stored(store, kind) == sorted(f"n-{number}" for number in ages if number not in over)
        assert await expire(store, rules({kind: DAY}), NOW) == {kind: 0}


@pytest.mark.parametrize(
    ("record", "over"),
    [({"closed": {"at_ms": 1}}, True), ({"closed": None}, None), ({"closed": {}}, None), ({}, None)],
)
def test_a_record_without_an_age_is_kept(record: Mapping[str, Any], over: bool | None) -> None:
    """A null or a gap on the way to the age keeps a record, and does not count as one that is young."""
    rule = Rule(kinds()["event"], "/closed/at_ms", DAY, leads=True)
    assert rule.over(Row("event", 0, (1, orjson.dumps(record))), NOW) is over


@pytest.mark.parametrize("descending", [True, False])
async def test_records_without_an_age_hold_up_no_other(
    store_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, descending: bool
) -> None:
    """They stand last, so that whole pages of them may come before the oldest: every old record goes, and only those."""
    monkeypatch.setattr(retention, "PAGE", 4)
    kind = replace(NOTE, tenant="/of", order=(Order(("/at_ms",), descending),), label=(), columns=())
    accept = Preparer(kind).prepare
    ages = {f"{age}-{number}": age for age in (None, 1, NOW) for number in range(9)}
    async with opened(tmp_path, Kinds({"note": kind})) as store:
        for name, age in ages.items():
            record = accept({"id": name, "of": TRIPLES[ACME], "at_ms": age, "at": 1}, 1)
            assert isinstance(record, Prepared)
            await store.put([record])
        assert await expire(store, [Rule(kind, "/at_ms", DAY, leads=True)], NOW) == {"note": 9}
        assert await stored(store, "note") == sorted(name for name, age in ages.items() if age != 1)


async def test_every_tenant_and_kind_has_its_own_limit(store_name: str, tmp_path: Path) -> None:
    """Kinds that are not named stay, however old; those that are go in every tenant, each by its own limit."""
    async with opened(tmp_path) as store:
        both = [letter(number, tenant) for number in range(3) for tenant in (ACME, OTHER)]
        await store.put(
            [*both, event(1, NOW - DAY), event(2, NOW - 1), event(3, NOW - DAY, OTHER), aged("wait", 1, DAY)]
        )
        removed = await expire(store, rules({"dead_letter": 2 * DAY, "event": 1}), NOW)
        assert removed == {"dead_letter": 6, "event": 2}
        assert await stored(store, "event") == ["e-2"]
        assert await stored(store, "wait") == ["n-1"]
        assert [count.kind for count in await store.counts()] == ["event", "wait"]


async def test_a_record_that_becomes_young_meanwhile_stays(
    store_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that another process updates between the look and the removal is not removed."""
    async with opened(tmp_path) as store, opened(tmp_path) as other:
        await store.put([letter(number) for number in range(3)])
        look = retention._Sweep._page

        async def page(sweep: Any, after: Any) -> Any:
            found = await look(sweep, after)
            await other.put([letter(1, updated_at_ms=NOW)])
            return found

        monkeypatch.setattr(retention._Sweep, "_page", page)
        assert await expire(store, rules({"dead_letter": DAY}), NOW + DAY // 2) == {"dead_letter": 2}
        assert await stored(store, "dead_letter") == ["d-1"]


async def test_a_removed_record_that_comes_again_is_stored(store_name: str, tmp_path: Path) -> None:
    """What was removed leaves no trace that would refuse the same record, append-only or older, afterwards."""
    async with opened(tmp_path) as store:
        for _ in range(2):
            await store.put([event(1, 5), letter(1)])
            assert await expire(store, rules({"event": DAY, "dead_letter": DAY}), NOW) == {"event": 1, "dead_letter": 1}


def test_rules_that_may_not_be_are_refused() -> None:
    """An unknown kind, one that decides who sees what, and one whose files a runtime owns are refused with the reason."""
    for kind, reason in (
        ("evnt", "no kind"),
        ("org_unit_access_grant", "who sees what"),
        ("org_unit", "who sees what"),
    ):
        with pytest.raises(ConfigError, match=reason):
            rules({kind: DAY})
    with pytest.raises(ConfigError, match="files of a runtime"):
        rules({"event": DAY}, runtime=RuntimeConfig(follow="there"))
    ageless = replace(kinds()["event"], schema={"required": ["seq"]}, order=(Order(("/seq",), False),), updated=None)
    with pytest.raises(ConfigError, match="how old it is"):
        rules({"event": DAY}, Kinds({"event": ageless}))
