"""Reading from a replica: only while it is fresh enough, and never at the price of an answer."""

import asyncio
import time
from typing import Any, cast
from uuid import UUID

import asyncpg
from postgres_server import Server
from record_samples import LEAST, accepted
from shipped_kinds import intake, kinds
from store_notes import NOTE, A, note, refuse

from sidecar.records.follow.entries import Name
from sidecar.records.follow.narrowing import narrowed
from sidecar.records.kind import Kinds
from sidecar.records.postgres import PostgresStore
from sidecar.records.postgres.history import Histories
from sidecar.records.postgres.replica import ALONE_S, LOOK_S, Replica
from sidecar.records.store import Snapshot, Tenant

STALENESS_MS = 1_000
PATIENCE_S = 20.0
PAUSE, RESUME = "SELECT pg_wal_replay_pause()", "SELECT pg_wal_replay_resume()"


async def opened(
    pair: tuple[Server, Server], staleness_ms: int = STALENESS_MS, read_connections: int = 16
) -> PostgresStore:
    return await PostgresStore.open(
        pair[0].url(),
        Kinds({"note": NOTE}),
        refuse,
        read_url=pair[1].url(),
        read_staleness_ms=staleness_ms,
        read_connections=read_connections,
    )


async def told(store: PostgresStore, unit: str) -> tuple[bool, int]:
    """Whether the replica answers, and how many notes of a unit the answer knows."""
    async with store.snapshot(A) as snap:
        [label] = [number for number, body in await snap.labels("note", 0) if body == b'{"unit":"%s"}' % unit.encode()]
        return await on_replica(snap), await snap.sharing(label)


async def on_replica(snap: Snapshot) -> bool:
    """Whether a snapshot is the replica's."""
    return bool((await snap._at.fetch(("SELECT pg_is_in_recovery()", [])))[0][0])  # type: ignore[attr-defined]


async def eventually_on_replica(store: PostgresStore, wanted: bool) -> bool:
    """Whether snapshots come to be the replica's, or the primary's, within some time."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with store.snapshot(A) as snap:
                if await on_replica(snap) == wanted:
                    return True
            await asyncio.sleep(0.05)


async def tell(replica: Server, statement: str) -> None:
    connection = await asyncpg.connect(replica.url())
    await connection.execute(statement)
    await connection.close()


async def test_a_replica_answers_while_it_keeps_up_and_not_when_it_stands_still(pair: tuple[Server, Server]) -> None:
    """What stands still is left for the primary once it may lack what was acknowledged, and taken again when it caught up."""
    store = await opened(pair)
    await store.put([note(A, "n1", 1, "u")])
    assert await eventually_on_replica(store, wanted=True)
    await tell(pair[1], PAUSE)
    try:
        await store.put([note(A, "n2", 2, "u")])
        assert await eventually_on_replica(store, wanted=False)
        async with store.snapshot(A) as snap:
            labels = [number for number, _ in await snap.labels("note", 0)]
            assert [await snap.sharing(number) for number in labels] == [2], "the primary has both"
    finally:
        await tell(pair[1], RESUME)
    assert await eventually_on_replica(store, wanted=True)
    await store.close()


async def test_no_answer_lacks_what_was_acknowledged_longer_ago_than_is_allowed(pair: tuple[Server, Server]) -> None:
    """However a replica stops and goes, a snapshot begun a staleness after an acknowledged write shows it."""
    store = await opened(pair, 300)
    stop_and_go = asyncio.create_task(_stop_and_go(pair[1]))
    try:
        for number in range(10):
            await store.put([note(A, f"s{number}", number, "s")])
            await asyncio.sleep(0.31)
            assert (await told(store, "s"))[1] == number + 1
    finally:
        stop_and_go.cancel()
        await asyncio.wait([stop_and_go])
        await tell(pair[1], RESUME)
        await store.close()


async def test_who_waited_for_a_connection_gets_what_is_fresh_then(pair: tuple[Server, Server]) -> None:
    """What was acknowledged longer ago than is allowed is there when an answer begins, however long it waited to begin."""
    store = await opened(pair, 200, read_connections=1)
    await store.put([note(A, "w1", 1, "w")])
    assert await eventually_on_replica(store, wanted=True)
    try:
        async with store.snapshot(A) as busy:
            assert await on_replica(busy)
            await tell(pair[1], PAUSE)
            waiting = asyncio.create_task(told(store, "w"))
            await asyncio.sleep(0.02)
            await store.put([note(A, "w2", 2, "w")])
            await asyncio.sleep(0.3)
        assert await waiting == (False, 2)
    finally:
        await tell(pair[1], RESUME)
        await store.close()


async def _stop_and_go(replica: Server) -> None:
    while True:
        await tell(replica, PAUSE)
        await asyncio.sleep(0.7)
        await tell(replica, RESUME)
        await asyncio.sleep(0.4)


async def test_a_beat_that_fails_is_followed_by_others() -> None:
    """Whatever goes wrong with one beat, the next is sent: without any, the replica would never be read again."""
    again = asyncio.Event()

    class Primary:
        sent = 0

        async def fetchrow(self, _: str) -> tuple[UUID, int]:
            self.sent += 1
            if self.sent == 1:
                raise RuntimeError("nobody foresaw this")
            again.set()
            return UUID(int=1), self.sent

    primary = Primary()
    replica = Replica(cast("Any", None), UUID(int=0), Histories("''"), 0.1)
    replica.start(cast("Any", primary))
    async with asyncio.timeout(10):
        await again.wait()
    assert replica._beating is not None
    replica._beating.cancel()


async def test_what_narrows_is_looked_for_where_it_was_stored(pair: tuple[Server, Server]) -> None:
    """A deny that the replica does not know yet is not taken for one that is gone."""
    record = {**LEAST["org_unit_access_grant"], "effect": "deny"}
    name = Name("org_unit_access_grant", Tenant("acme", "main"), ("g",))
    store = await PostgresStore.open(
        pair[0].url(), kinds(), intake().accept, read_url=pair[1].url(), read_staleness_ms=60_000
    )
    assert await eventually_on_replica(store, wanted=True)
    await tell(pair[1], PAUSE)
    try:
        await store.put([accepted(name.kind, record)])
        async with store.snapshot(name.tenant) as snap:
            assert await on_replica(snap)
            assert await snap.authority(name.kind) == []
        assert (await narrowed(store, intake(), [name]))[name] is not None
    finally:
        await tell(pair[1], RESUME)
        await store.close()


async def test_a_replica_that_is_gone_costs_no_answer(pair: tuple[Server, Server]) -> None:
    """When the replica is killed the primary answers, and when it is back it answers again."""
    store = await opened(pair)
    assert await eventually_on_replica(store, wanted=True)
    pair[1].kill()
    for _ in range(10):
        async with store.snapshot(A) as snap:
            assert not await on_replica(snap)
    pair[1].start()
    assert await eventually_on_replica(store, wanted=True)
    await store.close()


async def timed(store: PostgresStore) -> float:
    """How long the primary took to answer."""
    began = time.monotonic()
    async with store.snapshot(A) as snap:
        assert not await on_replica(snap)
    return time.monotonic() - began


async def test_a_replica_that_hangs_costs_one_request_in_a_while_a_moment(pair: tuple[Server, Server]) -> None:
    """Who finds out waits a moment for it; all others have the primary's answer at once, until it answers again."""
    store = await opened(pair)
    assert await eventually_on_replica(store, wanted=True)
    with pair[1].standing_still():
        assert LOOK_S < await timed(store) < 3 * LOOK_S
        assert max(await asyncio.gather(*(timed(store) for _ in range(20)))) < LOOK_S
        await asyncio.sleep(ALONE_S)
        waited = await asyncio.gather(*(timed(store) for _ in range(20)))
        assert len([seconds for seconds in waited if seconds > LOOK_S]) == 1
    assert await eventually_on_replica(store, wanted=True)
    await store.close()


async def test_who_is_told_to_stop_leaves_nothing_at_a_replica_that_hangs(pair: tuple[Server, Server]) -> None:
    """Whoever waits for it ends at once, and its connections are there for others when it answers again."""
    store = await opened(pair, read_connections=1)
    assert await eventually_on_replica(store, wanted=True)
    with pair[1].standing_still():
        asking = [asyncio.create_task(timed(store)) for _ in range(3)]
        await asyncio.sleep(LOOK_S / 4)
        began = time.monotonic()
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        assert time.monotonic() - began < LOOK_S / 2
    assert all(task.cancelled() for task in asking)
    assert await eventually_on_replica(store, wanted=True)
    mine = {asyncio.current_task()}
    await store.close()
    assert asyncio.all_tasks() == mine


async def test_a_store_is_closed_although_its_replica_hangs(pair: tuple[Server, Server]) -> None:
    """Who is told to stop waits for no connection that is being made there, and leaves nothing behind."""
    with pair[1].standing_still():
        store = await opened(pair)
        assert store._replica is not None
        await store._replica.beat(store._writes)
        assert await timed(store) > LOOK_S
        async with asyncio.timeout(2 * LOOK_S):
            await store.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_replica_that_is_only_busy_is_not_left_alone(pair: tuple[Server, Server]) -> None:
    """Who gets none of its connections in time has the primary's answer, and the next has the replica's."""
    store = await opened(pair, read_connections=1)
    assert await eventually_on_replica(store, wanted=True)

    async def slow() -> bool:
        async with store.snapshot(A) as snap:
            await asyncio.sleep(LOOK_S / 4)
            return await on_replica(snap)

    replicas = await asyncio.gather(*(slow() for _ in range(8)))
    assert set(replicas) == {True, False}
    async with store.snapshot(A) as snap:
        assert await on_replica(snap)
    await store.close()
