"""A tenant is erased, or its catalogue changed, beside a follower: what was known of the store holds no more."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from followed import Files, event, follower_of, held, loaded_afresh, opened
from record_samples import LEAST, TENANT

from sidecar.errors import Reject
from sidecar.records.follow.follower import Follower
from sidecar.records.follow.reading import PATIENCE
from sidecar.records.store import Mirror, Prepared, Store, Tenant

pytestmark = pytest.mark.usefixtures("store_name")

ACME, OTHER = Tenant("acme", "main"), Tenant("acme", "elsewhere")
WAITS = "data/runtime/stateful_waits.json"
UNITS = "data/enterprise/org_units.json"
GRANTS = "data/enterprise/org_unit_access_grants.json"
EVENTS = "data/runtime/stateful_events.jsonl"


def wait(name: str, workspace: str = "main") -> dict[str, Any]:
    return {**LEAST["wait"], "wait_id": name, "scope": {"tenant_context": {**TENANT, "workspace_id": workspace}}}


def grant(name: str, effect: str, workspace: str = "main", **changed: Any) -> dict[str, Any]:
    owned = {"tenant_context": {**TENANT, "workspace_id": workspace}}
    return {**LEAST["org_unit_access_grant"], **owned, "grant_id": name, "effect": effect, **changed}


def grants(*records: dict[str, Any]) -> dict[str, Any]:
    return {record["grant_id"]: record for record in records}


def prepared(follower: Follower, kind: str, record: object) -> Prepared:
    result: Prepared | list[Reject] = follower.intake.accept(kind, record)
    assert isinstance(result, Prepared), result
    return result


async def names(store: Store) -> set[tuple[str, str]]:
    return {(tenant.workspace_id, key[-1]) for _, tenant, key in await held(store)}


async def erased(path: Path, tenant: Tenant = ACME) -> None:
    """What ``sidecar erase`` does, with a connection of its own."""
    async with opened(path) as store:
        assert await store.erase(tenant)


@dataclass
class Meanwhile:
    """A store to which something happens before each change of what is followed begins."""

    store: Store
    act: Callable[[], Awaitable[None]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    @asynccontextmanager
    async def mirror(self) -> AsyncIterator[Mirror]:
        await self.act()
        async with self.store.mirror() as mirror:
            yield mirror


@pytest.fixture
def files(files: Files) -> Files:
    """A runtime with a unit that is disabled, what opens and what denies, a wait, and a log."""
    files.json(UNITS, {"u": {**LEAST["org_unit"], "unit_id": "u", "state": "disabled"}})
    files.json(GRANTS, grants(grant("allow", "allow"), grant("deny", "deny")))
    files.json(WAITS, [wait("w")])
    files.append(EVENTS, event("e1"))
    return files


def nothing(_: Files) -> None:
    """The runtime rests."""


def one_grant(files: Files) -> None:
    """The runtime writes a grant that opens, and leaves the one that denies as it was."""
    files.json(GRANTS, grants(grant("allow", "allow", updated_at_ms=9), grant("deny", "deny")))


def one_line(files: Files) -> None:
    """The runtime appends to a log."""
    files.append(EVENTS, event("e2"))


@pytest.mark.parametrize("change", [nothing, one_grant, one_line])
async def test_an_erased_tenant_comes_back_whole(
    tmp_path: Path, files: Files, store: Store, follower: Follower, change: Callable[[Files], None]
) -> None:
    """Whatever changes in the files after an erasure, the next look stores all that they hold, and not that alone."""
    assert await follower.look()
    await erased(tmp_path / "s.db")
    assert await held(store) == {}
    change(files)
    assert await follower.look()
    assert await held(store) == await loaded_afresh(tmp_path / "fresh.db", files.folder)


@pytest.mark.parametrize("change", [one_grant, one_line])
async def test_an_erasure_between_look_and_change_leaves_no_half_of_a_tenant(
    tmp_path: Path, files: Files, store: Store, follower: Follower, change: Callable[[Files], None]
) -> None:
    """What a look was about to add comes to nothing when the rest was erased meanwhile; the look after it adds all."""
    assert await follower.turn()
    assert follower._keeper is not None
    follower._keeper.store = Meanwhile(store, lambda: erased(tmp_path / "s.db"))  # type: ignore[assignment]
    change(files)
    assert not await follower.turn()
    assert await held(store) == {}
    assert await follower.turn()
    assert await held(store) == await loaded_afresh(tmp_path / "fresh.db", files.folder)


async def test_a_tenant_waits_until_what_denies_can_be_read(
    tmp_path: Path, files: Files, store: Store, follower: Follower
) -> None:
    """While a file of the catalogue is wrong nothing of an erased tenant comes; what others lose goes all the same."""
    files.json(WAITS, [wait("w"), wait("v", "elsewhere")])
    files.json(GRANTS, grants(grant("allow", "allow"), grant("other", "allow", "elsewhere")))
    assert await follower.look()
    await erased(tmp_path / "s.db")
    files.text(UNITS, "{")
    assert not await follower.look()
    files.json(GRANTS, grants(grant("allow", "allow")))
    for _ in range(PATIENCE + 1):
        assert not await follower.look()
    assert await names(store) == {("elsewhere", "v")}
    files.json(UNITS, {"u": {**LEAST["org_unit"], "unit_id": "u", "state": "disabled"}})
    assert await follower.look()
    assert await held(store) == await loaded_afresh(tmp_path / "fresh.db", files.folder)


async def test_a_tenant_that_is_new_waits_too(files: Files, store: Store) -> None:
    """Whoever begins to follow an empty store beside a wrong file of the catalogue stores nothing that it might deny."""
    files.text(GRANTS, "{")
    follower = follower_of(store, files.folder)
    assert not await follower.look()
    assert await held(store) == {}
    files.json(GRANTS, {})
    assert await follower.look()
    assert await names(store) == {("main", "w"), ("main", "u"), ("main", "e1")}


async def test_a_catalogue_that_was_changed_past_the_files_is_put_right(
    files: Files, store: Store, follower: Follower
) -> None:
    """A deny that somebody else removed, and an allow that somebody else added, are noticed by the next look."""
    assert await follower.look()
    before = await held(store)
    async with store.change(ACME) as change:
        assert await change.delete("org_unit_access_grant", ("deny",))
    await store.put([prepared(follower, "org_unit_access_grant", grant("more", "allow"))])
    assert await follower.look()
    assert await held(store) == before


async def test_the_version_of_a_store_tells_of_catalogues_and_erasures(
    files: Files, store: Store, follower: Follower
) -> None:
    """It grows with every change of any tenant's catalogue and with every erasure, and with nothing else."""
    seen = [await store.catalogue_version()]
    for kind, record, grown in (
        ("org_unit_access_grant", grant("g", "deny"), True),
        ("wait", wait("w"), False),
        ("wait", wait("w", "elsewhere"), False),
        ("org_unit_access_grant", grant("g", "deny", "elsewhere"), True),
    ):
        await store.put([prepared(follower, kind, record)])
        seen.append(await store.catalogue_version())
        assert (seen[-1] > seen[-2]) is grown
    await store.erase(OTHER)
    async with store.mirror() as mirror:
        seen.append(await mirror.catalogue_version())
    assert seen[-1] == await store.catalogue_version() > seen[-2]
