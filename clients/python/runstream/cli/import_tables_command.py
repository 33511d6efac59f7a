"""`runstream import csv` and `runstream import parquet`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click

from runstream.calls.client import TrackingClient
from runstream.cli.import_command import import_options, imports, run_import
from runstream.importing.tables.mapping import MappingOptions
from runstream.importing.tables.source import TableSource

_ROLES = {
    "run": "of the run, its id or name.  [default: run_id, run, ...; else each file is a run]",
    "step": "of the step.  [default: step, global_step, epoch, ...; else rows are counted]",
    "timestamp": "of the time: seconds or milliseconds since the epoch, or ISO 8601.  "
    "[default: timestamp, wall_time, ...]",
    "key": "of the metric's name, in a long table.  [default: metric, key, tag, ...]",
    "value": "of the metric's value, in a long table.  [default: value]",
}
_KINDS = {
    "metric": "that is a metric, in a wide table; more than once.  "
    "[default: metrics.*, and all numbers]",
    "param": "that is a param; more than once.  [default: params.*, and texts in a wide table]",
    "tag": "that is a tag; more than once.  [default: tags.*]",
}


def _table_options(command: Callable[..., None]) -> Callable[..., None]:
    for name, text in reversed(_KINDS.items()):
        command = click.option(f"--{name}", metavar="COLUMN", multiple=True, help=f"Column {text}")(
            command
        )
    for name, text in reversed(_ROLES.items()):
        command = click.option(f"--{name}", metavar="COLUMN", help=f"Column {text}")(command)
    experiment = click.option(
        "--experiment",
        metavar="COLUMN|NAME",
        help="Column of the experiment; or its name, if there is no such column.  "
        "[default: experiment, project, ...; else the name of the file or folder]",
    )
    path = click.argument("path", metavar="FILE|FOLDER", type=click.Path(path_type=Path))
    return path(experiment(import_options(command)))


@imports.command("csv")
@_table_options
def csv_tables(
    client: TrackingClient, path: Path, dry_run: bool, as_json: bool, **options: object
) -> None:
    """Copy tables from files of CSV: FILE, or all *.csv and *.tsv in FOLDER.

    A table is long, with a row for each point (run, metric, step, timestamp, value), or wide, with
    a row for each step or each run and a column for each metric. What the columns are is found by
    their names, and shown by --dry-run. It can be run again, and goes on where it stopped. What
    cannot be copied is listed at the end, with file, line and column, and the command exits with 1.
    """
    _import_tables(client, path, "csv", MappingOptions(**options), dry_run, as_json)  # type: ignore[arg-type] # as the options are named


@imports.command("parquet")
@_table_options
def parquet_tables(
    client: TrackingClient, path: Path, dry_run: bool, as_json: bool, **options: object
) -> None:
    """Copy tables from files of Parquet: FILE, or all *.parquet in FOLDER; as `import csv` does.

    It needs pyarrow.
    """
    _import_tables(client, path, "parquet", MappingOptions(**options), dry_run, as_json)  # type: ignore[arg-type] # as the options are named


def _import_tables(
    client: TrackingClient,
    path: Path,
    tracker: str,
    options: MappingOptions,
    dry_run: bool,
    as_json: bool,
) -> None:
    with closing(TableSource(path, tracker, options)) as source:
        if dry_run:
            for line in source.describe():
                click.echo(line, err=as_json)
        run_import(source, client, dry_run=dry_run, as_json=as_json)
