"""What a worker does with its orders, and what the supervisor learns from the line."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from test_rollout import Files

from sidecar.http.orders import Line, Message, Obedience, line


@asynccontextmanager
async def obeying(files: Files, beat_s: float = 60.0) -> AsyncIterator[tuple[Line, "asyncio.Task[None]"]]:
    """A worker that obeys, and the supervisor's end of its line."""
    ours, theirs = socket.socketpair()
    task = asyncio.create_task(Obedience(theirs, files, beat_s).run())
    end = Line(ours)
    yield end, task
    end.close()
    async with asyncio.timeout(10):
        await task


async def heard(end: Line) -> Message:
    """The next message."""
    async with asyncio.timeout(10):
        while True:
            for message in end.hear():
                if message != {"alive": True}:
                    return message
            await asyncio.sleep(0.01)


def revision(files: Files) -> str:
    assert files.current is not None
    return files.current.revision


async def test_a_worker_prepares_and_goes_on_when_told() -> None:
    """Prepared policies are in force with the order and not before; the answer to the next order comes afterwards."""
    files = Files()
    async with obeying(files) as (end, _):
        files.become("r2")
        assert end.tell({"prepare": "r2"})
        assert await heard(end) == {"prepared": "r2", "found": "r2", "trouble": None}
        assert revision(files) == "r1"
        end.tell({"enforce": "r2"})
        end.tell({"prepare": "r2"})
        await heard(end)
        assert revision(files) == "r2"


async def test_a_worker_enforces_nothing_but_what_it_is_told() -> None:
    """Policies that it found in place of those wanted never come in force, and those of an older order neither."""
    files = Files()
    async with obeying(files) as (end, _):
        files.become("r3")
        end.tell({"prepare": "r2"})
        assert await heard(end) == {"prepared": "r2", "found": "r3", "trouble": None}
        end.tell({"enforce": "r2"})
        files.become(None)
        end.tell({"prepare": "r3"})
        assert await heard(end) == {"prepared": "r3", "found": None, "trouble": "wrong"}
        end.tell({"enforce": "r3"})
        end.tell({"keep": "they are wrong"})
        end.tell({"prepare": "r1"})
        await heard(end)
        assert (revision(files), files.trouble) == ("r1", "they are wrong")


async def test_a_worker_notices_that_nobody_gives_orders_any_more() -> None:
    """When the supervisor's end is closed, however that came, obeying ends without an error."""
    async with obeying(Files()) as (end, task):
        end.close()
        async with asyncio.timeout(10):
            await task


async def test_a_worker_gives_signs_of_life_while_its_loop_turns() -> None:
    """Each beat brings one, whatever is ordered or not; while the loop is held up none comes."""
    async with obeying(Files(), beat_s=0.01) as (end, _):
        signs: list[Message] = []
        async with asyncio.timeout(10):
            while len(signs) < 3:
                signs += end.hear()
                await asyncio.sleep(0.01)
        assert signs[:3] == [{"alive": True}] * 3
        [*end.hear()]
        time.sleep(0.1)  # noqa: ASYNC251 - what a loop that hangs does
        assert [*end.hear()] == []


def test_messages_are_heard_whole_and_the_end_is_told() -> None:
    """A message that comes in pieces is one message; after the last the line is closed."""
    ours, theirs = socket.socketpair()
    end = Line(ours)
    data = line({"prepared": "r1", "found": None}) + line({"ready": True})
    theirs.send(data[:5])
    assert ([*end.hear()], end.open) == ([], True)
    theirs.send(data[5:])
    assert ([*end.hear()], end.open) == ([{"prepared": "r1", "found": None}, {"ready": True}], True)
    theirs.close()
    assert ([*end.hear()], end.open) == ([], False)
    end.close()


def test_a_worker_that_reads_nothing_is_noticed() -> None:
    """Telling never waits: once there is no room for an order it is said to be lost."""
    ours, theirs = socket.socketpair()
    end = Line(ours)
    assert end.tell({"enforce": "r1"})
    for _ in range(100_000):
        if not end.tell({"keep": "x" * 1_000}):
            break
    else:
        raise AssertionError("every order found room")
    end.close()
    theirs.close()
