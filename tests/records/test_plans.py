"""Every statement of every route and every write seeks in an index that begins with the tenant or with its labels."""

import copy
import re
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
import stores
from plans import Ear, Said, overhear, postgres_faults, postgres_plan_faults, sqlite_faults, sqlite_plan_faults
from record_samples import LEAST, accepted
from serving import Served, Who, served
from shipped_kinds import kinds

from sidecar.records.kind import Column, Kind
from sidecar.records.postgres import PostgresStore
from sidecar.records.store import Prepared, Tenant

ORGS = {"acme": 240, "beta": 60, "gamma": 60}
"""How many records of each kind several tenants have: thousands together."""
RUNS, UNITS = 12, 100
WHOLE = Tenant("gamma", "main")
OPERATOR = Who("acme", roles="workspace_operator,auditor,recovery_operator", actor="ana")
FEW = Who("acme", actor="mona", units="unit-1,unit-2")
MANY = Who("acme", actor="mia", units=",".join(f"unit-{number}" for number in range(70)))
CALLERS = (OPERATOR, FEW, MANY)
RUN = "/stateful-runtime/runs/run-1"
ROUTES = (
    "/stateful-runtime/runs",
    "/stateful-runtime/runs?limit=3&status=running&org_unit_id=unit-1",
    "/stateful-runtime/runs?workflow_id=w&data_class=internal",
    "/stateful-runtime/runs?automation_id=a&trigger=manual&source=x",
    RUN,
    f"{RUN}/events",
    f"{RUN}/events?tail=5&before_seq=200",
    f"{RUN}/events?after_seq=3&limit=2",
    f"{RUN}/snapshots",
    f"{RUN}/snapshots/snapshot-1",
    "/stateful-runtime/reliability",
    "/stateful-runtime/reliability?run_id=run-1&status=open&source_type=tool_effect&active_recovery_only=true",
    "/stateful-runtime/reliability?after_id=dead_letter-30&before_created_at_ms=100&limit=2",
    f"{RUN}/reliability?limit=3",
    f"{RUN}/observability",
    f"{RUN}/resume-plan",
)


WAYS: dict[str, Sequence[str]] = {
    "sqlite": (
        " UNION ALL ",
        "WITH RECURSIVE lane",
        "SELECT l.key",
        "json_each(?) AS k",
        "run tenant",
        "label_id > ?",
    ),
    "postgres": (
        *("WITH RECURSIVE found", "WITH head", "AS lane CROSS JOIN LATERAL", "WITH ORDINALITY", "DISTINCT ON"),
        *("WHERE i._tenant = $1::bigint ORDER BY", "label_id > $3", '_doc FROM "record_org_unit"'),
    ),
}
"""What only one way of reading says, in each store's words."""


def sample(kind: str, org: str, number: int) -> dict[str, Any]:
    """One record of any kind, of some unit and run."""
    record = copy.deepcopy(LEAST[kind])
    owner = {"org_id": org, "workspace_id": "main"}
    unit = f"unit-{number % UNITS}"
    record[kinds()[kind].id[-1].lstrip("/")] = f"{kind}-{number}"
    if "scope" in record:
        record["scope"] = {"tenant_context": owner, "owning_org_unit_id": unit}
    else:
        record["tenant_context"] = owner
    if kind not in ("automation_run", "workflow_run"):
        if "run_id" in kinds()[kind].schema["properties"]:
            record["run_id"] = f"run-{number % RUNS}"
    else:
        record["run_id"] = f"run-{number}"
    if kind == "automation_run":
        record["automation_snapshot"] = {"metadata": {"enterprise_scope": {"owning_org_unit_id": unit}}}
    if kind == "protected_audit_event":
        record["payload"] = {"run_id": f"run-{number % RUNS}", "unit": unit}
    for name in ("created_at_ms", "updated_at_ms", "seq", "occurred_at_ms"):
        if name in record:
            record[name] = number + 1
    return record


def samples(kind: str) -> list[Prepared]:
    """The records of one kind, of all tenants."""
    return [accepted(kind, sample(kind, org, number)) for org, most in ORGS.items() for number in range(most)]


@asynccontextmanager
async def populated(folder: Path, *names: str) -> AsyncIterator[Served]:
    """A sidecar on a store with many records of some kinds, or of all; PostgreSQL knows statistics, as it soon would."""
    async with served(folder) as sidecar:
        for kind in names or kinds():
            await sidecar.service.store.put(samples(kind))
        if stores.chosen.name == "postgres":  # nobody gathers any of a file
            stores_run(folder, "ANALYZE")
        yield sidecar


def stores_run(folder: Path, statement: str) -> None:
    """Say something to the store past the sidecar."""
    stores.damage(folder / "sidecar.db", statement)


async def faults(sidecar: Served, folder: Path, said: Said, *, reads: bool = True) -> list[str]:
    """What is wrong with the plans of what was said."""
    store = sidecar.service.store
    if isinstance(store, PostgresStore):
        async with (store._reads if reads else store._writes).acquire() as connection:
            return await postgres_faults(connection, said, generic=reads)
    with closing(sqlite3.connect(folder / "sidecar.db")) as connection:
        return list(sqlite_faults(connection, said))


@pytest.fixture
def ear(store_name: str, monkeypatch: pytest.MonkeyPatch) -> Ear:
    """What is said to stores that are opened in this test."""
    return overhear(monkeypatch)


async def test_every_route_seeks(ear: Ear, store_name: str, tmp_path: Path) -> None:
    """Each read model, for who sees everything, few labels and many, reads no table through."""
    async with populated(tmp_path) as sidecar:
        ear.listening = True
        for who in CALLERS:
            for path in ROUTES:
                answer = await sidecar.ask("GET", path, who)
                assert answer.status in (200, 404), (path, answer.raw)
        ear.listening = False
        heard = "\n".join(ear.said)
        assert [way for way in WAYS[store_name] if way not in heard] == [], "every way of reading was taken"
        found = await faults(sidecar, tmp_path, ear.said)
        assert not found, "\n".join(found)


@pytest.mark.parametrize("kind", [*kinds()])
async def test_every_page_and_filter_of_every_kind_seeks(kind: str, ear: Ear, tmp_path: Path) -> None:
    """Pages of a kind, behind a cursor too, by each of its filters and by pairs of them, and single records."""
    async with populated(tmp_path, kind) as sidecar:
        ear.listening = True
        for who in CALLERS:
            for query in queries(kinds()[kind]):
                await walk(sidecar, f"/v1/records/{kind}", query, who)
            await sidecar.ask("GET", "/v1/records/" + "/".join([kind, *map(quote, samples(kind)[1].key)]), who)
        ear.listening = False
        assert ear.said
        found = await faults(sidecar, tmp_path, ear.said)
        assert not found, "\n".join(found)


async def walk(sidecar: Served, path: str, query: dict[str, str], who: Who) -> None:
    """Two pages."""
    page = await sidecar.get(f"{path}?{urlencode({**query, 'limit': '2'})}", who)
    if page["next"] is not None:
        await sidecar.get(f"{path}?{urlencode({**query, 'limit': '2', 'cursor': page['next']})}", who)


def queries(kind: Kind) -> list[dict[str, str]]:
    """No filter, each one alone, and each with the next one, with values that are stored."""
    one = samples(kind.name)[1]
    singles = [column for column in kind.columns if not column.many]
    values = dict(zip((column.name for column in singles), one.columns, strict=True))
    lists = [column for column in kind.columns if column.many]
    values |= {column.name: stored[0] for column, stored in zip(lists, one.lists, strict=True)}
    given = {column.name: _written(column, values[column.name]) for column in kind.columns}
    pairs = [{name: given[name], other: given[other]} for name, other in pairwise(given)]
    return [{}, *({name: value} for name, value in given.items()), *pairs]


def _written(column: Column, value: str | int | None) -> str:
    if column.type == "boolean":
        return "true" if value else "false"
    return "x" if value is None else str(value)


async def test_every_write_seeks(ear: Ear, tmp_path: Path) -> None:
    """Handing over, replacing, removing, choosing and erasing find what they change by its key or its tenant."""
    async with populated(tmp_path) as sidecar:
        ear.listening = True
        for name, kind in kinds().items():
            lines = [sample(name, "acme", number) for number in (5, 6, 1_000)]
            body = b"".join(orjson.dumps({"kind": name, "record": line}) + b"\n" for line in lines)
            assert (await sidecar.admin("POST", "/admin/v1/records", body)).status == 200, name
            if kind.write == "upsert":
                at = "/".join(map(quote, accepted(name, lines[0]).key))
                path = f"/admin/v1/records/{name}/{at}"
                assert (await sidecar.admin("PUT", path, orjson.dumps(lines[0]))).status == 200
                assert (await sidecar.admin("DELETE", f"{path}?org_id=acme&workspace_id=main")).status == 200
        choice = {"choice": "retry_dead_letter", "dead_letter_id": "dead_letter-1"}
        answer = await sidecar.post(f"{RUN}/resume-plan", OPERATOR, choice)
        assert answer.status == 200, answer.raw
        assert await sidecar.service.store.erase(WHOLE)
        ear.listening = False
        assert len(ear.said) > len(kinds())
        found = await faults(sidecar, tmp_path, ear.said, reads=False)
        assert not found, "\n".join(found)


async def test_look_ups_seek_in_tables_that_are_still_empty(ear: Ear, tmp_path: Path) -> None:
    """By key, by value and by label they were planned well before a table grew; walks along lanes are planned anew."""
    async with populated(tmp_path) as sidecar:
        ear.listening = True
        for path in ROUTES:
            await sidecar.ask("GET", path, MANY)
        for kind in kinds():
            for query in queries(kinds()[kind]):
                await walk(sidecar, f"/v1/records/{kind}", query, MANY)
        ear.listening = False
    (tmp_path / "empty").mkdir()
    async with served(tmp_path / "empty") as empty:
        said = {statement: values for statement, values in ear.said.items() if not WALK.search(statement)}
        found = await faults(empty, tmp_path / "empty", said)
        assert not found, "\n".join(found)


WALK = re.compile(r"AS lane CROSS JOIN|i\._label = \$")
"""A walk along lanes in PostgreSQL."""
WITHOUT: dict[str, Sequence[str]] = {
    "sqlite": ['DROP INDEX "record_wait key"', 'CREATE INDEX "record_wait key" ON record_wait (_k1)'],
    "postgres": ['DROP INDEX sidecar."record_wait by run_id"'],
}


async def test_a_missing_index_is_noticed(ear: Ear, store_name: str, tmp_path: Path) -> None:
    """With an index gone, or not led by the tenant, the same questions are found to read too much."""
    async with populated(tmp_path, "wait") as sidecar:
        ear.listening = True
        await sidecar.get("/v1/records/wait?limit=2", FEW)
        await sidecar.get("/v1/records/wait?run_id=run-1", FEW)
        await sidecar.get("/v1/records/wait/run-1/wait-1", FEW)
        ear.listening = False
        for statement in WITHOUT[store_name]:
            stores_run(tmp_path, statement)
        assert await faults(sidecar, tmp_path, ear.said) != []


def test_bad_plans_of_sqlite_are_found() -> None:
    """A scan, a search by nothing of the tenant and a sort of a walk are found; seeks by lanes and keys pass."""
    bad = ["SCAN record_wait", "SCAN i USING INDEX x", "SEARCH i USING INDEX x (_k1=?)"]
    assert [len([*sqlite_plan_faults([(1, 0, 0, told)])]) for told in bad] == [1, 1, 1]
    walk = (1, 0, 0, "SEARCH i USING INDEX x (_tenant=?)")
    assert [*sqlite_plan_faults([walk])] == []
    assert [*sqlite_plan_faults([walk, (2, 0, 0, "USE TEMP B-TREE FOR ORDER BY")])] != []
    lanes = (1, 0, 0, "SCAN l VIRTUAL TABLE INDEX 1:")
    assert [*sqlite_plan_faults([lanes, (2, 0, 0, "USE TEMP B-TREE FOR ORDER BY")])] == []


def test_bad_plans_of_postgresql_are_found() -> None:
    """A sequential scan, an index without the tenant and a sort of all of a walk are found; a limited walk passes."""
    walk = {"Node Type": "Index Scan", "Relation Name": "record_wait", "Index Cond": "(_tenant = 1)"}
    limited = {"Node Type": "Limit", "Plans": [walk]}
    assert [*postgres_plan_faults({"Node Type": "Seq Scan", "Relation Name": "label"})] != []
    assert [*postgres_plan_faults({**walk, "Index Cond": "(_k1 = 'a')"})] != []
    assert [*postgres_plan_faults({**walk, "Filter": "(_label = l.label)"})] != []
    assert [*postgres_plan_faults({"Node Type": "Sort", "Plans": [walk]})] != []
    assert [*postgres_plan_faults({"Node Type": "Sort", "Plans": [limited]})] == []
