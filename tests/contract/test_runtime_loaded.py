"""What is seen of records that are loaded from a runtime's own files."""

import json
from pathlib import Path

import pytest
from acme_asking import FAY, NONA, OPERATOR, run_ids
from acme_records import automation_run, dead_letter, membership, person, scope, unit, wait
from routes import DEAD_LETTERS
from runtime_layout import HARNESS, load_runtime, write_runtime
from serving import Who, served


@pytest.mark.parametrize("assumed", [False, True])
async def test_a_finished_run_first_seen_without_its_definition(tmp_path: Path, assumed: bool) -> None:
    """Nobody knows whose it was, so operators see it and nobody else, unless the configuration says otherwise."""
    running = automation_run("running")
    write_runtime(tmp_path / "state", HARNESS, [automation_run("ended", status="failed"), running])
    config = tmp_path / "sidecar.yaml"
    config.write_text(f"runtime:\n  assume_unscoped: {str(assumed).lower()}\n", encoding="utf-8")
    assert await load_runtime(tmp_path / "sidecar.db", tmp_path / "state", "--config", str(config)) == 0
    async with served(tmp_path) as sidecar:
        assert await run_ids(sidecar, OPERATOR) == ["ended", "running"]
        for who in (FAY, NONA):
            assert await run_ids(sidecar, who) == (["ended", "running"] if assumed else ["running"])


async def test_a_record_without_a_tenant_is_the_local_one_s(tmp_path: Path) -> None:
    """What the runtime wrote without a tenant belongs to the local one, and says that nobody named it."""
    write_runtime(tmp_path / "state", HARNESS, [dead_letter("d", in_scope={"schema_version": 1})])
    assert await load_runtime(tmp_path / "sidecar.db", tmp_path / "state") == 0
    async with served(tmp_path) as sidecar:
        [record] = (await sidecar.get(DEAD_LETTERS, Who("local", "local", "ann")))["records"]
        named = {"org_id": "local", "workspace_id": "local", "source": "local_implicit"}
        assert record["scope"]["tenant_context"] == named
        assert (await sidecar.get(DEAD_LETTERS, OPERATOR))["count"] == 0


async def test_memberships_and_paths_of_the_runtime(tmp_path: Path) -> None:
    """Memberships beside the runtime's catalogue count, and a store may lie where the configuration says."""
    state = tmp_path / "state"
    write_runtime(state, HARNESS, [unit("finance"), dead_letter("d", in_scope=scope("finance"))])
    (state / "enterprise").mkdir()
    members = {"m": membership("m", "finance", person("mia"))[1]}
    (state / "enterprise" / "org_unit_memberships.json").write_text(json.dumps(members), encoding="utf-8")
    (state / "elsewhere").mkdir()
    waits = [wait("w", "run", "waiting", scope("finance"))[1]]
    (state / "elsewhere" / "waits.json").write_text(json.dumps(waits), encoding="utf-8")
    config = tmp_path / "sidecar.yaml"
    config.write_text("runtime:\n  paths:\n    waits: elsewhere/waits.json\n", encoding="utf-8")
    assert await load_runtime(tmp_path / "sidecar.db", state, "--config", str(config)) == 0
    async with served(tmp_path) as sidecar:
        for who, count in ((Who(actor="mia"), 1), (Who(actor="zoe"), 0)):
            assert (await sidecar.get(DEAD_LETTERS, who))["count"] == count
            assert (await sidecar.get("/v1/records/wait", who))["count"] == count
