"""Runs as files: CSV and Parquet, with the column names of MLflow's data frames."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from runstream.calls.runs_frame import runs_to_frame
from runstream.cli.output import progress_bar
from runstream.entities import Run
from runstream.errors import FailedPrecondition
from runstream.rules import escape_formula

Value = str | float | None

_TIMES = ("start_time", "end_time")


def export_runs(
    runs: Iterable[Run], total: int, output: Path | None, file_format: str | None
) -> None:
    """Write runs to a file, which is there as a whole or not at all, or to stdout.

    Args:
        runs: the runs.
        total: about how many they are, for the progress.
        output: the file; None for stdout.
        form: `csv` or `parquet`; by the name of the file, else CSV, if None.

    Raises:
        FailedPrecondition: Parquet, and pandas or pyarrow is not installed.
    """
    parquet = file_format == "parquet" or (
        file_format is None and output is not None and output.suffix == ".parquet"
    )
    if parquet:
        _check_parquet()
    found = []
    with progress_bar(total, "Reading runs") as bar:
        for run in runs:
            found.append(run)
            bar.update(1)
    with _open_target(output) as file:
        if parquet:
            runs_to_frame(found).to_parquet(file)
        else:
            _write_csv([_row(run) for run in found], file)


def _row(run: Run) -> dict[str, Value]:
    info = run.info
    row: dict[str, Value] = {
        "run_id": info.run_id,
        "experiment_id": info.experiment_id,
        "status": info.status,
        "artifact_uri": info.artifact_uri,
        "start_time": info.start_time,
        "end_time": info.end_time,
    }
    row |= {f"metrics.{key}": value for key, value in run.data.metrics.items()}
    row |= {f"params.{key}": value for key, value in run.data.params.items()}
    row |= {f"tags.{key}": value for key, value in run.data.tags.items()}
    return row


def _columns(rows: Iterable[dict[str, Value]]) -> list[str]:
    """Return the attributes as they come, then the keys by kind and name."""
    attributes = ["run_id", "experiment_id", "status", "artifact_uri", *_TIMES]
    keys = {key for row in rows for key in row} - set(attributes)
    return attributes + sorted(keys)


def _write_csv(rows: list[dict[str, Value]], file: IO[bytes]) -> None:
    text = open(file.fileno(), "w", newline="", encoding="utf-8", closefd=False)  # noqa: SIM115
    with text:
        writer = csv.writer(text)
        columns = _columns(rows)
        writer.writerow([_cell(column) for column in columns])
        for row in rows:
            row |= {key: _format_iso(row[key]) for key in _TIMES}
            writer.writerow([_cell(row.get(column)) for column in columns])


def _cell(value: Value) -> Value:
    return escape_formula(value) if isinstance(value, str) else value


def _format_iso(milliseconds: Value) -> str | None:
    """Return a time as ISO 8601 in UTC, or the milliseconds of a year that has no such form."""
    if milliseconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(int(milliseconds) / 1000, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)
    return moment.isoformat(timespec="milliseconds")


def _check_parquet() -> None:
    missing = [name for name in ("pandas", "pyarrow") if find_spec(name) is None]
    if missing:
        raise FailedPrecondition(
            f"Parquet needs packages that are not here: pip install {' '.join(missing)}"
        )


@contextmanager
def _open_target(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    draft = output.with_name(f"{output.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)
