"""Writes event files by tensorboardX, and reads them as TensorBoard does; prints the seconds."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.workers.workload import rows


def write(folder: Path, points: int, keys: int) -> None:
    """Write the points of a run, as a training loop logs them."""
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for key, value, timestamp, step in rows(points, keys):
            writer.add_scalar(key, value, step, walltime=timestamp / 1000)


def read(folder: Path) -> float:
    """Read all runs of a folder by TensorBoard's reader, and return the seconds that it took."""
    from tensorboard.backend.event_processing.event_accumulator import (
        STORE_EVERYTHING_SIZE_GUIDANCE,
        EventAccumulator,
    )

    start = time.perf_counter()
    for run in folder.iterdir():
        EventAccumulator(str(run), STORE_EVERYTHING_SIZE_GUIDANCE).Reload()
    return time.perf_counter() - start


if __name__ == "__main__":
    print(read(Path(sys.argv[1])))
