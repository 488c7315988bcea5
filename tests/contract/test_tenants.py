"""Whose a record is: tenants are told apart by all that names them."""

import pytest
from acme_asking import run_ids
from acme_records import decision, effect, event, ids, outbox, scope, snapshot, tenant, wait, workflow_run
from routes import RELIABILITY, RUNS
from serving import Served, Who


async def test_local_is_a_tenant_like_any_other(sidecar: Served) -> None:
    """The tenant named local/local, also without an actor, sees its own rows and nobody else's."""
    local = tenant("local", "local")
    for of in (local, tenant()):
        name = f"of {of['org_id']}"
        inside = scope(of=of)
        await sidecar.take(workflow_run(name, of=of), outbox(name, in_scope=inside), event(name, "run", 1, inside))
    for who in (
        Who("local", "local", None),
        Who("local", "local", "ann"),
        Who("local", "local", "op", roles="auditor"),
    ):
        assert await run_ids(sidecar, who) == ["of local"]
        assert ids((await sidecar.get(RELIABILITY, who))["outbox"], "outbox_id") == ["of local"]
        assert ids((await sidecar.get(f"{RUNS}/run/events", who))["events"], "event_id") == ["of local"]
        assert (await sidecar.refused(f"{RUNS}/of%20acme", who))[0] == 404


@pytest.mark.parametrize("who", [Who("", "main"), Who("acme", " "), Who("", "")])
async def test_nobody_is_ever_implicit(sidecar: Served, who: Who) -> None:
    """Without an organisation and a workspace nobody is asked for, not even a local tenant."""
    status, body = await sidecar.refused(RUNS, who)
    assert (status, body["error"]) == (401, "unauthenticated")


async def test_one_id_in_two_tenants_is_two_records(sidecar: Served) -> None:
    """A record never replaces one of another organisation, workspace or deployment that has its id."""
    tenants = [tenant(), tenant("umbrella"), tenant(workspace="side"), tenant(deployment="eu")]
    for number, of in enumerate(tenants):
        inside = scope(of=of)
        await sidecar.take(
            workflow_run("run", of=of, task_id=f"task-{number}"),
            effect("same", in_scope=inside, error=f"error-{number}"),
            snapshot("same", "run", number, inside),
            wait("same", "run", "waiting", inside, reason=f"reason-{number}"),
            event("same", "run", number, inside),
            decision("same", "run", of=of, reason_code=f"code-{number}"),
        )
    for number, of in enumerate(tenants):
        who = Who(
            of["org_id"], of["workspace_id"], "op", deployment=of.get("deployment_id"), roles="workspace_operator"
        )
        found = await sidecar.get(f"{RUNS}/run/observability", who)
        assert found["run"]["task_id"] == f"task-{number}"
        assert ids(found["reliability"]["tool_effects"], "error") == [f"error-{number}"]
        assert ids(found["waits"], "reason") == [f"reason-{number}"]
        assert ids(found["events"]["tail"], "seq") == [number]
        assert ids(found["snapshots"]["items"], "seq") == [number]
        assert ids(found["policy_decisions"], "reason_code") == [f"code-{number}"]
