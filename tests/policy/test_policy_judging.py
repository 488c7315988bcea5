"""Judging: which records a caller is shown, how, and that labels are judged once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from policy_files import ACME, HOME, broken, bundle_of, new_store, note, policy, seen

from sidecar.identity.caller import Caller
from sidecar.policy import standing
from sidecar.policy.judge import Judge
from sidecar.records.reading import Is, Read
from sidecar.records.store import Prepared, Tenant

pytestmark = pytest.mark.usefixtures("store_name")

ADA = Caller(ACME, actor_id="ada", org_units=("finance",))
NOBODY = Caller(ACME)
OPEN = policy("open", "allow all: true")
UNITS = policy(
    "units",
    "allow unscoped: !has(record.unit)",
    "allow own: has(record.unit) && record.unit in caller.org_units",
)


async def shown(
    folder: Path, policies: Mapping[str, str], caller: Caller, *notes: Prepared, now_ms: int = 0, kind: str = "note"
) -> list[dict[str, Any]]:
    """What a caller sees under some policies; judging every row again as a whole must give the same."""
    store = await new_store(folder / "s.db")
    await store.put(notes)
    bundle = bundle_of(folder / "policies", **policies)
    async with store.snapshot(caller.tenant) as snap:
        once, _ = await seen(Judge(), bundle, caller, snap, kind, now_ms)
        twice, _ = await seen(Judge(verify=True), bundle, caller, snap, kind, now_ms)
    await store.close()
    assert once == twice
    return once


async def names(folder: Path, policies: Mapping[str, str], caller: Caller, *notes: Prepared, **more: Any) -> list[str]:
    """The names of what a caller sees."""
    return sorted(record["note_id"] for record in await shown(folder, policies, caller, *notes, **more))


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """The records and labels that were judged, as they are judged."""
    asked: list[Mapping[str, Any]] = []
    verdict = standing.Conditions.verdict

    def counting(conditions: Any, record: Mapping[str, Any], *rest: Any) -> Any:
        asked.append(record)
        return verdict(conditions, record, *rest)

    monkeypatch.setattr(standing.Conditions, "verdict", counting)
    return asked


# --- which records ----------------------------------------------------------------------------------------------------

UNSCOPED, FINANCE, LEGAL = note("u"), note("f", unit="Finance "), note("l", unit="legal")


@pytest.mark.parametrize(
    ("rules", "seen_by_ada", "seen_by_nobody"),
    [
        (["allow all: true"], "flu", "flu"),
        (["allow none: false"], "", ""),
        (["allow own: record.unit in caller.org_units"], "f", ""),
        (["allow own: record.unit in caller.org_units", "allow rest: !has(record.unit)"], "fu", "u"),
        (["allow actor: caller.actor_id == 'ada'"], "flu", ""),
        (["allow all: true", "deny legal: has(record.unit) && record.unit == 'legal'"], "fu", "fu"),
        (["allow all: true", "deny err: record.unit == 'legal'"], "f", "f"),
        (["allow all: true", "deny nameless: caller.actor_id == 'bob'"], "flu", ""),
        (["allow all: true", "deny always: true"], "", ""),
        (["deny never: false"], "", ""),
        (["allow err: record.unit == 'legal' && 1 / size(record.classes) == 1"], "", ""),
        (["allow err: 1 / size(record.classes) == 1", "allow all: true"], "flu", "flu"),
        (["allow unless: !(record.unit == 'legal')"], "f", "f"),
        (["allow late: now_ms >= 5"], "flu", "flu"),
        (["allow early: now_ms < 5"], "", ""),
        (["allow all: true", "deny late: now_ms >= 5"], "", ""),
        (["allow own: caller.actor_id == 'ada' && record.code == 'c'"], "flu", ""),
        (["allow all: true", "deny err: record.author == 'x'"], "", ""),
        (["allow all: true", "deny code: record.code != 'c'"], "flu", "flu"),
        (["allow tenant: tenant.org_id == 'acme'", "deny dep: has(tenant.deployment_id)"], "flu", "flu"),
    ],
)
async def test_only_what_is_definitely_true_is_shown(
    tmp_path: Path, rules: list[str], seen_by_ada: str, seen_by_nobody: str
) -> None:
    """Shown is what some allow is true of and every deny false; an error in an allow admits nothing, in a deny hides."""
    policies = {"p": policy("p", *rules)}
    for number, (caller, expected) in enumerate(((ADA, seen_by_ada), (NOBODY, seen_by_nobody))):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert "".join(await names(folder, policies, caller, UNSCOPED, FINANCE, LEGAL, now_ms=5)) == expected


async def test_every_policy_narrows(tmp_path: Path) -> None:
    """A second policy shows nothing that the first one hides."""
    classes = policy("classes", "allow open: size(record.classes) == 0", "allow operator: caller.is_workspace_operator")
    notes = [UNSCOPED, FINANCE, note("fc", unit="finance", classes=["secret"]), note("lo", unit="legal")]
    assert await names(tmp_path, {"units": UNITS, "classes": classes}, ADA, *notes) == ["f", "u"]


async def test_a_kind_that_no_policy_covers_is_invisible(tmp_path: Path) -> None:
    """A kind is seen only where a policy speaks of it, and the tenant policy alone does not count."""
    wall = policy("tenant", "allow same: true", applies_to="all")
    memo = note("m", kind="memo")
    bundle = bundle_of(tmp_path / "p", tenant=wall, units=UNITS)
    assert bundle.of("memo") is None
    assert bundle.of("note") is not None
    assert bundle.of("nothing") is None
    operator = Caller(ACME, is_workspace_operator=True)
    assert await names(tmp_path, {"tenant": wall, "units": UNITS}, operator, memo, kind="memo") == []


async def test_a_policy_whose_rules_speak_of_other_kinds_hides(tmp_path: Path) -> None:
    """A policy that applies to a kind but has no allow for it admits nothing of it."""
    text = """
        policy: p
        applies_to: [note, memo]
        rules:
          - allow: notes
            kinds: [note]
            when: "true"
        """
    assert await names(tmp_path, {"p": text}, ADA, note("m", kind="memo"), kind="memo") == []


async def test_the_tenant_wall_stands_under_all_policies(tmp_path: Path) -> None:
    """No policy shows a record of another tenant, nor is a caller judged before another tenant's snapshot."""
    others = [note("o", tenant={**HOME, "org_id": "umbrella"}), note("d", tenant={**HOME, "deployment_id": "eu"})]
    assert await names(tmp_path, {"open": OPEN}, ADA, UNSCOPED, *others) == ["u"]
    store = await new_store(tmp_path / "t.db")
    async with store.snapshot(Tenant("umbrella", "main")) as snap:
        with pytest.raises(ValueError, match="own tenant"):
            await Judge().judge(bundle_of(tmp_path / "policies", open=OPEN), ADA, snap, ["note"], 0)
    await store.close()


# --- judged once ------------------------------------------------------------------------------------------------------


async def test_labels_are_judged_once(tmp_path: Path, judged: list[Mapping[str, Any]]) -> None:
    """Each label is judged once, however many records share it and however often the caller comes; new ones as they come."""
    store, judge = await new_store(tmp_path / "s.db"), Judge()
    bundle = bundle_of(tmp_path / "policies", units=UNITS)
    await store.put([note(f"n{number}", unit=f"u{number % 5}") for number in range(100)])
    for _ in range(3):
        async with store.snapshot(ACME) as snap:
            assert (await seen(judge, bundle, ADA, snap))[0] == []
        assert [label["unit"] for label in judged] == [f"u{number}" for number in range(5)]
    await store.put([note("new", unit="finance"), note("old", unit="u1")])
    async with store.snapshot(ACME) as snap:
        records, _ = await seen(judge, bundle, ADA, snap)
    assert [record["note_id"] for record in records] == ["new"]
    assert [label["unit"] for label in judged[5:]] == ["finance"]
    await store.close()


async def test_verdicts_are_kept_under_all_they_rest_on(tmp_path: Path, judged: list[Mapping[str, Any]]) -> None:
    """Another caller, bundle, authority version and history of the store are judged anew; the same ones are not."""
    store, judge = await new_store(tmp_path / "s.db"), Judge()
    first = bundle_of(tmp_path / "a", units=UNITS)
    second = bundle_of(tmp_path / "b", units=UNITS + "# another text\n")
    await store.put([FINANCE])

    async def count(bundle: Any, caller: Caller, version: int, history: str = "") -> int:
        before = len(judged)
        async with store.snapshot(ACME) as snap:
            snap.authority_version, snap.history = version, history
            await seen(judge, bundle, caller, snap)
        return len(judged) - before

    assert await count(first, ADA, 1) == 1
    assert await count(first, ADA, 1) == 0
    assert await count(first, Caller(ACME, actor_id="ada", org_units=("finance",)), 1) == 0
    assert await count(first, Caller(ACME, actor_id="ada", org_units=("legal",)), 1) == 1
    assert await count(first, ADA, 2) == 1
    assert await count(second, ADA, 2) == 1
    assert await count(second, ADA, 2, "another") == 1
    assert await count(second, ADA, 2, "another") == 0
    await store.close()


async def test_a_swapped_bundle_decides_from_the_next_request(tmp_path: Path) -> None:
    """Verdicts in hand keep their revision; the next judgement follows the new bundle."""
    store, judge = await new_store(tmp_path / "s.db"), Judge()
    await store.put([LEGAL])
    closed, opened = bundle_of(tmp_path / "a", p=UNITS), bundle_of(tmp_path / "b", p=OPEN)
    async with store.snapshot(ACME) as snap:
        before, old = await seen(judge, closed, ADA, snap)
        after, new = await seen(judge, opened, ADA, snap)
        (page,) = await snap.read([Read("note", 10)], old)
    assert (len(before), len(page.rows), len(after)) == (0, 0, 1)
    assert old.revision != new.revision
    await store.close()


async def test_little_memory_forgets_no_verdict(tmp_path: Path) -> None:
    """A judge that can keep almost nothing still judges right, also before an older snapshot."""
    store, judge = await new_store(tmp_path / "s.db"), Judge(most_labels=2)
    bundle = bundle_of(tmp_path / "policies", units=UNITS)
    await store.put([note(f"f{number}", unit="finance", classes=[f"c{number}"]) for number in range(10)])
    async with store.snapshot(ACME) as older:
        await store.put([note("g", unit="finance", classes=["new"])])
        for caller, expected in ((ADA, 11), (NOBODY, 0), (ADA, 11)):
            async with store.snapshot(ACME) as snap:
                assert len((await seen(judge, bundle, caller, snap))[0]) == expected
        assert len((await seen(judge, bundle, ADA, older))[0]) == 10
    await store.close()


async def test_a_request_of_another_history_in_between_leaves_no_hole(tmp_path: Path) -> None:
    """Whoever finds the labels of another history where it left its own goes on from its own: all labels are judged."""
    store, judge = await new_store(tmp_path / "s.db"), Judge()
    bundle = bundle_of(tmp_path / "policies", units=UNITS)
    await store.put([FINANCE])

    async def asked(history: str, actor: str, meanwhile: Callable[[], Awaitable[object]] | None = None) -> int:
        async with store.snapshot(ACME) as snap:
            snap.history, read = history, snap.labels

            async def labels(kind: str, after: int) -> Sequence[tuple[int, bytes]]:
                found = await read(kind, after)
                if meanwhile is not None:
                    await meanwhile()
                return found

            snap.labels = labels  # type: ignore[method-assign]
            caller = Caller(ACME, actor_id=actor, org_units=("finance",))
            return len((await seen(judge, bundle, caller, snap))[0])

    assert await asked("new", "ada") == 1
    await store.put([note("g", unit="finance", classes=["c"])])
    assert await asked("new", "ada", meanwhile=lambda: asked("old", "bob")) == 2
    assert await asked("new", "zoe") == 2
    await store.close()


async def test_a_crowd_of_callers_is_let_go(tmp_path: Path) -> None:
    """Callers who see nothing weigh too, so that however many come, the verdicts kept stay within their bound."""
    store, judge = await new_store(tmp_path / "s.db"), Judge(most_labels=1_000)
    bundle = bundle_of(tmp_path / "policies", units=UNITS)
    await store.put([FINANCE])
    async with store.snapshot(ACME) as snap:
        for number in range(50):
            await seen(judge, bundle, Caller(ACME, actor_id=f"a{number}"), snap)
    assert 1 <= len(judge._standings) <= 5
    await store.close()


async def test_labels_of_a_change_that_is_undone_are_forgotten(tmp_path: Path) -> None:
    """A label first seen inside a transaction that rolls back leaves no verdict to whatever gets its id."""
    store, judge = await new_store(tmp_path / "s.db"), Judge()
    bundle = bundle_of(tmp_path / "policies", units=UNITS)
    await store.put([note("known", unit="hr")])

    async def undone() -> None:
        async with store.change(ACME) as change:
            await change.put([FINANCE])
            assert len((await seen(judge, bundle, ADA, change))[0]) == 1
            raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        await undone()
    await store.put([LEGAL])
    async with store.snapshot(ACME) as snap:
        assert (await seen(judge, bundle, ADA, snap))[0] == []
    await store.close()


# --- judged record by record ------------------------------------------------------------------------------------------


async def test_what_a_label_leaves_open_the_record_decides(tmp_path: Path, judged: list[Mapping[str, Any]]) -> None:
    """Labels that the caller's rules settle are not judged again by record; the others are, one by one."""
    rules = policy(
        "p", "allow own: record.unit in caller.org_units", "allow author: has(record.author) && record.author == 'ada'"
    )
    notes = [FINANCE, note("mine", unit="legal", author="ada"), note("hers", unit="legal", author="eva")]
    store = await new_store(tmp_path / "s.db")
    await store.put(notes)
    bundle = bundle_of(tmp_path / "policies", p=rules)
    async with store.snapshot(ACME) as snap:
        records, verdicts = await seen(Judge(), bundle, ADA, snap)
    lanes = verdicts.lanes("note")
    assert (len(lanes.visible), len(lanes.depends)) == (1, 1)
    assert sorted(record["note_id"] for record in records) == ["f", "mine"]
    assert [record.get("author") for record in judged if "note_id" in record] == ["eva", "ada"]
    await store.close()


async def test_the_clock_is_the_requests(tmp_path: Path) -> None:
    """A rule over the clock is decided with the request's reading, also for labels judged before."""
    store, judge = await new_store(tmp_path / "s.db"), Judge()
    bundle = bundle_of(tmp_path / "policies", p=policy("p", "allow until: now_ms < record.at"))
    await store.put([note("n", at=100)])
    async with store.snapshot(ACME) as snap:
        for now_ms, expected in ((99, 1), (100, 0), (99, 1)):
            assert len((await seen(judge, bundle, ADA, snap, now_ms=now_ms))[0]) == expected
    await store.close()


async def test_verify_judges_every_row_again(tmp_path: Path) -> None:
    """With `verify` a row is shown only if it is visible as a whole, whatever its label was judged."""
    store = await new_store(tmp_path / "s.db")
    await store.put([FINANCE])
    bundle = broken(tmp_path / "policies", "record.unit == 'legal'", "has(record.unit)")
    async with store.snapshot(ACME) as snap:
        assert len((await seen(Judge(), bundle, ADA, snap))[0]) == 1
        assert (await seen(Judge(verify=True), bundle, ADA, snap))[0] == []
    await store.close()


# --- masks ------------------------------------------------------------------------------------------------------------

MASKED = policy(
    "p",
    "allow all: true",
    redact=[
        "record.author: caller.actor_id == 'ada'",
        "record.code: record.unit in caller.org_units",
        "record.deep.inner: 1 / size(record.classes) == 1",
    ],
)
FULL = note("n", unit="finance", author="eva", deep={"inner": "i", "other": "o"})


async def test_masked_fields_are_left_out(tmp_path: Path) -> None:
    """A mask that nothing lifts takes the field out, a required one becomes null; an erring condition masks."""
    (record,) = await shown(tmp_path, {"p": MASKED}, NOBODY, FULL)
    assert (record["code"], record["deep"], record.get("author")) == (None, {"other": "o"}, None)
    assert "author" not in record


async def test_lifted_masks_show_the_field(tmp_path: Path) -> None:
    """A mask whose condition is true shows the field."""
    (record,) = await shown(tmp_path, {"p": MASKED}, ADA, FULL)
    assert (record["code"], record["author"], record["deep"]) == ("c", "eva", {"other": "o"})


async def test_a_mask_that_the_record_decides(tmp_path: Path) -> None:
    """A mask over what no label holds is decided record by record, and its label's own values stay masked till then."""
    text = policy("p", "allow all: true", redact=["record.place: record.code == 'c'"])
    notes = [note("a", place={"room": "r"}), note("b", code="d", place={"room": "r"})]
    first, second = await shown(tmp_path, {"p": text}, ADA, *notes)
    assert (first.get("place"), second.get("place")) == ({"room": "r"}, None)
    store = await new_store(tmp_path / "t.db")
    await store.put(notes)
    async with store.snapshot(ACME) as snap:
        verdicts = await Judge().judge(bundle_of(tmp_path / "policies", p=text), ADA, snap, ["note"], 0)
    assert [label for label in verdicts.labels("note").values() if "place" in label] == []
    await store.close()


@pytest.mark.parametrize(
    ("column", "value", "found"), [("author", "eva", []), ("code", "c", ["o"]), ("deep.inner", "i", [])]
)
async def test_a_filter_on_a_masked_field_matches_nothing(
    tmp_path: Path, column: str, value: str, found: list[str]
) -> None:
    """A caller cannot ask for what it is not shown: where the field is masked the record does not match."""
    text = MASKED.replace("caller.actor_id == 'ada'", "caller.actor_id == 'bob'").replace(
        "record.unit in caller.org_units", "has(record.unit) && record.unit == 'open'"
    )
    notes = [FULL, note("o", unit="open", author="eva", deep={"inner": "i"})]
    store = await new_store(tmp_path / "s.db")
    await store.put(notes)
    bundle = bundle_of(tmp_path / "policies", p=text)
    async with store.snapshot(ACME) as snap:
        for judge in (Judge(), Judge(verify=True)):
            verdicts = await judge.judge(bundle, ADA, snap, ["note"], 0)
            (page,) = await snap.read([Read("note", 10, (Is(column, (value,)),))], verdicts)
            assert [row.position.key[0] for row in page.rows] == found
    await store.close()


async def test_a_masked_field_is_guarded_twice(tmp_path: Path) -> None:
    """A label in which a filtered field is masked is not walked, and a row of it would not be shown."""
    store = await new_store(tmp_path / "s.db")
    await store.put([FULL])
    bundle = bundle_of(tmp_path / "policies", p=policy("p", "allow all: true", redact=["record.deep: false"]))
    async with store.snapshot(ACME) as snap:
        verdicts = await Judge().judge(bundle, ADA, snap, ["note"], 0)
        (page,) = await snap.read([Read("note", 10)], verdicts)
    for fields, open_ in (((), True), (("author",), True), (("deep",), False), (("deep.inner",), False)):
        assert bool(verdicts.lanes("note", fields).visible) is open_
        assert (verdicts.show(page.rows[0], fields) is not None) is open_
    await store.close()


async def test_unmasked_rows_leave_as_stored_bytes(tmp_path: Path) -> None:
    """A record that no mask touches is the stored bytes, unparsed."""
    store = await new_store(tmp_path / "s.db")
    plain = note("plain")
    await store.put([plain, FULL])
    bundle = bundle_of(tmp_path / "policies", p=policy("p", "allow all: true", redact=["record.author: false"]))
    async with store.snapshot(ACME) as snap:
        verdicts = await Judge().judge(bundle, ADA, snap, ["note"], 0)
        (page,) = await snap.read([Read("note", 10)], verdicts)
    assert [row.doc for row in page.rows if row.position.key == ("plain",)] == [plain.doc]
    assert b"eva" not in b"".join(row.doc for row in page.rows)
    await store.close()


@pytest.mark.parametrize("masked", [(), (0,), (2,), (4,), (1, 3)])
async def test_one_masked_record_among_many_is_masked(tmp_path: Path, masked: tuple[int, ...]) -> None:
    """Wherever in a page records stand that have the masked field, it is the page of which every row is judged anew."""
    store = await new_store(tmp_path / "s.db")
    await store.put([note(f"n{place}", **({"author": "eva"} if place in masked else {})) for place in range(5)])
    bundle = bundle_of(tmp_path / "policies", p=policy("p", "allow all: true", redact=["record.author: false"]))
    pages = []
    async with store.snapshot(ACME) as snap:
        for judge in (Judge(), Judge(verify=True)):
            verdicts = await judge.judge(bundle, ADA, snap, ["note"], 0)
            pages += await snap.read([Read("note", 4), Read("note", 10)], verdicts)
    shown = [[row.doc for row in page.rows] for page in pages]
    assert shown[:2] == shown[2:]
    assert b"eva" not in b"".join(shown[1])
    await store.close()
