"""What must be remembered of a whole input, however large: kept in a private database that spills to disk and is gone.

Two questions need it: whether an append-only record comes twice with different content, and which records stand open
to all of their tenant although their run belongs to a unit.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson

from sidecar.records.kind import Kind, Kinds
from sidecar.records.store import Prepared

_UNIT = "/scope/owning_org_unit_id"
_TABLES = """
CREATE TABLE once (name BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE owned (run BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE unscoped (run BLOB, kind TEXT, records INTEGER NOT NULL, PRIMARY KEY (run, kind)) WITHOUT ROWID;
"""
MOST_LABELS = 100_000


class Ledger:
    """Remembers records batch by batch, each batch of one kind."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._scopes: dict[bytes, str] = {}
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(f"PRAGMA journal_mode = OFF; {_TABLES} BEGIN;")

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    def differing(self, records: Sequence[Prepared]) -> list[int]:
        """The places of append-only records that came before with other content."""
        rows = [(_digest(record, record.kind, *record.key), _short(record.doc)) for record in records]
        known = self._database.total_changes
        self._database.executemany("INSERT INTO once VALUES (?, ?) ON CONFLICT DO NOTHING", rows)
        if self._database.total_changes == known + len(rows):
            return []
        first = "SELECT content FROM once WHERE name = ?"
        return [
            place
            for place, (name, content) in enumerate(rows)
            if self._database.execute(first, (name,)).fetchone()[0] != content
        ]

    def note_scopes(self, kind: Kind, records: Sequence[Prepared]) -> None:
        """Remember the runs that belong to a unit, and of other records those that belong to nobody but have a run."""
        if _UNIT not in kind.label:
            return
        if kind.projection is not None:
            owned = [(_digest(record, record.key[0]),) for record in records if self._scope(record) == "unit"]
            self._database.executemany("INSERT INTO owned VALUES (?) ON CONFLICT DO NOTHING", owned)
            return
        place = next((at for at, column in enumerate(_single(kind)) if column == "run_id"), None)
        if place is None:
            return
        open_ = [
            (_digest(record, str(run)), kind.name)
            for record in records
            if (run := record.columns[place]) is not None and self._scope(record) == "open"
        ]
        upsert = "INSERT INTO unscoped VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET records = records + 1"
        self._database.executemany(upsert, open_)

    def open_children(self) -> Mapping[str, int]:
        """By kind, how many records are open to all of their tenant although a unit owns their run."""
        counted = "SELECT kind, sum(records) FROM unscoped JOIN owned USING (run) GROUP BY kind ORDER BY kind"
        return dict(self._database.execute(counted).fetchall())

    def _scope(self, record: Prepared) -> str:
        """``unit`` for a record that a unit owns, ``open`` for one that no unit and no grant is named for."""
        known = self._scopes.get(record.label)
        if known is None:
            scope: dict[str, Any] = orjson.loads(record.label).get("scope") or {}
            shared = "" if scope.get("delegation_grant_ids") else "open"
            known = "unit" if scope.get("owning_org_unit_id") is not None else shared
            if len(self._scopes) >= MOST_LABELS:
                self._scopes.clear()
            self._scopes[record.label] = known
        return known


def _single(kind: Kind) -> Iterable[str]:
    return (column.name for column in kind.columns if not column.many)


def _digest(record: Prepared, *names: str) -> bytes:
    """What stands for the names in the record's tenant. No name holds the character between them."""
    tenant = record.tenant
    return _short("\0".join((tenant.org_id, tenant.workspace_id, tenant.deployment_id, *names)).encode())


def _short(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()
