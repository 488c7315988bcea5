"""Who may write what: every request needs a token where one is set, and a token opens what it names and no more."""

import hashlib
from pathlib import Path

import orjson
import pytest
import serving
from offered import RECORDS, TENANT, binding, event, line, lines, membership, scope, stored, unit, wait

from sidecar.config import Writer

pytestmark = pytest.mark.usefixtures("store_name")

ALL = "all-0123456789"
SOME = "some-0123456789"
UNITS = "units-0123456789"
TIMID = "timid-0123456789"
ACME, SIDE, EU = ("acme", "main", ""), ("acme", "side", ""), ("acme", "main", "eu")


def writer(token: str, kinds: set[str], *tenants: tuple[str, str, str], authority: bool = False) -> Writer:
    """What a token may write."""
    return Writer(_digest(token), frozenset(kinds), frozenset(tenants), authority)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


CATALOGUE = {"org_unit", "org_unit_membership", "org_unit_access_grant", "source_binding"}
WRITERS = (
    Writer(_digest(ALL)),
    writer(SOME, {"wait", "event"}, ACME, EU),
    writer(UNITS, {*CATALOGUE, "wait"}, ACME, SIDE, authority=True),
    writer(TIMID, CATALOGUE, ACME),
)


def bearing(token: str) -> dict[str, str]:
    """The header that presents a token."""
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {ALL[:-1]}",
        f"Bearer {ALL}x",
        f"Bearer {ALL.upper()}",
        f"Bearer {ALL} {ALL}",
        f"Basic {ALL}",
        ALL,
        f"Bearer {hashlib.sha256(ALL.encode()).hexdigest()}",
        "Bearer é",
    ],
)
async def test_no_token_no_entry(tmp_path: Path, header: str | None) -> None:
    """Without exactly one known token nothing is written or removed, and nothing is told, not even a route."""
    async with serving.served(tmp_path, writers=WRITERS) as sidecar:
        await sidecar.admin("POST", RECORDS, line("wait", wait()), headers=bearing(ALL))
        for method, path in (
            ("POST", RECORDS),
            ("PUT", RECORDS + "/wait/r/v"),
            ("DELETE", RECORDS + "/wait/r/w?org_id=acme&workspace_id=main"),
            ("GET", "/nowhere"),
            ("OPTIONS", RECORDS),
        ):
            headers = {} if header is None else {"Authorization": header}
            answer = await sidecar.admin(method, path, orjson.dumps(wait("v")), headers=headers)
            assert (answer.status, answer.body["error"]) == (401, "unauthenticated")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.headers["Cache-Control"] == "no-store"
            assert ALL not in answer.raw.decode()
    assert [record["wait_id"] for record in stored(tmp_path, "wait")] == ["w"]


async def test_two_tokens_are_none(tmp_path: Path) -> None:
    """Two Authorization headers are refused, for two readers could take different ones."""
    async with serving.served(tmp_path, writers=WRITERS) as sidecar:
        both = [("Content-Type", "application/x-ndjson"), *2 * [("Authorization", f"Bearer {ALL}")]]
        async with sidecar.session.post(sidecar.admin_url + RECORDS, data=b"", headers=both) as answer:
            assert answer.status == 401


@pytest.mark.parametrize("header", [f"Bearer {ALL}", f"bearer {ALL}", f"BEARER  {ALL} "])
async def test_a_known_token_enters(tmp_path: Path, header: str) -> None:
    """The scheme's letters and the space around a token do not matter."""
    async with serving.served(tmp_path, writers=WRITERS) as sidecar:
        answer = await sidecar.admin("POST", RECORDS, line("wait", wait()), headers={"Authorization": header})
        assert answer.body == {"accepted": 1}
        assert (await sidecar.admin("GET", "/nowhere", headers={"Authorization": header})).status == 404


def _elsewhere(**tenant: str) -> dict[str, str]:
    return {**TENANT, **tenant}


MATRIX = [
    (SOME, "wait", wait(), True),
    (SOME, "event", event(), True),
    (SOME, "wait", wait(scope=scope(deployment_id="eu")), True),
    (SOME, "wait", wait(scope=scope(deployment_id="us")), False),
    (SOME, "wait", wait(scope=scope(workspace_id="side")), False),
    (SOME, "wait", wait(scope=scope(org_id="rival")), False),
    (SOME, "org_unit", unit(), False),
    (SOME, "source_binding", binding(), False),
    (UNITS, "wait", wait(), True),
    (UNITS, "event", event(), False),
    (UNITS, "org_unit", unit(), True),
    (UNITS, "org_unit_membership", membership(tenant_context=_elsewhere(workspace_id="side")), True),
    (UNITS, "org_unit", unit(tenant_context=_elsewhere(deployment_id="eu")), False),
    (UNITS, "source_binding", binding(), True),
    (TIMID, "org_unit", unit(), False),
    (TIMID, "org_unit_membership", membership(), False),
    (TIMID, "source_binding", binding(), True),
    (TIMID, "source_binding", binding(tenant_context=_elsewhere(org_id="rival")), False),
    (ALL, "org_unit", unit(tenant_context=_elsewhere(org_id="rival")), True),
]
KEYS = {
    "wait": "r/w",
    "event": "r/e",
    "org_unit": "organization_unit/finance",
    "org_unit_membership": "m",
    "source_binding": "b",
}


@pytest.mark.parametrize(("token", "kind", "record", "allowed"), MATRIX)
async def test_matrix(tmp_path: Path, token: str, kind: str, record: dict, *, allowed: bool) -> None:
    """A token writes the kinds and tenants it names, units, memberships and grants only with authority, by any way."""
    async with serving.served(tmp_path, writers=WRITERS) as sidecar:
        headers, path = bearing(token), f"{RECORDS}/{kind}/{KEYS[kind]}"
        tenant = record.get("tenant_context") or record["scope"]["tenant_context"]
        query = "?" + "&".join(f"{name}={value}" for name, value in tenant.items())
        posted = await sidecar.admin("POST", RECORDS, line(kind, record), headers=headers)
        put = await sidecar.admin("PUT", path, orjson.dumps(record), headers=headers)
        assert len(stored(tmp_path, kind)) == int(allowed)
        removed = await sidecar.admin("DELETE", path + query, headers=headers)
        answers = [posted, put] if kind == "event" and allowed else [posted, put, removed]
        assert {answer.status for answer in answers} == {200 if allowed else 403}
        assert allowed or {answer.body["error"] for answer in answers} == {"forbidden"}


async def test_one_forbidden_record_refuses_all(tmp_path: Path) -> None:
    """A record that the token may not write keeps the whole body out, whatever else is wrong with it."""
    async with serving.served(tmp_path, writers=WRITERS) as sidecar:
        for body in (
            lines(("wait", wait("a")), ("wait", wait("b", scope=scope(org_id="rival")))),
            lines(("wait", wait("a")), ("org_unit", unit())),
            lines(("wait", {}), ("org_unit", {"nothing": "valid"})),
        ):
            answer = await sidecar.admin("POST", RECORDS, body, headers=bearing(SOME))
            assert (answer.status, answer.body["error"]) == (403, "forbidden")
    assert stored(tmp_path, "wait") == []


async def test_forbidden_tells_nothing_of_the_store(tmp_path: Path) -> None:
    """Removing what a token may not write is answered alike, whether it is there or not."""
    async with serving.served(tmp_path, writers=WRITERS) as sidecar:
        foreign = wait(scope=scope(org_id="rival"))
        await sidecar.admin("POST", RECORDS, line("wait", foreign), headers=bearing(ALL))
        query = "?org_id=rival&workspace_id=main"
        there, absent = [
            await sidecar.admin("DELETE", f"{RECORDS}/wait/r/{name}{query}", headers=bearing(SOME))
            for name in ("w", "none")
        ]
        assert (there.status, there.raw) == (403, absent.raw)
    assert len(stored(tmp_path, "wait")) == 1


async def test_web_pages_may_not_write(tmp_path: Path) -> None:
    """Where no token is set, a request that a browser sends for a web page is refused."""
    async with serving.served(tmp_path) as sidecar:
        answer = await sidecar.admin("POST", RECORDS, line("wait", wait()), headers={"Origin": "http://127.0.0.1"})
        assert (answer.status, answer.body["error"]) == (403, "forbidden")
        assert (await sidecar.admin("POST", RECORDS, line("wait", wait()))).status == 200
