"""Which resources lie in a run's scope, and the knowledge sources that it has by them."""

import pytest
from acme_asking import OPERATOR, run_ids
from acme_records import FINANCE, LEDGER, binding, grant, ids, repository, unit, workflow_run
from routes import RUNS
from serving import Served


@pytest.mark.parametrize(
    ("root", "prefix", "found"),
    [
        ("src/app", "src/app", True),
        ("src/app/web", "src/app", True),
        ("src/app", "src/app/", True),
        ("src/application", "src/app", False),
        ("src/application/web", "src/app", False),
        ("src", "src/app", True),
    ],
)
async def test_path_prefixes_end_at_a_segment(sidecar: Served, root: str, prefix: str, found: bool) -> None:
    """A path lies under another when whole segments of it do, on either side."""
    inside = {"resource_scope": {"root": repository("mono", path_prefix=root)}}
    await sidecar.take(binding("b", repository("mono", path_prefix=prefix)), workflow_run("run", scope=inside))
    assert await run_ids(sidecar, OPERATOR, "?source_binding_id=b") == (["run"] if found else [])


async def test_a_denied_resource_is_denied(sidecar: Served) -> None:
    """A resource that a scope denies is not in it, though it is the scope's root or contains it."""
    secret, workspace = repository("secret"), {**repository("main"), "resource_kind": "workspace"}
    inside = {"resource_scope": {"root": LEDGER, "allowed_resources": [secret], "denied_resources": [secret]}}
    whole = {"resource_scope": {"root": LEDGER, "denied_resources": [LEDGER]}, "delegation_grant_ids": ["g"]}
    most = {"resource_scope": {"root": workspace, "denied_resources": [secret]}}
    await sidecar.take(
        unit("finance"),
        binding("of ledger", LEDGER),
        binding("of secret", secret),
        binding("of workspace", workspace),
        grant("g", FINANCE, LEDGER),
        workflow_run("run", scope=inside),
        workflow_run("denied", scope=whole),
        workflow_run("most", scope=most),
    )
    shown = (await sidecar.get(f"{RUNS}/run", OPERATOR))["enterprise_scope"]["visible_knowledge_sources"]
    assert "of secret" not in ids(shown, "binding_id")
    assert "of ledger" in ids(shown, "binding_id")
    shown = (await sidecar.get(f"{RUNS}/most", OPERATOR))["enterprise_scope"]["visible_knowledge_sources"]
    assert ids(shown, "binding_id") == ["of ledger", "of workspace"]
    denied = (await sidecar.get(f"{RUNS}/denied", OPERATOR))["enterprise_scope"]
    assert denied["visible_knowledge_sources"] == []
    assert denied["org_unit_grants"] == []
    assert denied["delegation_grant_authority"] == {"status": "invalid", "missing_grant_ids": ["g"]}


async def test_a_knowledge_source_filters_though_it_is_not_shown(sidecar: Served) -> None:
    """Twelve sources are shown and counted; the filters look at all of them."""
    await sidecar.take(
        *(binding(f"b-{number:02}", LEDGER) for number in range(12)),
        binding("b-99", LEDGER, data_class="regulated"),
        workflow_run("run", scope={"resource_scope": {"root": LEDGER}}),
    )
    summary = (await sidecar.get(f"{RUNS}/run", OPERATOR))["enterprise_scope"]
    assert ids(summary["visible_knowledge_sources"], "binding_id") == [f"b-{number:02}" for number in range(12)]
    assert summary["summary"]["knowledge_source_count"] == 12
    for query in ("?source_binding_id=B_99", "?data_class=regulated"):
        assert await run_ids(sidecar, OPERATOR, query) == ["run"]
    assert await run_ids(sidecar, OPERATOR, "?data_class=customer_data") == []
