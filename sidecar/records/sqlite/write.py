"""Writing records: interning tenants and labels, inserting or replacing by key, keeping the counts."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from sidecar.records.layout import Table, quoted
from sidecar.records.promotion import one_key
from sidecar.records.remembering import remember
from sidecar.records.store import MOST_LABELS_KEPT, Outcome, Prepared, Tenant, label_digest
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


class _Found(NamedTuple):
    """What is stored under a key."""

    row: int
    label: int
    stored: Stored


class _Group(NamedTuple):
    """One kind's records of one tenant: what is stored under their keys, and what becomes of them."""

    table: Table
    tenant: int
    found: Mapping[Key, _Found]
    settled: Settled[Key]


@dataclass
class Interned:
    """Ids already looked up. Forgotten unless the transaction is proven to be committed, for they are given again then.

    ``erasures`` tells how many tenants had been erased: any process may erase one, and its label ids are nobody's then.
    """

    tenants: dict[Tenant, int] = field(default_factory=dict)
    labels: dict[tuple[int, str, bytes], int] = field(default_factory=dict)
    erasures: int = 0

    def since(self, erasures: int) -> None:
        """Forget what was learnt before the last erasure."""
        if erasures != self.erasures:
            self.forget()
            self.erasures = erasures

    def forget(self) -> None:
        """Start anew."""
        self.tenants.clear()
        self.labels.clear()


class Writer:
    """One write transaction's work on one connection. The caller begins, commits and rolls back."""

    def __init__(self, connection: sqlite3.Connection, tables: Mapping[str, Table], interned: Interned) -> None:
        self._connection = connection
        self._tables = tables
        self._interned = interned
        self._counts: Counter[int] = Counter()

    def put(self, records: Iterable[Prepared], *, overrule: bool = False) -> Outcome:
        """Store the records in their order. Raises RecordConflict, with all that conflicts, before any is written.

        With ``overrule`` they replace what is stored whatever it is: newer, or append-only.
        """
        accepted = 0
        offered: dict[tuple[str, Tenant], list[Prepared]] = {}
        for record in records:
            offered.setdefault((record.kind, record.tenant), []).append(record)
            accepted += 1
        groups = [
            self._group(self._tables[kind], self._tenant(tenant), group, overrule)
            for (kind, tenant), group in offered.items()
        ]
        raise_conflicts(group.settled for group in groups)
        for group in groups:
            self._put_group(*group)
        self._flush_counts()
        return Outcome(accepted, sum(group.settled.stale for group in groups))

    def promote(self, kind: str, records: Sequence[Prepared]) -> None:
        """Store records of a kind whose schema changed. Raises StoreError where two of them have one key now."""
        groups: dict[Tenant, list[Key]] = {}
        for record in records:
            groups.setdefault(record.tenant, []).append(record.key)
        for tenant, keys in groups.items():
            taken = set(self._stored(self._tables[kind], self._tenant(tenant), keys))
            for key in keys:
                if key in taken:
                    raise one_key(self._tables[kind].kind, key)
                taken.add(key)
        self.put([record._replace(inherit=None) for record in records])  # they are what was stored, whatever went

    def delete(self, tenant: Tenant, kind: str, keys: Sequence[Key]) -> int:
        """Remove records of one tenant; how many there were."""
        table, tenant_id = self._tables[kind], self._tenant(tenant)
        found = self._stored(table, tenant_id, keys)
        stored = [found[key] for key in dict.fromkeys(keys) if key in found]  # a key with parts too many finds one too
        if not stored:
            return 0
        rows = [one.row for one in stored]
        self._forget_lists(table, rows)
        self._connection.executemany(f"DELETE FROM {table.name} WHERE _row = ?", [(row,) for row in rows])
        self._counts.subtract(one.label for one in stored)
        self._authority(table, tenant_id)
        if scope_goes(table.kind):
            scopes_go(self._connection, tenant_id)
        self._flush_counts()
        return len(rows)

    def manage(self, tenants: Iterable[Tenant]) -> None:
        """Have it stand that tenants had a membership, though none is stored."""
        for tenant in tenants:
            self._connection.execute(
                "UPDATE tenant SET authority_version = authority_version + 1, managed = 1 "
                "WHERE tenant_id = ? AND managed = 0",
                (self._tenant(tenant),),
            )

    def conflicts(self, records: Sequence[Prepared]) -> list[int]:
        """The places of the append-only records that are stored already with other content. Nothing is written."""
        groups: dict[tuple[str, Tenant], list[int]] = {}
        for place, record in enumerate(records):
            if self._tables[record.kind].kind.write == "append_only":
                groups.setdefault((record.kind, record.tenant), []).append(place)
        found: list[int] = []
        for (kind, tenant), places in groups.items():
            tenant_id = self._known_tenant(tenant)
            if tenant_id is not None:
                stored = self._stored(self._tables[kind], tenant_id, [records[place].key for place in places])
                known = {key: one.stored.doc for key, one in stored.items()}
                found += [place for place in places if known.get((one := records[place]).key, one.doc) != one.doc]
        return found

    def _group(self, table: Table, tenant_id: int, records: Sequence[Prepared], overrule: bool) -> _Group:
        """What becomes of one kind's records of one tenant. Nothing is written."""
        found = self._stored(table, tenant_id, [record.key for record in records])
        stored = {key: one.stored for key, one in found.items()}
        went = scope_goes(table.kind) and self._scopes_went(tenant_id)
        offered = ((record.key, record) for record in records)
        settled = settle(table.kind, offered, stored, lambda _: went, overrule=overrule)
        return _Group(table, tenant_id, found, settled)

    def _put_group(self, table: Table, tenant_id: int, found: Mapping[Key, _Found], settled: Settled[Key]) -> None:
        """Write one kind's records of one tenant."""
        replaced, added, kept = [], [], _kept(table)
        for key, record in settled.write.items():
            before, label = found.get(key), self._label(tenant_id, record)
            self._counts[label] += 1
            rest = (bytearray(record.doc), record.updated_at_ms, record.source)[:kept]  # bytes take the driver longer
            values = (tenant_id, label, *record.key, *record.order, *record.columns, *rest)
            if before is None:
                added.append(values)
            else:
                self._counts[before.label] -= 1
                replaced.append((before.row, *values))
        if settled.write:
            self._write(table, replaced, added)
            self._write_lists(table, tenant_id, settled.write)
            self._authority(table, tenant_id)

    def _write(self, table: Table, replaced: Sequence[tuple[Any, ...]], added: Sequence[tuple[Any, ...]]) -> None:
        """Write rows: in the place of others, whose numbers come first, or new ones."""
        names = ["_tenant", "_label", *table.key, *table.order]
        names += [quoted(column.name) for column in table.single] + ["_doc", "_updated", "_source"][: _kept(table)]
        marks = ", ".join("?" * len(names))
        self._forget_lists(table, [row for row, *_ in replaced] if table.lists else ())
        self._connection.executemany(
            f"INSERT OR REPLACE INTO {table.name} (_row, {', '.join(names)}) VALUES (?, {marks})", replaced
        )
        self._connection.executemany(
            f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})", sorted(added, key=_lane_and_place(table))
        )

    def _write_lists(self, table: Table, tenant_id: int, records: Mapping[Key, Prepared]) -> None:
        """Write the values of list columns, of records that are written."""
        if not table.lists:
            return
        found = self._stored(table, tenant_id, list(records))
        for position, column in enumerate(table.lists):
            values = [
                (tenant_id, value, found[key].label, *record.order, *key, found[key].row)
                for key, record in records.items()
                for value in dict.fromkeys(record.lists[position])
            ]
            values.sort()
            marks = ", ".join("?" * (4 + len(table.order) + len(table.key)))
            names = ", ".join(("_tenant", "_value", "_label", *table.order, *table.key, "_row"))
            self._connection.executemany(
                f"INSERT INTO {table.list_table(column.name)} ({names}) VALUES ({marks})", values
            )

    def _forget_lists(self, table: Table, rows: Sequence[int]) -> None:
        for column in table.lists:
            self._connection.executemany(
                f"DELETE FROM {table.list_table(column.name)} WHERE _row = ?", [(row,) for row in rows]
            )

    def _stored(self, table: Table, tenant_id: int, keys: Sequence[Key]) -> dict[Key, _Found]:
        """What is stored under the keys, by key. Documents are read only where the write rule compares them."""
        same = " AND ".join(f"r.{name} = j.value ->> {place}" for place, name in enumerate(table.key))
        found = self._connection.execute(
            f"SELECT r._row, r._label, r._updated, {_document(table)}, {', '.join('r.' + name for name in table.key)} "
            f"FROM json_each(?) AS j CROSS JOIN {table.name} AS r "
            f"INDEXED BY {quoted(f'record_{table.kind.name} key')} ON r._tenant = ? AND {same}",
            (orjson.dumps(keys).decode(), tenant_id),
        )
        return {tuple(key): _Found(row, label, Stored(updated, doc)) for row, label, updated, doc, *key in found}

    def _scopes_went(self, tenant_id: int) -> bool:
        found = self._connection.execute("SELECT 1 FROM setting WHERE name = ?", (scopes_went(tenant_id),))
        return found.fetchone() is not None

    def _tenant(self, tenant: Tenant) -> int:
        known = self._interned.tenants.get(tenant)
        if known is not None:
            return known
        self._connection.execute(
            "INSERT INTO tenant (org_id, workspace_id, deployment_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (tenant.org_id, tenant.workspace_id, tenant.deployment_id),
        )
        number = self._known_tenant(tenant)
        assert number is not None
        self._interned.tenants[tenant] = number
        return number

    def _known_tenant(self, tenant: Tenant) -> int | None:
        found = self._connection.execute(
            "SELECT tenant_id FROM tenant WHERE org_id = ? AND workspace_id = ? AND deployment_id = ?",
            (tenant.org_id, tenant.workspace_id, tenant.deployment_id),
        ).fetchone()
        return int(found[0]) if found else None

    def _label(self, tenant_id: int, record: Prepared) -> int:
        known = self._interned.labels.get((tenant_id, record.kind, record.label))
        if known is not None:
            return known
        digest = label_digest(record.label)
        identity = (tenant_id, record.kind, digest)
        found = self._connection.execute(
            "SELECT label_id FROM label WHERE tenant_id = ? AND kind = ? AND digest = ?", identity
        ).fetchone()
        if found is None:
            insert = "INSERT INTO label (tenant_id, kind, digest, body) VALUES (?, ?, ?, ?) RETURNING label_id"
            [found] = self._connection.execute(insert, (*identity, record.label)).fetchall()
        number: int = found[0]
        return remember(self._interned.labels, (tenant_id, record.kind, record.label), number, MOST_LABELS_KEPT)

    def _authority(self, table: Table, tenant_id: int) -> None:
        """A catalogue record changed: whatever was computed from the tenant's catalogue ends with this commit."""
        if table.kind.authority is None:
            return
        managed = int(table.kind.authority == "membership")
        self._connection.execute(
            "UPDATE tenant SET authority_version = authority_version + 1, managed = max(managed, ?) "
            "WHERE tenant_id = ?",
            (managed, tenant_id),
        )

    def _flush_counts(self) -> None:
        changes = [(change, label) for label, change in self._counts.items() if change]
        self._connection.executemany("UPDATE label SET records = records + ? WHERE label_id = ?", changes)
        self._counts.clear()


def scopes_go(connection: sqlite3.Connection, tenant_id: int) -> None:
    """Have it stand that runs went from a tenant, and with them what nobody tells again."""
    connection.execute("INSERT INTO setting VALUES (?, '') ON CONFLICT DO NOTHING", (scopes_went(tenant_id),))


def _lane_and_place(table: Table) -> Callable[[Any], Any]:
    """A row's label and place. Rows in this order grow most indexes at few spots, and a lane's records lie together."""
    key = range(2, 2 + len(table.key))
    return itemgetter(1, *range(key.stop, key.stop + len(table.order)), *key)


def _kept(table: Table) -> int:
    """How many of document, time of update and source the kind's records have: to bind nothing takes long, too."""
    if table.kind.projection is not None:
        return 3
    return 1 if table.kind.updated is None else 2


def _document(table: Table) -> str:
    """The stored document where the write rule compares with it, else an empty one."""
    return "r._doc" if compares_documents(table.kind) else "x''"
