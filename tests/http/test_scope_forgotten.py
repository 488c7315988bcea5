"""A scope that retention removed with its run: what comes again without it is not open to those it was closed to."""

import json
import time
from asyncio import to_thread
from pathlib import Path
from typing import Any

import pytest
import stores
from serving_process import IDENTITY, Process, eventually, serving
from test_serve_following import admin

from sidecar.cli import main
from sidecar.config import Config, RetentionConfig, StoreConfig
from sidecar.http.assemble import assembled, grounded

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


@pytest.mark.parametrize("assumed", [False, True])
@pytest.mark.parametrize("door", ["admin", "load"])
def test_a_run_that_retention_took_comes_back_for_operators_only(tmp_path: Path, door: str, assumed: bool) -> None:
    """An ended run without its definition may have been a unit's, unless it is known here, or nobody's is assumed."""
    now = time.time_ns() // 1_000_000
    with serving(tmp_path, retention=KEEP, runtime={"assume_unscoped": assumed}) as process:

        def store(*lines: bytes) -> None:
            post(process, *lines) if door == "admin" else load(tmp_path, *lines)

        store(run("gone", 5, **LEGAL), run("kept", now, **LEGAL), run("free", now, "running"))
        eventually(lambda: seen(process, OPERATOR) == ["free", "kept"])
        store(*(run(name, now + 1) for name in ("free", "gone", "kept")))
        assert seen(process, OPERATOR) == ["free", "gone", "kept"]
        assert seen(process, SALES) == (["free", "gone"] if assumed else ["free"])
        store(run("gone", now + 2, automation_snapshot={}))
        assert seen(process, SALES) == ["free", "gone"]


async def test_what_is_stored_was_not_forgotten(tmp_path: Path) -> None:
    """A run that is stored as nobody's stays so when a store is promoted under retention: its scope never was lost."""
    (tmp_path / "records").write_bytes(run("free", 5, "running") + run("free", 6))
    url = stores.url(tmp_path / "s.db")
    assert await to_thread(main, ["load", str(tmp_path / "records"), "--store", url]) == 0
    before = stores.documents(tmp_path / "s.db", "automation_run")
    stores.damage(tmp_path / "s.db", "UPDATE kind SET digest = 'another' WHERE name = 'automation_run'")
    config = Config(store=StoreConfig(url), retention=RetentionConfig({"automation_run": 1}))
    service = await assembled(config, grounded(config))
    try:
        assert service.store.migrated.promoted == ("automation_run",)
    finally:
        await service.store.close()
    assert stores.documents(tmp_path / "s.db", "automation_run") == before
