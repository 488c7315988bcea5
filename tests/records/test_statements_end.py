"""No statement outlives its request: an open one would keep its connection at an old state of the store."""

import gc
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import stores
from store_notes import KINDS, A, Units, note, refuse, seen_by

from sidecar.records.reading import Read, Row
from sidecar.records.store import Store


@pytest.fixture(autouse=True)
def _on_every_store(store_name: str) -> None:
    """The law is every store's."""


@pytest.fixture(autouse=True)
def _uncollected() -> Iterator[None]:
    """Cycles are left alone, as they are for a while in every process."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with stores.opened(tmp_path / "s.db", KINDS, refuse) as opened:
        yield opened


@dataclass
class Erring(Units):
    """Errs over every record, and remembers its errors, which remember who called."""

    errors: list[Exception] = field(default_factory=list)

    def show(self, row: Row, fields: object) -> Row | None:
        """The row, after an error."""
        try:
            raise LookupError(row.position)  # noqa: TRY301 - to have a trace of who called
        except LookupError as error:
            self.errors.append(error)
        return row


@pytest.mark.parametrize("units", [3, 100])
async def test_what_is_deleted_is_gone_for_the_next_reader_whatever_the_last_one_met(store: Store, units: int) -> None:
    """An error inside a page that was not read to its end does not keep the next snapshot at what was."""
    await store.put([note(A, f"n{number:03}", number, f"u{number % units}") for number in range(200)])
    some = await seen_by(store, set(), {f"u{number}" for number in range(units)})
    erring = Erring(frozenset(), some.depends)
    for gone in range(150):
        async with store.snapshot(A) as snap:
            (page,) = await snap.read([Read("note", 5)], erring)
        assert page.rows[0].position.key == (f"n{199 - gone:03}",)
        async with store.change(A) as change:
            assert await change.delete("note", page.rows[0].position.key)
