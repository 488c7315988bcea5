"""The sidecar behind a real nginx, run from the configuration that we ship."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from answer import Answer
from nginx_process import NEAR_OLGA, nginx
from serving import Clock, service_on

from sidecar.config import Address, Limits
from sidecar.http.app import create_app
from sidecar.http.connections import Bounds
from sidecar.http.listening import Door, Listener
from sidecar.records.store import Prepared

pytestmark = pytest.mark.usefixtures("store_name")

WAITS = "/v1/records/wait"
ACME = {"tenant_context": {"org_id": "acme", "workspace_id": "main"}}
GLOBEX = {"tenant_context": {"org_id": "globex", "workspace_id": "main"}}
TIMES = {"created_at_ms": 10, "updated_at_ms": 20}


def wait(wait_id: str, scope: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "wait", {
        "wait_id": wait_id,
        "run_id": "r",
        "wait_kind": "timer",
        "status": "waiting",
        "scope": scope,
        **TIMES,
    }


WORLD = [
    wait("everybody's", ACME),
    wait("finance's", {**ACME, "owning_org_unit_id": "finance"}),
    wait("sales'", {**ACME, "owning_org_unit_id": "sales"}),
    wait("legal's", {**ACME, "owning_org_unit_id": "legal"}),
    wait("globex's", GLOBEX),
    ("workflow_run", {"run_id": "team/run 1%2F", "workflow_id": "w", "status": "running", **TIMES, **ACME}),
]
SEEN = {
    "ann": {"everybody's", "finance's"},
    "bob": {"everybody's", "sales'"},
    "olga": {"everybody's", "finance's", "sales'", "legal's"},
    "zoe": {"globex's"},
}


async def ask(
    reached: int | Path, target: str, name: str | None, *further: bytes, method: str = "GET", body: bytes = b""
) -> Answer:
    """One request as it is written, over a port or a socket file."""
    if isinstance(reached, int):
        reader, writer = await asyncio.open_connection("127.0.0.1", reached)
    else:
        reader, writer = await asyncio.open_unix_connection(str(reached))
    lines = [f"{method} {target} HTTP/1.1".encode(), b"Host: sidecar.example", b"Connection: close"]
    if name is not None:
        lines.append(b"Authorization: Basic " + base64.b64encode(f"{name}:{name}-secret".encode()))
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    writer.write(b"\r\n".join([*lines, *further, b"", body]))
    async with asyncio.timeout(10):
        raw = await reader.read()
    writer.close()
    answer = Answer.read(raw)
    return replace(answer, raw=answer.raw.split(b"\r\n")[1]) if "Transfer-Encoding" in answer.headers else answer


def waits(answer: Answer) -> set[str]:
    """The waits that an answer shows."""
    assert answer.status == 200, (answer.status, answer.raw)
    return {record["wait_id"] for record in answer.body["records"]}


@asynccontextmanager
async def sidecar_at(path: Path, store: Path) -> AsyncIterator[None]:
    """A sidecar at a socket file, over the world."""
    service = await service_on(store, Clock())
    prepared = [service.intake.accept(kind, record) for kind, record in WORLD]
    assert all(isinstance(record, Prepared) for record in prepared), prepared
    await service.store.put(prepared)
    listener = Listener(Door.take(Address("", 0, str(path))), create_app(service, Limits()), Bounds.of(Limits()), 2.0)
    await listener.open(lambda: None)
    try:
        yield
    finally:
        await listener.close()
        await service.store.close()


@dataclass(frozen=True)
class Front:
    port: int
    socket_file: Path


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    """An nginx before a sidecar."""
    path = tmp_path / "s.sock"
    async with sidecar_at(path, tmp_path / "s.db"):
        with nginx(tmp_path / "nginx", path) as port:
            yield Front(port, path)


async def test_two_callers_get_their_own_answers(front: Front) -> None:
    """Each proven name is answered as the caller that callers.conf makes of it."""
    for name, seen in SEEN.items():
        assert waits(await ask(front.port, WAITS, name)) == seen


async def test_no_header_comes_twice(front: Front) -> None:
    """What both the sidecar and nginx say of an answer is said once."""

    def headers() -> list[str]:
        connection = HTTPConnection("127.0.0.1", front.port, timeout=10)
        try:
            word = base64.b64encode(b"ann:ann-secret").decode()
            connection.request("GET", WAITS, headers={"Authorization": f"Basic {word}"})
            return [name for name, _ in connection.getresponse().getheaders()]
        finally:
            connection.close()

    told = await asyncio.to_thread(headers)
    assert "Cache-Control" in told
    assert len(told) == len(set(told))


async def test_nobody_else_is_answered(front: Front) -> None:
    """No name, a wrong password and a name that is no caller are 401, the first two from nginx, as JSON all three."""
    unnamed = await ask(front.port, WAITS, None)
    wrong = await ask(front.port, WAITS, None, b"Authorization: Basic " + base64.b64encode(b"ann:guess"))
    unknown = await ask(front.port, WAITS, "eve")
    for answer in (unnamed, wrong, unknown):
        assert answer.status == 401
        assert answer.body["error"] == "unauthenticated"
        assert answer.headers["Cache-Control"] == "no-store"
    assert unnamed.headers["WWW-Authenticate"] == 'Basic realm="sidecar"'


async def test_a_name_like_another_stands_for_nobody(front: Front, tmp_path: Path) -> None:
    """A proven name that differs from one in callers.conf, by the case of a letter too, gets nothing of what that has."""
    for name in NEAR_OLGA:
        answer = await ask(front.port, WAITS, name)
        assert (answer.status, answer.body["error"]) == (401, "unauthenticated"), name
    stated = "$sidecar_org|$sidecar_workspace|$sidecar_units|$sidecar_roles|$sidecar_data_classes"
    told = {"location / {": f'location = /told {{ return 200 "{stated}"; }}\n    location / {{'}
    with nginx(tmp_path / "telling", front.socket_file, told) as port:
        assert (await ask(port, "/told", "olga")).raw == b"acme|main|,|workspace_operator|"
        assert (await ask(port, "/told", "ann")).raw == b"acme|main|finance||internal,confidential"
        for name in (*NEAR_OLGA, "Ann", "anna", "BOB", "eve"):
            assert (await ask(port, "/told", name)).raw == b"||,||", name


FORGED = [
    [b"X-Tandem-Org-Id: globex"],
    [b"x-tandem-org-id: globex"],
    [b"X-TANDEM-ORG-ID: globex", b"X-Tandem-Org-Id: globex"],
    [b"X_Tandem_Org_Id: globex"],
    [b"X-Tandem_Org-Id: globex"],
    [b"X-Tenant-Org-Id: globex"],
    [b"X-Tandem-Workspace-Id: other"],
    [b"X-Tenant-Workspace-Id: other"],
    [b"X-Tandem-Deployment-Id: eu"],
    [b"X-Tandem-Actor-Id: olga"],
    [b"X-User-Id: olga"],
    [b"X-Tandem-Org-Units: finance"],
    [b"X-Tandem-Org-Units: finance", b"X-Tandem-Org-Units: legal"],
    [b"X_Tandem_Org_Units: finance"],
    [b"X-Tandem-Roles: workspace_operator"],
    [b"X_TANDEM_ROLES: workspace_operator"],
    [b"X-Tandem-Roles:workspace_operator\t"],
    [b"X-Tandem-Data-Classes: confidential"],
    [b"X-Tandem-Context-Assertion: a.b.c"],
    [b"Connection: close, X-Tandem-Org-Units"],
    [b"Connection: X-Tandem-Org-Id, X-Tandem-Org-Units"],
]
MANGLED = [
    [b"X-Tandem-Roles : workspace_operator"],
    [b"X-Other: a", b" X-Tandem-Roles: workspace_operator"],
    [b"X-Other: a\rX-Tandem-Roles: workspace_operator"],
    [b"X-Other: a\nX-Tandem-Roles: workspace_operator"],
]


async def test_a_forged_identity_header_changes_nothing(front: Front) -> None:
    """Whatever identity header a client sends, in whatever spelling, it is answered as the name it proved."""
    mine = await ask(front.port, WAITS, "bob")
    for forged in FORGED:
        answer = await ask(front.port, WAITS, "bob", *forged)
        assert (answer.status, answer.raw) == (200, mine.raw), forged
    for mangled in MANGLED:
        answer = await ask(front.port, WAITS, "bob", *mangled)
        assert answer.status == 400 or answer.raw == mine.raw, mangled


async def test_the_same_headers_are_believed_on_the_socket(front: Front) -> None:
    """What nginx keeps out would be believed: the sidecar trusts whoever reaches its socket."""
    stated = [b"X-Tandem-Org-Id: acme", b"X-Tandem-Workspace-Id: main", b"X-Tandem-Roles: workspace_operator"]
    assert waits(await ask(front.socket_file, WAITS, None, *stated)) == SEEN["olga"]
    assert front.socket_file.stat().st_mode & 0o777 == 0o660


async def test_a_caller_without_units_claims_none(front: Front) -> None:
    """A name without units is no operator of a tenant without memberships: the shipped comma is an empty claim."""
    assert waits(await ask(front.port, WAITS, "zoe")) == {"globex's"}
    stated = [b"X-Tandem-Org-Id: acme", b"X-Tandem-Workspace-Id: main", b"X-Tandem-Actor-Id: zoe"]
    assert waits(await ask(front.socket_file, WAITS, None, *stated)) == SEEN["olga"]
    assert waits(await ask(front.socket_file, WAITS, None, *stated, b"X-Tandem-Org-Units: ,")) == {"everybody's"}


async def test_encoded_slashes_survive(front: Front) -> None:
    """An id with slashes, spaces and percent signs asks for the same run through nginx as without it."""
    answer = await ask(front.port, "/stateful-runtime/runs/team%2Frun%201%252F", "olga")
    assert answer.status == 200
    assert answer.body["run"]["run_id"] == "team/run 1%2F"
    inner = await ask(front.port, "/stateful-runtime/runs//events", "olga")
    assert (inner.status, inner.body["count"]) == (200, 0)


async def test_the_answers_of_the_sidecar_go_through_untouched(front: Front) -> None:
    """Refusals keep their status, their JSON and their headers; nginx's own are in the same words."""
    absent = await ask(front.port, "/stateful-runtime/runs/none", "olga")
    assert (absent.status, absent.body["error"]) == (404, "stateful_run_not_found")
    nowhere = await ask(front.port, "/nowhere", "olga")
    assert (nowhere.status, nowhere.body["error"]) == (404, "not_found")
    method = await ask(front.port, WAITS, "olga", method="DELETE")
    assert (method.status, method.body["error"]) == (405, "method_not_allowed")
    assert method.headers["Allow"].replace(", ", ",") == "GET,HEAD"
    choices = "/stateful-runtime/runs/r/resume-plan"
    packed = await ask(
        front.port,
        choices,
        "olga",
        b"Content-Type: application/json",
        b"Content-Encoding: gzip",
        method="POST",
        body=b"x",
    )
    assert (packed.status, packed.body["error"]) == (415, "unsupported_media_type")
    large = await ask(front.port, WAITS, "olga", b"X-Long: " + b"a" * 20_000)
    assert (large.status, large.body["error"]) == (431, "headers_too_large")
    for answer in (absent, nowhere, method, packed, large):
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_careless_cache_keeps_nothing(tmp_path: Path) -> None:
    """Even with a cache that looks at the address only, no caller is answered with what another one saw."""
    path = tmp_path / "s.sock"
    cached = {"proxy_cache off;": "proxy_cache careless; proxy_cache_valid any 1m; proxy_cache_key $request_uri;"}
    async with sidecar_at(path, tmp_path / "s.db"):
        with nginx(tmp_path / "nginx", path, cached) as port:
            for name in ("olga", "bob", "ann", "zoe", "bob"):
                assert waits(await ask(port, WAITS, name)) == SEEN[name]


async def test_either_side_may_restart(tmp_path: Path) -> None:
    """A new nginx serves on, and a sidecar that comes back is found again; meanwhile the answer is 503, in JSON."""
    path, store = tmp_path / "s.sock", tmp_path / "s.db"
    async with sidecar_at(path, store):
        with nginx(tmp_path / "nginx", path) as port:
            assert waits(await ask(port, WAITS, "ann")) == SEEN["ann"]
    with nginx(tmp_path / "nginx", path) as port:
        down = await ask(port, WAITS, "ann")
        assert (down.status, down.body["error"]) == (503, "unavailable")
        async with sidecar_at(path, store):
            assert waits(await ask(port, WAITS, "ann")) == SEEN["ann"]
