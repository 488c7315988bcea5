"""Twin worlds: hidden records change nothing that a caller can see, whatever is asked on whatever route."""

import re
import secrets
from pathlib import Path
from typing import Any

import orjson
import pytest
import serving
from answer import Answer
from asking import plain
from scoped_records import (
    SCOPED_KINDS,
    TENANT,
    Named,
    Record,
    audit_event,
    decision,
    grant,
    key_of,
    membership,
    opened,
    owned,
    scoped,
    unit,
)
from scoped_world import ACTORS, BINDINGS, GRANTS, MEMBERSHIPS, OTHER_TENANTS, UNITS, VARIANTS
from serving import NOW_MS, Served, Who, served
from whom import CALLERS, Names

from sidecar.http.routes import ROUTES

RUNS = "/stateful-runtime/runs"
RELIABILITY = "/stateful-runtime/reliability"
ROWS = ("outbox", "tool_effect", "dead_letter", "compensation")
ASKING = ("unit", "member", "no unit", "foreign unit")


def common(visible: Names) -> list[Named]:
    """What both worlds hold: the catalogue without hr, and what the caller sees of the scoped kinds.

    Where it sees what the grant called active opens, one such record also names a grant that it does not see.
    """
    named_twice = opened("active", "~theirs")
    return [
        *(record for record in UNITS if record[1]["unit_id"] != "hr"),
        *(scoped(kind, "named-twice", named_twice) for kind in SCOPED_KINDS if "by-active" in visible),
        *MEMBERSHIPS,
        *GRANTS,
        *(scoped(kind, name, VARIANTS[name]) for kind in SCOPED_KINDS for name in sorted(visible)),
        *map(decision, ACTORS),
        *map(audit_event, ACTORS),
    ]


def later(named: Named, run_id: str | None = None) -> Named:
    """The same record, newer than all that is visible, of another run when one is named."""
    kind, record = named
    newer = {name: NOW_MS for name in ("created_at_ms", "updated_at_ms", "occurred_at_ms") if name in record}
    return kind, {**record, **newer, **({} if run_id is None else {"run_id": run_id})}


def hidden_scopes() -> dict[str, Record]:
    """Scopes that none of the callers here sees, by name."""
    denied = opened("no-such", classes=("internal",))
    return {
        "~hr": owned("hr"),
        "~gated": {"data_classes": ["credential"]},
        "~denied": denied,
        "~closed": owned("closed"),
    }


def hidden(visible: Names) -> list[Named]:
    """Over 200 records that the caller does not see: in runs of its own and in visible ones, of its tenant and others."""
    scopes = {**{name: scope for name, scope in VARIANTS.items() if name not in visible}, **hidden_scopes()}
    own = [later(scoped(kind, name, scope)) for name, scope in scopes.items() for kind in SCOPED_KINDS]
    beside = [
        later(scoped(kind, f"beside-{name}", scope), "open")
        for name, scope in hidden_scopes().items()
        for kind in SCOPED_KINDS[2:]
    ]
    events = [(kind, {**record, "seq": 1_000} if "seq" in record else record) for kind, record in beside]
    newer_run = later(scoped("automation_run", "open", owned("hr")))[1]
    foreign = [
        later(scoped(kind, name, VARIANTS[name], of))
        for of in OTHER_TENANTS
        for kind in SCOPED_KINDS
        for name in ("open", "finance")
    ]
    catalogue = [
        *BINDINGS,
        unit("hr"),
        grant("~theirs", "organization_unit/hr", on="active"),
        unit("~theirs", "hr"),
        membership("~theirs", "hr", "x"),
        *(unit("finance", of=of, state="disabled") for of in OTHER_TENANTS),
        *(membership("m", "finance", "mia", of) for of in OTHER_TENANTS),
    ]
    audit = [later(make(f"~{number}")) for make in (decision, audit_event) for number in range(20)]
    shadow = ("automation_run", {**newer_run, "run_id": "open"})
    return [*own, *events, shadow, *foreign, *catalogue, *audit]


def asked(sidecar: Served) -> list[str]:
    """Paths over every route: of what is visible, hidden in one world, and in neither."""
    runs = ("open", "finance", "legal", "~hr", "~gated", "never", "a-open", "a-~hr", "by-active", "named-twice")
    ends = ("", "/events", "/snapshots", "/reliability", "/observability", "/resume-plan")
    anchors = ("open", "beside-~hr", "~gated", "never")
    of_rows = [f"?after_id={anchor}{more}" for anchor in anchors for more in ("", "&after_collection=outbox")]
    in_rows = [*of_rows, "?limit=1", "?status=pending", f"?before_created_at_ms={NOW_MS}", "?active_recovery_only=true"]
    filters = (
        "org_unit_id=hr",
        "org_unit_id=finance",
        "data_class=credential",
        "status=running",
        "limit=2",
        "kind=workflow",
    )
    kinds = list(sidecar.service.kinds)
    names = ("open", "~hr", "beside-~hr", "never")
    return [
        RUNS,
        *(f"{RUNS}?{one}" for one in filters),
        *(f"{RUNS}/{run}{end}" for run in runs for end in ends),
        *(f"{RUNS}/open/events?{one}" for one in ("tail=2", "limit=1", "after_seq=1", "after_seq=999")),
        *(f"{RUNS}/open/snapshots/{name}" for name in names),
        f"{RUNS}/open/snapshots?limit=1",
        f"{RUNS}/open?event_limit=1&snapshot_limit=1",
        f"{RUNS}/open/observability?event_limit=1&snapshot_limit=1&reliability_limit=1&audit_limit=1",
        f"{RUNS}/open/resume-plan?limit=1",
        RELIABILITY,
        f"{RELIABILITY}?run_id=~hr",
        *(base + one for base in (RELIABILITY, f"{RUNS}/open/reliability") for one in in_rows),
        *(f"/v1/records/{kind}{one}" for kind in kinds for one in ("", "?limit=1", "?limit=3", "?limit=1000", "?x=1")),
        *(f"/v1/records/{kind}/{key_of(kind, name)}" for kind in SCOPED_KINDS for name in names),
        *(f"/v1/records/wait/open/{name}" for name in names),
        *(f"/v1/records/{kind}/{name}" for kind in ("source_binding", "org_unit_access_grant") for name in ("drive", "~theirs")),
        "/v1/records/org_unit/organization_unit/~theirs",
        "/v1/records/no_such_kind",
        "/v1/records/no_such_kind/open",
        "/v1/records",
        "/nowhere",
    ]  # fmt: skip


def choices() -> list[tuple[str, Record]]:
    """Recovery choices: about a hidden run, hidden rows, and a visible one."""
    of = {"choice": "abandon_with_audit"}
    return [
        ("~hr", of),
        ("open", {**of, "dead_letter_id": "beside-~hr"}),
        ("open", {**of, "compensation_id": "~gated"}),
        ("open", {**of, "dead_letter_id": "never"}),
        ("open", {**of, "dead_letter_id": "open"}),
    ]


async def told(sidecar: Served, who: Who) -> list[tuple[str, Any]]:
    """Everything that is answered: each path, whole walks by cursor, choices, and the run after them."""
    answers = [(path, await sidecar.ask("GET", path, who)) for path in asked(sidecar)]
    for kind in sidecar.service.kinds:
        answers += await walk(sidecar, f"/v1/records/{kind}?limit=2", who)
    for run, body in choices():
        answers.append((f"POST {run} {body}", await sidecar.post(f"{RUNS}/{run}/resume-plan", who, body)))
    after = [f"{RUNS}/open", f"{RUNS}/open/events", RELIABILITY, "/v1/records/event"]
    answers += [(f"then {path}", await sidecar.ask("GET", path, who)) for path in after]
    return [(path, (plain(answer), answer.headers["Content-Length"])) for path, answer in answers]


async def walk(sidecar: Served, path: str, who: Who) -> list[tuple[str, Answer]]:
    """Every page behind a path."""
    answers = []
    following = path
    while True:
        answer = await sidecar.ask("GET", following, who)
        answers.append((following, answer))
        if answer.body["next"] is None:
            return answers
        following = f"{path}&cursor={answer.body['next']}"


@pytest.fixture(autouse=True)
def _same_dice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both worlds seal with one key and draw the same suffixes."""
    key = serving.new_key()
    monkeypatch.setattr(serving, "new_key", lambda: key)
    monkeypatch.setattr(secrets, "token_hex", lambda _: "0123456789abcdef")


@pytest.mark.parametrize("name", [*ASKING, "operator"])
async def test_hidden_records_change_no_byte(tmp_path: Path, name: str) -> None:
    """Status, headers and body of every answer are the same with and without 200 and more records that are hidden."""
    sees = CALLERS[name]
    unseen = [record for record in hidden(sees.variants) if sees.units is not None or _gated_or_foreign(record)]
    both: list[list[tuple[str, Any]]] = []
    for world, more in (("bare", []), ("crowded", unseen)):
        async with served(tmp_path, store=f"{world}.db") as sidecar:
            await sidecar.take(*common(sees.variants), *more)
            both.append(await told(sidecar, sees.who))
    bare, crowded = both
    assert len(bare) == len(crowded)
    for (path, without), (_, with_hidden) in zip(bare, crowded, strict=True):
        assert without == with_hidden, path
    statuses = {answer[0][0] for _, answer in bare}
    assert {200, 400, 404} <= statuses
    assert max(statuses) < 500


def _gated_or_foreign(named: Named) -> bool:
    """Whether an operator of the world's own tenant does not see a record either."""
    text = orjson.dumps(named[1])
    own = orjson.dumps(TENANT)
    gated = any(f'"data_classes":["{name}"]'.encode() in text for name in ("credential", "restricted"))
    return own not in text or gated


async def test_there_are_enough_hidden_records(tmp_path: Path) -> None:
    """Each caller is hidden more than 200 records, of its own tenant alone, and none of them is shown to it."""
    for name in ASKING:
        sees = CALLERS[name]
        of_tenant = [record for record in hidden(sees.variants) if orjson.dumps(TENANT) in orjson.dumps(record[1])]
        assert len(of_tenant) > 200


async def test_every_route_is_asked(tmp_path: Path) -> None:
    """The paths of the twin worlds reach every route of the read side, so that a new route is not forgotten here."""
    async with served(tmp_path) as sidecar:
        paths = [path.partition("?")[0] for path in asked(sidecar)]
    for route in ROUTES:
        pattern = re.sub(r"\{\w+:(.+?)\}", r"\1", route.path)
        assert any(re.fullmatch(pattern, path) for path in paths), route.path
