"""What answers tell nobody: whether what is hidden is there, what others write, and what is inside."""

import json
from base64 import urlsafe_b64decode
from pathlib import Path

import stores
from acme_asking import FAY, LEA, NONA, OPERATOR
from acme_records import LEDGER, dead_letter, event, grant, of_units, person, scope, unit, workflow_run
from routes import DEAD_LETTERS, RUNS
from serving import Served, Who


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


async def test_unreadable_storage_is_no_empty_answer(sidecar: Served, tmp_path: Path) -> None:
    """When the store cannot be read the answer is 503, and says nothing of the inside."""
    await sidecar.take(workflow_run("run"))
    table = "record_workflow_run"
    stores.damage(tmp_path / "sidecar.db", f"DROP TABLE {table}")
    for path in (RUNS, f"{RUNS}/run", f"{RUNS}/run/resume-plan"):
        status, body = await sidecar.refused(path, OPERATOR)
        assert (status, body["error"], set(body)) == (503, "store_unavailable", {"error", "message"})
        assert table not in json.dumps(body)
