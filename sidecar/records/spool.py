"""Accepted records on their way into the store: in memory up to a bound, beyond in a temporary file nobody can name."""

import hashlib
import marshal
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import SEEK_END
from sys import getsizeof
from typing import Any

from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.sources import Placed
from sidecar.records.store import Prepared, Tenant

MEMORY_BYTES = 96 * 1024 * 1024
"""How much is kept in memory."""
RECORD_BYTES = 1_000
"""What a record takes there beside its documents and the texts of its list columns."""
_KEPT = slice(Prepared._fields.index("key"), Prepared._fields.index("inherit"))
"""What is written of a record as it is; its kind and tenant are told once for many."""
_TURN = {"membership": 0, "catalogue": 1, None: 2}
_ORDER = b"catalogue first"
"""Part of every load's id: how many records an interrupted load had stored means nothing in another order."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What was added at once: held, or laid down in the file from ``start``. ``size`` is that of its documents."""

    records: int
    size: int
    held: Sequence[Placed] = ()
    start: int = 0
    length: int = 0


class Spool:
    """Records, added in small batches of one kind; read kind by kind in great ones, in the order they came.

    What decides who sees the others is read first: memberships, then the rest of the catalogue.
    """

    def __init__(self, kinds: Kinds, intake: Intake) -> None:
        self._kinds = kinds
        self._intake = intake
        self._file = tempfile.SpooledTemporaryFile(max_size=1)  # noqa: SIM115 - closed by ``close``; none until needed
        self._hash = hashlib.sha256(_ORDER)
        self._chunks: dict[str, list[_Chunk]] = {}
        self._held = 0
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
        documents = [part for placed in batch for part in (placed.record.doc, placed.record.source or b"")]
        lengths = list(map(len, documents))
        self._hash.update(f"{kind}:{lengths}:".encode())
        self._hash.update(b"".join(documents))
        self._chunks.setdefault(kind, []).append(self._kept(batch, sum(lengths)))
        self.records += len(batch)

    def _kept(self, batch: Sequence[Placed], size: int) -> _Chunk:
        """The batch as it is while there is room for it, else laid down."""
        listed = [texts for placed in batch for texts in placed.record.lists]
        taken = size + len(batch) * RECORD_BYTES + sum(sum(map(getsizeof, (texts, *texts))) for texts in listed)
        if self._held + taken <= MEMORY_BYTES:
            self._held += taken
            return _Chunk(len(batch), size, batch)
        tenants: dict[Tenant, int] = {}
        rows = [_row(placed, tenants.setdefault(placed.record.tenant, len(tenants))) for placed in batch]
        owners = [(tenant.org_id, tenant.workspace_id, tenant.deployment_id) for tenant in tenants]
        data = marshal.dumps((owners, rows))
        start = self._file.seek(0, SEEK_END)
        self._file.write(data)
        return _Chunk(len(batch), size, start=start, length=len(data))

    def batches(self, most: int, most_bytes: int) -> Iterator[list[Placed]]:
        """Every record, by kind, those first by which the others are judged.

        A batch is no greater than one that was added, or than the two bounds; but all grants are one batch, however
        many, lest an allow be seen without the deny beside it, and so is each other kind of the catalogue.
        """
        for kind in sorted(self._chunks, key=lambda name: _TURN[self._kinds[name].authority]):
            whole = self._kinds[kind].authority is not None
            for group in [self._chunks[kind]] if whole else _grouped(self._chunks[kind], most, most_bytes):
                batch: list[Placed] = []
                for chunk in group:
                    batch += chunk.held or self._read(kind, chunk)
                yield batch

    def _read(self, kind: str, chunk: _Chunk) -> Iterator[Placed]:
        """What was laid down of a chunk."""
        self._file.seek(chunk.start)
        owners, rows = marshal.loads(self._file.read(chunk.length))  # noqa: S302 - nobody else can have written it
        tenants = [Tenant(*owner) for owner in owners]
        for path, line, inherits, owner, row in rows:
            record = Prepared(kind, tenants[owner], *row)
            if inherits and record.source is not None:  # what it inherits is a function, which no file holds
                record = record._replace(inherit=self._intake.heir(kind, record.source, record.line))
            yield Placed(path, line, record)


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
