"""A store that follows a runtime's files holds, after a look, what a load of them into an empty store would."""

import json
from pathlib import Path
from typing import Any

import pytest
from followed import Files, event, follower_of, held, loaded_afresh
from record_samples import LEAST, TENANT
from shipped_kinds import intake

from sidecar.errors import ConfigError
from sidecar.records.follow import cut, whole
from sidecar.records.follow.follower import Follower
from sidecar.records.follow.reading import PATIENCE
from sidecar.records.store import Prepared, Store

pytestmark = pytest.mark.usefixtures("store_name")

EVENTS = "data/runtime/stateful_events.jsonl"
AUDIT = "data/audit/protected_events.log.jsonl"
WAITS = "data/runtime/stateful_waits.json"
RELIABILITY = "data/runtime/stateful_reliability.json"
RUNS = "data/automation_v2_runs.json"
HISTORY = "data/automation-runs/automation_v2_runs/2026/07"
WORKFLOWS = "workflow_runs.json"
UNITS = "data/enterprise/org_units.json"
GRANTS = "data/enterprise/org_unit_access_grants.json"
SNAPSHOT = "data/runtime/stateful_snapshots/r/s.json"
MEMBERSHIPS = "data/enterprise/org_unit_memberships.json"


def wait(name: str, **changed: Any) -> dict[str, Any]:
    return {**LEAST["wait"], "wait_id": name, **changed}


def unit_of(name: str) -> dict[str, Any]:
    """A run's definition that puts it into a unit."""
    return {"automation_snapshot": {"metadata": {"enterprise_scope": {"owning_org_unit_id": name}}}}


async def names(store: Store, kind: str) -> set[tuple[str, ...]]:
    return {key for _, _, key in await held(store, [kind])}


async def labels(store: Store, kind: str) -> set[bytes]:
    """The labels under which something is stored."""
    async with store.snapshot(tenant()) as snap:
        found = await snap.labels(kind, 0)
        return {body for number, body in found if await snap.sharing(number)}


def tenant() -> Any:
    result = intake().accept("wait", LEAST["wait"])
    assert isinstance(result, Prepared)
    return result.tenant


async def test_the_first_look_leaves_nothing_else(
    tmp_path: Path, files: Files, store: Store, follower: Follower
) -> None:
    """What is stored and in no file goes, whoever's it is; what is in the files comes; and both agree in content."""
    other = {**LEAST["wait"], "scope": {"tenant_context": {**TENANT, "workspace_id": "elsewhere"}}}
    for kind, record in (("wait", other), ("wait", wait("old")), ("event", LEAST["event"])):
        prepared = intake().accept(kind, record)
        assert isinstance(prepared, Prepared)
        await store.put([prepared])
    files.json(WAITS, [wait("new", reason="first"), wait("old", updated_at_ms=1)])
    files.append(AUDIT, json.dumps(LEAST["protected_audit_event"]) + "\n")
    assert await follower.look()
    assert await names(store, "wait") == {("r", "new"), ("r", "old")}
    assert await names(store, "event") == set()
    assert await held(store) == await loaded_afresh(tmp_path / "fresh.db", files.folder)


async def test_a_look_at_unchanged_files_writes_nothing(files: Files, follower: Follower) -> None:
    """Only what changed is written: nothing is stored or removed when nothing did, and one record when one did."""
    files.json(WAITS, [wait(f"w{number}") for number in range(20)])
    files.append(EVENTS, event("e1"))
    await follower.look()
    before = follower.progress.stored
    await follower.look()
    assert (follower.progress.stored, follower.progress.removed) == (before, 0)
    files.json(WAITS, [wait("w20"), *(wait(f"w{number}") for number in range(19))])
    await follower.look()
    assert (follower.progress.stored, follower.progress.removed) == (before + 1, 1)


async def test_the_files_own_the_truth(files: Files, store: Store, follower: Follower) -> None:
    """A record that a replaced file does not hold is deleted, and an older one in it replaces a newer one."""
    files.json(WAITS, [wait("w1", updated_at_ms=20), wait("w2")])
    await follower.look()
    files.json(WAITS, [wait("w1", updated_at_ms=10, reason="back")])
    await follower.look()
    assert await names(store, "wait") == {("r", "w1")}
    (content,) = (await held(store, ["wait"])).values()
    files.json(WAITS, [wait("w1", updated_at_ms=10, reason="other")])
    await follower.look()
    assert (await held(store, ["wait"])).popitem()[1] != content


async def test_a_torn_line_is_left_until_it_is_whole(files: Files, store: Store, follower: Follower) -> None:
    """Half of a line is not ingested and no fault; completed it is, with or without the newline after it."""
    files.append(EVENTS, event("e1"))
    for number, part in enumerate((event("e2")[:30], event("e2")[30:-1], "\n" + event("e3"))):
        files.append(EVENTS, part)
        await follower.look()
        assert len(await names(store, "event")) == number + 1
    assert follower.progress.refused == 0


async def test_a_torn_line_may_be_cut_off(files: Files, store: Store, follower: Follower) -> None:
    """The runtime cuts a torn line off before it appends the next: what stands there then is what counts."""
    files.append(EVENTS, event("e1") + event("e2")[:30])
    await follower.look()
    path = files.folder / EVENTS
    with path.open("r+b") as log:
        log.truncate(len(event("e1")))
    files.append(EVENTS, event("e3"))
    await follower.look()
    assert await names(store, "event") == {("r", "e1"), ("r", "e3")}


@pytest.mark.parametrize("text", [event("e2") + event("e9"), event("e1", event_type="other") + event("e2"), ""])
async def test_a_compacted_log_is_the_log(
    tmp_path: Path, files: Files, store: Store, follower: Follower, text: str
) -> None:
    """A log that was replaced counts as it is: lines that it lost are deleted, those it changed are changed."""
    files.append(EVENTS, event("e1") + event("e2") + event("e3"))
    await follower.look()
    files.text(EVENTS, text)
    await follower.look()
    assert await held(store) == await loaded_afresh(tmp_path / "fresh.db", files.folder)


async def test_a_log_that_was_rewritten_in_place_is_noticed(
    tmp_path: Path, files: Files, store: Store, follower: Follower
) -> None:
    """The same file with another beginning is not taken for the old one that grew."""
    files.append(EVENTS, event("e1") + event("e2"))
    await follower.look()
    files.text(EVENTS, event("e7") + event("e8") + event("e9"), torn=True)
    await follower.look()
    assert await held(store) == await loaded_afresh(tmp_path / "fresh.db", files.folder)


async def test_a_log_that_went_away_holds_nothing(files: Files, store: Store, follower: Follower) -> None:
    """A missing file is an empty store, also when it was there before; and it may come back."""
    files.json(WAITS, [])
    files.append(EVENTS, event("e1"))
    await follower.look()
    (files.folder / EVENTS).unlink()
    await follower.look()
    assert await names(store, "event") == set()
    files.append(EVENTS, event("e2"))
    await follower.look()
    assert await names(store, "event") == {("r", "e2")}


@pytest.mark.parametrize("half", ["", '{"schema_version": 1, "runs": {"r": {'])
async def test_a_half_written_file_is_read_when_it_is_whole(
    files: Files, store: Store, follower: Follower, half: str
) -> None:
    """A file that is being overwritten changes nothing, and the look tells that it is not what the files are yet."""
    runs = {"schema_version": 1, "runs": {"r": LEAST["automation_run"]}}
    files.json(RUNS, runs, torn=True)
    files.json(WAITS, [wait("w1")])
    assert await follower.look()
    files.text(RUNS, half, torn=True)
    files.json(WAITS, [wait("w2")])
    assert not await follower.look()
    assert await names(store, "automation_run") == {("r",)}
    assert await names(store, "wait") == {("r", "w2")}
    files.json(RUNS, {**runs, "runs": {"s": {**LEAST["automation_run"], "run_id": "s"}}}, torn=True)
    assert await follower.look()
    assert await names(store, "automation_run") == {("s",)}


async def test_a_file_that_stays_wrong_is_told(
    files: Files, store: Store, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    """After some looks a wrong file is told once, by name and place; its last good state stays; others go on."""
    files.json(WAITS, [wait("w1")])
    await follower.look()
    equal = follower.progress.equal_at_ms
    path = files.text(WAITS, "[{]")
    looks = [await follower.look() for _ in range(PATIENCE + 2)]
    assert looks == [False] * (PATIENCE - 1) + [True] * 3
    assert [f"{path}:1:3" in message for message in caplog.messages if "stays" in message] == [True]
    assert (follower.progress.unreadable, equal) == (("waits",), follower.progress.equal_at_ms)
    assert await names(store, "wait") == {("r", "w1")}
    files.json(WAITS, [])
    assert await follower.look()
    assert (follower.progress.unreadable, await names(store, "wait")) == ((), set())


@pytest.mark.parametrize(
    ("how", "place", "kind", "told"),
    [
        ("a loop", SNAPSHOT, "snapshot", "snapshots"),
        ("a loop", "data/runtime/stateful_snapshots/r", "snapshot", "snapshots"),
        ("a loop", "data/runtime/stateful_snapshots", "snapshot", "snapshots"),
        ("a loop", GRANTS, "org_unit_access_grant", "org_unit_access_grants"),
        ("a loop", "data/enterprise", "org_unit_access_grant", "org_unit_access_grants"),
        ("a loop", EVENTS, "event", "events"),
        ("a folder", SNAPSHOT, "snapshot", "snapshots"),
        ("a folder", GRANTS, "org_unit_access_grant", "org_unit_access_grants"),
        ("a folder", EVENTS, "event", "events"),
    ],
)
async def test_a_path_that_cannot_be_read_is_told_and_holds_up_no_other(
    files: Files, store: Store, follower: Follower, how: str, place: str, kind: str, told: str
) -> None:
    """Its last good state stays and its store is named; all other files go on, and it is read when it can be again."""
    files.json(SNAPSHOT, LEAST["snapshot"])
    files.json(GRANTS, {"g": LEAST["org_unit_access_grant"]})
    files.append(EVENTS, json.dumps(LEAST["event"]) + "\n")
    files.json(WAITS, [wait("w1")])
    assert await follower.look()
    before = await names(store, kind)
    path = files.folder / place
    aside = path.rename(files.folder / "aside")
    if how == "a loop":
        path.symlink_to(path.name)
    else:
        path.mkdir()
    files.json(WAITS, [wait("w2")])
    looks = [await follower.look() for _ in range(PATIENCE + 1)]
    assert looks == [False] * (PATIENCE - 1) + [True] * 2
    assert told in follower.progress.unreadable
    assert (await names(store, kind), await names(store, "wait")) == (before, {("r", "w2")})
    path.unlink() if how == "a loop" else path.rmdir()
    aside.rename(path)
    files.json(WAITS, [wait("w3")])
    assert await follower.look()
    assert follower.progress.unreadable == ()
    assert (await names(store, kind), await names(store, "wait")) == (before, {("r", "w3")})
    assert before


@pytest.mark.parametrize(("place", "told"), [(WAITS, "waits"), (SNAPSHOT, "snapshots")])
async def test_a_file_that_may_not_be_opened_is_told(
    files: Files, store: Store, follower: Follower, monkeypatch: pytest.MonkeyPatch, place: str, told: str
) -> None:
    """It can be looked at but not read: it waits and is told like one that is torn, and is tried again at every look."""
    read, closed = cut.read_bytes, True

    def reading(path: Path) -> bytes:
        if closed and path == files.folder / place:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(cut, "read_bytes", reading)
    monkeypatch.setattr(whole, "read_bytes", reading)
    files.json(SNAPSHOT, LEAST["snapshot"])
    files.json(WAITS, [wait("w1")])
    files.json(WORKFLOWS, {"w": LEAST["workflow_run"]})
    for _ in range(PATIENCE + 1):
        equal = await follower.look()
    assert (equal, follower.progress.unreadable) == (True, (told,))
    assert len(await names(store, "workflow_run")) == 1
    closed = False
    assert await follower.look()
    assert follower.progress.unreadable == ()
    assert (len(await names(store, "wait")), len(await names(store, "snapshot"))) == (1, 1)


async def test_what_was_never_read_deletes_nothing(files: Files, store: Store) -> None:
    """A follower that begins while a file is wrong leaves what is stored of its kind, and nothing of other kinds."""
    prepared = [intake().accept(kind, LEAST[kind]) for kind in ("wait", "workflow_run")]
    await store.put([one for one in prepared if isinstance(one, Prepared)])
    files.text(WAITS, "[")
    files.json(WORKFLOWS, {})
    follower = follower_of(store, files.folder)
    await follower.look()
    assert (len(await names(store, "wait")), len(await names(store, "workflow_run"))) == (1, 0)
    files.json(WAITS, [])
    await follower.look()
    assert await names(store, "wait") == set()


async def test_a_record_that_does_not_validate_is_not_shown_as_it_was(
    files: Files, store: Store, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    """It may have been narrowed, so its older form goes; it is told with file, line and pointer; others go on."""
    files.json(WAITS, [wait("w1"), wait("w2")])
    await follower.look()
    path = files.json(WAITS, [wait("w1", status="??"), wait("w3")])
    assert await follower.look()
    assert await names(store, "wait") == {("r", "w3")}
    assert follower.progress.refused == 1
    assert any(f"{path}:2: wait: /status: " in message for message in caplog.messages)
    caplog.clear()
    files.json(WAITS, [wait("w1", status="??"), wait("w4")])
    await follower.look()
    assert (follower.progress.refused, caplog.messages) == (1, [])


async def test_a_line_that_does_not_validate_stops_no_log(
    files: Files, store: Store, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    """A whole line that is no record is told; so is one that comes again with other content; the others are stored."""
    files.append(EVENTS, event("e1"))
    await follower.look()
    files.append(EVENTS, "{]\n" + event("e1", seq=9) + event("e1") + event("e2", seq="x") + event("e3"))
    await follower.look()
    assert await names(store, "event") == {("r", "e1"), ("r", "e3")}
    assert follower.progress.refused == 3
    assert [f":{line}: event: " in caplog.text for line in (2, 3, 4, 5)] == [True, True, False, True]


async def test_snapshots_come_and_go_as_files(files: Files, store: Store, follower: Follower) -> None:
    """Each snapshot is a file: a new one is stored, a replaced one replaced, a removed one removed."""
    place = "data/runtime/stateful_snapshots/r/{}.json"
    for name in ("a", "b"):
        files.json(place.format(name), {**LEAST["snapshot"], "snapshot_id": name})
    await follower.look()
    before = await held(store, ["snapshot"])
    (files.folder / place.format("a")).unlink()
    files.json(place.format("b"), {**LEAST["snapshot"], "snapshot_id": "b", "seq": 2})
    files.json(place.format("c"), {**LEAST["snapshot"], "snapshot_id": "c"})
    await follower.look()
    after = await held(store, ["snapshot"])
    assert {key for _, _, key in after} == {("r", "b"), ("r", "c")}
    assert set(after.values()).isdisjoint(before.values())


async def test_a_run_that_ends_keeps_its_unit(files: Files, store: Store, follower: Follower) -> None:
    """A run that loses its definition keeps its scope, also when it moves on to the history of finished runs."""
    run = LEAST["automation_run"]
    ended = {**run, "status": "completed", "updated_at_ms": 30}
    files.json(RUNS, {"runs": {"r": {**run, **unit_of("finance")}}})
    await follower.look()
    scoped = await labels(store, "automation_run")
    files.json(RUNS, {"runs": {"r": ended}})
    await follower.look()
    assert await labels(store, "automation_run") == scoped
    files.json(f"{HISTORY}/r.json", {"run": ended})
    await follower.look()
    files.json(RUNS, {"runs": {}})
    await follower.look()
    assert await names(store, "automation_run") == {("r",)}
    assert await labels(store, "automation_run") == scoped
    again = follower_of(store, files.folder)
    await again.look()
    assert await labels(store, "automation_run") == scoped


async def test_a_finished_run_that_nobody_knew_is_for_operators(files: Files, store: Store, follower: Follower) -> None:
    """Nobody can tell whose it was."""
    files.json(RUNS, {"runs": {"r": {**LEAST["automation_run"], "status": "failed"}}})
    await follower.look()
    assert await labels(store, "automation_run") == {b'{"scope":{"owning_org_unit_id":""}}'}


async def test_of_two_files_with_one_run_the_one_counts_that_a_load_would_take(
    tmp_path: Path, files: Files, store: Store, follower: Follower
) -> None:
    """While a run stands in both files the newer counts, with the scope that the other knows; then what is left."""
    run = LEAST["automation_run"]
    files.json(f"{HISTORY}/r.json", {"run": {**run, "status": "completed", **unit_of("finance")}})
    files.json(RUNS, {"runs": {"r": {**run, "status": "completed", "updated_at_ms": 30}}})
    await follower.look()
    assert await held(store) == await loaded_afresh(tmp_path / "fresh1.db", files.folder)
    files.json(RUNS, {"runs": {}})
    await follower.look()
    assert await held(store) == await loaded_afresh(tmp_path / "fresh2.db", files.folder)
    assert len(await held(store)) == 1


async def test_nothing_opens_while_the_catalogue_is_not_valid(files: Files, store: Store, follower: Follower) -> None:
    """With a record that does not validate, missing denies stay and missing units are disabled; what opens goes."""
    grant = LEAST["org_unit_access_grant"]
    grants = {name: {**grant, "grant_id": name, "effect": effect} for name, effect in (("a", "allow"), ("d", "deny"))}
    unit = LEAST["org_unit"]
    files.json(GRANTS, grants)
    files.json(UNITS, {"u": unit, "v": {**unit, "unit_id": "v"}})
    files.json(MEMBERSHIPS, {"m": LEAST["org_unit_membership"]})
    await follower.look()
    files.json(GRANTS, {"a": {**grants["a"], "state": "?"}, "d": {**grants["d"], "state": "?"}})
    files.json(UNITS, {"u": {**unit, "state": "?"}, "v": {**unit, "unit_id": "v"}})
    files.json(MEMBERSHIPS, {"m": {**LEAST["org_unit_membership"], "state": "?"}})
    await follower.look()
    assert await names(store, "org_unit_access_grant") == {("d",)}
    assert await names(store, "org_unit_membership") == set()
    async with store.snapshot(tenant()) as snap:
        units = {unit["unit_id"]: unit["state"] for unit in map(json.loads, await snap.authority("org_unit"))}
    assert units == {unit["unit_id"]: "disabled", "v": "active"}
    files.json(GRANTS, {})
    files.json(UNITS, {"v": {**unit, "unit_id": "v"}})
    await follower.look()
    assert await names(store, "org_unit_access_grant") == set()
    assert len(await names(store, "org_unit")) == 1


async def test_a_folder_that_lost_its_files_deletes_nothing(files: Files, store: Store, follower: Follower) -> None:
    """A runtime all of whose files are gone was moved or unmounted: what is stored stays, and the look fails."""
    files.json(WAITS, [wait("w1")])
    await follower.look()
    (files.folder / WAITS).unlink()
    with pytest.raises(FileNotFoundError, match="no files of a runtime"):
        await follower.look()
    assert await names(store, "wait") == {("r", "w1")}


async def test_a_folder_of_data_may_come_after_a_file_beside_it(
    tmp_path: Path, files: Files, store: Store, follower: Follower
) -> None:
    """Until there is one the files beside it are all there is; then it is followed, and what lies beside it as before."""
    files.json(WORKFLOWS, {"r": LEAST["workflow_run"]})
    assert await follower.turn()
    assert {kind for kind, _, _ in await held(store)} == {"workflow_run"}
    files.json(UNITS, {"u": LEAST["org_unit"]})
    files.json(MEMBERSHIPS, {"m": LEAST["org_unit_membership"]})
    files.append(EVENTS, event("e1"))
    assert await follower.turn()
    assert await held(store) == await loaded_afresh(tmp_path / "fresh.db", files.folder)
    assert len(await held(store)) == 4


async def test_data_that_leads_nowhere_deletes_nothing(
    tmp_path: Path, files: Files, store: Store, follower: Follower
) -> None:
    """A link to a volume that is not there now is no reason to take what lies beside it for all there is."""
    files.json(WORKFLOWS, {"r": LEAST["workflow_run"]})
    files.json(WAITS, [wait("w1")])
    assert await follower.turn()
    (files.folder / "data").rename(files.folder / "volume")
    (files.folder / "data").symlink_to("nowhere")
    for one in (follower, follower_of(store, files.folder)):
        assert not await one.turn()
        assert await names(store, "wait") == {("r", "w1")}
    with pytest.raises(ConfigError, match="data leads nowhere"):
        await loaded_afresh(tmp_path / "fresh.db", files.folder)
    (files.folder / "data").unlink()
    (files.folder / "data").symlink_to("volume")
    assert await follower.turn()
