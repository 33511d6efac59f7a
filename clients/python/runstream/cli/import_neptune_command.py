"""`runstream import neptune`."""

from __future__ import annotations

from pathlib import Path

import click

from runstream.calls.client import TrackingClient
from runstream.cli.import_command import import_options, imports, run_import
from runstream.importing.neptune.source import NeptuneSource

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@imports.command()
@click.argument("source", metavar="FOLDER", type=_FOLDER)
@click.option(
    "--files",
    metavar="DIR",
    type=_FOLDER,
    help="The folder of the downloaded files. [default: `files` in FOLDER, or beside it]",
)
@click.option(
    "--step-multiplier",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Multiply steps by N, as Neptune's may be fractions.",
)
@import_options
def neptune(
    client: TrackingClient,
    source: Path,
    files: Path | None,
    step_multiplier: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy an export of Neptune: the folder into which neptune-exporter wrote Parquet files.

    Copies projects, and runs with their attributes, series, files, tags and consoles; models of
    the registry are left out. It can be run again, and goes on where it stopped. What cannot be
    copied is listed at the end, and the command exits with 1. It needs pyarrow.
    """
    run_import(
        NeptuneSource(source, files, step_multiplier), client, dry_run=dry_run, as_json=as_json
    )
