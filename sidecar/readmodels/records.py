"""Records of any kind: a page in the kind's order, or one by its key."""

from dataclasses import dataclass

from sidecar.errors import Absent
from sidecar.readmodels.plan import Plan, View
from sidecar.records.reading import Get, Position, Read, Where


@dataclass(frozen=True, slots=True)
class RecordsQuery:
    """A page of one kind: its filters, where it starts, how long it is."""

    kind: str
    limit: int
    where: tuple[Where, ...] = ()
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class RecordsPage:
    """The page, and the position behind which the next one starts; None on the last."""

    view: View
    following: Position | None


def records(query: RecordsQuery) -> Plan[RecordsPage]:
    """The visible records of a kind that the filters keep."""
    [page] = yield [Read(query.kind, query.limit, query.where, query.after)]
    view = {
        "kind": query.kind,
        "records": page.shown,
        "count": len(page.rows),
        "limit": query.limit,
    }
    return RecordsPage(view, page.rows[-1].position if page.more else None)


def record(kind: str, key: tuple[str, ...]) -> Plan[View]:
    """One record. Raises Absent."""
    [page] = yield [Get(kind, (key,))]
    if not page.rows:
        raise no_record()
    return {"record": page.rows[0].shown}


def no_record() -> Absent:
    """The one answer for a record that is hidden, absent, or of no kind at all."""
    return Absent("record_not_found", "there is no such record, or it is not yours to see")
