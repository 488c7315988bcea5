"""PostgreSQL: a page of dead letters, against PostgreSQL's own row-level security with the same rule in SQL.

Both answer over HTTP from the same server; the policy works on typed columns with the indexes that suit it, and the
planner chooses. Dense: the member sees all of 100,000 records. Sparse: two in a hundred of 200,000. Hidden: 25,000,
behind 200,000 newer ones that it may not see.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from filled import put
from measure import Result, compared, in_turns
from postgres import Server, server
from rls_world import GRANT, OLDER_MS, Share, hidden, made, seen
from serving import MEMBER, bare, sidecar
from templates import accepted
from walls import NOW_MS, READER, settings, walled
from world import TENANT, kinds

from sidecar.records.ingest import Intake

PATH = "/v1/records/dead_letter?limit=100"
CURSOR = re.compile(rb'"next":"[^"]*"')
ROUNDS, EACH = 30, 5
SPARSELY = 9
"""So many times as often come what is hidden than it has scopes: then two records in a hundred are seen."""

SHAPES: Mapping[str, tuple[tuple[Share, ...], float | None]] = {
    "dense": ((Share(100_000, seen()),), 1.1),
    "sparse": ((Share(200_000, [*seen(), *SPARSELY * hidden()]),), None),
    "hidden": ((Share(25_000, seen(), NOW_MS - OLDER_MS), Share(200_000, hidden())), None),
}
"""What is stored in each shape, and how much slower ours may be."""


def main(folder: Path) -> Iterator[Result]:
    with server(folder) as running:
        for name, (shares, bound) in SHAPES.items():
            yield _compared(running, _filled(running, f"walls_{name}", shares), name, bound)


def _filled(running: Server, database: str, shares: tuple[Share, ...]) -> str:
    """The database with the records in both kinds of tables."""
    if not running.holds(database):
        part = f"{database}_part"
        intake = Intake(kinds())
        put(running.fresh(part), (accepted(intake, *one) for one in made(shares)))
        running.run("VACUUM (ANALYZE)", part)
        walled(running, part)
        running.run(f'ALTER DATABASE "{part}" RENAME TO "{database}"')
    return database


def _compared(running: Server, database: str, name: str, bound: float | None) -> Result:
    told = {
        "store": running.url(database, READER),
        "org": TENANT["org_id"],
        "index": "policy",
        "settings": settings(running, database, ("finance",), (GRANT,)),
    }
    with sidecar(running.url(database)) as ours, bare(told) as theirs:
        works: dict[str, Callable[[], bytes]] = {
            "ours": lambda: ours.get(PATH, MEMBER),
            "theirs": lambda: theirs.get(PATH, {}),
        }
        answers = {CURSOR.sub(b"", work()) for work in works.values()}
        assert len(answers) == 1, f"{name}: policies and policy give different answers"
        taken = in_turns(works, ROUNDS, EACH)
    return compared(f"PostgreSQL, {name}, against row-level security", taken["ours"], taken["theirs"], bound)
