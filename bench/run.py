"""Every benchmark in one run, ``make bench``: ours, the baseline of the same run, their ratio, and what is promised."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import bench_cold
import bench_engine
import bench_hidden
import bench_load
import bench_page
from measure import Result

BENCHES = {"page": bench_page, "hidden": bench_hidden, "load": bench_load, "cold": bench_cold, "engine": bench_engine}


def main() -> int:
    """Print a table; 1 when something is slower than promised."""
    parser = argparse.ArgumentParser(description="Measure what is promised, each against a baseline of the same run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run: {', '.join(BENCHES)}; all by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the stores there and find them there again")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHES]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHES)}")
    with tempfile.TemporaryDirectory(prefix="sidecar-bench-") as temporary:
        folder = given.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = list(_told(folder, given.names or list(BENCHES)))
    if given.json is not None:
        given.json.write_text(json.dumps([{**asdict(result), "over": result.over} for result in results], indent=2))
    return int(any(result.over for result in results))


def _told(folder: Path, names: list[str]) -> Iterator[Result]:
    """Each result, printed as soon as it is there."""
    print(f"{'':<58} {'ours ms':>10} {'baseline':>10} {'ratio':>7} {'bound':>6}")
    for name in names:
        for result in BENCHES[name].main(folder):
            print(_line(result), flush=True)
            yield result


def _line(result: Result) -> str:
    baseline = "" if result.baseline_ms is None else f"{result.baseline_ms:.2f}"
    ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
    bound = "" if result.bound is None else f"{result.bound:.2f}"
    verdict = "" if result.bound is None else "OVER" if result.over else "ok"
    return f"{result.name:<58} {result.ours_ms:>10.2f} {baseline:>10} {ratio:>7} {bound:>6} {verdict}"


if __name__ == "__main__":
    sys.exit(main())
