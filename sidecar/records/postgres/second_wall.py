"""Row-level security, the second wall: proven to hold before the store is used behind it.

Nothing is believed of how it was set up. Two tenants that nobody is called are made up in a transaction that is rolled
back: the one writes a row into every table, the other must neither see nor touch it.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from sidecar.errors import StoreError
from sidecar.records.layout import quoted
from sidecar.records.postgres.pages import Connection
from sidecar.records.postgres.pool import Pool, answering, connection
from sidecar.records.postgres.write import announce
from sidecar.records.store import Tenant

ONE_AT_A_TIME = (
    "store.row_level_security shows one tenant at a time, and this is about all of them; "
    "do it as the owner of the tables, with a configuration without it"
)
"""Why nothing over all tenants is done behind the wall."""

_READ = "BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"
_WAIT_S = 60.0
_ROLE = """
SELECT r.rolname, r.rolsuper, r.rolbypassrls, EXISTS (
  SELECT FROM pg_class AS c WHERE c.relnamespace = 'sidecar'::regnamespace AND c.relowner = r.oid
) AS owns
FROM pg_roles AS r WHERE pg_has_role(current_user, r.oid, 'MEMBER') OR pg_has_role(session_user, r.oid, 'MEMBER')
ORDER BY r.rolname <> current_user, r.rolname
"""
_TABLES = """
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS walled,
  (SELECT array_agg(p.polcmd = '*') FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polpermissive) AS policies,
  has_table_privilege(c.oid, 'TRUNCATE, REFERENCES, TRIGGER') AS excessive,
  array_agg(a.attname::text) AS names, array_agg(format_type(a.atttypid, NULL)) AS types
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attnotnull AND a.attidentity = '' AND NOT a.atthasdef
WHERE c.relnamespace = 'sidecar'::regnamespace AND c.relkind IN ('r', 'p', 'f')
  AND c.relname NOT IN ('store', 'kind', 'setting', 'load')
  AND (NOT starts_with(c.relname, 'aside_') OR has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE'))
GROUP BY c.oid ORDER BY c.relname <> 'tenant', c.relname
"""
_VIEWS = "SELECT relname FROM pg_class WHERE relnamespace = 'sidecar'::regnamespace AND relkind IN ('v', 'm') LIMIT 1"
_CREATES = "SELECT has_schema_privilege('sidecar', 'CREATE')"
_NOTHING = {"text": "''", "bigint": "0", "boolean": "false", "bytea": "''"}


@dataclass(frozen=True, slots=True)
class _Walled:
    """A table that holds tenants' rows: the columns that must be filled, and the one that says whose a row is."""

    name: str
    columns: Sequence[tuple[str, str]]

    @property
    def owner(self) -> str:
        """The column of the tenant's id."""
        return "tenant_id" if self.name in ("tenant", "label") else "_tenant"

    @property
    def changed(self) -> str:
        """What an update that is allowed at all would change."""
        return {"tenant": "managed = false", "label": "records = 0"}.get(self.name, "_label = 0")

    def insert(self, tenant: Tenant, tenant_id: int) -> str:
        """A row of a tenant, empty but for what says whose it is."""
        own = {self.owner: str(tenant_id), "org_id": f"'{tenant.org_id}'", "workspace_id": f"'{tenant.workspace_id}'"}
        filled = {quoted(name): own.get(name, _NOTHING[kept]) for name, kept in self.columns}
        if self.name == "tenant":
            filled["tenant_id"] = str(tenant_id)
        return f"INSERT INTO {quoted(self.name)} ({', '.join(filled)}) VALUES ({', '.join(filled.values())})"


async def prove(pool: Pool) -> None:
    """Prove that the wall holds for whom the pool connects as. Raises StoreError."""
    async with connection(pool, _WRITE, _WAIT_S) as taken:
        with answering():
            await _require_bound(taken)
            await _require_holding(taken, await _walled(taken))


async def prove_reading(pool: Pool) -> None:
    """Prove of a replica, which has the primary's tables, that the wall holds for whom it is read as."""
    async with connection(pool, _READ, _WAIT_S) as taken:
        with answering():
            await _require_bound(taken)
            await _walled(taken)


async def _require_bound(taken: Connection) -> None:
    """Refuse a role that the wall would not hold, or that could take it down."""
    for name, superuser, bypasses, owns in await taken.fetch(_ROLE):
        for true, what in ((superuser, "a superuser"), (bypasses, "exempt (BYPASSRLS)"), (owns, "an owner of tables")):
            if true:
                raise _refused(f"role {name} is {what}, or stands behind the role that connects; connect as another")


async def _walled(taken: Connection) -> list[_Walled]:
    """The tables with tenants' rows, each of them behind the wall, and behind one that is the same for all it does."""
    found = await taken.fetch(_TABLES)
    for name, walled, policies, excessive, *_ in found:
        if not walled:
            raise _refused(f"table {name} has none, or does not force it")
        if policies != [True]:
            raise _refused(f"table {name} must have one policy, for all commands")
        if excessive:
            raise _refused(f"the role may truncate table {name}, refer to it or put triggers on it")
    if await taken.fetchval(_CREATES):
        raise _refused("the role may create things in the schema")
    if view := await taken.fetchval(_VIEWS):
        raise _refused(f"view {view} could show what its owner sees; drop it, or keep it in another schema")
    return [_Walled(name, [*zip(names, types, strict=True)]) for name, *_, names, types in found]


async def _require_holding(taken: Connection, tables: Sequence[_Walled]) -> None:
    """Write a row of one made-up tenant into every table, and try to get at it as another, and as nobody."""
    one, other = (Tenant(secrets.token_hex(16), secrets.token_hex(16)) for _ in range(2))
    tenant_id = -secrets.randbelow(2**62) - 1  # no real one is negative
    await announce(taken, [one])
    for table in tables:
        try:
            await taken.execute(table.insert(one, tenant_id))
        except asyncpg.InsufficientPrivilegeError as error:
            raise _refused(f"a tenant cannot write its own row: {error}") from error
    for table in tables:
        if not await taken.fetchval(_seen(table), tenant_id):
            raise _refused(f"table {table.name} hides a row from its own tenant")
    for announced in ([other], []):
        await announce(taken, announced)
        for table in tables:
            await _require_out_of_reach(taken, table, one, tenant_id)


async def _require_out_of_reach(taken: Connection, table: _Walled, one: Tenant, tenant_id: int) -> None:
    """What another tenant can neither see, change, remove nor add to, nor tell from what is not there."""
    if await taken.fetchval(_seen(table), tenant_id):
        raise _refused(f"table {table.name} shows a row to another tenant")
    name, same = quoted(table.name), f"{table.owner} = {tenant_id}"
    for doing in (f"UPDATE {name} SET {table.changed} WHERE {same}", f"DELETE FROM {name} WHERE {same}"):
        if not await _in_vain(taken, doing):
            raise _refused(f"table {table.name} lets another tenant change a row")
    if not await _in_vain(taken, table.insert(one, tenant_id)):
        raise _refused(f"table {table.name} takes a row for another tenant")


async def _in_vain(taken: Connection, statement: str) -> bool:
    """Whether a statement is refused for the wall or touches nothing. It is taken back."""
    await taken.execute("SAVEPOINT before")
    try:
        return (await taken.execute(statement)).endswith(" 0")
    except asyncpg.InsufficientPrivilegeError:
        return True
    except asyncpg.UniqueViolationError:
        return False
    finally:
        await taken.execute("ROLLBACK TO SAVEPOINT before")


def _seen(table: _Walled) -> str:
    return f"SELECT EXISTS (SELECT FROM {quoted(table.name)} WHERE {table.owner} = $1)"


def _refused(why: str) -> StoreError:
    return StoreError(
        f"store.row_level_security is asked for, but does not hold: {why}; run deploy/postgres/row_level_security.sql "
        "as the owner of the tables, and connect as the role it was given"
    )
