"""Counting what callers see, and what other policies would change, where the store is a network away."""

from pathlib import Path
from typing import Any

import pytest
from policy_files import ACME, bundle_of, new_store, note, policy

from sidecar.identity.caller import Caller
from sidecar.policy.bundle import Bundle
from sidecar.policy.diff import Diff
from sidecar.policy.share import seen
from sidecar.records.store import Snapshot

NOW_MS = 5
ADA = {"ada": Caller(ACME, actor_id="ada")}

pytestmark = pytest.mark.usefixtures("on_postgres")


async def counted(_: Bundle, new: Bundle, snap: Snapshot) -> int:
    """How many records Ada sees."""
    return (await seen(new, snap, ADA, NOW_MS))["ada", "note"]


async def compared(old: Bundle, new: Bundle, snap: Snapshot) -> int:
    """How many records Ada sees for the first time."""
    diff = Diff(old, new, NOW_MS)
    await diff.tenant(snap, ADA)
    return sum(tally.records for tally in diff.tallies.values())


@pytest.mark.parametrize("asking", [counted, compared])
async def test_the_store_is_asked_as_often_however_many_labels_there_are(asking: Any, tmp_path: Path) -> None:
    """Records of labels that decide by themselves are counted together: no statement is said of each label."""
    bundles = [bundle_of(tmp_path / one, p=policy("p", f"{one} all: true")) for one in ("deny", "allow")]
    statements = dict.fromkeys((2, 40), 0)
    for rooms in statements:
        store = await new_store(tmp_path / f"{rooms}.db")
        await store.put([note(f"n{number}", place={"room": f"r{number}"}) for number in range(rooms)])
        said: list[str] = []
        async with store.snapshot(ACME) as snap:
            snap._at.connection.add_query_logger(lambda asked, to=said: to.append(asked.query))  # type: ignore[attr-defined]
            assert await asking(*bundles, snap) == rooms
        await store.close()
        statements[rooms] = len(said)
    assert statements[2] == statements[40]
