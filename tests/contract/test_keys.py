"""Under which keys and ids records are found."""

from urllib.parse import quote

import pytest
from acme_asking import OPERATOR, offered, rejected
from acme_records import dead_letter, event, ids, outbox, snapshot, unit, wait, workflow_run
from routes import RELIABILITY, RUNS
from serving import Served


async def test_keys(sidecar: Served) -> None:
    """A record is found under the parts of its key, each encoded, and a key's parts keep records of one id apart."""
    await sidecar.take(
        wait("w", "run/1", "waiting"),
        wait("w", "run", "waiting"),
        event("e%", "run", 1),
        event("e%", "run/1", 2),
        snapshot("s", "run", 1),
        snapshot("s", "run/1", 2),
        unit("finance"),
        unit("finance", taxonomy_id="cost"),
        dead_letter("a/b é"),
    )
    for kind, key in (
        ("wait", ("run/1", "w")),
        ("wait", ("run", "w")),
        ("event", ("run", "e%")),
        ("event", ("run/1", "e%")),
        ("snapshot", ("run/1", "s")),
        ("org_unit", ("cost", "finance")),
        ("org_unit", ("organization_unit", "finance")),
        ("dead_letter", ("a/b é",)),
    ):
        path = "/".join(quote(part, safe="") for part in key)
        record = (await sidecar.get(f"/v1/records/{kind}/{path}", OPERATOR))["record"]
        assert set(key) <= {value for value in record.values() if isinstance(value, str)}
    for path in ("wait/w", "wait/run/1/w", "org_unit/finance", "dead_letter/a/b%20%C3%A9", "event/run/e"):
        assert (await sidecar.refused(f"/v1/records/{path}", OPERATOR))[0] == 404, path


async def test_a_key_fits_in_a_cursor(sidecar: Served) -> None:
    """The longest key that is taken can be paged past and asked for; a longer one is refused at its longest part."""
    longest = '"' * ((2_048 - len('["run",""]')) // 2)
    rows = [wait(name, "run", "waiting") for name in ("!", longest, "~")]
    assert (await offered(sidecar, *rows)).status == 200
    page = await sidecar.get("/v1/records/wait?limit=2&status=waiting&run_id=run", OPERATOR)
    assert ids(page["records"], "wait_id") == ["!", longest]
    page = await sidecar.get(f"/v1/records/wait?limit=2&status=waiting&run_id=run&cursor={page['next']}", OPERATOR)
    assert ids(page["records"], "wait_id") == ["~"]
    assert (await sidecar.get(f"/v1/records/wait/run/{quote(longest)}", OPERATOR))["record"]["wait_id"] == longest
    [reject] = await rejected(sidecar, wait(longest + "x", "run", "waiting"))
    assert reject["pointer"] == "/wait_id"


@pytest.mark.parametrize(
    ("sent", "run_id"),
    [("a%2Fb", "a/b"), ("a+b", "a+b"), ("a%20b", "a b"), ("%C3%A9", "é"), ("a%252Fb", "a%2Fb"), ("%2e%2e", "..")],
)
async def test_ids_in_paths(sidecar: Served, sent: str, run_id: str) -> None:
    """A segment is decoded once, after its route was found: an id may hold a slash, and a plus stays one."""
    await sidecar.take(workflow_run(run_id), wait(run_id, run_id, "waiting"))
    assert (await sidecar.get(f"{RUNS}/{sent}", OPERATOR))["run"]["run_id"] == run_id
    assert (await sidecar.get(f"{RUNS}/{sent}/events", OPERATOR))["run_id"] == run_id
    assert (await sidecar.get(f"/v1/records/wait/{sent}/{sent}", OPERATOR))["record"]["wait_id"] == run_id


async def test_run_ids_are_compared_exactly(sidecar: Served) -> None:
    """Rows of a run with another spelling are another run's, and a run named ``all`` is one run."""
    await sidecar.take(
        *(workflow_run(name) for name in ("run-a", "all")),
        *(outbox(f"of {name}", run_id=name) for name in ("run-a", "run_a", "RUN-A", " run-a", "all")),
    )
    page = await sidecar.get(f"{RUNS}/run-a/reliability", OPERATOR)
    assert ids(page["outbox"], "outbox_id") == ["of run-a"]
    page = await sidecar.get(f"{RELIABILITY}?run_id=run_a", OPERATOR)
    assert ids(page["outbox"], "outbox_id") == ["of run_a"]
    page = await sidecar.get(f"{RUNS}/all/reliability", OPERATOR)
    assert ids(page["outbox"], "outbox_id") == ["of all"]
    plan = await sidecar.get(f"{RUNS}/all/resume-plan", OPERATOR)
    assert plan["run_id"] == "all"
