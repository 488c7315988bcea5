"""What a follower reads was all true at one moment, however the files change under it; and one process follows."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from followed import Files, follower_of, held, opened
from record_samples import LEAST

from sidecar.records.follow import cut, keeper
from sidecar.records.follow.follower import Follower
from sidecar.records.runtime_files import find_runtime_files
from sidecar.records.store import Store

WAITS = "data/runtime/stateful_waits.json"
SNAPSHOT = "data/runtime/stateful_snapshots/r/s.json"
EVENTS = "data/runtime/stateful_events.jsonl"
GRANTS = "data/enterprise/org_unit_access_grants.json"
GRANT = {"g": LEAST["org_unit_access_grant"]}


def between(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], None]) -> None:
    """Have something happen before every file that is read, told how many were read before it."""
    read, count = cut.read_bytes, iter(range(1_000))

    def reading(path: Path) -> bytes:
        act(next(count))
        return read(path)

    monkeypatch.setattr(cut, "read_bytes", reading)


def contents(taken: cut.Cut) -> dict[str, Any]:
    return {path.name: json.loads(data) for path, data in taken.data.items()}


@pytest.mark.parametrize("moment", range(4))
@pytest.mark.parametrize("order", ["withdrawn first", "removed first"])
def test_a_cut_is_of_one_moment(files: Files, monkeypatch: pytest.MonkeyPatch, moment: int, order: str) -> None:
    """A grant and a record that never stood in the files together are not read together, whenever they change places."""
    withdrawn = order == "withdrawn first"
    files.json(GRANTS, GRANT if withdrawn else {})
    files.json(WAITS, [] if withdrawn else [LEAST["wait"]])

    def swap(count: int) -> None:
        if count == moment:
            for name in (GRANTS, WAITS) if withdrawn else (WAITS, GRANTS):
                documents: dict[str, Any] = {
                    GRANTS: {} if withdrawn else GRANT,
                    WAITS: [LEAST["wait"]] if withdrawn else [],
                }
                files.json(name, documents[name])

    between(monkeypatch, swap)
    found = find_runtime_files(files.folder)
    assert found is not None
    read = contents(cut.take_cut(found, {}))
    assert not (read[Path(GRANTS).name] and read[Path(WAITS).name])


def test_a_log_is_read_as_far_as_it_went_at_the_cut(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is appended after the catalogue was read stays for the next look: its grant may be gone."""
    files.json(GRANTS, GRANT)
    files.append(EVENTS, "{}\n")
    between(monkeypatch, lambda _: files.append(EVENTS, "{}\n"))
    found = find_runtime_files(files.folder)
    assert found is not None
    taken = cut.take_cut(found, {})
    (size,) = (seen.signature.size for path, seen in taken.sweep.items() if path.name.endswith(".jsonl"))
    assert size == len("{}\n")


def test_files_that_never_keep_still_are_read_catalogue_last(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read last is newest: a grant that was withdrawn before a record came is not read with it even then."""
    files.json(GRANTS, GRANT)
    files.json(WAITS, [])
    order: list[str] = []
    read = cut.read_bytes

    def reading(path: Path) -> bytes:
        order.append(path.name)
        files.json(WAITS, [LEAST["wait"]] * len(order))
        return read(path)

    monkeypatch.setattr(cut, "read_bytes", reading)
    found = find_runtime_files(files.folder)
    assert found is not None
    cut.take_cut(found, {})
    assert order[:2] == [Path(WAITS).name, Path(GRANTS).name]
    assert order.count(Path(WAITS).name) == cut.TRIES


@pytest.mark.usefixtures("store_name")
async def test_files_that_never_keep_still_are_followed_all_the_same(
    files: Files, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some looks in a row change nothing, for they saw no moment; but then what was read is taken, and so again."""
    files.json(WAITS, [])
    between(monkeypatch, lambda _: files.json(WAITS, []))
    came = []
    for _ in range(2 * keeper.MOST_RESTLESS):
        try:
            await follower.look()
            came.append(True)
        except cut.MovedOnError:
            came.append(False)
    assert came == ([False] * (keeper.MOST_RESTLESS - 1) + [True]) * 2


@pytest.mark.usefixtures("store_name")
async def test_a_snapshot_that_changes_after_the_cut_is_not_taken_as_it_is_then(
    files: Files, store: Store, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snapshots are read after the cut; one that is another by then leaves the store as it was, until the next look."""
    files.json(GRANTS, GRANT)
    files.json(SNAPSHOT, LEAST["snapshot"])
    changes: Iterator[dict[str, Any]] = iter([{"seq": 2}])

    def replace(_: int) -> None:
        for change in changes:
            files.json(SNAPSHOT, {**LEAST["snapshot"], **change})

    monkeypatch.setattr("sidecar.records.follow.whole.read_bytes", _after(replace))
    with pytest.raises(cut.MovedOnError):
        await follower.look()
    assert await held(store) == {}
    assert await follower.look()
    assert {kind for kind, _, _ in await held(store)} == {"snapshot", "org_unit_access_grant"}


def _after(act: Callable[[int], None]) -> Callable[[Path], bytes]:
    def reading(path: Path) -> bytes:
        data = cut.read_bytes(path)
        act(0)
        return data

    return reading


@pytest.mark.usefixtures("store_name")
async def test_readers_never_see_half_of_a_replaced_file(tmp_path: Path, files: Files) -> None:
    """All waits of a file carry one number: whoever reads while it is replaced again and again sees one number."""
    waits = [{**LEAST["wait"], "wait_id": f"w{number}"} for number in range(50)]
    async with opened(tmp_path / "s.db") as store, opened(tmp_path / "s.db") as other:
        follower = follower_of(store, files.folder)
        files.json(WAITS, [{**one, "reason": "0"} for one in waits])
        await follower.look()
        seen: set[int] = set()
        for number in range(1, 15):
            files.json(WAITS, [{**one, "reason": str(number)} for one in waits])
            looking = asyncio.create_task(follower.look())
            while not looking.done():
                async with other.snapshot(await _tenant(other)) as snap:
                    found = await snap.labels("wait", 0)
                    counted = sum([await snap.sharing(label) for label, _ in found])
                seen.add(counted)
            await looking
        assert seen == {50}


async def _tenant(store: Any) -> Any:
    return next(tenant for _, tenant, _ in await held(store, ["wait"]))


@pytest.mark.usefixtures("store_name")
async def test_one_of_several_follows_and_another_takes_its_place(files: Files, store: Store) -> None:
    """Two follow one folder: only one looks, both know when the store has caught up, and the other takes over."""
    files.json(WAITS, [LEAST["wait"]])
    first, second = follower_of(store, files.folder), follower_of(store, files.folder)
    tasks = [asyncio.create_task(one.run()) for one in (first, second)]
    async with asyncio.timeout(20):
        await first.progress.caught_up.wait()
        await second.progress.caught_up.wait()
        assert sorted([first.progress.following, second.progress.following]) == [False, True]
        leading, standing = (first, second) if first.progress.following else (second, first)
        tasks[0 if leading is first else 1].cancel()
        files.json(WAITS, [])
        while standing.progress.removed == 0:  # noqa: ASYNC110 - nothing tells of it but the number
            await asyncio.sleep(0.01)
        assert (standing.progress.following, await held(store)) == (True, {})
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.usefixtures("store_name")
async def test_a_lease_tells_how_far_its_holder_is(tmp_path: Path) -> None:
    """While its holder catches up nobody else can tell that it has; then everybody can; afterwards it is free."""
    path = tmp_path / "s.db"
    async with opened(path) as store, opened(path) as second, second.lease("follow") as other:
        async with store.lease("follow") as holder, store.lease("else") as free:
            assert await holder.take()
            assert (await other.take(), await other.shown(), await free.take()) == (False, False, True)
            await holder.show()
            await holder.show()
            assert (await other.take(), await other.shown(), await holder.take()) == (False, True, True)
        assert await other.take()
