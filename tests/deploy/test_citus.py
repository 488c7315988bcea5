"""Spreading over Citus, as far as it can be shown without Citus: its documented rules, asked of a real PostgreSQL.

Stand-ins for its two functions refuse what it refuses: keys without the column that rows are spread by, or tables that
are spread already.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import stores
from postgres_server import program
from shipped_kinds import kinds
from walled import SQL, owner, run

from sidecar.records.kind import Column
from sidecar.records.layout import Table
from sidecar.records.postgres import sql, tables
from sidecar.records.postgres.sql import Asked
from sidecar.records.postgres.sql import Path as Way
from sidecar.records.reading import Get, Is

STAND_INS = """
CREATE TABLE public.pg_dist_partition (logicalrelid regclass PRIMARY KEY, by text, beside text);
CREATE FUNCTION public.create_reference_table(name regclass) RETURNS void LANGUAGE sql AS
  'INSERT INTO public.pg_dist_partition VALUES (name)';
CREATE FUNCTION public.create_distributed_table(name regclass, by text, colocate_with text DEFAULT 'default')
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  place smallint := (SELECT attnum FROM pg_attribute WHERE attrelid = name AND attname = by AND atttypid = 'bigint'::regtype);
BEGIN
  IF place IS NULL THEN RAISE 'no bigint % in %', by, name; END IF;
  IF EXISTS (SELECT FROM pg_index WHERE indrelid = name AND indisunique AND NOT place = ANY (indkey)) THEN
    RAISE 'a unique index of % does not include %', name, by;
  END IF;
  IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = name AND contype IN ('f', 'x')) THEN
    RAISE '% has a foreign key or an exclusion', name;
  END IF;
  IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = name AND attidentity <> '' AND atttypid <> 'bigint'::regtype) THEN
    RAISE 'an identity of % is not a bigint', name;
  END IF;
  IF colocate_with <> 'none' AND NOT EXISTS (
    SELECT FROM public.pg_dist_partition WHERE logicalrelid = colocate_with::regclass AND pg_dist_partition.by IS NOT NULL
  ) THEN RAISE '% is not spread, so % cannot lie beside it', colocate_with, name; END IF;
  INSERT INTO public.pg_dist_partition VALUES (name, by, colocate_with);
END $$
"""
_SPREAD = "SELECT logicalrelid::text, by, beside FROM public.pg_dist_partition ORDER BY 1"
_LEADING = """
SELECT c.relname::text, i.indexrelid::regclass::text, a.attname::text
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE c.relnamespace = 'sidecar'::regnamespace
"""


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of an empty store with the stand-ins, which is nobody else's afterwards."""
    monkeypatch.setattr(stores.chosen, "name", "postgres")
    path = tmp_path / "store"
    owner(path)
    stores.chosen.databases[path.resolve()] = (stores.chosen.databases[path.resolve()][0], None)
    await run(owner(path), *STAND_INS.split(";\nCREATE FUNCTION")[:1])
    for part in STAND_INS.split(";\nCREATE FUNCTION")[1:]:
        await run(owner(path), "CREATE FUNCTION" + part)
    return path


def spread(path: Path) -> str:
    """What goes wrong in running the SQL."""
    words = [program("psql"), "-qX", "-f", str(SQL.with_name("citus.sql")), owner(path)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stderr


async def test_every_table_is_spread_by_its_tenant_or_everywhere(store: Path) -> None:
    """No table is forgotten, those with records lie beside one another, and running it again changes nothing."""
    assert spread(store) == ""
    found = await run(owner(store), _SPREAD)
    everywhere = {name for name, by, _ in found if by is None}
    assert everywhere == {"store", "kind", "setting", "load", "tenant"}
    assert {(by, beside) for name, by, beside in found if name not in everywhere} == {
        ("tenant_id", "none"),
        ("_tenant", "sidecar.label"),
    }
    made = {name for table in map(Table, kinds().values()) for name in tables.names(table)}
    assert {name.replace('"', "") for name, *_ in found} - everywhere == {name.strip('"') for name in made} | {"label"}
    assert spread(store) == ""
    assert await run(owner(store), _SPREAD) == found


async def test_a_table_of_a_new_kind_is_added(store: Path) -> None:
    """Run once more after a kind was added, it spreads that one too."""
    assert spread(store) == ""
    await run(owner(store), "CREATE TABLE record_new (_tenant bigint NOT NULL, _k1 text, PRIMARY KEY (_tenant, _k1))")
    assert spread(store) == ""
    assert ("record_new", "_tenant", "sidecar.label") in [tuple(row) for row in await run(owner(store), _SPREAD)]


async def test_the_stand_ins_refuse_what_citus_refuses(store: Path) -> None:
    """A key without the tenant stops it, and then nothing is spread."""
    await run(owner(store), "CREATE UNIQUE INDEX ON record_wait (_k1)")
    assert "does not include _tenant" in spread(store)
    assert await run(owner(store), _SPREAD) == []
    with pytest.raises(asyncpg.RaiseError, match="no bigint"):
        await run(owner(store), "SELECT public.create_distributed_table('label', 'kind')")


async def test_every_index_begins_with_the_tenant(store: Path) -> None:
    """No index of a spread table has anything before the tenant."""
    for name, index, leading in await run(owner(store), _LEADING):
        if name not in ("tenant", "kind", "setting", "load"):
            assert leading == ("tenant_id" if name == "label" else "_tenant"), index


def reads() -> Iterator[tuple[Table, str]]:
    """Every form of read of every kind, along every index, with conditions on every column."""
    for table in map(Table, kinds().values()):
        wheres = tuple(Is(name, (_value(column),)) for name, column in table.columns.items())
        for column in (None, *filter(table.indexed, table.columns.values())):
            way = Way(table, column)
            value = None if column is None else _value(column)
            asked = Asked(way, 7, wheres, None, False, 10)
            yield table, sql.along_lanes(asked, [(value, 1)])[0]
            yield table, sql.along_lanes(asked, [(value, number) for number in range(9)])[0]
            if column is None:
                yield table, sql.along_tenant(asked)[0]
            else:
                yield table, sql.lanes(way, 7, [value])[0]
                yield table, sql.edges(asked, [(value, 1)])[0]
        yield table, sql.keyed(table, 7, Get(table.kind.name, (("x",) * len(table.key),), wheres))[0]


def _value(column: Column) -> str | int | bool:
    return {"text": "x", "integer": 1, "boolean": True}[column.type]


def test_every_read_names_its_tenant_on_every_table() -> None:
    """A read goes to the one node that holds its tenant: each table in it is tied to a bound tenant, or to one that is."""
    seen = 0
    for table, text in reads():
        for name in tables.names(table):
            for alias in re.findall(rf"{re.escape(name)} AS (\w+)", text):
                seen += 1
                tied = rf"\b{alias}\._tenant = (\$\d+::bigint|[it]\._tenant)"
                assert re.search(tied, text), (alias, text)
        assert re.search(r"\bi\._tenant = \$\d+::bigint", text), text
    assert seen > 100
