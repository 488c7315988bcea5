"""Explaining: every rule's answer with what it read, and the same verdict as judging, over random policies."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
import stores
from hypothesis import given, settings
from policy_files import ACME, bundle_of, new_store, note, policy, seen
from random_policies import CALLERS, NOTES, POLICIES, texts_of

from sidecar.identity.caller import Caller
from sidecar.policy.bundle import Bundle
from sidecar.policy.explain import Answer, Explainer
from sidecar.policy.judge import Judge
from sidecar.policy.standing import without
from sidecar.records.canonical import policy_view
from sidecar.records.store import Prepared, Tenant

ADA = Caller(ACME, actor_id="ada", org_units=("finance",))


def explained(bundle: Bundle, caller: Caller, prepared: Prepared, now_ms: int = 0) -> Answer:
    """The answer for one record."""
    policies = bundle.kinds[prepared.kind]
    view = policy_view(policies.kind, orjson.loads(prepared.doc))
    return Explainer(policies, caller).answer(view, prepared.tenant, now_ms)


def test_every_rule_is_answered_with_what_it_read(tmp_path: Path) -> None:
    """Each rule tells true, false or its error, and the values it read; what is absent was not read."""
    text = policy(
        *("p", "allow own: record.unit in caller.org_units", "allow author: record.author == caller.actor_id"),
        "deny late: now_ms > 5",
    )
    answer = explained(bundle_of(tmp_path, p=text), ADA, note("n", unit=" Finance"), now_ms=3)
    own, author, late = answer.rules
    assert (own.value, own.read) == (True, {"record.unit": "finance", "caller.org_units": ["finance"]})
    assert (author.value, author.error, author.read) == (None, "'record.author' is missing", {"caller.actor_id": "ada"})
    assert (late.value, late.read) == (False, {"now_ms": 3})
    assert (answer.visible, answer.same_tenant, answer.covered) == (True, True, True)


@pytest.mark.parametrize("wrong", ["tenant", "cover", "policy"])
def test_invisible_for_each_reason(tmp_path: Path, wrong: str) -> None:
    """Another tenant, a kind without a policy and a policy that does not admit: each hides on its own."""
    text = policy("p", f"allow x: {str(wrong != 'policy').lower()}")
    name = "tenant" if wrong == "cover" else "p"
    tenant = Tenant("umbrella", "main") if wrong == "tenant" else ACME
    bundle = bundle_of(tmp_path, p=text.replace("policy: p", f"policy: {name}"))
    answer = explained(bundle, Caller(tenant), note("n"))
    reasons = (not answer.same_tenant, not answer.covered, not all(policy.admits for policy in answer.policies))
    assert not answer.visible
    assert reasons == (wrong == "tenant", wrong == "cover", wrong == "policy")


# --- one verdict ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("store_name")
@settings(max_examples=120, deadline=None)
@given(POLICIES, NOTES, CALLERS)
def test_judging_and_explaining_agree(policies: list[Any], notes: list[dict[str, Any]], caller: Caller) -> None:
    """What pages show is what explain calls visible, masked as it says, from labels or record by record alike."""
    with TemporaryDirectory() as folder:
        bundle = bundle_of(Path(folder) / "p", **texts_of(policies))
        records = [note(f"n{number}", **fields) for number, fields in enumerate(notes)]
        shown = [
            asyncio.run(pages(Path(folder) / f"{verify}.db", bundle, caller, records, verify=verify))
            for verify in (False, True)
        ]
    wanted = {one.key[0]: answered(bundle, caller, one) for one in records}
    assert shown == [{name: record for name, record in wanted.items() if record is not None}] * 2


async def pages(path: Path, bundle: Bundle, caller: Caller, records: list[Prepared], *, verify: bool) -> dict[str, Any]:
    """What a caller is shown of the stored records, by name."""
    store = await new_store(path)
    await store.put(records)
    async with store.snapshot(ACME) as snap:
        shown, _ = await seen(Judge(verify=verify), bundle, caller, snap, now_ms=5)
    await store.close()
    stores.give_back(path)
    return {record["note_id"]: record for record in shown}


def answered(bundle: Bundle, caller: Caller, prepared: Prepared) -> Any:
    """What explain says is shown of a record; None for nothing."""
    answer = explained(bundle, caller, prepared, now_ms=5)
    if not answer.visible:
        return None
    masks = [mask for one in answer.policies for mask in one.policy.masks if mask.dotted in answer.redacted]
    return without(orjson.loads(prepared.doc), masks)
