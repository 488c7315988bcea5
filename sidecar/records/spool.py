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
from sidecar.records.kind import Kinds
from sidecar.records.sources import Placed
from sidecar.records.store import Prepared, Tenant

MEMORY_BYTES = 64 * 1024 * 1024
"""How much is kept in memory."""
_KEPT = slice(Prepared._fields.index("key"), Prepared._fields.index("line"))
"""What is kept of a record as it is; its kind and tenant are told once for many."""
_TURN = {"membership": 0, "catalogue": 1, None: 2}
_ORDER = b"catalogue first"
"""Part of every load's id: how many records an interrupted load had stored means nothing in another order."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What was added at once, and where in the file it is; ``size`` is that of its documents."""

    start: int
    length: int
    records: int
    size: int


class Spool:
    """Records, added in small batches of one kind; read kind by kind in great ones, in the order they came.

    What decides who sees the others is read first: memberships, then the rest of the catalogue.
    """

    def __init__(self, kinds: Kinds, intake: Intake) -> None:
        self._kinds = kinds
        self._intake = intake
        self._file = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 - closed by ``close``
        self._hash = hashlib.sha256(_ORDER)
        self._chunks: dict[str, list[_Chunk]] = {}
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
        tenants: dict[Tenant, int] = {}
        rows = [_row(placed, tenants.setdefault(placed.record.tenant, len(tenants))) for placed in batch]
        owners = [(tenant.org_id, tenant.workspace_id, tenant.deployment_id) for tenant in tenants]
        data = marshal.dumps((owners, rows))
        documents = [part for placed in batch for part in (placed.record.doc, placed.record.source or b"")]
        lengths = list(map(len, documents))
        self._hash.update(f"{kind}:{lengths}:".encode())
        self._hash.update(b"".join(documents))
        chunk = _Chunk(self._file.tell(), len(data), len(batch), sum(lengths))
        self._chunks.setdefault(kind, []).append(chunk)
        self._file.write(data)
        self.records += len(batch)

    def batches(self, most: int, most_bytes: int) -> Iterator[list[Placed]]:
        """Every record, by kind, those first by which the others are judged.

        A batch is no greater than one that was added, or than the two bounds.
        The line of a record is now its place in its batch, from 1.
        """
        for kind in sorted(self._chunks, key=lambda name: _TURN[self._kinds[name].authority]):
            for group in _grouped(self._chunks[kind], most, most_bytes):
                batch: list[Placed] = []
                for chunk in group:
                    batch += self._read(kind, chunk, len(batch) + 1)
                yield batch

    def _read(self, kind: str, chunk: _Chunk, first: int) -> Iterator[Placed]:
        """What is in a chunk; the first record's place is ``first``."""
        self._file.seek(chunk.start)
        owners, rows = marshal.loads(self._file.read(chunk.length))  # noqa: S302 - nobody else can have written it
        tenants = [Tenant(*owner) for owner in owners]
        for place, (path, line, inherits, owner, row) in enumerate(rows, first):
            record = Prepared(kind, tenants[owner], *(*row, place))
            yield Placed(path, line, self._heir(path, line, record) if inherits else record)

    def _heir(self, path: str, line: int, record: Prepared) -> Prepared:
        """What a run inherits is a function, which no file holds: it is made anew from the run's source."""
        again = self._intake.accept(record.kind, orjson.loads(record.source or b""), line=record.line)
        if not isinstance(again, Prepared):
            raise StoreError(f"{path}:{line}: was accepted, and refused when read again: {again[0].message}")
        return again


def _grouped(chunks: Sequence[_Chunk], most: int, most_bytes: int) -> Iterator[list[_Chunk]]:
    """Neighbours together, as many as the bounds allow."""
    group: list[_Chunk] = []
    records = size = 0
    for chunk in chunks:
        if group and (records + chunk.records > most or size + chunk.size > most_bytes):
            yield group
            group, records, size = [], 0, 0
        group.append(chunk)
        records, size = records + chunk.records, size + chunk.size
    if group:
        yield group


def _row(placed: Placed, owner: int) -> tuple[Any, ...]:
    record = placed.record
    return placed.path, placed.line, record.inherit is not None, owner, record[_KEPT]
