"""What is asked of a store and what it answers: requests, the labels a caller sees, and pages of rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple, Protocol, overload

import orjson

from sidecar.records.places import GREATEST

_PLACE = 2
"""Where in a row's raw values its place begins."""
_label, _label_and_document = itemgetter(0), itemgetter(0, 1)


class Position(NamedTuple):
    """A place in a kind's total order: the order values (descending ones negated), then the key."""

    order: tuple[int, ...]
    key: tuple[str, ...]


class Row(NamedTuple):
    """One stored record on its way out.

    ``raw`` holds its label id, its canonical JSON, its order values (``orders`` of them) and its key; ``masked`` is the
    JSON to be shown, when a policy masks something in it.
    """

    kind: str
    orders: int
    raw: tuple[Any, ...]
    masked: bytes | None = None

    @property
    def label_id(self) -> int:
        """The label that decides about it."""
        label: int = self.raw[0]
        return label

    @property
    def stored(self) -> bytes:
        """The document as stored: for digests, updates and permission, never for showing."""
        document: bytes = self.raw[1]
        return document

    @property
    def doc(self) -> bytes:
        """The document as it may be shown."""
        return self.stored if self.masked is None else self.masked

    @property
    def position(self) -> Position:
        """Where it stands in its kind's order."""
        split = _PLACE + self.orders
        return Position(self.raw[_PLACE:split], self.raw[split:])

    def record(self) -> dict[str, Any]:
        """The record, parsed."""
        parsed: dict[str, Any] = orjson.loads(self.doc)
        return parsed

    @property
    def shown(self) -> orjson.Fragment:
        """The document's bytes, to be placed in a response unparsed."""
        return orjson.Fragment(self.raw[1] if self.masked is None else self.masked)


class Unmasked(Sequence[Row]):
    """Rows of one kind that are shown as they are stored. Each is made when it is looked at: most only go out."""

    __slots__ = ("_kind", "_orders", "_raws")

    def __init__(self, kind: str, orders: int, raws: Sequence[tuple[Any, ...]]) -> None:
        self._kind = kind
        self._orders = orders
        self._raws = raws

    def __len__(self) -> int:
        return len(self._raws)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return Unmasked(self._kind, self._orders, self._raws[index])
        return Row(self._kind, self._orders, self._raws[index])

    def __iter__(self) -> Iterator[Row]:
        return (Row(self._kind, self._orders, raw) for raw in self._raws)

    def documents(self) -> Iterable[bytes]:
        """The documents alone."""
        return map(itemgetter(1), self._raws)


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one read, in order. ``more`` tells that the next visible row exists."""

    rows: Sequence[Row]
    more: bool = False

    @property
    def shown(self) -> orjson.Fragment:
        """The list of the documents' bytes, to be placed in a response unparsed."""
        rows = self.rows
        documents = rows.documents() if isinstance(rows, Unmasked) else [row.doc for row in rows]
        return orjson.Fragment(b"[%b]" % b",".join(documents))


@dataclass(frozen=True, slots=True)
class Is:
    """The column holds one of the values (a list column: any of its elements does).

    ``stored`` asks what is stored, masked or not: for the product's own decisions, never for a client's filter.
    """

    column: str
    values: tuple[str | int | bool, ...]
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Below:
    """An integer column is strictly below the value."""

    column: str
    value: int


@dataclass(frozen=True, slots=True)
class Above:
    """An integer column is strictly above the value."""

    column: str
    value: int


@dataclass(frozen=True, slots=True)
class Contains:
    """Some of the (folded) text columns contains the text."""

    columns: tuple[str, ...]
    text: str


Where = Is | Below | Above | Contains


def between(column: str, above: int | None, below: int | None) -> list[Where]:
    """What keeps an integer column strictly between two numbers, as far as they are given.

    Either may be greater than any stored integer: nothing is above that, and everything below.
    """
    found: list[Where] = []
    if above is not None:
        found.append(Above(column, min(above, GREATEST)))
    if below is not None and below <= GREATEST:
        found.append(Below(column, below))
    return found


@dataclass(frozen=True, slots=True)
class Get:
    """Records by their keys: a page of those that are there, in the order of the keys."""

    kind: str
    keys: tuple[tuple[str, ...], ...]
    where: tuple[Where, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """A page in the kind's order.

    ``after`` starts behind a position. ``last`` takes the page from the end of the order (the rows still come
    ascending). ``within`` keeps only records of these labels.
    """

    kind: str
    limit: int
    where: tuple[Where, ...] = ()
    after: Position | None = None
    last: bool = False
    within: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """For each value of a text column, the first record in the kind's order, or the last; at most one each."""

    kind: str
    column: str
    values: tuple[str, ...]
    last: bool = False
    where: tuple[Where, ...] = ()


Request = Get | Read | Edge


@dataclass(frozen=True, slots=True)
class Lanes:
    """The labels of one kind that a caller may see at once, and those whose records are judged one by one.

    Records of the ``clean`` ones, which are among the visible, are shown as they are stored; those of other visible
    ones too, unless one of the label's ``telltales`` stands in the document: the names of what is masked in it.
    """

    visible: frozenset[int]
    depends: frozenset[int]
    clean: frozenset[int] = frozenset()
    telltales: Mapping[int, tuple[bytes, ...]] = field(default_factory=dict)

    def among(self, within: frozenset[int] | None = None) -> frozenset[int]:
        """The labels whose records may be shown, or those of them that are ``within``."""
        every = self.visible | self.depends if self.depends else self.visible
        return every if within is None else every & within

    def as_stored(self, found: Sequence[tuple[Any, ...]]) -> bool:
        """Whether all these records, each with its label and document first, are shown as they are stored."""
        if self.clean.issuperset(map(_label, found)):  # as mostly: no need to look at each
            return True
        for label, document in map(_label_and_document, found):
            if label not in self.clean:
                telltales = self.telltales.get(label)
                if telltales is None or any(map(document.__contains__, telltales)):
                    return False
        return True


class Visibility(Protocol):
    """What a store needs to know of the verdicts of one caller."""

    def lanes(self, kind: str, fields: Sequence[str]) -> Lanes:
        """The labels to page over when the request filters by ``fields`` (a masked field matches nothing)."""

    def show(self, row: Row, fields: Sequence[str]) -> Row | None:
        """The row as this caller sees it, masked; None when it is hidden or a filtered field is masked in it."""
