"""Accepted records on their way into the store: in memory up to a bound, beyond in a temporary file nobody can name."""

import hashlib
import marshal
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sidecar.errors import StoreError
from sidecar.records.ingest import Intake
from sidecar.records.store import Prepared, Tenant

MEMORY_BYTES = 64 * 1024 * 1024
"""How much is kept in memory."""
_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Placed:
    """An accepted record and where it was read."""

    path: str
    line: int
    record: Prepared


class Spool:
    """Batches of records of one kind each, written once, then read in the same order."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._file = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 - closed by ``close``
        self._hash = hashlib.sha256()
        self.records = 0

    @property
    def content_id(self) -> str:
        """The hash of all that was added: the same records in the same order have the same."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Let go of everything."""
        self._file.close()

    def add(self, batch: Sequence[Placed]) -> None:
        """Keep one batch: records of one kind, at least one."""
        kind = batch[0].record.kind
        self._hash.update(b"%d %s:" % (len(batch), kind.encode()))
        tenants: dict[Tenant, int] = {}
        rows = []
        for placed in batch:
            record, source = placed.record, placed.record.source or b""
            self._hash.update(b"%d %d:%b%b" % (len(record.doc), len(source), record.doc, source))
            rows.append(_row(placed, tenants.setdefault(record.tenant, len(tenants))))
        owners = [(tenant.org_id, tenant.workspace_id, tenant.deployment_id) for tenant in tenants]
        data = marshal.dumps((kind, owners, rows))
        self._file.write(len(data).to_bytes(_LENGTH_BYTES, "big"))
        self._file.write(data)
        self.records += len(batch)

    def batches(self) -> Iterator[list[Placed]]:
        """Every batch; the line of a record is now its place in its batch, from 1."""
        self._file.seek(0)
        while head := self._file.read(_LENGTH_BYTES):
            data = self._file.read(int.from_bytes(head, "big"))
            kind, owners, rows = marshal.loads(data)  # noqa: S302 - nobody else can have written it
            tenants = [Tenant(*owner) for owner in owners]
            yield [
                self._placed(path, line, inherits, Prepared(kind, tenants[owner], *(*row, place)))
                for place, (path, line, inherits, owner, row) in enumerate(rows, 1)
            ]

    def _placed(self, path: str, line: int, inherits: bool, record: Prepared) -> Placed:
        if inherits:  # what a run inherits is a function, which no file holds: it is made anew from the run's source
            again = self._intake.accept(record.kind, orjson.loads(record.source or b""), line=record.line)
            if not isinstance(again, Prepared):
                raise StoreError(f"{path}:{line}: was accepted, and refused when read again: {again[0].message}")
            record = again
        return Placed(path, line, record)


def _row(placed: Placed, owner: int) -> tuple[Any, ...]:
    record = placed.record
    values = (
        *(record.key, record.order, record.label, record.columns, record.lists),
        *(record.doc, record.source, record.updated_at_ms),
    )
    return placed.path, placed.line, record.inherit is not None, owner, values
