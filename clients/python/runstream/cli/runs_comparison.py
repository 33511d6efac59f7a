"""Comparison of runs, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import click

from runstream.cli.output import format_number, print_table
from runstream.entities import Run


class Row(NamedTuple):
    """One key of several runs.

    Attributes:
        key: as in a filter: `params.lr`, `metrics.loss`, `tags.team`, `status`, ...
        values: what each run has; None for a run without it.
        different: whether they are not all the same.
    """

    key: str
    values: list[str | float | None]
    different: bool


def compare_runs(runs: Sequence[Run]) -> list[Row]:
    """Return a row for each key that any of the runs has."""
    rows = [
        _row("run_name", [run.info.run_name for run in runs]),
        _row("status", [run.info.status for run in runs]),
        _row("experiment_id", [run.info.experiment_id for run in runs]),
    ]
    for kind in ("params", "metrics", "tags"):
        logged: list[dict[str, str | float]] = [getattr(run.data, kind) for run in runs]
        for key in sorted({key for each in logged for key in each}):
            if f"{kind}.{key}" != "tags.mlflow.runName":  # is run_name
                rows.append(_row(f"{kind}.{key}", [each.get(key) for each in logged]))
    return rows


def print_comparison(run_ids: Sequence[str], rows: Sequence[Row]) -> None:
    """Print a column for each run; rows that are not the same in all runs have a mark."""
    head = ("", "", *(run_id for run_id in run_ids))
    print_table(
        head,
        [(row.key, "≠" if row.different else "", *map(_cell, row.values)) for row in rows],
    )
    if not rows:
        click.echo("The runs do not differ.", err=True)


def _row(key: str, values: Sequence[str | float | None]) -> Row:
    first = values[0]
    same = all(value == first or (value != value and first != first) for value in values)
    return Row(key, list(values), not same)


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else format_number(value)
