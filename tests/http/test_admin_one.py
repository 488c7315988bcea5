"""Single records: put under the key of their path, removed from the tenant that the query names."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from answer import Answer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from offered import OPERATOR, RECORDS, TENANT, audit, event, line, membership, scope, stored, unit, wait
from serving import Served, Who

from sidecar.config import Limits

pytestmark = pytest.mark.usefixtures("store_name")

WHOSE = "?org_id=acme&workspace_id=main"


def at(kind: str, *key: str) -> str:
    """The path of a record."""
    return "/".join((RECORDS, kind, *(quote(part, safe="") for part in key)))


async def put(served: Served, kind: str, record: Any, *key: str) -> Answer:
    """Put a record under a key."""
    return await served.admin("PUT", at(kind, *key), orjson.dumps(record))


async def test_put_replaces_one(served: Served, tmp_path: Path) -> None:
    """A record put under its key replaces the one that is there, by the write rule of its kind, durably."""
    assert (await put(served, "wait", wait(), "r", "w")).body == {"accepted": 1}
    assert (await put(served, "wait", wait(status="claimed"), "r", "w")).body == {"accepted": 1}
    older = await put(served, "wait", wait(status="cancelled", updated_at_ms=19), "r", "w")
    assert (older.status, older.body) == (200, {"accepted": 1, "stale": 1})
    assert [record["status"] for record in stored(tmp_path, "wait")] == ["claimed"]


async def test_put_of_what_is_append_only(served: Served) -> None:
    """An append-only record may be put once, and again unchanged."""
    assert (await put(served, "event", event(), "r", "e")).status == 200
    assert (await put(served, "event", event(), "r", "e")).body == {"accepted": 1}
    changed = await put(served, "event", event(seq=2), "r", "e")
    assert (changed.status, changed.body["error"], changed.body["rejected"][0]["line"]) == (409, "record_conflict", 1)


@pytest.mark.parametrize(
    ("key", "pointer"),
    [
        (("r", "other"), "/wait_id"),
        (("other", "w"), "/run_id"),
        (("R", "w"), "/run_id"),
        (("w", "r"), "/run_id"),
        (("r",), ""),
        (("r", "w", ""), ""),
        (("r/w",), ""),
        (("", "r", "w"), ""),
    ],
)
async def test_the_path_names_the_record(served: Served, tmp_path: Path, key: tuple[str, ...], pointer: str) -> None:
    """A record whose key is not exactly that of its path is refused at the part that differs."""
    answer = await put(served, "wait", wait(), *key)
    assert (answer.status, answer.body["error"]) == (422, "invalid_records")
    assert answer.body["rejected"][0]["pointer"] == pointer
    assert stored(tmp_path, "wait") == []


IDS = some.text(min_size=1, max_size=12).filter(lambda text: text.strip() and "\0" not in text and text.isprintable())


@given(
    run_id=IDS | some.sampled_from(["a/b", "a%2Fb", "%", "%25", "..", ".", "a b", "é", "+", "?x#y", "a\\b", ";,"]),
    wait_id=IDS,
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_id_can_be_named(served: Served, run_id: str, wait_id: str) -> None:
    """Each part of a key, percent-encoded, names exactly itself: put, shown and removed through its path."""
    path = at("wait", run_id, wait_id)
    assert (await put(served, "wait", wait(wait_id, run_id=run_id), run_id, wait_id)).body == {"accepted": 1}
    shown = await served.get(path.removeprefix("/admin"), OPERATOR)
    assert (shown["record"]["run_id"], shown["record"]["wait_id"]) == (run_id, wait_id)
    assert (await served.admin("DELETE", path + WHOSE)).status == 200
    assert (await served.admin("DELETE", path + WHOSE)).status == 404


async def test_delete_is_durable(served: Served, tmp_path: Path) -> None:
    """What was acknowledged as removed is gone from disk, and nothing else is."""
    for name in ("a", "b"):
        await put(served, "wait", wait(name), "r", name)
    answer = await served.admin("DELETE", at("wait", "r", "a") + WHOSE)
    assert (answer.status, answer.body) == (200, {"deleted": 1})
    assert [record["wait_id"] for record in stored(tmp_path, "wait")] == ["b"]
    assert (await served.refused("/v1/records/wait/r/a", OPERATOR))[0] == 404


async def test_delete_is_of_one_tenant(served: Served, tmp_path: Path) -> None:
    """The tenant is the whole triple: the same id of another organisation, workspace or deployment stays."""
    others = [{"org_id": "rival"}, {"workspace_id": "side"}, {"deployment_id": "eu"}]
    for tenant in ({}, *others):
        await served.admin("POST", RECORDS, line("wait", wait(scope=scope(**tenant))))
    assert (await served.admin("DELETE", at("wait", "r", "w") + WHOSE)).status == 200
    left = [record["scope"]["tenant_context"] for record in stored(tmp_path, "wait")]
    assert all(any({**TENANT, **tenant}.items() <= one.items() for one in left) for tenant in others)
    assert len(left) == 3
    assert (await served.admin("DELETE", at("wait", "r", "w") + WHOSE + "&deployment_id=eu")).status == 200
    assert len(stored(tmp_path, "wait")) == 2


@pytest.mark.parametrize(
    "path",
    [at("wait", "r", "x"), at("wait", "r"), at("wait", "r", "w", "x"), at("wait", "R", "w"), at("vait", "r", "w")],
)
async def test_delete_of_nothing(served: Served, path: str) -> None:
    """What is not there, of a kind or a key or neither, is one answer."""
    await put(served, "wait", wait(), "r", "w")
    answer = await served.admin("DELETE", path + WHOSE)
    assert (answer.status, answer.body["error"]) == (404, "record_not_found")


async def test_put_of_no_kind(served: Served) -> None:
    """A path that names no kind is answered like one of an absent record."""
    answer = await put(served, "vait", wait(), "r", "w")
    assert (answer.status, answer.body["error"]) == (404, "record_not_found")


@pytest.mark.parametrize(("kind", "make"), [("event", event), ("protected_audit_event", audit)])
async def test_what_is_append_only_stays(served: Served, tmp_path: Path, kind: str, make: Any) -> None:
    """An append-only record is never removed, whether it is there or not."""
    await served.admin("POST", RECORDS, line(kind, make()))
    for key in (("r", "e"), ("a",), ("none",)):
        answer = await served.admin("DELETE", at(kind, *key) + WHOSE)
        assert (answer.status, answer.body["error"], answer.headers["Allow"]) == (405, "method_not_allowed", "PUT")
    assert len(stored(tmp_path, kind)) == 1


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("", "invalid_parameter", "org_id"),
        ("?org_id=acme", "invalid_parameter", "workspace_id"),
        ("?workspace_id=main", "invalid_parameter", "org_id"),
        ("?org_id=&workspace_id=main", "invalid_parameter", "org_id"),
        ("?org_id=acme&workspace_id=%20", "invalid_parameter", "workspace_id"),
        (WHOSE + "&deployment_id=", "invalid_parameter", "deployment_id"),
        (WHOSE + "&org_id=acme", "invalid_parameter", "org_id"),
        (WHOSE + "&deploymentid=eu", "unknown_parameter", "deploymentid"),
    ],
)
async def test_delete_says_whose(served: Served, tmp_path: Path, query: str, code: str, parameter: str) -> None:
    """Without a whole tenant nothing is removed; the parameter that is wrong is named."""
    await put(served, "wait", wait(), "r", "w")
    answer = await served.admin("DELETE", at("wait", "r", "w") + query)
    assert (answer.status, answer.body["error"], answer.body["parameter"]) == (400, code, parameter)
    assert len(stored(tmp_path, "wait")) == 1


async def test_a_removed_membership_leaves_the_tenant_managed(served: Served) -> None:
    """Removing the last membership makes nobody an operator again: its member sees what no unit owns."""
    await served.admin("POST", RECORDS, line("wait", wait(scope={**scope(), "owning_org_unit_id": "finance"})))
    ann = Who()
    assert (await served.get("/v1/records/wait", ann))["count"] == 1
    await put(served, "org_unit", unit(), "organization_unit", "finance")
    await put(served, "org_unit_membership", membership(), "m")
    assert (await served.get("/v1/records/wait", ann))["count"] == 1
    assert (await served.admin("DELETE", at("org_unit_membership", "m") + WHOSE)).status == 200
    assert (await served.get("/v1/records/wait", ann))["count"] == 0


async def test_a_path_is_utf8(served: Served) -> None:
    """A path that is not UTF-8 is refused."""
    answer = await served.admin("DELETE", RECORDS + "/wait/r/%FF" + WHOSE)
    assert (answer.status, answer.body["error"]) == (400, "invalid_path")


async def test_put_takes_json_only(served: Served) -> None:
    """A single record is JSON and nothing else, and whoever sends something else is told so."""
    for headers, read in (
        ({"Content-Type": "text/plain"}, "application/json"),
        ({"Content-Encoding": "br"}, "as it is"),
    ):
        answer = await served.admin("PUT", at("wait", "r", "w"), orjson.dumps(wait()), headers=headers)
        assert (answer.status, answer.body["error"]) == (415, "unsupported_media_type")
        assert read in answer.body["message"]


async def test_put_may_be_written_in_many_lines(served: Served) -> None:
    """A single record may be laid out as people write it."""
    text = orjson.dumps(wait(), option=orjson.OPT_INDENT_2)
    assert (await served.admin("PUT", at("wait", "r", "w"), text)).body == {"accepted": 1}


async def test_put_is_bounded(served: Served) -> None:
    """A single record is as large as a line may be, and no larger."""
    record = orjson.dumps(wait(wake_payload={"text": "x" * Limits().record_bytes}))
    answer = await served.admin("PUT", at("wait", "r", "w"), record)
    assert (answer.status, answer.body["error"]) == (413, "body_too_large")
