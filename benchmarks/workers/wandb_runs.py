"""A program that logs to W&B offline.

usage: python -m benchmarks.workers.wandb_runs RUNS POINTS KEYS, in the folder where it writes
"""

from __future__ import annotations

import sys

import wandb

from benchmarks.workers.workload import rows


def main() -> None:
    """Log the same points to each of some runs."""
    runs, points, keys = map(int, sys.argv[1:])
    for number in range(runs):
        with wandb.init(project="bench", id=f"run{number}", mode="offline") as run:
            row: dict[str, float] = {}
            for key, value, _, step in rows(points, keys):
                row[key] = value
                if len(row) == keys:
                    run.log(row, step=step)
                    row = {}


main()
