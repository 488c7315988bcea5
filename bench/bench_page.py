"""A page of four collections out of 100,000 records, against a bare handler with hand-written SQL over the same file.

The handler knows the caller's three labels and walks the same index; how it does along the tenant's index, as if there
were nothing to filter at all, is told as well.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from measure import Result, compared, in_turns
from serving import MEMBER, OPERATOR, bare, sidecar
from telling import told
from world import Reliability, stored

PATH = "/stateful-runtime/reliability?limit=100"
BOUND = 1.5
ROUNDS, EACH = 40, 10
LABELS, RECORDS = 3, 25_000


def page_store(folder: Path, labels: int) -> Path:
    """The store of a benchmark's folder with 100,000 records under so many labels."""
    store = folder / f"seen-{labels}.db"
    return store if store.exists() else stored(store, Reliability(labels, RECORDS).made())


def main(folder: Path) -> Iterator[Result]:
    with ExitStack() as stack:
        store = page_store(folder, LABELS)
        ours, logged = (stack.enter_context(sidecar(store, log=level)) for level in ("warning", "info"))
        label, tenant = (stack.enter_context(bare(told(str(store), "acme", index))) for index in ("label", "tenant"))
        works: dict[str, Callable[[], bytes]] = {
            "operator": lambda: ours.get(PATH, OPERATOR),
            "labels": lambda: label.get(PATH, {}),
            "member": lambda: ours.get(PATH, MEMBER),
            "tenant": lambda: tenant.get(PATH, {}),
            "logged": lambda: logged.get(PATH, OPERATOR),
        }
        answers = {work() for work in works.values()}
        assert len(answers) == 1, "not all give the same answer"
        taken = in_turns(works, ROUNDS, EACH)
    size = f"{len(answers.pop()):,} B"
    yield compared(f"page of {size}, an operator", taken["operator"], taken["labels"], BOUND)
    yield compared(f"page of {size}, a unit's caller, one kind masked", taken["member"], taken["labels"], BOUND)
    yield compared(f"page of {size}, with the decision log", taken["logged"], taken["labels"], None)
    yield compared("against a walk that filters nothing", taken["operator"], taken["tenant"], None)
