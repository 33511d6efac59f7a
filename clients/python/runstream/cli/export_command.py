"""`runstream export`: whole experiments, to a folder."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.import_command import print_report
from runstream.cli.output import json_option
from runstream.cli.selection_options import experiment_options
from runstream.exporting.folder import FolderExport
from runstream.importing.report import Report
from runstream.importing.runstream.server_source import ServerSource


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@experiment_options(several=True)
@with_client
@json_option
def export(
    client: TrackingClient,
    folder: Path,
    experiment_name: tuple[str, ...],
    experiment_id: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write whole experiments to a FOLDER, all of them unless some are named.

    The folder has Parquet files, which pandas, DuckDB and R read, and the artifacts as files;
    docs/export.md explains them. `runstream import runstream FOLDER` reads it back. The folder gets
    its name when it is whole; until then it is FOLDER.part, and the next export begins anew.
    """
    source = ServerSource(client, experiment_name, experiment_id)
    exported = FolderExport(source, folder)
    exported.on_run = partial(_show_progress, exported.report)
    exported.write()
    if sys.stderr.isatty():
        click.echo(err=True)
    print_report(exported.report, dry_run=False, as_json=as_json, verb="Exported")


def _show_progress(report: Report) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{report.runs:,} runs, {report.points:,} points", err=True, nl=False)
