"""Every statement that a store sends, and what its plan does that it must not.

A plan may seek in an index, as often as the statement has lanes or keys, and walk on from there. It may not read a
table through, nor all records of a tenant to put them in order.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson
import pytest

from sidecar.records.postgres import pool

Said = dict[str, tuple[Any, ...]]
"""Statements, each with values that were bound to it."""
PLANNED = re.compile(r"(?:/\*.*?\*/)?[\s(]*(SELECT|WITH|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_OWN = re.compile(r"\b(_tenant|tenant_id)=\?|\b_label=\?|\b_row=\?|rowid=\?|label_id=\?|name=\?|load_id=\?|org_id=\?")
_SEARCH = re.compile(r"SEARCH (\S+)")
_SCAN = re.compile(r"SCAN (\S+)( VIRTUAL TABLE)?")
_MADE_UP = {"lane", "CONSTANT", "kind", "load", "sqlite_schema"}
"""What may be scanned: the lanes that a statement found, a row of constants, and tables that have a few rows."""
_LANE = re.compile(r" = (?!ANY)")
"""What keeps a walk inside its lane; other conditions name a list of values."""
_SORTED = "USE TEMP B-TREE"


@dataclass
class Ear:
    """Hears what a store says while ``listening``."""

    said: Said = field(default_factory=dict)
    listening: bool = False

    def hear(self, statement: str, values: Sequence[Any]) -> None:
        """Remember one statement, with the last values that were bound to it."""
        if self.listening and PLANNED.match(statement):
            self.said[statement] = tuple(values)


def overhear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    """Hear whatever stores say that are opened from now on."""
    ear = Ear()

    class Heard(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            ear.hear(sql, parameters)
            return super().execute(sql, parameters)

        def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
            rows = list(parameters)
            if rows:
                ear.hear(sql, rows[-1])
            return super().executemany(sql, rows)

    connect, durable = sqlite3.connect, pool._durable

    async def heard(made: Any) -> None:
        await durable(made)
        made.add_query_logger(lambda record: ear.hear(record.query, record.args))

    monkeypatch.setattr(sqlite3, "connect", lambda *place, **how: connect(*place, **{"factory": Heard, **how}))
    monkeypatch.setattr(pool, "_durable", heard)
    return ear


def sqlite_faults(connection: sqlite3.Connection, said: Said) -> Iterator[str]:
    """What the plans of statements do in SQLite that they must not."""
    for statement, values in said.items():
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
        yield from (f"{fault}\n{statement}" for fault in sqlite_plan_faults(rows))


def sqlite_plan_faults(rows: Sequence[tuple[int, int, int, str]]) -> Iterator[str]:
    """What is wrong with one plan, as SQLite explains it: id, parent, nothing, and a sentence."""
    for _, parent, _, told in rows:
        if (scan := _SCAN.match(told)) and not scan[2] and scan[1] not in _MADE_UP:
            yield f"reads through: {told}"
        by_terms = _SEARCH.match(told) and "(" in told  # without any it is one step, to the least or greatest entry
        if by_terms and "VIRTUAL" not in told and not _OWN.search(told):
            yield f"seeks by nothing of the tenant: {told}"
        if told.startswith(_SORTED):
            beside = [other for _, above, _, other in rows if above == parent and _walks(other)]
            if beside:
                yield f"puts a walk in order: {told}, {beside}"


def _walks(told: str) -> bool:
    """Whether this step yields many records, not those of some lanes or keys."""
    searched = _SEARCH.match(told)
    if searched is None:
        scan = _SCAN.match(told)
        return scan is not None and not scan[2] and scan[1] not in _MADE_UP
    return not re.search(r"_k1=\?|rowid=\?|_row=\?|org_id=\?", told)


async def postgres_faults(connection: "asyncpg.Connection[Any]", said: Said, *, generic: bool) -> list[str]:
    """What the plans of statements do in PostgreSQL that they must not."""
    faults: list[str] = []
    for statement, values in said.items():
        explain = "EXPLAIN (FORMAT JSON) "
        if generic:  # as a statement that was planned once, whatever is bound
            await connection.execute(f"PREPARE asked AS {statement}")
            nothing = ", ".join("NULL" for _ in values)
            [[raw]] = await connection.fetch(f"{explain} EXECUTE asked{f'({nothing})' if values else ''}")
            await connection.execute("DEALLOCATE asked")
        else:
            [[raw]] = await connection.fetch(explain + statement, *values)
        plan = orjson.loads(raw)[0]["Plan"]
        faults += [f"{fault}\n{statement}" for fault in postgres_plan_faults(plan)]
    return faults


def postgres_plan_faults(node: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one plan, as PostgreSQL explains it."""
    kind, name = node["Node Type"], node.get("Relation Name", "")
    condition = node.get("Index Cond", "")
    told = f"{kind} on {name} {node.get('Index Name', '')} {condition}"
    if _of_tenants(name) and kind in ("Seq Scan", "Bitmap Heap Scan"):
        yield f"reads through: {told}"
    if _of_tenants(name) and kind.startswith("Index") and not re.search(r"\b(_tenant|tenant_id|org_id)\b", condition):
        yield f"seeks by nothing of the tenant: {told}"
    if name.startswith("record_") and _LANE.search(node.get("Filter", "")):
        yield f"walks past what is in no lane: {told}, {node['Filter']}"
    if kind in ("Sort", "Incremental Sort") and any(below["Node Type"] == "Append" for below in node["Plans"]):
        yield f"puts in order what is in order already: {kind} above Append"
    if kind in ("Sort", "Incremental Sort"):
        yield from (f"puts a walk in order: {walk}" for below in node["Plans"] for walk in _unlimited(below))
    for below in node.get("Plans", ()):
        yield from postgres_plan_faults(below)


def _of_tenants(name: str) -> bool:
    """Whether a table holds something of tenants."""
    return name.startswith("record_") or name in ("label", "tenant")


def _unlimited(node: dict[str, Any]) -> Iterator[str]:
    """The walks below a sort that nothing limits: all but seeks by whole keys."""
    if node["Node Type"] == "Limit":
        return
    condition = node.get("Index Cond", "")
    if node.get("Relation Name", "").startswith("record_") and not re.search(r"\b_k1 = ", condition):
        yield f"{node['Node Type']} on {node['Relation Name']} {condition}"
    for below in node.get("Plans", ()):
        yield from _unlimited(below)
