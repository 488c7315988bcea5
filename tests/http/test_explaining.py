"""``POST /admin/v1/explain``: the whole answer, for whoever may write everything and for nobody else."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest
import serving
import stores
from answer import Answer
from offered import TENANT, membership, scope, unit, wait
from serving import NOW_MS, Served
from shipped_kinds import intake, kinds

from sidecar.config import Writer
from sidecar.identity.caller import Identity
from sidecar.identity.callers import Callers
from sidecar.policy.bundle import build
from sidecar.policy.current import Bundles
from sidecar.policy.explanation import Question, explained
from sidecar.records.store import Prepared, Tenant
from sidecar.shipped import shipped

pytestmark = pytest.mark.usefixtures("store_name")

EXPLAIN = "/admin/v1/explain"
ANN = {"tenant": TENANT, "actor_id": "ann"}
FINANCE = {**scope(), "owning_org_unit_id": "finance"}
JSON = {"Content-Type": "application/json"}


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


async def asked(sidecar: Served, body: Any, **headers: str) -> Answer:
    """One question."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return await sidecar.admin("POST", EXPLAIN, data, headers={**JSON, **headers})


async def test_the_whole_answer(served: Served) -> None:
    """Verdict, caller, label, every rule with its parts, the next change and the revision, at the clock's instant."""
    ends = NOW_MS + 1_000
    await served.take(
        ("org_unit", unit()),
        ("org_unit_membership", membership(expires_at_ms=ends)),
        ("wait", wait(scope=FINANCE)),
        ("wait", wait("v", scope=FINANCE)),
    )
    answer = await asked(served, {"kind": "wait", "id": "r/w", "as": ANN})
    assert answer.status == 200
    told = answer.body
    assert (told["visible"], told["at_ms"], told["key"]) == (True, NOW_MS, ["r", "w"])
    assert told["caller"]["org_units"] == ["finance", "organization_unit/finance"]
    assert told["label"]["records"] == 2
    assert told["next_change"] == {
        "at_ms": ends,
        "visible": False,
        "masked": [],
        "ended": [{"kind": "org_unit_membership", "id": "m"}],
    }
    assert (told["reads_clock"], told["looked_to_ms"]) == (False, None)
    assert told["revision"] == answer.headers["X-Sidecar-Policy"]
    [own] = [rule for policy in told["policies"] for rule in policy["rules"] if rule["rule"] == "own-unit"]
    tree = own["expression"]
    assert (tree["form"], tree["value"], tree["error"]) == ("&&", True, None)
    present, inside = tree["parts"]
    assert (present["text"], present["value"], present["parts"]) == ("has(record.scope.owning_org_unit_id)", True, [])
    assert [(part["text"], part["value"]) for part in inside["parts"]] == [
        ("record.scope.owning_org_unit_id", "finance"),
        ("caller.org_units", ["finance", "organization_unit/finance"]),
    ]
    later = (await asked(served, {"kind": "wait", "key": ["r", "w"], "as": ANN, "at_ms": ends})).body
    assert (later["visible"], later["next_change"]) == (False, None)


async def test_hidden_and_absent_are_told_apart(served: Served) -> None:
    """A hidden record is explained, also behind the wall; one that is not there is 404."""
    await served.take(("wait", wait(scope=FINANCE)))
    other = {"tenant": {**TENANT, "org_id": "other"}, "roles": ["workspace_operator"]}
    eve = {**ANN, "org_units": []}
    assert (await asked(served, {"kind": "wait", "id": "r/w", "as": eve})).body["visible"] is False
    foreign = (await asked(served, {"kind": "wait", "id": "r/w", "as": other, "tenant": TENANT})).body
    assert (foreign["visible"], foreign["same_tenant"], foreign["covered"]) == (False, False, True)
    for question in (
        {"kind": "wait", "id": "r/x", "as": eve},
        {"kind": "wait", "id": "r/w", "as": other},
    ):
        answer = await asked(served, question)
        assert (answer.status, answer.body["error"]) == (404, "record_not_found")


async def test_a_caller_of_another_tenant_needs_one_connection(store_name: str, tmp_path: Path) -> None:
    """Why a caller of another tenant sees nothing is told by a store that has one connection to read with."""
    callers = Callers()
    bundle = build([shipped("policies")], kinds())
    async with stores.opened(tmp_path / "one.db", kinds(), intake().accept, read_connections=1) as store:
        prepared = intake().accept("wait", wait())
        assert isinstance(prepared, Prepared)
        await store.put([prepared])
        other = Identity(Tenant("other", "main"), "ann")
        question = Question(bundle.kinds["wait"], ("r", "w"), Tenant("acme", "main"), other, NOW_MS)
        told = await asyncio.wait_for(explained(store, callers, question), 5)
        assert told is not None
        assert not told.answer.same_tenant


async def test_only_a_token_that_opens_everything(tmp_path: Path) -> None:
    """A token that is bound to kinds or tenants may not ask, whatever it asks of; no token is 401."""
    tenants = frozenset([("acme", "main", "")])
    writers = (
        Writer(digest("all")),
        Writer(digest("kinds"), kinds=frozenset(["wait"])),
        Writer(digest("tenants"), tenants=tenants),
        Writer(digest("timid"), authority=False),
    )
    async with serving.served(tmp_path, writers=writers) as sidecar:
        await sidecar.take(("wait", wait()))
        question = {"kind": "wait", "id": "r/w", "as": ANN}
        statuses = {
            token: (await asked(sidecar, question, Authorization=f"Bearer {token}")).status
            for token in ("all", "kinds", "tenants", "timid", "none")
        }
        assert statuses == {"all": 200, "kinds": 403, "tenants": 403, "timid": 403, "none": 401}
        assert (await asked(sidecar, question)).status == 401
        public = await sidecar.ask("POST", EXPLAIN, serving.Who(), data=orjson.dumps(question), headers=JSON)
        assert public.status == 404


@pytest.mark.parametrize(
    ("body", "pointer", "sentence"),
    [
        ([], "", "must be an object"),
        ({"kind": "wait", "id": "r/w"}, "/as", "is required"),
        ({"id": "r/w", "as": ANN}, "/kind", "is required"),
        ({"kind": "wiat", "id": "r/w", "as": ANN}, "/kind", "did you mean 'wait'?"),
        ({"kind": "wait", "as": ANN}, "", "exactly one of id and key"),
        ({"kind": "wait", "id": "r/w", "key": ["r", "w"], "as": ANN}, "", "exactly one of id and key"),
        ({"kind": "wait", "id": "w", "as": ANN}, "/id", "the key of a wait is run_id/wait_id"),
        ({"kind": "wait", "id": "r/%FF", "as": ANN}, "/id", "is not UTF-8 once its %-encoding is undone"),
        ({"kind": "wait", "key": ["w"], "as": ANN}, "/key", "the key of a wait is run_id/wait_id"),
        ({"kind": "wait", "key": "r/w", "as": ANN}, "/key", "must be a list"),
        ({"kind": "wait", "id": "r/w", "as": {**ANN, "actr": "x"}}, "/as/actr", "is unknown"),
        ({"kind": "wait", "id": "r/w", "as": {**ANN, "roles": ["a", "a"]}}, "/as/roles", "a"),
        ({"kind": "wait", "id": "r/w", "as": ANN, "tenant": {"org_id": "a"}}, "/tenant/workspace_id", "is required"),
        ({"kind": "wait", "id": "r/w", "as": ANN, "at_ms": -1}, "/at_ms", "must be 0 or more"),
        ({"kind": "wait", "id": "r/w", "as": ANN, "atms": 1}, "/atms", "did you mean 'at_ms'?"),
    ],
)
async def test_a_wrong_question_is_told_its_place(served: Served, body: Any, pointer: str, sentence: str) -> None:
    """What does not fit is 422 with a pointer and a sentence."""
    answer = await asked(served, body)
    assert (answer.status, answer.body["error"], answer.body["pointer"]) == (422, "invalid_body", pointer)
    assert sentence in answer.body["message"]


async def test_how_a_question_comes(served: Served) -> None:
    """A body that is no JSON, of another type or packed, a query and another method are each refused."""
    assert (await asked(served, b"{")).status == 400
    assert (await asked(served, b'{"kind": "wait", "id": "r/w", "at_ms": 9223372036854775808}')).status == 400
    assert (await served.admin("POST", EXPLAIN, b"{}")).status == 415
    assert (await asked(served, {}, **{"Content-Encoding": "gzip"})).status == 415
    assert (await served.admin("POST", EXPLAIN + "?kind=wait", b"{}", headers=JSON)).status == 400
    assert (await served.admin("GET", EXPLAIN)).status == 405


async def test_without_policies(tmp_path: Path) -> None:
    """No bundle, no explanation: 503."""
    async with serving.served(tmp_path, bundles=Bundles([tmp_path / "none"], kinds())) as sidecar:
        answer = await asked(sidecar, {"kind": "wait", "id": "r/w", "as": ANN})
        assert (answer.status, answer.body["error"]) == (503, "not_ready")
