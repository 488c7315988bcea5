"""Records offered in one request: all of them are stored, or none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sidecar.config import Writer
from sidecar.errors import RecordConflict, Reject
from sidecar.http.answer import fault, respond
from sidecar.http.following import require_writable
from sidecar.http.service import Service
from sidecar.http.tokens import require_kind, require_tenant
from sidecar.records.kind import Kind
from sidecar.records.lines import accept_line
from sidecar.records.store import Prepared

MOST_REJECTS = 1_000
"""How many rejects an answer lists; it counts them all."""
LONGEST_TEXT = 500
"""Characters shown of a message or a pointer: both may quote what was sent."""


@dataclass
class Offer:
    """What was read so far. Nothing is kept of the good records once a bad one was met."""

    service: Service
    writer: Writer
    _prepared: list[Prepared] = field(default_factory=list)
    _rejects: list[Reject] = field(default_factory=list)
    _rejected: int = 0

    def take(self, line: int, data: bytes, kind: str | None = None) -> Prepared | None:
        """Take one line of ``{"kind", "record"}``, or of a record of this kind; what is wrong with it is noted.

        Raises Forbidden for what the writer may not write.
        """
        result = accept_line(self.service.intake, data, line, kind)
        if not isinstance(result, Prepared):
            for reject in result:
                if reject.kind is not None and reject.kind in self.service.kinds:
                    require_kind(self.writer, reject.kind)
            self.reject(result)
            return None
        require_kind(self.writer, result.kind)
        require_tenant(self.writer, result.tenant)
        require_writable(self.service, result.kind)
        if not self._rejected:
            self._prepared.append(result)
        return result

    def take_at(self, kind: Kind, key: tuple[str, ...], data: bytes) -> None:
        """Take one record, whose key must be this one. Raises Forbidden."""
        taken = self.take(1, data, kind.name)
        if taken is None or taken.key == key:
            return
        if len(key) != len(kind.id):
            wrong, message = "", f"the key of this kind has {len(kind.id)} part(s), and the path names {len(key)}"
        else:
            wrong, own, named = next(part for part in zip(kind.id, taken.key, key, strict=True) if part[1] != part[2])
            message = f"is {own!r}, and the path names {named!r}"
        self.reject([Reject(1, kind.name, wrong, message)])

    def reject(self, rejects: Sequence[Reject]) -> None:
        """Note what is wrong; the whole offer is refused then."""
        self._prepared.clear()
        self._rejected += len(rejects)
        self._rejects += rejects[: MOST_REJECTS - len(self._rejects)]

    async def answer(self) -> web.Response:
        """Store the offer durably, and say so; or say why it is not stored. Raises StoreError."""
        if self._rejected:
            return _refused(422, "invalid_records", "nothing was stored", self._rejects, self._rejected)
        try:
            outcome = await self.service.store.put(self._prepared)
        except RecordConflict as conflict:
            message = "nothing was stored: what is append-only never changes"
            return _refused(409, "record_conflict", message, conflict.rejects[:MOST_REJECTS], len(conflict.rejects))
        stale = {"stale": outcome.stale} if outcome.stale else {}
        return respond({"accepted": outcome.accepted, **stale})


def _refused(status: int, code: str, message: str, rejects: Sequence[Reject], count: int) -> web.Response:
    return fault(status, code, message, rejected=[_shown(reject) for reject in rejects], rejected_count=count)


def _shown(reject: Reject) -> dict[str, Any]:
    return {
        "line": reject.line,
        "kind": None if reject.kind is None else _cut(reject.kind),
        "pointer": _cut(reject.pointer),
        "message": _cut(reject.message),
    }


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
