"""Following does not end without a word, whatever fails: most failures it outlives, and of any other it tells."""

import asyncio
import errno
import fcntl

import pytest
from followed import Files, held
from record_samples import LEAST

from sidecar.http.following import following
from sidecar.records.follow.follower import Follower
from sidecar.records.store import Store


async def test_following_goes_on_after_the_system_had_no_lock_to_give(
    files: Files,
    store: Store,
    follower: Follower,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A lock that cannot be had for another reason than that it is held is told and asked for again."""
    files.json("data/runtime/stateful_waits.json", [LEAST["wait"]])
    lock, failures = fcntl.flock, iter(range(3))

    def lacking(file: int, how: int) -> None:
        if next(failures, None) is not None:
            raise OSError(errno.ENOLCK, "No locks available")
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", lacking)
    async with following(follower), asyncio.timeout(20):
        await follower.progress.caught_up.wait()
    assert len(await held(store)) == 1
    assert sum("No locks available" in message for message in caplog.messages) == 1


async def test_who_follows_no_more_says_so(
    follower: Follower, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Should following end by an error that nobody thought of, the log tells of it and of the error."""

    async def broken(_: Follower) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Follower, "run", broken)
    async with following(follower):
        await asyncio.sleep(0.05)
    assert "followed no more" in caplog.text
    assert "ZeroDivisionError" in caplog.text
