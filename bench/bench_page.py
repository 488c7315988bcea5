"""A page of four collections out of 100,000 records, against a bare handler with hand-written SQL over the same file."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from measure import Result, compared, in_turns
from serving import MEMBER, OPERATOR, bare, sidecar
from world import Reliability, stored

PATH = "/stateful-runtime/reliability?limit=100"
BOUND = 1.5
ROUNDS, EACH = 60, 5
LABELS = (3, 150, 2_000)
RECORDS = 25_000


def main(folder: Path) -> Iterator[Result]:
    for labels in LABELS:
        store = folder / f"seen-{labels}.db"
        if not store.exists():
            stored(store, Reliability(labels, RECORDS).made())
        yield from _compared(store, labels)


def _compared(store: Path, labels: int) -> Iterator[Result]:
    """One caller whose units are claimed, and an operator; each sees every record."""
    with ExitStack() as stack:
        ours = stack.enter_context(sidecar(store))
        theirs = stack.enter_context(bare(store))
        wanted = theirs.get(PATH, {})
        callers = {"a unit's caller": MEMBER, "an operator": OPERATOR}
        for headers in callers.values():
            assert ours.get(PATH, headers) == wanted, "the baseline gives another answer"
        works = {name: (lambda headers=headers: ours.get(PATH, headers)) for name, headers in callers.items()}
        taken = in_turns({**works, "bare": lambda: theirs.get(PATH, {})}, ROUNDS, EACH)
        for name in callers:
            yield compared(f"page of {len(wanted):,} B, {labels} labels, {name}", taken[name], taken["bare"], BOUND)
