"""Records ready to be stored, fast: the door makes one of each kind and label, the others are written over it.

Every so often one is made by the door as well, and must come out equal.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from many_tenants import World
from tenant_records import Fields, made
from world import kinds

from sidecar.records.ingest import Intake
from sidecar.records.store import Prepared

SAMPLED_EACH = 1_009
TEMPLATES_KEPT = 50_000
HOLES = Fields("<run>", "<name>", "<digest>", 7_000_000_000_000_001, 7_000_000_000_000_002, 7_000_000_000_000_003)
"""What a template holds where a record has fields of its own; none is part of another, nor comes by chance."""

_NAMES = Fields.__slots__


def prepared(world: World) -> Iterator[Prepared]:
    """Every record of a world, its catalogue first."""
    intake = Intake(kinds())
    for kind, record in world.catalogue():
        yield accepted(intake, kind, record)
    template = lru_cache(TEMPLATES_KEPT)(lambda *label: _Template(intake, *label))
    for number, drawn in enumerate(world.drawn()):
        filled = template(drawn.kind, drawn.tenant, drawn.label).filled(drawn.fields)
        if number % SAMPLED_EACH == 0:
            assert filled == accepted(intake, drawn.kind, drawn.record()), f"{drawn} comes out otherwise"
        yield filled


def accepted(intake: Intake, kind: str, record: dict[str, Any]) -> Prepared:
    """The record as the door makes it, which has to be valid."""
    result = intake.accept(kind, record)
    assert isinstance(result, Prepared), result
    return result


class _Template:
    """One record with holes. Its inheritance is left out: these records have their scope."""

    def __init__(self, intake: Intake, kind: str, tenant: int, label: int) -> None:
        whole = accepted(intake, kind, made(kind, tenant, label, HOLES))
        self._whole = whole._replace(inherit=None)
        self._doc = _holed(whole.doc)
        self._source = None if whole.source is None else _holed(whole.source)

    def filled(self, fields: Fields) -> Prepared:
        """The record with these fields."""
        values: dict[Any, Any] = {}
        texts: dict[bytes, bytes] = {}
        for name in _NAMES:
            hole, value = getattr(HOLES, name), getattr(fields, name)
            values[hole] = value
            texts[name.encode()] = str(value).encode()
        values[-HOLES.at_ms] = -fields.at_ms
        whole = self._whole
        return Prepared(
            kind=whole.kind,
            tenant=whole.tenant,
            key=tuple([values.get(part, part) for part in whole.key]),
            order=tuple([values.get(part, part) for part in whole.order]),
            label=whole.label,
            columns=tuple([values.get(column, column) for column in whole.columns]),
            lists=whole.lists,
            doc=self._doc % texts,
            source=None if self._source is None else self._source % texts,
            updated_at_ms=values.get(whole.updated_at_ms),
        )


def _holed(document: bytes) -> bytes:
    """The document as what ``%`` fills."""
    document = document.replace(b"%", b"%%")
    for name in _NAMES:
        document = document.replace(str(getattr(HOLES, name)).encode(), b"%%(%s)b" % name.encode())
    return document
