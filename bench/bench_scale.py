"""Pages of the largest of a thousand tenants, out of 10,000, a million and ten million records.

Each is held against a bare handler with hand-written SQL over the same tables through the same driver, and against
itself in the other sizes: what nobody asks for must cost nothing. What a request costs beside its SQL (who asks, under
which policies, within which bounds, the cursor's seal) is the same for every page: full pages of four collections are
promised over HTTP, and the store alone for all of them (``bench_store``).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Literal

from filled import postgres_filled, sqlite_filled
from many_tenants import World
from measure import Result, compared, in_turns
from postgres import Server, server
from serving import Client, bare, sidecar
from telling import Scope, Seen, told
from tenant_records import organisation

BOUND, FLAT = 1.3, 1.5
FULL = 0.9
"""Pages that are so much shorter than another, because a small store has not as many records, are not compared."""
ROUNDS, EACH = 30, 5
SIZES, LARGE = (10_000, 1_000_000), 10_000_000
PATHS = {"events": "/v1/records/event?limit=100", "reliability": "/stateful-runtime/reliability?limit=100"}
LARGEST = {"x-tandem-org-id": organisation(0)}
CURSOR = re.compile(rb'"next":"[^"]*"')

Stores = Callable[[World], str]


@dataclass(frozen=True, slots=True)
class Caller:
    """One shape of caller: what it says of itself, the index that suits it, and which scopes it sees."""

    name: str
    headers: Mapping[str, str]
    index: Literal["label", "tenant"]
    seen: Seen


def _of_unit(unit: str) -> Mapping[str, str]:
    return {**LARGEST, "x-tandem-org-units": unit, "x-tandem-actor-id": "mona"}


def _not_gated(scope: Scope) -> bool:
    return "restricted" not in scope.get("data_classes", ())


def _seen_by_finance(scope: Scope) -> bool:
    return scope.get("owning_org_unit_id") == "finance" or "delegation_grant_ids" in scope


def _archived(scope: Scope) -> bool:
    return scope.get("owning_org_unit_id") == "archive"


CALLERS = (
    Caller("an operator", {**LARGEST, "x-tandem-roles": "workspace_operator"}, "tenant", _not_gated),
    Caller("a member", _of_unit("finance"), "label", _seen_by_finance),
    Caller("behind hidden rows", _of_unit("archive"), "label", _archived),
)


def main(folder: Path) -> Iterator[Result]:
    """The two smaller sizes on both stores."""
    yield from _both(folder, SIZES)


def large(folder: Path) -> Iterator[Result]:
    """All three sizes on both stores: it takes gigabytes, and half an hour to fill them."""
    yield from _both(folder, (*SIZES, LARGE))


def _both(folder: Path, sizes: tuple[int, ...]) -> Iterator[Result]:
    yield from _measured("SQLite", lambda world: f"sqlite:///{sqlite_filled(folder, world)}", sizes)
    with server(folder) as running:
        yield from _measured("PostgreSQL", partial(_in_postgres, running), sizes)


def _in_postgres(running: Server, world: World) -> str:
    return postgres_filled(running, world)


def _measured(name: str, stores: Stores, sizes: tuple[int, ...]) -> Iterator[Result]:
    filled = {size: stores(World(size)) for size in sizes}
    for caller in CALLERS:
        with _asked(filled, caller) as (ours, theirs):
            for what, path in PATHS.items():
                yield from _compared(f"{name}, {what}, {caller.name}", path, caller, ours, theirs)


@contextmanager
def _asked(filled: Mapping[int, str], caller: Caller) -> Iterator[tuple[dict[int, Client], dict[int, Client]]]:
    """A sidecar and a hand-written handler over every store."""
    with ExitStack() as stack:
        knowing = {size: told(url, organisation(0), caller.index, caller.seen) for size, url in filled.items()}
        ours = {size: stack.enter_context(sidecar(url)) for size, url in filled.items()}
        yield ours, {size: stack.enter_context(bare(knows)) for size, knows in knowing.items()}


def _compared(
    name: str, path: str, caller: Caller, ours: Mapping[int, Client], theirs: Mapping[int, Client]
) -> Iterator[Result]:
    works: dict[str, Callable[[], object]] = {}
    answers: dict[int, int] = {}
    for size in ours:
        works[f"ours {size}"] = ask = partial(ours[size].get, path, caller.headers)
        works[f"theirs {size}"] = other = partial(theirs[size].get, path, {})
        answer = ask()
        assert CURSOR.sub(b"", answer) == CURSOR.sub(b"", other()), f"{name}: not the same answer by hand"
        answers[size] = len(answer)
    taken = in_turns(works, ROUNDS, EACH)
    full = [size for size in ours if answers[size] > FULL * max(answers.values())]
    for size in ours:
        bound = BOUND if size in full and path == PATHS["reliability"] else None
        yield compared(f"{name}, {size:,}", taken[f"ours {size}"], taken[f"theirs {size}"], bound)
    middle = [median(taken[f"ours {size}"]) for size in full]
    if len(middle) > 1:
        yield Result(f"{name}, slowest and fastest size", max(middle), min(middle), max(middle) / min(middle), FLAT)
