"""Writing records: locking their tenants, replacing by key, keeping the counts.

Whoever writes a tenant's records holds the lock on its row until the end of the transaction. So writers of one tenant
follow one another, and the ids of its labels become visible in the order in which they were given: who has seen a label
has seen every lesser one.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from asyncpg import Record

from sidecar.records.kind import Column
from sidecar.records.layout import Table, storable
from sidecar.records.postgres import tables as ddl
from sidecar.records.postgres.labels import Interned, LabelKey, Labels, Locked
from sidecar.records.postgres.pages import Connection
from sidecar.records.postgres.sql import sendable
from sidecar.records.promotion import one_key
from sidecar.records.store import Outcome, Prepared, Tenant
from sidecar.records.upsert import (
    Settled,
    Stored,
    compares_documents,
    raise_conflicts,
    scope_goes,
    scopes_went,
    settle,
)

Key = tuple[str, ...]
Owned = tuple[int, Key]
"""A record's key behind the id of its tenant."""


class _Group(NamedTuple):
    """One kind's records: what is stored under their keys, and what becomes of them."""

    table: Table
    stored: Mapping[Owned, Stored]
    settled: Settled[Owned]


class Writer:
    """One write transaction's work on one connection. The caller begins and commits, and then says so."""

    def __init__(
        self,
        connection: Connection,
        tables: Mapping[str, Table],
        interned: Interned,
        history: UUID | None = None,
        *,
        copies: bool = True,
    ) -> None:
        self._connection = connection
        self._tables = tables
        self._labels = Labels(connection, interned)
        self._history = history
        self._copies = copies
        self._locked: dict[Tenant, Locked] = {}
        self._counts: Counter[tuple[int, int]] = Counter()

    def committed(self) -> None:
        """The transaction is durable: what it found out of labels holds from now on."""
        self._labels.committed()

    async def lock(self, tenants: Iterable[Tenant], *, create: bool = True) -> None:
        """Lock the tenants' rows, in one order for all writers; when some are new, ``create`` them or lock none."""
        missing = sorted({tenant for tenant in tenants if tenant not in self._locked}, key=_triple)
        if not missing:
            return
        triples = _triples(missing)
        await announce(self._connection, [*self._locked, *missing])
        found = await self._connection.fetch(_LOCK, *triples)
        if create and not found:
            found = await self._connection.fetch(_CREATE, *triples)
        for tenant_id, erasures, *triple in found:
            self._locked[Tenant(*triple)] = Locked(tenant_id, erasures, self._history)

    def held(self, tenant: Tenant) -> int | None:
        """The id of the tenant, whose row is locked; None when it was not there when it was to be."""
        locked = self._locked.get(tenant)
        return None if locked is None else locked.tenant_id

    async def put(self, records: Iterable[Prepared], *, overrule: bool = False) -> Outcome:
        """Store the records in their order. Raises RecordConflict, with all that conflicts, before any is written.

        With ``overrule`` they replace what is stored whatever it is: newer, or append-only.
        """
        by_kind: dict[str, list[Prepared]] = {}
        accepted = 0
        for record in records:
            by_kind.setdefault(record.kind, []).append(record)
            accepted += 1
        await self.lock({record.tenant for of_kind in by_kind.values() for record in of_kind})
        groups = [await self._group(self._tables[kind], of_kind, overrule) for kind, of_kind in by_kind.items()]
        raise_conflicts(group.settled for group in groups)
        for group in groups:
            await self._put_group(*group)
        await self._flush_counts()
        return Outcome(accepted, sum(group.settled.stale for group in groups))

    async def promote(self, kind: str, records: Sequence[Prepared]) -> None:
        """Store records of a kind whose schema changed. Raises StoreError where two of them have one key now."""
        await self.lock({record.tenant for record in records})
        owned = [(self._locked[record.tenant].tenant_id, record.key) for record in records]
        taken = set(await self._stored(self._tables[kind], owned))
        for tenant_id, key in owned:
            if (tenant_id, key) in taken:
                raise one_key(self._tables[kind].kind, key)
            taken.add((tenant_id, key))
        await self.put([record._replace(inherit=None) for record in records])  # they are what was stored, whatever went

    async def delete(self, tenant: Tenant, kind: str, keys: Sequence[Key]) -> int:
        """Remove records of one tenant; how many there were."""
        await self.lock([tenant], create=False)
        if tenant not in self._locked:
            return 0
        table, tenant_id = self._tables[kind], self._locked[tenant].tenant_id
        owned = [(tenant_id, key) for key in keys if len(key) == len(table.key)]
        removed = await self._remove(table, owned)
        if removed:
            if scope_goes(table.kind):
                await scopes_go(self._connection, tenant_id)
            await self._authority(table, owned)
            await self._flush_counts()
        return removed

    async def manage(self, tenants: Collection[Tenant]) -> None:
        """Have it stand that tenants had a membership, though none is stored."""
        await self.lock(tenants)
        await self._connection.execute(_MANAGED, sorted(self._locked[tenant].tenant_id for tenant in tenants))

    async def conflicts(self, records: Sequence[Prepared]) -> list[int]:
        """The places of the append-only records that are stored already with other content. Nothing is written."""
        found: list[int] = []
        known = await self._known_tenants({record.tenant for record in records})
        by_kind: dict[str, list[int]] = {}
        for place, record in enumerate(records):
            if self._tables[record.kind].kind.write == "append_only" and record.tenant in known:
                by_kind.setdefault(record.kind, []).append(place)
        for kind, places in by_kind.items():
            owned = {place: (known[records[place].tenant], records[place].key) for place in places}
            stored = await self._stored(self._tables[kind], list(owned.values()))
            found += [
                place for place in places if owned[place] in stored and stored[owned[place]].doc != records[place].doc
            ]
        return sorted(found)

    async def _known_tenants(self, tenants: Iterable[Tenant]) -> dict[Tenant, int]:
        asked = list(tenants)
        if not asked:
            return {}
        await announce(self._connection, asked)
        found = await self._connection.fetch(_FIND, *_triples(asked))
        return {Tenant(*triple): number for number, _, *triple in found}

    async def _group(self, table: Table, records: Sequence[Prepared], overrule: bool) -> _Group:
        """What becomes of one kind's records. Nothing is written."""
        offered = [((self._locked[record.tenant].tenant_id, record.key), record) for record in records]
        stored = await self._stored(table, list(dict.fromkeys(owned for owned, _ in offered)))
        went = await self._scopes_went(table, offered)
        return _Group(
            table, stored, settle(table.kind, offered, stored, lambda owned: owned[0] in went, overrule=overrule)
        )

    async def _put_group(self, table: Table, stored: Mapping[Owned, Stored], settled: Settled[Owned]) -> None:
        """Write one kind's records."""
        if settled.write:
            labels = await self._labels.ids(self._label_key(record) for record in settled.write.values())
            await self._remove(table, [owned for owned in settled.write if owned in stored])
            await self._add(table, settled.write, labels)
            await self._authority(table, settled.write)

    async def _stored(self, table: Table, owned: Sequence[Owned]) -> dict[Owned, Stored]:
        """What is stored under the keys. Documents are read only where the write rule compares them."""
        document = "_doc" if compares_documents(table.kind) else "''::bytea"
        found = await self._connection.fetch(
            f"SELECT r.* FROM {_keys(table)} CROSS JOIN LATERAL (SELECT _updated, {document}, _tenant, "
            f"{', '.join(table.key)} FROM {ddl.record(table)} AS i WHERE {_same(table, 'i')} OFFSET 0) AS r",
            *_columns(owned),
        )
        return {(tenant, tuple(key)): Stored(updated, doc) for updated, doc, tenant, *key in found}

    async def _scopes_went(self, table: Table, offered: Iterable[tuple[Owned, Prepared]]) -> set[int]:
        """The tenants of which runs went, among those of runs that may have been among them."""
        if not scope_goes(table.kind):
            return set()
        asked = {scopes_went(owned[0]): owned[0] for owned, _ in offered}
        found = await self._connection.fetch("SELECT name FROM setting WHERE name = ANY($1::text[])", [*asked])
        return {asked[name] for (name,) in found}

    async def _remove(self, table: Table, owned: Sequence[Owned]) -> int:
        """Take away what is stored under the keys; how many records that were."""
        if not owned:
            return 0
        columns = _columns(owned)
        for column in table.lists:
            await self._connection.execute(
                f"DELETE FROM {ddl.listed(table, column)} AS r USING {_keys(table)} WHERE {_same(table, 'r')}", *columns
            )
        removed: list[Record] = await self._connection.fetch(
            f"DELETE FROM {ddl.record(table)} AS r USING {_keys(table)} WHERE {_same(table, 'r')} "
            "RETURNING r._tenant, r._label",
            *columns,
        )
        self._counts.subtract((tenant, label) for tenant, label in removed)
        return len(removed)

    async def _add(self, table: Table, write: Mapping[Owned, Prepared], labels: Mapping[LabelKey, int]) -> None:
        rows = [(owned, labels[self._label_key(record)], record) for owned, record in write.items()]
        self._counts.update((owned[0], label) for owned, label, _ in rows)
        await self._insert(ddl.record(table), ddl.columns(table), [_row(table, *row) for row in rows])
        for place, column in enumerate(table.lists):
            listed = [values for row in rows for values in _listed(place, *row)]
            await self._insert(ddl.listed(table, column), ddl.list_columns(table), listed)

    def _label_key(self, record: Prepared) -> LabelKey:
        return self._locked[record.tenant], record.kind, record.label

    async def _insert(self, name: str, columns: Iterator[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> None:
        """Write rows with COPY; where row-level security forbids that, with one INSERT."""
        if not rows:
            return
        named = list(columns)
        if self._copies:
            plain = [column.strip('"') for column, _ in named]
            await self._connection.copy_records_to_table(name.strip('"'), records=rows, columns=plain)
            return
        arrays = ", ".join(f"${number}::{kept.split(' ', 1)[0]}[]" for number, (_, kept) in enumerate(named, 1))
        await self._connection.execute(
            f"INSERT INTO {name} ({', '.join(column for column, _ in named)}) SELECT * FROM unnest({arrays})",
            *([*part] for part in zip(*rows, strict=True)),
        )

    async def _authority(self, table: Table, owned: Iterable[Owned]) -> None:
        """Catalogue records changed: whatever was computed from the tenants' catalogues ends with this commit."""
        if table.kind.authority is not None:
            managed = table.kind.authority == "membership"
            await self._connection.execute(_AUTHORITY, sorted({tenant for tenant, _ in owned}), managed)

    async def _flush_counts(self) -> None:
        changes = [(tenant, label, change) for (tenant, label), change in self._counts.items() if change]
        self._counts.clear()
        if changes:
            await self._connection.execute(_COUNT, *([*part] for part in zip(*changes, strict=True)))


async def scopes_go(connection: Connection, tenant_id: int) -> None:
    """Have it stand that runs went from a tenant, and with them what nobody tells again."""
    await connection.execute("INSERT INTO setting VALUES ($1, '') ON CONFLICT DO NOTHING", scopes_went(tenant_id))


async def announce(connection: Connection, tenants: Iterable[Tenant]) -> None:
    """Tell the database whose records this transaction is about: row-level security shows no others."""
    await connection.fetchval("SELECT set_config('sidecar.tenants', $1, true)", announced(tenants))


def announced(tenants: Iterable[Tenant]) -> str:
    """Tenants as row-level security reads them: a JSON list of triples, without those that no record can have."""
    triples = [_triple(tenant) for tenant in tenants]
    return orjson.dumps([triple for triple in triples if all(map(storable, triple))]).decode()


def _triple(tenant: Tenant) -> tuple[str, str, str]:
    return tenant.org_id, tenant.workspace_id, tenant.deployment_id


def _triples(tenants: Sequence[Tenant]) -> list[list[str | None]]:
    """Organisations, workspaces and deployments, each in a list of its own."""
    return [[*map(sendable, part)] for part in zip(*map(_triple, tenants), strict=True)]


_TRIPLES = "unnest($1::text[], $2::text[], $3::text[]) AS k(org_id, workspace_id, deployment_id)"
_TENANTS = (
    f"SELECT t.* FROM {_TRIPLES} CROSS JOIN LATERAL ("
    "SELECT t.tenant_id, t.erasures, t.org_id, t.workspace_id, t.deployment_id FROM tenant AS t "
    "WHERE t.org_id = k.org_id AND t.workspace_id = k.workspace_id AND t.deployment_id = k.deployment_id "
)
"""Fenced, so that the triples lead: a plan that began with the tenants would read them all."""
_FIND = _TENANTS + "OFFSET 0) AS t"
_LOCK = _TENANTS + f"AND cardinality($1::text[]) = (SELECT count(*) FROM ({_FIND}) AS known) FOR NO KEY UPDATE) AS t"
"""The rows are locked in the order of the triples, or none while one is missing: made behind the lock of a later one,
it would wait for a writer that waits for that.
"""
_CREATE = (
    f"INSERT INTO tenant AS t (org_id, workspace_id, deployment_id) SELECT * FROM {_TRIPLES} "
    "ON CONFLICT (org_id, workspace_id, deployment_id) DO UPDATE SET erasures = t.erasures "
    "RETURNING t.tenant_id, t.erasures, t.org_id, t.workspace_id, t.deployment_id"
)
"""Makes or locks one row after the other, in the same order; to set what is set is how a row is locked."""
_AUTHORITY = (
    "UPDATE tenant SET authority_version = authority_version + 1, managed = managed OR $2 "
    "WHERE tenant_id = ANY($1::bigint[])"
)
_MANAGED = (
    "UPDATE tenant SET authority_version = authority_version + 1, managed = true "
    "WHERE tenant_id = ANY($1::bigint[]) AND NOT managed"
)
_COUNT = (
    "UPDATE label AS l SET records = l.records + k.change "
    "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k(tenant_id, label_id, change) "
    "WHERE l.tenant_id = k.tenant_id AND l.label_id = k.label_id"
)


def _keys(table: Table) -> str:
    arrays = ", ".join(f"${number}::text[]" for number, _ in enumerate(table.key, 2))
    return f"unnest($1::bigint[], {arrays}) AS k(_tenant, {', '.join(table.key)})"


def _columns(owned: Sequence[Owned]) -> list[list[Any]]:
    tenants, keys = [tenant for tenant, _ in owned], zip(*(key for _, key in owned), strict=True)
    return [tenants, *([*map(sendable, part)] for part in keys)]


def _same(table: Table, alias: str) -> str:
    return " AND ".join(f"{alias}.{name} = k.{name}" for name in ("_tenant", *table.key))


def _row(table: Table, owned: Owned, label: int, record: Prepared) -> tuple[Any, ...]:
    """A record's columns, in the order of its table."""
    compared = [_kept(column, value) for column, value in zip(table.single, record.columns, strict=True)]
    whole = [value for column, value in zip(table.single, record.columns, strict=True) if column.folded]
    return (
        *(owned[0], label, *record.key, *record.order, *compared, *whole),
        *(record.updated_at_ms, record.doc, record.source),
    )


def _kept(column: Column, value: str | int | None) -> str | int | bool | None:
    """A value, which is in filter form already, as its column keeps it."""
    if isinstance(value, str):
        return ddl.short(value)
    return bool(value) if column.type == "boolean" and value is not None else value


def _listed(place: int, owned: Owned, label: int, record: Prepared) -> Iterator[tuple[Any, ...]]:
    """The rows of a list column, each value once."""
    for value in dict.fromkeys(map(ddl.short, record.lists[place])):
        yield (owned[0], value, label, *record.order, *record.key)
