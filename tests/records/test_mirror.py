"""The mirror of a store: one transaction over all tenants, in which whoever owns the truth is obeyed."""

from typing import Any

import pytest
from record_samples import LEAST, TENANT, with_value
from shipped_kinds import intake

from sidecar.records.store import Held, Prepared, Store, Tenant, content_digest

pytestmark = pytest.mark.usefixtures("store_name")

ACME, OTHER = Tenant("acme", "main"), Tenant("acme", "main", "blue")


def prepared(kind: str, record: dict[str, Any]) -> Prepared:
    result = intake().accept(kind, record)
    assert isinstance(result, Prepared), result
    return result


def wait(name: str, tenant: Tenant = ACME, at: int = 20, **changed: Any) -> Prepared:
    owner = {**TENANT, **({"deployment_id": tenant.deployment_id} if tenant.deployment_id else {})}
    record = {**LEAST["wait"], "wait_id": name, "updated_at_ms": at, **changed}
    return prepared("wait", with_value(record, "/scope/tenant_context", owner))


async def held(store: Store, kind: str) -> dict[tuple[Tenant, tuple[str, ...]], bytes]:
    async with store.mirror() as mirror:
        return {(one.tenant, one.key): one.content async for one in mirror.held(kind)}


async def test_a_mirror_tells_every_tenants_records_by_their_digests(store: Store) -> None:
    """What a mirror holds names each record of a kind with its tenant, key and content, and nothing of other kinds."""
    waits = [wait("w1"), wait("w1", OTHER), wait("w2")]
    await store.put([*waits, prepared("event", LEAST["event"])])
    async with store.mirror() as mirror:
        found = [one async for one in mirror.held("wait")]
    assert len(found) == len(waits)
    assert set(found) == {Held(one.tenant, one.key, content_digest(one.doc, one.source)) for one in waits}


async def test_the_owner_of_the_truth_may_go_back(store: Store) -> None:
    """A mirror replaces a newer record by an older one, and an append-only one by another; ``put`` does neither."""
    event = prepared("event", LEAST["event"])
    other = prepared("event", {**LEAST["event"], "event_type": "stopped"})
    await store.put([wait("w", at=20), event])
    async with store.mirror() as mirror:
        await mirror.put([wait("w", at=10), other])
    assert set((await held(store, "event")).values()) == {content_digest(other.doc, None)}
    assert set((await held(store, "wait")).values()) == {content_digest(wait("w", at=10).doc, None)}


async def test_a_mirror_removes_of_one_tenant_only(store: Store) -> None:
    """The same key in another tenant stays, and a key under which nothing is stored is no mistake."""
    await store.put([wait("w"), wait("w", OTHER)])
    async with store.mirror() as mirror:
        await mirror.delete("wait", ACME, [wait("w").key, ("r", "nobody")])
    assert set(await held(store, "wait")) == {(OTHER, wait("w").key)}


async def test_a_mirror_that_fails_leaves_everything_as_it_was(store: Store) -> None:
    """What a mirror did before an error is undone with the rest."""
    await store.put([wait("w")])

    async def fail() -> None:
        async with store.mirror() as mirror:
            await mirror.delete("wait", ACME, [wait("w").key])
            await mirror.put([wait("w2")])
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert set(await held(store, "wait")) == {(ACME, wait("w").key)}


async def test_a_run_keeps_its_scope_through_a_mirror(store: Store) -> None:
    """A run that comes without its definition keeps the scope that is stored, whoever writes it."""
    scope = {"owning_org_unit_id": "finance"}
    run = {**LEAST["automation_run"], "automation_snapshot": {"metadata": {"enterprise_scope": scope}}}
    await store.put([prepared("automation_run", run)])
    async with store.mirror() as mirror:
        await mirror.put([prepared("automation_run", {**LEAST["automation_run"], "status": "completed"})])
    async with store.snapshot(ACME) as snap:
        labels = dict(await snap.labels("automation_run", 0))
        shared = {body: await snap.sharing(number) for number, body in labels.items()}
    assert [body for body, records in shared.items() if records] == [prepared("automation_run", run).label], (
        "the finished run has the label of the unit's run"
    )
