"""`python -m benchmarks`: measure, compare, print.

Exits with status 1 if a figure could not be measured; a missed target is a result like others.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured
from benchmarks.table import FIGURES


def main() -> int:
    """Run the figures of the command line and return the exit status."""
    arguments = _arguments()
    figures = [figure for figure in FIGURES if figure.id in arguments.only]
    with tempfile.TemporaryDirectory(prefix="runstream-spool-") as spool:
        os.environ["RUNSTREAM_SPOOL"] = spool  # of the workers
        results = _measure(figures)
    if arguments.json:
        entries = [figure.entry(results[figure.id]) for figure in figures]
        arguments.json.write_text(json.dumps({"figures": entries}, indent=2) + "\n")
    missed = [f.id for f in figures if not (m := results[f.id]) or f.missed(m)]
    print(f"{len(figures) - len(missed)} of {len(figures)} figures reached their targets")
    if missed:
        print(f"missed: {', '.join(missed)}")
    return int(None in results.values())


def _arguments() -> argparse.Namespace:
    ids = [figure.id for figure in FIGURES]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure Runstream and its peers."
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=ids,
        metavar="ID,...",
        help=f"measure some of: {', '.join(ids)}",
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.only) - set(ids):
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    return arguments


def _measure(figures: list[Figure]) -> dict[str, Measured | None]:
    results: dict[str, Measured | None] = {}
    bench = Bench()
    try:
        for figure in figures:
            start = time.monotonic()
            print(f"{figure.id} ...", file=sys.stderr, flush=True)
            try:
                results[figure.id] = measured = figure.measure(bench)
            except Exception:  # the other figures are still worth having
                results[figure.id] = None
                traceback.print_exc()
                print(f"{figure.id}: NOT MEASURED, see above\n", flush=True)
            else:
                print(figure.text(measured) + "\n", flush=True)
            progress(f"{time.monotonic() - start:.0f} s")
    finally:
        bench.close()
    return results


if __name__ == "__main__":
    sys.exit(main())
