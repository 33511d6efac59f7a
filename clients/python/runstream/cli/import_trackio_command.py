"""`runstream import trackio`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from runstream.calls.client import TrackingClient
from runstream.cli.import_command import import_options, imports, run_import
from runstream.importing.trackio.source import TrackioSource, default_folder


@imports.command()
@click.argument(
    "folder",
    required=False,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@import_options
def trackio(client: TrackingClient, folder: Path | None, dry_run: bool, as_json: bool) -> None:
    """Copy from Trackio: FOLDER, by default that of TRACKIO_DIR or ~/.cache/huggingface/trackio.

    Copies projects, runs with their configurations, metrics, system metrics and media. It can be
    run again, and copies what was added. What cannot be copied is listed at the end, and the
    command exits with 1.
    """
    with closing(TrackioSource(folder or default_folder())) as source:
        run_import(source, client, dry_run=dry_run, as_json=as_json)
