"""An export of Neptune, in the layout of its exporter."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow
import pyarrow.parquet

from benchmarks.workers.workload import rows

_SCHEMA = pyarrow.schema(
    {
        "project_id": pyarrow.string(),
        "run_id": pyarrow.string(),
        "attribute_path": pyarrow.string(),
        "attribute_type": pyarrow.string(),
        "step": pyarrow.decimal128(18, 6),
        "timestamp": pyarrow.timestamp("ms", tz="UTC"),
        "float_value": pyarrow.float64(),
    }
)


def write(folder: Path, runs: int, points: int, keys: int) -> None:
    """Write a file with the same points for each of some runs."""
    names, values, timestamps, steps = zip(*rows(points, keys), strict=True)
    (folder / "bench").mkdir(parents=True)
    for number in range(runs):
        columns = [
            ["team/bench"] * points,
            [f"RUN-{number}"] * points,
            names,
            ["float_series"] * points,
            [Decimal(step) for step in steps],
            timestamps,
            values,
        ]
        table = pyarrow.table(columns, schema=_SCHEMA)
        pyarrow.parquet.write_table(table, folder / f"bench/RUN-{number}_part_0.parquet")
