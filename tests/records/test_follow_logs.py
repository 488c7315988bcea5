"""What a log says now is the truth: what it lost goes and what it changed is changed, however the runtime writes it."""

import os
from pathlib import Path

import pytest
from followed import Files, Held, event, held, loaded_afresh

from sidecar.records.follow.follower import Follower
from sidecar.records.follow.logs import EDGE
from sidecar.records.store import Store

pytestmark = pytest.mark.usefixtures("store_name")

EVENTS = "data/runtime/stateful_events.jsonl"


LONG = event("e1", payload={"text": "x" * EDGE})
OPEN = event("e2", event_type="old", payload={"text": "x" * 3 * EDGE}).removesuffix("\n")
"""A whole line, the end of which is not written; it is longer than what is remembered of an edge."""


async def afresh(tmp_path: Path, files: Files) -> Held:
    return await loaded_afresh(tmp_path / "fresh.db", files.folder)


@pytest.mark.parametrize(
    "after",
    [
        "",
        event("e3"),
        event("e2", event_type="new"),
        OPEN.replace("old", "new"),
        OPEN.replace("old", "new") + "\n" + event("e3"),
        OPEN + "\r\n" + event("e3"),
        OPEN + "\n" + event("e3"),
    ],
)
async def test_a_line_whose_end_was_not_written_counts_as_it_is_now(
    tmp_path: Path, files: Files, store: Store, follower: Follower, after: str
) -> None:
    """It is stored already when it is cut off, written anew under its name or otherwise, or has its end or more behind it."""
    files.append(EVENTS, LONG + OPEN)
    assert await follower.look()
    assert len(await held(store)) == 2
    files.text(EVENTS, LONG + after, torn=True)
    assert await follower.look()
    assert await held(store) == await afresh(tmp_path, files)


@pytest.mark.parametrize("more", ["}", " x", "\r" + event("e2")])
async def test_a_line_that_goes_on_where_it_seemed_whole_is_refused(
    files: Files, store: Store, follower: Follower, more: str
) -> None:
    """It was stored as it stood, and is no record any more."""
    files.append(EVENTS, event("e1") + OPEN)
    await follower.look()
    files.append(EVENTS, more)
    await follower.look()
    files.append(EVENTS, "\n" + event("e3"))
    await follower.look()
    assert {key for _, _, key in await held(store)} == {("r", "e1"), ("r", "e3")}
    assert follower.progress.refused == 1


async def test_a_line_that_gets_its_end_is_read_once(files: Files, store: Store, follower: Follower) -> None:
    """One that does not validate is counted once, also when its end is written later, and every line has its number."""
    files.append(EVENTS, event("e1") + event("e2", seq="x").removesuffix("\n"))
    await follower.look()
    files.append(EVENTS, "\n" + event("e3"))
    await follower.look()
    assert (follower.progress.refused, len(await held(store))) == (1, 2)


async def test_the_numbers_of_lines_are_those_of_the_file(
    files: Files, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault behind a line that was read before its end came is told where it stands."""
    files.append(EVENTS, event("e1").removesuffix("\n"))
    await follower.look()
    files.append(EVENTS, "\n" + event("e2", seq="x"))
    await follower.look()
    assert f"{files.folder / EVENTS}:2: event: /seq" in caplog.text


async def test_what_is_masked_in_place_is_masked(
    tmp_path: Path, files: Files, store: Store, follower: Follower
) -> None:
    """A log that changes without growing is compared from its first line on, wherever it changed."""
    files.append(EVENTS, "".join(event(f"e{number:03}", payload={"x": "secret"}) for number in range(60)))
    await follower.look()
    path = files.folder / EVENTS
    text = path.read_bytes()
    with path.open("r+b") as log:
        log.seek(text.index(b"secret", len(text) // 2))
        log.write(b"XXXXXX")
    await follower.look()
    assert await held(store) == await afresh(tmp_path, files)


async def test_of_lines_that_came_at_once_the_first_under_its_name_counts(
    tmp_path: Path, files: Files, store: Store, follower: Follower
) -> None:
    """A line with other content than one before it, of the same look or an earlier one, is told and not stored."""
    files.append(EVENTS, event("e1"))
    await follower.look()
    files.append(EVENTS, event("e2") + event("e1", seq=8) + event("e2", seq=9) + event("e2"))
    await follower.look()
    assert follower.progress.refused == 2
    assert await held(store) == await afresh(tmp_path, files)


async def test_a_log_that_only_got_another_time_is_what_it_was(files: Files, store: Store, follower: Follower) -> None:
    """It is compared and nothing is written."""
    files.append(EVENTS, event("e1") + OPEN)
    await follower.look()
    stored = follower.progress.stored
    os.utime(files.folder / EVENTS)
    assert await follower.look()
    assert (follower.progress.stored, len(await held(store))) == (stored, 2)
