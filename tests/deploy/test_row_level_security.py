"""Row-level security: what a sidecar that forgot every check of its own could still not read, and when none starts."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
import stores
from shipped_kinds import kinds
from walled import APP, app, make_role, owner, raise_wall, run

from sidecar.cli import main
from sidecar.config import Config, RetentionConfig, RuntimeConfig, StoreConfig
from sidecar.errors import ConfigError, SidecarError, StoreError
from sidecar.records.ingest import Intake
from sidecar.records.layout import Table
from sidecar.records.opening import open_store
from sidecar.records.postgres import PostgresStore, sql
from sidecar.records.postgres.sql import Asked
from sidecar.records.postgres.sql import Path as Way
from sidecar.records.reading import Get, Is
from sidecar.records.store import Tenant

OWN, OTHER = ("acme", "main", ""), ("acme", "labs", "")
TENANTLESS = {"store", "kind", "setting", "load"}
"""Tables without any tenant's records: the form of the store, cursor keys, and how far loads have come."""
NOTHING_TOLD = (
    None,
    "",
    "[]",
    orjson.dumps([["acme", "else", ""]]).decode(),
    orjson.dumps([["main", "acme", ""]]).decode(),
    orjson.dumps([["acme", "main"]]).decode(),
    orjson.dumps([["acme", "main", "blue"]]).decode(),
    orjson.dumps([["acme%", "_ain", ""], ["", "", ""]]).decode(),
    orjson.dumps([[None, None, None]]).decode(),
)
_COLUMNS = """
SELECT c.relname, array_agg(a.attname::text), array_agg(format_type(a.atttypid, NULL))
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'sidecar'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND a.attnotnull
GROUP BY c.relname ORDER BY c.relname
"""
_EMPTY = {"text": "''", "bigint": "1", "bytea": "''", "boolean": "false", "integer": "1"}


@pytest.fixture(autouse=True)
def _postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores.chosen, "name", "postgres")


@pytest.fixture
def walled(tmp_path: Path) -> Path:
    """The path of an empty store behind the wall."""
    raise_wall(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
async def filled(walled: Path) -> Path:
    """A store in which both tenants have one row in every table: ids 1 and 2."""
    columns = await run(owner(walled), _COLUMNS)
    for number, (org, workspace, _) in enumerate((OWN, OTHER), 1):
        own = {"_tenant": str(number), "tenant_id": str(number), "org_id": f"'{org}'", "workspace_id": f"'{workspace}'"}
        for name, names, types in columns:
            if name not in TENANTLESS:
                values = [own.get(column, _EMPTY[kept]) for column, kept in zip(names, types, strict=True)]
                await run(owner(walled), f'INSERT INTO "{name}" ({", ".join(names)}) VALUES ({", ".join(values)})')
    return walled


@asynccontextmanager
async def telling(address: str, told: str | None) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A transaction that has told this of its tenants."""
    connection = await asyncpg.connect(address, server_settings={"search_path": "sidecar"})
    try:
        async with connection.transaction():
            if told is not None:
                await connection.fetchval("SELECT set_config('sidecar.tenants', $1, true)", told)
            yield connection
    finally:
        await connection.close()


def told(*tenants: tuple[str, str, str]) -> str:
    return orjson.dumps(tenants).decode()


async def holding(path: Path) -> list[str]:
    """Every table that holds tenants' rows."""
    found = [name for name, *_ in await run(owner(path), _COLUMNS)]
    assert len(found) > 20
    assert set(found) >= TENANTLESS
    return [name for name in found if name not in TENANTLESS]


async def opened(address: str, **settings: Any) -> PostgresStore:
    store = await PostgresStore.open(address, kinds(), Intake(kinds()).accept, row_security=True, **settings)
    await store.close()
    return store


@pytest.mark.parametrize("announcement", NOTHING_TOLD)
async def test_who_tells_nothing_true_reads_nothing(filled: Path, announcement: str | None) -> None:
    """Without the very triple of a tenant no row, no count and no label of it can be read from any table."""
    async with telling(app(filled), announcement) as connection:
        for name in await holding(filled):
            assert await connection.fetch(f'SELECT * FROM "{name}"') == [], name
            assert await connection.fetchval(f'SELECT count(*) FROM "{name}"') == 0, name


async def test_a_tenant_reads_its_own_rows_only(filled: Path) -> None:
    """A told tenant has its one row in every table, two have both, and ids that are asked for change nothing."""
    for announcement, ids in ((told(OWN), {1}), (told(OTHER), {2}), (told(OWN, OTHER), {1, 2})):
        async with telling(app(filled), announcement) as connection:
            for name in await holding(filled):
                column = "tenant_id" if name in ("tenant", "label") else "_tenant"
                rows = await connection.fetch(f'SELECT {column} FROM "{name}" WHERE {column} = ANY($1)', [1, 2])
                assert {row[0] for row in rows} == ids, name


async def test_a_tenant_changes_its_own_rows_only(filled: Path) -> None:
    """Told one tenant, the role removes and changes nothing of another, and writes nothing for it."""
    async with telling(app(filled), told(OTHER)) as connection:
        assert await connection.execute("UPDATE tenant SET managed = true WHERE tenant_id = 1") == "UPDATE 0"
        assert await connection.execute("UPDATE label SET records = 9 WHERE tenant_id = 1") == "UPDATE 0"
        for name in await holding(filled):
            if name != "tenant":
                column = "tenant_id" if name == "label" else "_tenant"
                assert await connection.execute(f'DELETE FROM "{name}" WHERE {column} = 1') == "DELETE 0", name
                assert await connection.execute(f'DELETE FROM "{name}"') == "DELETE 1", name
    for name in await holding(filled):
        rows = await run(owner(filled), f'SELECT count(*) FROM "{name}"')
        assert rows[0][0] == (2 if name == "tenant" else 1), name


async def test_a_refused_row_does_not_tell_whether_it_is_there(filled: Path) -> None:
    """Writing for another tenant is refused in the same words, whether the row is there or not."""
    columns = {name: (names, types) for name, names, types in await run(owner(filled), _COLUMNS)}
    for name in await holding(filled):
        said = set()
        for fresh in (False, True):
            names, types = columns[name]
            own = {"_tenant": "1", "tenant_id": "1", "org_id": "'acme'", "workspace_id": "'main'"}
            own |= {"_k1": "'fresh'", "kind": "'fresh'", "deployment_id": "'fresh'"} if fresh else {}
            values = [own.get(column, _EMPTY[kept]) for column, kept in zip(names, types, strict=True)]
            async with telling(app(filled), told(OTHER)) as connection:
                with pytest.raises(asyncpg.InsufficientPrivilegeError) as error:
                    await connection.execute(
                        f'INSERT INTO "{name}" ({", ".join(names)}) VALUES ({", ".join(values)}) ON CONFLICT DO NOTHING'
                    )
            said.add(str(error.value))
        assert len(said) == 1, said


async def test_a_connection_forgets_what_it_was_told(filled: Path) -> None:
    """The next transaction on a connection, after a commit or a rollback, is told nothing by the one before."""
    connection = await asyncpg.connect(app(filled), server_settings={"search_path": "sidecar"})
    try:
        for end in ("COMMIT", "ROLLBACK"):
            await connection.execute("BEGIN")
            await connection.fetchval("SELECT set_config('sidecar.tenants', $1, true)", told(OWN))
            assert await connection.fetchval("SELECT count(*) FROM record_wait") == 1
            await connection.execute(end)
            assert await connection.fetchval("SELECT count(*) FROM record_wait") == 0
    finally:
        await connection.close()


async def test_the_role_can_do_no_more_than_it_needs(walled: Path) -> None:
    """The role may not truncate, alter, or create anything, nor change whose an id is."""
    refused = (
        *(
            "TRUNCATE record_wait",
            "ALTER TABLE record_wait DISABLE ROW LEVEL SECURITY",
            "DROP POLICY announced ON label",
        ),
        *("CREATE TABLE sidecar.own (x int)", "UPDATE tenant SET org_id = 'x'", "UPDATE record_wait SET _tenant = 1"),
        *("DELETE FROM tenant", "DELETE FROM setting", "UPDATE kind SET digest = ''", "SET ROLE postgres"),
    )
    for statement in refused:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(app(walled), statement)


async def test_the_sql_can_be_run_again(walled: Path) -> None:
    """Run twice, it leaves the same policies and rights, and the store opens."""
    looked = (
        "SELECT relname::text, relacl::text, (SELECT array_agg(polname::text) FROM pg_policy WHERE polrelid = c.oid) "
        "FROM pg_class AS c WHERE relnamespace = 'sidecar'::regnamespace ORDER BY 1"
    )
    before = await run(owner(walled), looked)
    await asyncio.to_thread(raise_wall, walled)
    assert await run(owner(walled), looked) == before
    await opened(app(walled))


SABOTAGE = {
    "off": ("ALTER TABLE record_wait DISABLE ROW LEVEL SECURITY", "table record_wait has none"),
    "not forced": ("ALTER TABLE label NO FORCE ROW LEVEL SECURITY", "table label has none, or does not force it"),
    "none": ("DROP POLICY announced ON record_wait", "table record_wait must have one policy"),
    "one more": (
        "CREATE POLICY loose ON record_wait FOR DELETE USING (true)",
        "table record_wait must have one policy",
    ),
    "toothless": ("ALTER POLICY announced ON record_wait USING (true)", "table record_wait shows a row to another"),
    "toothless tenants": ("ALTER POLICY announced ON tenant USING (true)", "table tenant shows a row to another"),
    "toothless writing": ("ALTER POLICY announced ON label WITH CHECK (true)", "table label takes a row for another"),
    "blind": ("ALTER POLICY announced ON record_wait USING (false)", "table record_wait hides a row"),
    "deaf": ("ALTER POLICY announced ON label WITH CHECK (false)", "a tenant cannot write its own row"),
    "every id": (
        "CREATE OR REPLACE FUNCTION tenant_ids() RETURNS bigint[] LANGUAGE sql STABLE "
        "AS 'SELECT ARRAY(SELECT _tenant FROM sidecar.record_wait UNION SELECT -1::bigint)'",
        "cannot|shows|takes|could not be used",
    ),
    "new kind": ("CREATE TABLE record_new (_tenant bigint NOT NULL)", "table record_new has none"),
    "truncating": (f"GRANT TRUNCATE ON record_wait TO {APP}", "may truncate table record_wait"),
    "creating": (f"GRANT CREATE ON SCHEMA sidecar TO {APP}", "may create things in the schema"),
    "view": ("CREATE VIEW every AS SELECT * FROM record_wait", "view every could show"),
    "owner": (f"ALTER TABLE record_wait OWNER TO {APP}", f"role {APP} is an owner of tables"),
}


@pytest.mark.parametrize("how", SABOTAGE)
async def test_no_store_opens_behind_a_wall_that_does_not_hold(walled: Path, how: str) -> None:
    """Whatever lets one row through, or keeps a tenant from its own, is found before anybody is served."""
    statement, why = SABOTAGE[how]
    await opened(app(walled))
    await run(owner(walled), statement)
    with pytest.raises(StoreError, match=why):
        await opened(app(walled))


@pytest.mark.parametrize(
    ("role", "what", "why"),
    [
        ("postgres", "", "role postgres is a superuser"),
        ("walled_exempt", f"BYPASSRLS IN ROLE {APP}", "role walled_exempt is exempt"),
        ("walled_friend", f"IN ROLE {APP}, postgres", "role postgres is a superuser"),
    ],
)
async def test_no_role_that_stands_above_the_wall_is_served(walled: Path, role: str, what: str, why: str) -> None:
    """A superuser, an exempt role, and whoever could become one are refused."""
    if role != "postgres":
        make_role(role, what)
    with pytest.raises(StoreError, match=why):
        await opened(app(walled, role))


async def test_proving_leaves_nothing_behind(walled: Path) -> None:
    """The made-up tenants are gone when the store is open."""
    await opened(app(walled))
    for name in await holding(walled):
        assert await run(owner(walled), f'SELECT * FROM "{name}"') == [], name


async def test_a_walled_store_does_not_migrate(tmp_path: Path) -> None:
    """Where the owner has not migrated, the role that is held by the wall does not try."""
    make_role(APP)
    empty = f"{stores.databases().server.url(stores.databases().take())}".replace("//postgres@", f"//{APP}@")
    with pytest.raises(StoreError, match="sidecar migrate"):
        await opened(empty)


async def test_nothing_over_all_tenants_is_done_behind_the_wall(walled: Path) -> None:
    """What would find one tenant's records where all are meant says so, rather than finding none."""
    store = await PostgresStore.open(app(walled), kinds(), Intake(kinds()).accept, row_security=True)
    try:
        with pytest.raises(StoreError, match="one tenant at a time"):
            await store.counts()
        with pytest.raises(StoreError, match="one tenant at a time"):
            await store.weight("wait")
        with pytest.raises(StoreError, match="one tenant at a time"):
            async with store.mirror():
                pass
        assert await store.counts(Tenant(*OWN)) == []
    finally:
        await store.close()


async def test_a_replica_is_read_behind_the_wall_too(walled: Path) -> None:
    """The role that reads a replica is looked at as the one that writes is."""
    await opened(app(walled), read_url=app(walled))
    with pytest.raises(StoreError, match="role postgres is a superuser"):
        await opened(app(walled), read_url=owner(walled))


async def test_the_owner_migrates_with_the_configuration_of_what_serves(walled: Path) -> None:
    """``sidecar migrate`` is the owner's, and does not ask for a wall in front of it."""
    config = walled.with_suffix(".yaml")
    config.write_text("store:\n  row_level_security: true\n")
    words = ["--config", str(config), "--store", owner(walled)]
    assert await asyncio.to_thread(main, ["migrate", *words]) == 0
    assert await asyncio.to_thread(main, ["stats", *words]) != 0


async def test_settings_that_contradict_the_wall_are_refused(walled: Path) -> None:
    """Following, retention and SQLite say why they do not go together with it."""
    behind = StoreConfig(url=app(walled), row_level_security=True)
    for config, why in (
        (Config(store=behind, runtime=RuntimeConfig(follow="state")), "runtime.follow"),
        (Config(store=behind, retention=RetentionConfig({"wait": 1})), "retention.keep"),
        (Config(store=StoreConfig(url=f"sqlite:///{walled}", row_level_security=True)), "an SQLite file"),
    ):
        with pytest.raises(ConfigError, match=why):
            await open_store(config, kinds(), Intake(kinds()))


async def test_forgetting_the_setting_is_an_error_and_not_an_empty_store(filled: Path) -> None:
    """A sidecar that does not know of the wall answers with an error, never as if there were nothing."""
    store = await PostgresStore.open(app(filled), kinds(), Intake(kinds()).accept)
    try:
        with pytest.raises(StoreError, match="row-level security"):
            async with store.snapshot(Tenant(*OWN)):
                pass
        with pytest.raises(StoreError, match="row-level security"):
            await store.counts()
    finally:
        await store.close()


async def test_an_owner_behind_the_wall_loses_nothing_by_migrating(filled: Path) -> None:
    """Promotion by an owner whom the wall holds too stops with an error; every record is where it was."""
    landlord = make_role("landlord")
    given = [f'ALTER TABLE "{name}" OWNER TO {landlord}' for name, *_ in await run(owner(filled), _COLUMNS)]
    await run(owner(filled), f"GRANT ALL ON SCHEMA sidecar TO {landlord}", *given)
    await run(owner(filled), "UPDATE kind SET digest = 'of before' WHERE name = 'wait'")
    with pytest.raises(SidecarError, match="row-level security"):
        await PostgresStore.open(app(filled, landlord), kinds(), Intake(kinds()).accept)
    assert (await run(owner(filled), "SELECT count(*) FROM record_wait"))[0][0] == 2


@pytest.fixture
async def crowded(walled: Path) -> Path:
    """A tenant with many waits under many labels: the planner has something to choose from."""
    await run(
        owner(walled),
        "INSERT INTO tenant (org_id, workspace_id, deployment_id) VALUES ('acme', 'main', '')",
        "INSERT INTO record_wait (_tenant, _label, _k1, _k2, _o1, _o2, _doc, run_id) "
        "SELECT 1, 1 + g % 50, 'run ' || g / 10, 'wait ' || g, g, 0, repeat('x', 200)::bytea, 'run ' || g / 10 "
        "FROM generate_series(1, 20000) AS g",
        "VACUUM ANALYZE record_wait",
    )
    return walled


def reads() -> Iterator[tuple[str, sql.Statement]]:
    """One statement of every form of read."""
    table = Table(kinds()["wait"])
    labels, by = Way(table), Way(table, table.columns["run_id"])
    yield "tenant", sql.along_tenant(Asked(labels, 1, (), None, False, 101))
    yield "few lanes", sql.along_lanes(Asked(labels, 1, (), None, False, 101), [(None, 1), (None, 2)])
    yield "many lanes", sql.along_lanes(Asked(labels, 1, (), None, True, 101), [(None, n) for n in range(1, 40)])
    yield "by value", sql.along_lanes(Asked(by, 1, (), None, False, 101), [("run 5", n) for n in range(1, 40)])
    yield "lanes", sql.lanes(by, 1, ["run 5", "run 6"])
    yield "edges", sql.edges(Asked(by, 1, (), None, False, 1), [("run 5", n) for n in range(1, 40)])
    yield "keyed", sql.keyed(table, 1, Get("wait", (("run 5", "wait 51"),), (Is("run_id", ("run 5",)),)))


async def explained(address: str, statement: sql.Statement) -> list[str]:
    """How the store would answer, line by line."""
    store = await PostgresStore.open(address, kinds(), Intake(kinds()).accept, row_security=f"{APP}@" in address)
    try:
        async with store._reads.acquire() as connection, connection.transaction():
            await connection.fetchval("SELECT set_config('sidecar.tenants', $1, true)", told(OWN))
            text, values = statement
            found = await connection.fetch(f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) {text}", *values)
    finally:
        await store.close()
    return [line.strip(" ->") for (line,) in found]


@pytest.mark.parametrize("form", [name for name, _ in reads()])
async def test_the_wall_leaves_the_plans_as_they_are(crowded: Path, form: str) -> None:
    """Every read goes along the same indexes with the wall and without; whose rows they are is found out once."""
    bare, behind = [await explained(address, dict(reads())[form]) for address in (owner(crowded), app(crowded))]
    ways = [
        [line for line in plan if line.startswith(("Index Scan", "Index Only", "Sort ("))] for plan in (bare, behind)
    ]
    assert any("record_wait" in line for line in ways[0])
    assert ways[0] == ways[1], "\n".join(behind)
    assert not [line for line in behind if line.startswith("Seq Scan")]
    walls = [line for line in behind if "array_position($" in line]
    assert len(walls) == sum("on record_wait" in line for line in behind)
    once = [
        [line for line in plan if line.startswith("Result (") and ("loops=1)" in line or "never executed" in line)]
        for plan in (bare, behind)
    ]
    assert len(once[1]) - len(once[0]) == len(walls)


async def test_a_tenant_is_erased_behind_the_wall(filled: Path) -> None:
    """Erasure takes a tenant's rows from every table and leaves the other's where they are."""
    store = await PostgresStore.open(app(filled), kinds(), Intake(kinds()).accept, row_security=True)
    try:
        assert set(await store.erase(Tenant(*OWN))) == {""}
        assert await store.erase(Tenant("acme", "nobody")) == {}
    finally:
        await store.close()
    for name in await holding(filled):
        column = "tenant_id" if name in ("tenant", "label") else "_tenant"
        rows = {row[0] for row in await run(owner(filled), f'SELECT {column} FROM "{name}"')}
        assert rows == ({1, 2} if name == "tenant" else {2}), name
