"""What a scope comes to, joined with the catalogue that the caller sees."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_world import (
    NOW,
    TENANT,
    automation_run,
    binding,
    grant,
    masking,
    resource,
    unit,
    workflow_run,
    world,
)

from sidecar.identity.caller import Identity
from sidecar.readmodels import catalogue as catalogue_module
from sidecar.readmodels.catalogue import Source, Sources
from sidecar.readmodels.resources import Resource, ResourceScope

FINANCE = Identity(TENANT, "ann", ("finance",))
SCOPE = {"owning_org_unit_id": "finance", "delegation_grant_ids": ["g"], "resource_scope": {"root": resource()}}


def grant_ids(view: dict[str, Any]) -> list[str]:
    return [shown["grant_id"] for shown in view["org_unit_grants"]]


def source_ids(view: dict[str, Any]) -> list[str]:
    return [shown["binding_id"] for shown in view["visible_knowledge_sources"]]


async def test_every_member_of_a_full_scope(tmp_path: Path) -> None:
    """A scope that says everything is shown whole, with its unit, its grants and its sources of knowledge."""
    owner = {"kind": "automation", "id": "bot"}
    scope = {
        **SCOPE,
        "owning_org_unit_id": "Finance",
        "owner_principal": owner,
        "data_classes": ["internal", "public"],
        "risk_tier": "internal_write",
        "policy_version_id": "p1",
    }
    given_grant = grant("g", data_classes=["internal"], tool_patterns=["git.*"], expires_at_ms=NOW + 1)
    policy = {"allow_indexing": False, "allow_prompt_context": True, "require_review": True, "max_depth": 3}
    given_unit = unit("finance", kind="department", parent_unit_id="company", labels=["money"])
    given_binding = binding("b", source_root_label="Root", ingestion_policy=policy)
    async with world(tmp_path, workflow_run("r", scope=scope), given_unit, given_grant, given_binding) as w:
        assert await w.scope("r") == {
            "tenant_context": {"org_id": "acme", "workspace_id": "main", "source": "local_implicit"},
            "owning_org_unit_id": "Finance",
            "owning_org_unit": {
                "unit_id": "finance",
                "taxonomy_id": "organization_unit",
                "display_name": "finance Ops",
                "kind": "department",
                "parent_unit_id": "company",
                "state": "active",
                "labels": ["money"],
            },
            "owner_principal": owner,
            "resource_scope": {"root": resource()},
            "resource_kind": "repository",
            "resource_id": "repo",
            "data_classes": ["internal", "public"],
            "risk_tier": "internal_write",
            "policy_version_id": "p1",
            "delegation_grant_ids": ["g"],
            "delegation_grant_authority": {"status": "active", "missing_grant_ids": []},
            "org_unit_grants": [
                {
                    "grant_id": "g",
                    "unit": {"kind": "organization_unit", "id": "organization_unit/finance"},
                    "resource": resource(),
                    "effect": "allow",
                    "permissions": ["read"],
                    "data_classes": ["internal"],
                    "tool_patterns": ["git.*"],
                    "state": "active",
                    "expires_at_ms": NOW + 1,
                }
            ],
            "visible_knowledge_sources": [
                {
                    "binding_id": "b",
                    "connector_id": "drive",
                    "source_type": "folder",
                    "native_source_id": "n",
                    "source_root_label": "Root",
                    "resource_ref": resource(),
                    "data_class": "internal",
                    "state": "enabled",
                    "ingestion_policy": policy,
                }
            ],
            "summary": {
                "org_unit": "finance Ops",
                "resource": "repository:repo",
                "knowledge_source_count": 1,
                "org_unit_grant_count": 1,
                "data_class_count": 2,
                "delegation_grant_count": 1,
            },
        }


async def test_every_member_of_an_empty_scope(tmp_path: Path) -> None:
    """A scope that says nothing has every member all the same, null or empty."""
    async with world(tmp_path, automation_run("r")) as w:
        assert await w.scope("r") == {
            "tenant_context": {"org_id": "acme", "workspace_id": "main", "source": "local_implicit"},
            "owning_org_unit_id": None,
            "owning_org_unit": None,
            "owner_principal": None,
            "resource_scope": None,
            "resource_kind": None,
            "resource_id": None,
            "data_classes": [],
            "risk_tier": None,
            "policy_version_id": None,
            "delegation_grant_ids": [],
            "delegation_grant_authority": {"status": "not_required", "missing_grant_ids": []},
            "org_unit_grants": [],
            "visible_knowledge_sources": [],
            "summary": {
                "org_unit": None,
                "resource": None,
                "knowledge_source_count": 0,
                "org_unit_grant_count": 0,
                "data_class_count": 0,
                "delegation_grant_count": 0,
            },
        }


async def test_lists_are_always_there(tmp_path: Path) -> None:
    """What records leave out is null or an empty list in what is told of a unit, a grant and a source."""
    records = [unit("finance"), grant("g", permissions=[]), binding("b")]
    async with world(tmp_path, workflow_run("r", scope=SCOPE), *records) as w:
        view = await w.scope("r")
        shown = view["org_unit_grants"][0]
        assert [shown[name] for name in ("permissions", "data_classes", "tool_patterns")] == [[], [], []]
        assert shown["expires_at_ms"] is None
        assert (view["owning_org_unit"]["parent_unit_id"], view["owning_org_unit"]["labels"]) == (None, [])
        assert view["visible_knowledge_sources"][0]["source_root_label"] is None


DENY = grant("d", effect="deny")


@pytest.mark.parametrize(
    ("catalogue", "active"),
    [
        ([grant("g")], True),
        ([grant("g", "FINANCE")], True),
        ([grant("g", "sub/finance")], False),
        ([grant("g", "legal")], False),
        ([grant("g", "finance", "human_user")], False),
        ([grant("g", "finance", "department")], False),
        ([grant("G")], False),
        ([grant("g", expires_at_ms=NOW + 1)], True),
        ([grant("g", expires_at_ms=NOW)], False),
        ([grant("g", state="disabled")], False),
        ([grant("g", effect="deny")], False),
        ([grant("g", created_at_ms=NOW + 5)], True),
        ([grant("g", resource=resource(name="other"))], False),
        ([grant("g", resource=resource("workspace", "main"))], True),
        ([grant("g", permissions=["view"], data_classes=["public"])], True),
        ([grant("g"), DENY], False),
        ([grant("g"), grant("d", "finance", effect="deny", permissions=[])], False),
        ([grant("g"), grant("d", effect="deny", permissions=["execute"])], True),
        ([grant("g"), grant("d", effect="deny", expires_at_ms=NOW)], True),
        ([grant("g"), grant("d", "legal", effect="deny")], True),
        ([grant("g"), grant("d", effect="deny", resource=resource(name="other"))], True),
        ([], False),
    ],
)
async def test_delegation_authority(tmp_path: Path, catalogue: list[Any], active: bool) -> None:
    """A listed grant is active when exactly it counts now, is the owning unit's, and opens what the scope covers."""
    async with world(tmp_path, workflow_run("r", scope=SCOPE), unit("finance"), unit("legal"), *catalogue) as w:
        view = await w.scope("r")
        status = {"status": "active", "missing_grant_ids": []}
        assert view["delegation_grant_authority"] == (
            status if active else {"status": "invalid", "missing_grant_ids": ["g"]}
        )
        assert grant_ids(view) == (["g"] if active else [])
        assert view["summary"]["delegation_grant_count"] == 1
        assert await w.ids(delegation_grant_id="G") == (["r"] if active else [])


@pytest.mark.parametrize("owner", [[], [unit("finance", state="disabled")], [unit("finance", taxonomy_id="region")]])
async def test_only_recorded_active_units_hold_grants(tmp_path: Path, owner: list[Any]) -> None:
    """A grant of a unit that is unrecorded, disabled or of another taxonomy does not count."""
    async with world(tmp_path, workflow_run("r", scope=SCOPE), grant("g"), *owner) as w:
        view = await w.scope("r")
        assert view["delegation_grant_authority"] == {"status": "invalid", "missing_grant_ids": ["g"]}
        assert (view["owning_org_unit"] is None) == (not owner)


async def test_a_name_of_two_units_is_neither(tmp_path: Path) -> None:
    """A bare id that two taxonomies use names no unit; under its taxonomy it does."""
    units = [unit("finance"), unit("finance", taxonomy_id="region", display_name="North")]
    runs = [workflow_run(name, scope={"owning_org_unit_id": name}) for name in ("finance", "Region/Finance")]
    async with world(tmp_path, *runs, *units) as w:
        assert (await w.scope("finance"))["owning_org_unit"] is None
        assert (await w.scope("finance"))["summary"]["org_unit"] == "finance"
        assert (await w.scope("Region/Finance"))["summary"]["org_unit"] == "North"


async def test_grants_of_the_unit_without_a_list(tmp_path: Path) -> None:
    """A scope that lists no grants shows all of its unit's that open what it covers, in order of their ids."""
    scope = {"owning_org_unit_id": "finance", "resource_scope": {"root": resource()}}
    grants = [grant("g2"), grant("g1"), grant("g3", resource=resource(name="other")), grant("g4", "legal")]
    async with world(tmp_path, workflow_run("r", scope=scope), unit("finance"), unit("legal"), *grants) as w:
        view = await w.scope("r")
        assert grant_ids(view) == ["g1", "g2"]
        assert view["delegation_grant_authority"]["status"] == "not_required"


async def test_scope_of_grants_alone(tmp_path: Path) -> None:
    """Without an owning unit the listed grants are what counts, whoever holds them, and what is missing keeps its order."""
    scope = {"delegation_grant_ids": ["z", "g", "p", "z", "G"]}
    grants = [grant("g"), grant("p", "ann", "human_user"), grant("other")]
    async with world(tmp_path, workflow_run("r", scope=scope), unit("finance"), *grants) as w:
        view = await w.scope("r")
        assert grant_ids(view) == ["g", "p"]
        assert view["delegation_grant_authority"] == {"status": "invalid", "missing_grant_ids": ["z", "z", "G"]}
        assert view["delegation_grant_ids"] == ["z", "g", "p", "z", "G"]
        assert view["summary"]["delegation_grant_count"] == 5


@pytest.mark.parametrize(
    ("given_binding", "scope", "shown"),
    [
        (binding("b"), SCOPE, True),
        (binding("b"), {}, True),
        (binding("b", state="disabled"), {}, False),
        (binding("b", state="quarantined"), {}, False),
        (binding("b", ingestion_policy={"allow_prompt_context": False}), {}, False),
        (binding("b", ingestion_policy={"allow_indexing": False}), {}, True),
        (binding("b", resource_ref=resource(name="other")), SCOPE, False),
        (binding("b", resource_ref=resource("workspace", "main")), SCOPE, True),
        (binding("b"), {"resource_scope": {"root": resource(), "denied_resources": [resource()]}}, False),
        (
            binding("b", resource_ref=resource("workspace", "main")),
            {"resource_scope": {"root": resource(), "denied_resources": [resource()]}},
            False,
        ),
    ],
)
async def test_sources_of_knowledge(tmp_path: Path, given_binding: Any, scope: Any, shown: bool) -> None:
    """A source is told of when it is enabled for prompts and the scope covers it; filters find runs by it then."""
    async with world(tmp_path, workflow_run("r", scope=scope), given_binding) as w:
        assert source_ids(await w.scope("r")) == (["b"] if shown else [])
        for filters in ({"source_binding_id": " B "}, {"data_class": "Internal"}):
            assert await w.ids(**filters) == (["r"] if shown else [])


async def test_twelve_sources_are_shown_and_all_are_searched(tmp_path: Path) -> None:
    """At most twelve sources are shown and counted, by id; filters look at every one."""
    bindings = [binding(f"b{number:02}") for number in range(14)]
    async with world(tmp_path, workflow_run("r"), *bindings) as w:
        view = await w.scope("r")
        assert source_ids(view) == [f"b{number:02}" for number in range(12)]
        assert view["summary"]["knowledge_source_count"] == 12
        assert await w.ids(source_binding_id="b13") == ["r"]


async def test_only_what_the_caller_sees_is_told(tmp_path: Path) -> None:
    """Units, grants and sources that the caller does not see are neither shown nor counted nor found by filters."""
    scope = {**SCOPE, "delegation_grant_ids": ["g", "h"], "data_classes": ["public"]}
    catalogue = [unit("finance"), unit("legal"), grant("g"), grant("h", "legal"), binding("b")]
    own = workflow_run("own", scope=scope)
    open_to_all = workflow_run("open", scope={"data_classes": ["public"]})
    legal = Identity(TENANT, "leo", ("legal",))
    async with world(tmp_path, own, open_to_all, *catalogue) as w:
        seen = await w.scope("own", FINANCE)
        assert (grant_ids(seen), source_ids(seen), seen["summary"]["org_unit"]) == (["g"], [], "finance Ops")
        for filters in ({"source_binding_id": "b"}, {"data_class": "internal"}):
            assert await w.ids(FINANCE, **filters) == []
            assert await w.ids(**filters) == ["open", "own"]
        assert await w.ids(legal, delegation_grant_id="g") == []


async def test_equal_scopes_keep_their_own_spelling(tmp_path: Path) -> None:
    """Runs of one label are told each with its own tenant context and spelling of the unit."""
    runs = [
        workflow_run(
            name,
            scope={"owning_org_unit_id": name},
            tenant_context={"org_id": "acme", "workspace_id": "main", "actor_id": name},
        )
        for name in ("finance", "FINANCE")
    ]
    async with world(tmp_path, *runs, unit("finance")) as w:
        for row in (await w.runs())["runs"]:
            view, name = row["enterprise_scope"], row["run"]["run_id"]
            assert (view["owning_org_unit_id"], view["tenant_context"]["actor_id"]) == (name, name)
            assert view["summary"]["org_unit"] == "finance Ops"


async def test_the_catalogue_knows_no_clock(tmp_path: Path) -> None:
    """A grant ends when the request's clock says so, whenever the catalogue was read."""
    async with world(tmp_path, workflow_run("r", scope=SCOPE), unit("finance"), grant("g", expires_at_ms=NOW)) as w:
        assert grant_ids(await w.scope("r", now_ms=NOW - 1)) == ["g"]
        assert grant_ids(await w.scope("r", now_ms=NOW)) == []


async def test_a_catalogue_of_many_pages_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record of the catalogue is read, however many pages it takes."""
    monkeypatch.setattr(catalogue_module, "PAGE", 2)
    bindings = [binding(f"b{number}") for number in range(5)]
    grants = [grant(f"g{number}") for number in range(3)]
    scope = {"owning_org_unit_id": "finance"}
    async with world(tmp_path, workflow_run("r", scope=scope), unit("finance"), *grants, *bindings) as w:
        view = await w.scope("r")
        assert (len(source_ids(view)), len(grant_ids(view))) == (5, 3)


MASKED = ["resource", "resource.resource_id", "unit", "unit.id", "effect", "state"]


@pytest.mark.parametrize("field", MASKED)
async def test_masked_grants_count_for_nothing(tmp_path: Path, field: str) -> None:
    """A grant in which a policy masks what decides is not counted, and nothing of it is told."""
    redact = [{"field": f"record.{field}", "unless": "false"}]
    records = [workflow_run("r", scope=SCOPE), unit("finance"), grant("g")]
    async with world(tmp_path, *records, bundle=masking(tmp_path, ["org_unit_access_grant"], redact)) as w:
        view = await w.scope("r")
        assert view["delegation_grant_authority"] == {"status": "invalid", "missing_grant_ids": ["g"]}
        assert view["org_unit_grants"] == []


@pytest.mark.parametrize(
    "field", ["resource_ref", "resource_ref.resource_id", "ingestion_policy", "state", "data_class"]
)
async def test_masked_sources(tmp_path: Path, field: str) -> None:
    """A source shows what is masked in it as null; when that decides whether it counts, it does not."""
    redact = [{"field": f"record.{field}", "unless": "false"}]
    bundle = masking(tmp_path, ["source_binding"], redact)
    async with world(tmp_path, workflow_run("r", scope=SCOPE), binding("b"), bundle=bundle) as w:
        view = await w.scope("r")
        assert source_ids(view) == (["b"] if field == "data_class" else [])
        assert await w.ids(data_class="internal") == []


resources = st.builds(
    lambda kind, name, prefix, project: Resource("acme", "main", project, kind, name, prefix),
    st.sampled_from(["organization", "workspace", "project", "repository", "document"]),
    st.sampled_from(["acme", "main", "p", "x", "y"]),
    st.sampled_from([None, None, "/a", "/a/b", "/ab"]),
    st.sampled_from([None, "p"]),
)


@given(
    st.lists(st.none() | resources, max_size=8),
    resources,
    st.lists(resources, max_size=2),
    st.lists(resources, max_size=2),
)
def test_the_arrangement_of_sources_finds_all(
    held: list[Resource | None], root: Resource, allowed: list[Resource], denied: list[Resource]
) -> None:
    """What is found by name, prefix and container is what asking the scope about every source finds, in order."""

    def record(of: Resource) -> dict[str, Any]:
        return {
            "organization_id": of.organization,
            "workspace_id": of.workspace,
            "project_id": of.project,
            "resource_kind": of.kind,
            "resource_id": of.id,
            "path_prefix": of.prefix,
        }

    scope = ResourceScope.of(
        {
            "root": record(root),
            "allowed_resources": [record(one) for one in allowed],
            "denied_resources": [record(one) for one in denied],
        }
    )
    sources = [Source(str(place), None, one, None) for place, one in enumerate(held)]  # type: ignore[arg-type]
    assert list(Sources.arranged(sources).within(scope)) == [one for one in sources if scope.matches(one.resource)]
