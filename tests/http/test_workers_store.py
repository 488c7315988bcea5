"""Workers share nothing but the store: what one writes the others answer with, on every store."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from offered import lines, membership, scope, unit, wait
from workers_process import Held, workers

pytestmark = pytest.mark.usefixtures("store_name")

RECORDS = "/admin/v1/records"
WAITS = "/v1/records/wait"
NDJSON = "application/x-ndjson"
WRITES = 40


def store(connection: Held, *records: tuple[str, Any]) -> None:
    """Hand records over to the worker that holds a connection."""
    answer = connection.ask("POST", RECORDS, lines(*records), content_type=NDJSON)
    assert (answer.status, answer.body) == (200, {"accepted": len(records)}), answer


def names(body: Any) -> list[str]:
    return [record["wait_id"] for record in body["records"]]


def test_a_cursor_of_one_worker_is_taken_by_the_others(tmp_path: Path) -> None:
    """A walk whose pages come from one worker after the other sees every record once."""
    count = 9
    with workers(tmp_path, 3) as served:
        one, *_ = pids = served.pids
        with served.held(one, served.admin) as connection:
            store(connection, *[("wait", wait(f"w-{number}")) for number in range(count)])
        walked: list[str] = []
        path, turn = f"{WAITS}?limit=2", 0
        while path:
            with served.held(pids[turn % 3], served.public) as connection:
                body = connection.ask("GET", path).body
            walked += names(body)
            path, turn = f"{WAITS}?limit=2&cursor={body['next']}" if body["next"] else "", turn + 1
        assert walked == [f"w-{number}" for number in range(count)]
        assert turn >= 3


def test_what_one_worker_takes_away_the_next_request_to_another_misses(tmp_path: Path) -> None:
    """A membership that ends through one worker opens nothing at another, which had just used it."""
    ann = {"x_tandem_actor_id": "ann"}
    hidden = ("wait", wait(scope={**scope(), "owning_org_unit_id": "finance"}))
    with workers(tmp_path) as served:
        one, other = served.pids
        with served.held(one, served.admin) as admin, served.held(other, served.public) as public:
            store(admin, ("org_unit", unit()), hidden)
            for _ in range(5):
                store(admin, ("org_unit_membership", membership()))
                assert names(public.ask("GET", WAITS, **ann).body) == ["w"]
                query = "org_id=acme&workspace_id=main"
                assert admin.ask("DELETE", f"{RECORDS}/org_unit_membership/m?{query}").status == 200
                assert names(public.ask("GET", WAITS, **ann).body) == []


def test_workers_that_write_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """Two workers write to one store at the same time: each write is answered with 200, and none is lost."""
    with workers(tmp_path) as served:
        statuses: list[int] = []

        def write(pid: int, first: int) -> None:
            with served.held(pid, served.admin) as connection:
                for number in range(first, first + WRITES):
                    body = lines(("wait", wait(f"w-{number:04}")))
                    statuses.append(connection.ask("POST", RECORDS, body, content_type=NDJSON).status)

        run_at_once(*[lambda pid=pid, place=place: write(pid, place * WRITES) for place, pid in enumerate(served.pids)])
        assert statuses == [200] * (2 * WRITES)
        with served.held(served.pids[0], served.public) as connection:
            body = connection.ask("GET", f"{WAITS}?limit=1000").body
        assert names(body) == [f"w-{number:04}" for number in range(2 * WRITES)]


def run_at_once(*works: Callable[[], None]) -> None:
    threads = [Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
