"""Records that end while a sidecar serves: by their age, and with their tenant."""

import json
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import stores
from serving_process import IDENTITY, Process, eventually, refused, serving

from sidecar.cli import main
from sidecar.records.sqlite.file import WAIT_S

TENANT = {"org_id": "acme", "workspace_id": "main"}
FRED = IDENTITY + "X-Tandem-Actor-Id: fred\r\n"
CHOICE = (
    f"POST /stateful-runtime/runs/r/resume-plan HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n{IDENTITY}"
)
PUT = "PUT /admin/v1/records/dead_letter/d HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
FINANCE = IDENTITY + "X-Tandem-Actor-Id: fay\r\nX-Tandem-Org-Units: finance\r\n"


def letter(name: str, updated_at_ms: int = 20, **scope: Any) -> dict[str, Any]:
    """A dead letter."""
    record = {
        "dead_letter_id": name,
        "source_type": "tool_effect",
        "source_id": "e",
        "reason": "late",
        "status": "open",
        "scope": {"tenant_context": TENANT, **scope},
        "created_at_ms": 10,
        "updated_at_ms": updated_at_ms,
    }
    return {"kind": "dead_letter", "record": record}


def catalogue() -> list[dict[str, Any]]:
    """A unit, and fred in it."""
    who = {"kind": "human_user", "id": "ada"}
    unit = {"unit_id": "finance", "display_name": "Finance", "created_by": who, "created_at_ms": 1, "updated_at_ms": 1}
    member = {
        "membership_id": "m",
        "unit": {"kind": "organization_unit", "id": "organization_unit/finance"},
        "member": {"kind": "human_user", "id": "fred"},
        "created_at_ms": 1,
    }
    return [
        {"kind": "org_unit", "record": {**unit, "tenant_context": TENANT}},
        {"kind": "org_unit_membership", "record": {**member, "tenant_context": TENANT}},
    ]


def load(folder: Path, *records: dict[str, Any]) -> None:
    """Store records from another process than the one that serves."""
    file = folder / "records.ndjson"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert main(["load", str(file), "--store", stores.url(folder / "sidecar.db")]) == 0


def seen(process: Process, identity: str) -> list[str]:
    """The letters that somebody sees."""
    answer = process.get("/v1/records/dead_letter", identity)
    assert answer.status == 200, answer.raw
    return sorted(record["dead_letter_id"] for record in answer.body["records"])


@pytest.mark.parametrize("workers", [1, 2])
def test_serve_removes_what_is_kept_no_longer(workers: int, tmp_path: Path) -> None:
    """Old records go while it serves, those that come later too, young ones stay, and it still ends when told to."""
    young = letter("young", time.time_ns() // 1_000_000)
    load(tmp_path, letter("old"), young)
    keep = {"keep": {"dead_letter": "30d"}, "every_ms": 50}
    with serving(tmp_path, retention=keep, workers=workers) as process:
        eventually(lambda: seen(process, IDENTITY) == ["young"])
        load(tmp_path, letter("late"), letter("old"))
        eventually(lambda: seen(process, IDENTITY) == ["young"])
    assert process.process.returncode == 0


def test_what_is_cut_off_is_undone_before_the_store_is_closed(tmp_path: Path) -> None:
    """A write that waits at the end of the drain, which a slow caller took, is given up without an error; the socket goes."""
    with serving(tmp_path, limits={"drain_timeout_ms": 300}) as process:
        slow, writer = process.connect(), process.administer()
        slow.sendall(f"{CHOICE}Content-Length: 20\r\n\r\n{{".encode())
        with closing(sqlite3.connect(tmp_path / "sidecar.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            record = json.dumps(letter("d")["record"])
            writer.sendall(f"{PUT}Content-Length: {len(record)}\r\n\r\n{record}".encode())
            time.sleep(0.2)
            began = time.monotonic()
            process.process.send_signal(signal.SIGTERM)
            code, said = process.end()
            assert time.monotonic() - began < WAIT_S / 2
        assert (code, "Traceback" in said, "ERROR" in said) == (0, False, False)
        assert "drain_timeout_ms were cut off" in said
        assert not (tmp_path / "admin.sock").exists()
        assert writer.recv(65_536) == b""
        slow.close()


def test_retention_that_may_not_be_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    """A kind that decides who sees what, named in the configuration, ends serve with the reason."""
    code, said = refused(tmp_path, {"retention": {"keep": {"org_unit_access_grant": "1d"}}})
    assert (code, "decides who sees what" in said) == (2, True)
    assert not (tmp_path / "sidecar.db").exists()


def test_an_erased_tenant_is_new_to_a_sidecar_that_served_it(tmp_path: Path, store_name: str) -> None:
    """Erased by another process and filled again, it shows what the records of now allow, not what it remembers."""
    scoped = letter("scoped", owning_org_unit_id="finance")
    load(tmp_path, *catalogue(), scoped, letter("open"))
    with serving(tmp_path) as process:
        assert seen(process, FRED) == seen(process, FINANCE) == ["open", "scoped"]
        erase = ["erase", "--tenant", "acme/main", "--yes", "--store", stores.url(tmp_path / "sidecar.db")]
        assert main(erase) == 0
        assert seen(process, FRED) == seen(process, FINANCE) == []
        load(tmp_path, scoped, letter("open"))
        assert seen(process, FRED) == ["open"]
        assert seen(process, FINANCE) == ["open", "scoped"]
        load(tmp_path, *catalogue())
        assert seen(process, FRED) == ["open", "scoped"]
