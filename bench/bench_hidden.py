"""The same page with nothing hidden, and with 200,000 newer records of the same tenant that the caller may not see."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench_page import PATH, page_store
from measure import Result, compared, in_turns
from serving import MEMBER, sidecar
from world import newer_hidden, stored

BOUND = 1.25
ROUNDS, EACH = 40, 5
LABELS = (3, 150, 2_000)
HIDDEN = 50_000


def main(folder: Path) -> Iterator[Result]:
    for labels in LABELS:
        plain = page_store(folder, labels)
        crowded = plain.with_name(f"crowded-{labels}.db")
        if not crowded.exists():
            shutil.copy(plain, crowded)
            stored(crowded, newer_hidden(HIDDEN).made())
        yield _compared(plain, crowded, labels)


def _compared(plain: Path, crowded: Path, labels: int) -> Result:
    with ExitStack() as stack:
        without = stack.enter_context(sidecar(plain))
        among = stack.enter_context(sidecar(crowded))
        assert among.get(PATH, MEMBER) == without.get(PATH, MEMBER), "what is hidden changes the answer"
        works = {"among": lambda: among.get(PATH, MEMBER), "without": lambda: without.get(PATH, MEMBER)}
        taken = in_turns(works, ROUNDS, EACH)
    name = f"200,000 newer hidden, {labels:,} visible labels"
    return compared(name, taken["among"], taken["without"], BOUND)
