"""Saying nothing of units makes nobody an operator because memberships of a runtime could not be read or are not valid."""

import asyncio
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from followed import Files, follower_of, loaded_afresh, opened, silence_rules
from record_samples import LEAST, TENANT

from sidecar.errors import FindingsError
from sidecar.records.follow.follower import Follower
from sidecar.records.follow.reading import PATIENCE
from sidecar.records.runtime_files import find_runtime_files
from sidecar.records.store import Store

pytestmark = pytest.mark.usefixtures("store_name")

UNITS = "data/enterprise/org_units.json"
GRANTS = "data/enterprise/org_unit_access_grants.json"
MEMBERSHIPS = "data/enterprise/org_unit_memberships.json"
MEMBERSHIP = LEAST["org_unit_membership"]
NAMELESS = [None, "m", {**MEMBERSHIP, "tenant_context": "acme"}, {**MEMBERSHIP, "tenant_context": {"org_id": "acme"}}]
NAMELESS += [{**MEMBERSHIP, "tenant_context": {**TENANT, name: " "}} for name in ("org_id", "deployment_id")]


@pytest.fixture
def files(files: Files) -> Files:
    """The folder of a runtime that has a unit."""
    files.json(UNITS, {"u": LEAST["org_unit"]})
    return files


def invalid(tenant: Any = TENANT) -> str:
    """Memberships the only one of which does not validate, though it says whose it is."""
    return json.dumps({"m": {**MEMBERSHIP, "state": "?", "tenant_context": tenant}})


async def test_without_memberships_silence_rules(files: Files, store: Store, follower: Follower) -> None:
    """A runtime that has none, in a file or without one, leaves it as it is anywhere."""
    assert await follower.look()
    files.json(MEMBERSHIPS, {})
    assert await follower.look()
    assert await silence_rules(store)


@pytest.mark.parametrize("place", [MEMBERSHIPS, GRANTS, UNITS])
async def test_a_catalogue_that_was_never_read_is_not_caught_up_with(
    files: Files, follower: Follower, place: str
) -> None:
    """However long a torn file of the catalogue stays, nothing is shown; once it is whole it is."""
    path = files.text(place, "{")
    for _ in range(PATIENCE + 3):
        assert not await follower.turn()
    assert not follower.progress.caught_up.is_set()
    files.json(str(path.relative_to(files.folder)), {})
    assert await follower.turn()
    assert follower.progress.caught_up.is_set()


async def test_a_named_file_that_is_not_there_is_no_empty_one(files: Files, store: Store) -> None:
    """Who names the file of memberships says that there is one: until it comes nothing is shown, as a load stores nothing."""
    find = partial(find_runtime_files, files.folder, {"org_unit_memberships": "named.json"})
    follower = replace(follower_of(store, files.folder), find=find)
    for _ in range(PATIENCE + 1):
        assert not await follower.turn()
    files.json("data/named.json", {"m": MEMBERSHIP})
    assert await follower.turn()
    (files.folder / UNITS).unlink()
    (files.folder / "data/named.json").unlink()
    with pytest.raises(FileNotFoundError):
        await follower.look()
    assert not await silence_rules(store)


async def test_after_a_restart_too(files: Files, store: Store, follower: Follower) -> None:
    """What was read by a process before is not known to have been all."""
    files.json(MEMBERSHIPS, {})
    assert await follower.turn()
    files.text(MEMBERSHIPS, "{")
    again = follower_of(store, files.folder)
    for _ in range(PATIENCE + 3):
        await again.turn()
    assert not again.progress.caught_up.is_set()


async def test_a_refused_membership_ends_silence(files: Files, store: Store, follower: Follower) -> None:
    """Its tenant has memberships, on a fresh store and beside one that was followed; that of others is as it was."""
    assert await follower.look()
    assert await silence_rules(store)
    files.text(MEMBERSHIPS, invalid())
    assert await follower.look()
    assert not await silence_rules(store)
    assert await silence_rules(store, workspace="elsewhere")
    files.text(MEMBERSHIPS, invalid({**TENANT, "workspace_id": "elsewhere"}))
    assert await follower_of(store, files.folder).look()
    assert not await silence_rules(store, workspace="elsewhere")


@pytest.mark.parametrize("record", NAMELESS)
async def test_a_membership_of_nobody_leaves_its_file_unread(
    tmp_path: Path, files: Files, follower: Follower, record: Any
) -> None:
    """Nobody can tell whose silence it ends: a follower does not catch up, and a load stores nothing."""
    files.json(MEMBERSHIPS, {"m": MEMBERSHIP, "n": record})
    for _ in range(PATIENCE + 1):
        assert not await follower.look()
    with pytest.raises(FindingsError, match="names no tenant"):
        await loaded_afresh(tmp_path / "fresh.db", files.folder)


@pytest.mark.parametrize("memberships", [None, invalid()])
async def test_a_load_that_keeps_going_opens_nothing_either(
    tmp_path: Path, files: Files, memberships: str | None
) -> None:
    """Loading the files without a refused membership makes nobody an operator in its tenant."""
    if memberships is not None:
        await asyncio.to_thread(files.text, MEMBERSHIPS, memberships)
    await loaded_afresh(tmp_path / "fresh.db", files.folder)
    async with opened(tmp_path / "fresh.db") as store:
        assert await silence_rules(store) == (memberships is None)
