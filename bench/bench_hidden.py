"""A page behind 200,000 newer records of its tenant that the caller may not see, against one behind a tenth of them.

What is hidden must not be paid for. With nothing hidden a page of many labels comes from the tenant's own index, which
is a shorter way: that is told.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench_page import PATH, page_store
from measure import Result, compared, in_turns
from serving import MEMBER, sidecar
from world import newer_hidden, stored

BOUND = 1.25
ROUNDS, EACH = 40, 5
LABELS = (3, 150, 2_000)
HIDDEN, FEWER = 50_000, 5_000
"""In each of the four collections."""


def main(folder: Path) -> Iterator[Result]:
    for labels in LABELS:
        plain = page_store(folder, labels)
        stores = {0: plain, **{hidden: _crowded(plain, labels, hidden) for hidden in (FEWER, HIDDEN)}}
        with ExitStack() as stack:
            asked = {hidden: stack.enter_context(sidecar(store)) for hidden, store in stores.items()}
            works = {str(hidden): partial(client.get, PATH, MEMBER) for hidden, client in asked.items()}
            assert len({work() for work in works.values()}) == 1, "what is hidden changes the answer"
            taken = in_turns(works, ROUNDS, EACH)
        name = f"{4 * HIDDEN:,} newer hidden, {labels:,} visible labels"
        yield compared(f"{name}, against {4 * FEWER:,}", taken[str(HIDDEN)], taken[str(FEWER)], BOUND)
        yield compared(f"{name}, against none", taken[str(HIDDEN)], taken["0"], None)


def _crowded(plain: Path, labels: int, hidden: int) -> Path:
    """The same store with so many newer records in each collection that the caller may not see."""
    crowded = plain.with_name(f"crowded-{labels}-{hidden}.db")
    if not crowded.exists():
        shutil.copy(plain, crowded)
        stored(crowded, newer_hidden(hidden).made())
    return crowded
