"""`runstream export`: whole experiments, to a folder or to a server of MLflow."""

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
from runstream.exporting.mlflow import MlflowExport
from runstream.importing.report import Report
from runstream.importing.runstream.server_source import ServerSource


@click.command()
@click.argument("destination", metavar="FOLDER|URI")
@experiment_options(several=True)
@with_client
@json_option
def export(
    client: TrackingClient,
    destination: str,
    experiment_name: tuple[str, ...],
    experiment_id: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write whole experiments to a FOLDER, or to an MLflow server (http://host:5000).

    All experiments are written unless some are named. The folder has Parquet files, which pandas,
    DuckDB and R read, and the artifacts as files; docs/export.md explains them.
    `runstream import runstream FOLDER` reads it back. The folder gets its name when it is whole;
    until then it is FOLDER.part, and the next export begins anew. An export to a server can be run
    again, and goes on where it stopped.
    """
    source = ServerSource(client, experiment_name, experiment_id)
    exported: FolderExport | MlflowExport
    if destination.startswith(("http://", "https://")):
        exported = MlflowExport(source, destination)
    else:
        exported = FolderExport(source, Path(destination))
    exported.on_run = partial(_show_progress, exported.report)
    exported.write()
    if sys.stderr.isatty():
        click.echo(err=True)
    print_report(exported.report, dry_run=False, as_json=as_json, verb="Exported")


def _show_progress(report: Report) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{report.runs:,} runs, {report.points:,} points", err=True, nl=False)
