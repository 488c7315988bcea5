"""What a kind is: the values that a schema file and its annotation come down to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Column:
    """One property by which records are found, or a mark: a condition on the record that is either true or false.

    ``pointer`` ends in ``/*`` for each text of a list and in ``/**`` for every text below (keys not); a mark has none.
    ``folded`` columns are kept and compared in filter form. ``fields`` are the dotted properties the column reads.
    """

    name: str
    pointer: str
    type: Literal["text", "integer", "boolean"]
    many: bool
    folded: bool
    mark: Mapping[str, Any] | None
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One sort key. Of several pointers the least value counts; a record without any comes last."""

    pointers: tuple[str, ...]
    descending: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of records, everything resolved.

    ``schema`` is what is served and what policies see, ``source_schema`` what is accepted; they differ where a
    projection makes another shape. ``digest`` changes when stored records must be promoted anew.
    """

    name: str
    schema: Mapping[str, Any]
    source_schema: Mapping[str, Any]
    id: tuple[str, ...]
    tenant: str
    order: tuple[Order, ...]
    label: tuple[str, ...]
    columns: tuple[Column, ...]
    write: Literal["upsert", "append_only"]
    canonical: Mapping[str, str]
    projection: str | None
    authority: Literal["catalogue", "membership"] | None
    updated: str | None
    digest: str


class Kinds(Mapping[str, Kind]):
    """Every kind by its name, in order of name. Immutable."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = dict(sorted(kinds.items()))

    def __getitem__(self, name: str) -> Kind:
        return self._kinds[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)
