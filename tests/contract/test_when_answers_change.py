"""When answers change: at once, at the very millisecond, and never while one is assembled."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stores
from acme_asking import FAY, offered, run_ids, seen
from acme_records import (
    DELEGATED,
    FINANCE,
    LEDGER,
    Record,
    audit,
    dead_letter,
    grant,
    ids,
    membership,
    of_units,
    person,
    scope,
    unit,
    workflow_run,
)
from routes import RUNS
from serving import NOW_MS, Served, Who, served
from shipped_kinds import kinds

from sidecar.policy.current import Bundles


async def test_answers_change_at_the_very_millisecond(sidecar: Served) -> None:
    """What is kept of a caller ends when a membership, a grant or a denial does, without any write."""
    inside = scope("legal", ("g",), resource_scope={"root": LEDGER})
    await sidecar.take(
        unit("finance"),
        unit("legal"),
        membership("m", "finance", person("mia"), expires_at_ms=NOW_MS + 100),
        grant("g", person("mia"), LEDGER, expires_at_ms=NOW_MS + 300),
        grant("no", person("mia"), LEDGER, effect="deny", expires_at_ms=NOW_MS + 200),
        dead_letter("granted", in_scope=inside),
        *of_units("finance"),
    )
    for after, expected in (
        (0, ["finance", "unscoped"]),
        (99, ["finance", "unscoped"]),
        (100, ["unscoped"]),
        (199, ["unscoped"]),
        (200, ["granted", "unscoped"]),
        (299, ["granted", "unscoped"]),
        (300, ["unscoped"]),
        (0, ["finance", "unscoped"]),
    ):
        sidecar.clock.now_ms = NOW_MS + after
        assert await seen(sidecar, Who(actor="mia")) == expected, after


async def test_what_is_written_is_seen_at_once(sidecar: Served) -> None:
    """A change of a unit, a membership or a grant decides the next request, however warm the caches are."""
    await sidecar.take(unit("finance"), membership("m", "finance", person("mia")), *of_units("finance"))
    mia = Who(actor="mia")
    for record, expected in (
        (membership("m", "finance", person("mia"), state="disabled"), ["unscoped"]),
        (membership("m", "finance", person("mia")), ["finance", "unscoped"]),
        (unit("finance", state="disabled", updated_at_ms=2), ["unscoped"]),
        (unit("finance", updated_at_ms=3), ["finance", "unscoped"]),
        (dead_letter("late", in_scope=scope("finance", policy_version_id="new")), ["finance", "late", "unscoped"]),
    ):
        assert (await offered(sidecar, record)).body == {"accepted": 1}
        assert await seen(sidecar, mia) == expected, record


POLICY = """\
apiVersion: sidecar/v1
policy: everyone
description: Everything is open.
applies_to: all
rules:
  - allow: everyone
    when: "{when}"
"""


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"{RUNS}/run/observability", lambda body: ids(body["audit"]["protected_events"], "event_id") == ["before"]),
        (RUNS, lambda body: ids([row["run"] for row in body["runs"]], "run_id") == ["run"]),
        (RUNS, lambda body: _authority(body["runs"][0]) == "active"),
    ],
)
async def test_one_snapshot_one_bundle_one_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, told: Callable[[Any], bool]
) -> None:
    """What is written, reloaded or expires while a response is assembled has no part in it."""
    (tmp_path / "policies").mkdir()
    policy = tmp_path / "policies" / "everyone.yaml"
    policy.write_text(POLICY.format(when="true"), encoding="utf-8")
    bundles = Bundles([policy.parent], kinds())
    first = bundles.reload().revision
    snapshots = stores.snapshots()
    original = snapshots.read

    async with served(tmp_path, bundles=bundles) as sidecar:
        ends = grant("g", FINANCE, LEDGER, expires_at_ms=NOW_MS + 5)
        await sidecar.take(unit("finance"), ends, workflow_run("run", scope=DELEGATED), audit("before", "run"))

        async def read(self: Any, *given: Any) -> Any:
            pages = await original(self, *given)
            monkeypatch.undo()
            await sidecar.take(audit("during", "run"), workflow_run("another"))
            policy.write_text(POLICY.format(when="false"), encoding="utf-8")
            await asyncio.to_thread(bundles.reload)
            sidecar.clock.now_ms += 10
            return pages

        monkeypatch.setattr(snapshots, "read", read)
        answer = await sidecar.ask("GET", path, FAY)
        assert told(answer.body)
        assert answer.headers["X-Sidecar-Policy"] == first
        assert bundles.current is not None
        assert bundles.current.revision != first
        assert await run_ids(sidecar, FAY) == []


def _authority(row: Record) -> str:
    status: str = row["enterprise_scope"]["delegation_grant_authority"]["status"]
    return status
