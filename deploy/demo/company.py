"""Write the records of the demo company, one file a kind: ``python deploy/demo/company.py FOLDER [--now MS]``.

The same instant gives the same bytes. Times count from that instant, so that what should be active now is.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

from cast import Cast, Made, Record, read_cast
from papers import chain, decisions
from runs import log, run, snapshots
from story import stories
from work import deeds, waits


def company(now_ms: int) -> dict[str, list[Record]]:
    """Every record of the company by kind."""
    made = list(_made(read_cast(now_ms)))
    kinds: dict[str, list[Record]] = {}
    for kind, record in (*made, *chain(made)):
        kinds.setdefault(kind, []).append(record)
    return kinds


def _made(cast: Cast) -> Iterator[Made]:
    """All but the audit chain, which is about the rest."""
    yield from cast.catalogue()
    for story in stories(cast):
        yield run(story)
        for told in (log, snapshots, waits, deeds, decisions):
            yield from told(story)


def write(folder: Path, now_ms: int) -> None:
    """Write ``K.jsonl`` for each kind K into the folder, which is made when it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, records in company(now_ms).items():
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        (folder / f"{kind}.jsonl").write_text("".join(lines), encoding="utf-8")


def clock() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def main() -> None:
    """Read the command line and write the folder."""
    parser = argparse.ArgumentParser(description="Write the records of the demo company, one file a kind.")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--now", type=int, default=None, help="the instant that times count from; the clock's if absent"
    )
    given = parser.parse_args()
    write(given.folder, clock() if given.now is None else given.now)


if __name__ == "__main__":
    main()
