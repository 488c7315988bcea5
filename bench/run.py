"""Every benchmark in one run, ``make bench``: ours, the baseline of the same run, their ratio, and what is promised."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import bench_cold
import bench_copy
import bench_engine
import bench_hidden
import bench_load
import bench_page
import bench_rls
import bench_rss
import bench_scale
import bench_store
import bench_workers
from measure import Result

Bench = Callable[[Path], Iterator[Result]]

BENCHES: dict[str, Bench] = {
    "page": bench_page.main,
    "hidden": bench_hidden.main,
    "load": bench_load.main,
    "copy": bench_copy.main,
    "cold": bench_cold.main,
    "engine": bench_engine.main,
    "scale": bench_scale.main,
    "store": bench_store.main,
    "workers": bench_workers.main,
    "rls": bench_rls.main,
}
LONG: dict[str, Bench] = {"scale-10m": bench_scale.large, "rss": bench_rss.main}
"""They take an hour or gigabytes, and run when they are named."""
NAMES = f"{', '.join(BENCHES)}, and the long ones {', '.join(LONG)}"


def main() -> int:
    """Print a table; 1 when something is slower than promised."""
    parser = argparse.ArgumentParser(description="Measure what is promised, each against a baseline of the same run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{NAMES}; without a name all but those")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the stores there and find them there again")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHES | LONG]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {NAMES}")
    with tempfile.TemporaryDirectory(prefix="sidecar-bench-") as temporary:
        folder = given.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = list(_told(folder, given.names or list(BENCHES)))
    if given.json is not None:
        given.json.write_text(json.dumps([{**asdict(result), "over": result.over} for result in results], indent=2))
    return int(any(result.over for result in results))


def _told(folder: Path, names: list[str]) -> Iterator[Result]:
    """Each result, printed as soon as it is there."""
    print(f"{'':<66} {'ours':>10} {'baseline':>10} {'':>4} {'ratio':>7} {'bound':>6}")
    for name in names:
        for result in (BENCHES | LONG)[name](folder):
            print(_line(result), flush=True)
            yield result


def _line(result: Result) -> str:
    baseline = "" if result.baseline is None else f"{result.baseline:.2f}"
    ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
    bound = "" if result.bound is None else f"{result.bound:.2f}"
    verdict = "" if result.bound is None else "OVER" if result.over else "ok"
    measured = f"{result.ours:>10.2f} {baseline:>10} {result.unit:>4}"
    return f"{result.name:<66} {measured} {ratio:>7} {bound:>6} {verdict}"


if __name__ == "__main__":
    sys.exit(main())
