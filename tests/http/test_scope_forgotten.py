"""A scope that went with its run: what comes again without it is not open to those it was closed to."""

import json
import time
from asyncio import to_thread
from pathlib import Path
from typing import Any

import pytest
import stores
from serving_process import IDENTITY, Process, eventually, serving
from shipped_kinds import intake, kinds
from test_serve_following import admin

from sidecar.cli import main
from sidecar.config import Config, StoreConfig
from sidecar.http.assemble import assembled, grounded
from sidecar.records.store import Tenant

pytestmark = pytest.mark.usefixtures("store_name")

TENANT = {"org_id": "acme", "workspace_id": "main"}
OPERATOR = IDENTITY + "X-Tandem-Actor-Id: op\r\nX-Tandem-Roles: workspace_operator\r\n"
SALES = IDENTITY + "X-Tandem-Actor-Id: ann\r\nX-Tandem-Org-Units: sales\r\n"
LEGAL = {"automation_snapshot": {"metadata": {"enterprise_scope": {"owning_org_unit_id": "legal"}}}}
KEEP = {"keep": {"automation_run": "1d"}, "every_ms": 50}


def run(name: str, at_ms: int, status: str = "completed", **more: Any) -> bytes:
    """A line with an automation run."""
    record = {
        **{"run_id": name, "automation_id": "a", "trigger_type": "manual", "checkpoint": {}, "created_at_ms": 1},
        **{"tenant_context": TENANT, "status": status, "updated_at_ms": at_ms},
    }
    return json.dumps({"kind": "automation_run", "record": {**record, **more}}).encode() + b"\n"


def load(folder: Path, *lines: bytes) -> None:
    """Store lines with ``load``, under the configuration that serves."""
    (folder / "records").write_bytes(b"".join(lines))
    assert main(["-c", str(folder / "sidecar.yaml"), "load", str(folder / "records")]) == 0


def post(process: Process, *lines: bytes) -> None:
    """Store lines through the admin side."""
    assert admin(process, "POST", "/admin/v1/records", b"".join(lines)).status == 200


def seen(process: Process, identity: str) -> list[str]:
    """The automation runs that somebody sees."""
    records = process.get("/v1/records/automation_run", identity).body["records"]
    return sorted(record["run_id"] for record in records)


@pytest.fixture(params=["admin", "load"])
def door(request: pytest.FixtureRequest) -> str:
    """Where the runs come in."""
    name: str = request.param
    return name


def store(process: Process, folder: Path, door: str, *lines: bytes) -> None:
    """Store lines through one of the doors."""
    post(process, *lines) if door == "admin" else load(folder, *lines)


@pytest.mark.parametrize("assumed", [False, True])
def test_a_run_that_retention_took_comes_back_for_operators_only(tmp_path: Path, door: str, assumed: bool) -> None:
    """An ended run without its definition may have been a unit's, unless it is known here, or nobody's is assumed."""
    now = time.time_ns() // 1_000_000
    with serving(tmp_path, retention=KEEP, runtime={"assume_unscoped": assumed}) as process:
        store(process, tmp_path, door, run("gone", 5, **LEGAL), run("kept", now, **LEGAL), run("free", now, "running"))
        eventually(lambda: seen(process, OPERATOR) == ["free", "kept"])
        store(process, tmp_path, door, *(run(name, now + 1) for name in ("free", "gone", "kept")))
        assert seen(process, OPERATOR) == ["free", "gone", "kept"]
        assert seen(process, SALES) == (["free", "gone"] if assumed else ["free"])
        store(process, tmp_path, door, run("gone", now + 2, automation_snapshot={}))
        assert seen(process, SALES) == ["free", "gone"]


@pytest.mark.parametrize("how", ["delete", "erase"])
def test_a_run_that_was_removed_comes_back_for_operators_only(tmp_path: Path, door: str, how: str) -> None:
    """Who removed a run removed its scope: one that ended and comes again without may be a unit's, a running one not."""
    with serving(tmp_path) as process:
        store(process, tmp_path, door, run("gone", 5, **LEGAL), run("new", 5))
        assert seen(process, SALES) == ["new"]
        if how == "delete":
            path = "/admin/v1/records/automation_run/gone?org_id=acme&workspace_id=main"
            assert admin(process, "DELETE", path).status == 200
        else:
            command = ["-c", str(tmp_path / "sidecar.yaml"), "erase", "--tenant", "acme/main", "--yes"]
            assert main(command) == 0
        store(process, tmp_path, door, run("gone", 6), run("other", 6), run("running", 6, "running"))
        store(process, tmp_path, door, run("other", 7), run("running", 7))
        assert seen(process, SALES) == (["new", "running"] if how == "delete" else ["running"])
        assert {"gone", "other", "running"} <= set(seen(process, OPERATOR))


def test_another_tenants_runs_are_no_reason(tmp_path: Path, door: str) -> None:
    """What went from one tenant hides nothing of another."""
    other = {"tenant_context": {"org_id": "other", "workspace_id": "main"}}
    with serving(tmp_path) as process:
        store(process, tmp_path, door, run("gone", 5, **LEGAL, **other))
        assert main(["-c", str(tmp_path / "sidecar.yaml"), "erase", "--tenant", "other/main", "--yes"]) == 0
        store(process, tmp_path, door, run("new", 6))
        assert seen(process, SALES) == ["new"]


async def test_what_is_stored_is_known_when_it_is_promoted(tmp_path: Path) -> None:
    """A run that is stored as nobody's stays so when a store is promoted from which others went: it never did."""
    (tmp_path / "records").write_bytes(run("free", 5, "running") + run("free", 6) + run("gone", 6, **LEGAL))
    url = stores.url(tmp_path / "s.db")
    assert await to_thread(main, ["load", str(tmp_path / "records"), "--store", url]) == 0
    async with (
        stores.opened(tmp_path / "s.db", kinds(), intake().accept) as opened,
        opened.change(Tenant("acme", "main")) as change,
    ):
        assert await change.delete("automation_run", ("gone",))
    before = stores.documents(tmp_path / "s.db", "automation_run")
    stores.damage(tmp_path / "s.db", "UPDATE kind SET digest = 'another' WHERE name = 'automation_run'")
    config = Config(store=StoreConfig(url))
    service = await assembled(config, grounded(config))
    try:
        assert service.store.migrated.promoted == ("automation_run",)
    finally:
        await service.store.close()
    assert stores.documents(tmp_path / "s.db", "automation_run") == before
