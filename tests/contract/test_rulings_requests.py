"""What one request holds fast, what answers never tell, and when they change, over HTTP."""

import asyncio
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest
import stores
from acme_records import (
    FAY,
    LEA,
    NONA,
    RUNS,
    Named,
    audit,
    dead_letter,
    event,
    grant,
    ids,
    membership,
    offered,
    person,
    repository,
    scope,
    unit,
    unit_principal,
    workflow_run,
)
from serving import NOW_MS, Served, Who, kinds, served

from sidecar.policy.current import Bundles

LEDGER = repository("ledger")
FINANCE = unit_principal("organization_unit/finance")
DEAD_LETTERS = "/v1/records/dead_letter"


async def seen(sidecar: Served, who: Who) -> list[str]:
    """The dead letters that a caller sees, in the order of their ids."""
    return sorted(ids((await sidecar.get(DEAD_LETTERS, who))["records"], "dead_letter_id"))


def of_units(*names: str) -> list[Named]:
    """One dead letter in each unit, named as the unit, and one in none."""
    return [dead_letter("unscoped"), *(dead_letter(name, in_scope=scope(name)) for name in names)]


async def test_hidden_and_absent_are_one(sidecar: Served) -> None:
    """Whatever is hidden is answered as if it had never been: status, body and headers alike."""
    inside = scope("finance")
    await sidecar.take(
        workflow_run("r-a", scope={"owning_org_unit_id": "finance"}), dead_letter("d-a", in_scope=inside)
    )
    for hidden, absent in (
        (f"{RUNS}/r-a", f"{RUNS}/r-b"),
        *((f"{RUNS}/r-a/{route}", f"{RUNS}/r-b/{route}") for route in ("reliability", "observability", "resume-plan")),
        (f"{RUNS}/r-a/events", f"{RUNS}/r-b/events"),
        (f"{RUNS}/r-a/snapshots/s", f"{RUNS}/r-b/snapshots/s"),
        (f"{DEAD_LETTERS}/d-a", f"{DEAD_LETTERS}/d-b"),
    ):
        one, other = await sidecar.ask("GET", hidden, NONA), await sidecar.ask("GET", absent, NONA)
        assert one.raw.replace(b"r-a", b"r-b") == other.raw
        assert one.status == other.status
        assert {**one.headers, "Date": ""} == {**other.headers, "Date": ""}


async def test_cursors_are_one_callers_for_one_query(sidecar: Served) -> None:
    """A cursor says nothing, is the same for the same place, and is refused from anybody or anywhere else."""
    await sidecar.take(*of_units("finance"), *(dead_letter(f"a-dead-letter-{number}") for number in range(4)))
    path = f"{DEAD_LETTERS}?limit=2&status=open"
    cursor = (await sidecar.get(path, FAY))["next"]
    assert (await sidecar.get(path, FAY))["next"] == cursor
    assert "dead-letter" not in cursor
    assert b"dead-letter" not in urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    page = await sidecar.get(f"{path}&cursor={cursor}", FAY)
    assert page["count"] == 2
    assert (await sidecar.get(f"{DEAD_LETTERS}?status=open&limit=9&cursor={cursor}", FAY))["count"] == 4
    for other, who in (
        (f"{path}&cursor={cursor}", LEA),
        (f"{path}&cursor={cursor}", Who("umbrella", actor="fay", units="finance")),
        (f"{DEAD_LETTERS}?limit=2&cursor={cursor}", FAY),
        (f"{DEAD_LETTERS}?limit=2&status=ignored&cursor={cursor}", FAY),
        (f"/v1/records/compensation?limit=2&status=open&cursor={cursor}", FAY),
        (f"{path}&cursor={cursor[:-2]}", FAY),
        (f"{path}&cursor=", FAY),
        (f"{path}&cursor={'A' * 8_000}", FAY),
    ):
        status, body = await sidecar.refused(other, who)
        assert (status, body["error"], body["parameter"]) == (400, "invalid_parameter", "cursor"), other


async def test_no_answer_tells_of_writes(sidecar: Served) -> None:
    """The revision in an answer is that of the policies: writing records that the caller does not see changes nothing."""
    before = await sidecar.ask("GET", f"{RUNS}/run/events", FAY)
    await sidecar.take(event("hidden", "run", 1, scope("legal")), grant("g", person("lea"), LEDGER), unit("legal"))
    after = await sidecar.ask("GET", f"{RUNS}/run/events", FAY)
    assert after.raw == before.raw
    assert {**after.headers, "Date": ""} == {**before.headers, "Date": ""}


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


async def test_one_snapshot_one_bundle_one_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written, reloaded or expires while a response is assembled has no part in it."""
    (tmp_path / "policies").mkdir()
    policy = tmp_path / "policies" / "everyone.yaml"
    policy.write_text(POLICY.format(when="true"), encoding="utf-8")
    bundles = Bundles([policy.parent], kinds())
    first = bundles.reload().revision
    snapshots = stores.snapshots()
    original = snapshots.read

    async with served(tmp_path, bundles=bundles) as sidecar:
        held = {"owning_org_unit_id": "finance", "resource_scope": {"root": LEDGER}, "delegation_grant_ids": ["g"]}
        await sidecar.take(
            unit("finance"), grant("g", FINANCE, LEDGER, expires_at_ms=NOW_MS + 5), workflow_run("run", scope=held)
        )
        await sidecar.take(audit("before", "run"))

        async def read(self: Any, *given: Any) -> Any:
            pages = await original(self, *given)
            monkeypatch.undo()
            await sidecar.take(audit("during", "run"), workflow_run("another"))
            policy.write_text(POLICY.format(when="false"), encoding="utf-8")
            await asyncio.to_thread(bundles.reload)
            sidecar.clock.now_ms += 10
            return pages

        monkeypatch.setattr(snapshots, "read", read)
        answer = await sidecar.ask("GET", f"{RUNS}/run/observability", FAY)
        assert ids(answer.body["audit"]["protected_events"], "event_id") == ["before"]
        assert answer.headers["X-Sidecar-Policy"] == first
        assert bundles.current is not None
        assert bundles.current.revision != first
        assert (await sidecar.refused(f"{RUNS}/run/observability", FAY))[0] == 404

        policy.write_text(POLICY.format(when="true"), encoding="utf-8")
        bundles.reload()
        sidecar.clock.now_ms = NOW_MS
        monkeypatch.setattr(snapshots, "read", read)
        answer = await sidecar.ask("GET", RUNS, FAY)
        shown = {row["run"]["run_id"]: row["enterprise_scope"] for row in answer.body["runs"]}
        assert shown["run"]["delegation_grant_authority"]["status"] == "active"
