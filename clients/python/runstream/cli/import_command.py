"""`runstream import`: to copy what other trackers have."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.output import json_option, print_json
from runstream.errors import InvalidArgument
from runstream.importing.database_source import DatabaseSource
from runstream.importing.folder_source import FolderSource
from runstream.importing.importer import Importer, Report
from runstream.importing.server_source import ServerSource
from runstream.importing.source import Source


@click.group("import")
def imports() -> None:
    """Copy what other trackers have."""


@imports.command()
@click.argument("source", metavar="SOURCE")
@click.option(
    "--local-artifacts",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Copy artifacts that the source says are on this machine, if they are in this folder. "
    "[default: of a folder or database what lies in it or beside it; of a server none]",
)
@with_client
@json_option
def mlflow(
    client: TrackingClient, source: str, local_artifacts: Path | None, as_json: bool
) -> None:
    """Copy from MLflow: a server (http://host:5000), a database (sqlite:///mlflow.db), a folder.

    Copies experiments, runs with their whole histories, params, tags, datasets and artifacts, and
    logged models; those that are deleted are left out. It can be run again, and goes on where it
    stopped. What cannot be copied is listed at the end, with the file and line, and the command
    exits with 1.
    """
    importer = Importer(_open_source(source, local_artifacts), client)
    experiments = list(importer.import_experiments())
    runs = [
        (run_id, experiment_id)
        for experiment, experiment_id in experiments
        for run_id in importer.find_run_ids(experiment)
    ]
    with click.progressbar(
        runs, label="runs", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        for run_id, experiment_id in bar:
            importer.import_run(run_id, experiment_id)
    for experiment, experiment_id in experiments:
        importer.import_models(experiment, experiment_id)
    if as_json:
        print_json(asdict(importer.report))
    else:
        _print_report(importer.report)
    if importer.report.problems:
        sys.exit(1)


def _open_source(text: str, local_artifacts: Path | None) -> Source:
    if text.startswith(("http://", "https://")):
        return ServerSource(text, local_artifacts)
    scheme, separator, path = text.partition(":///")
    if separator and scheme != "sqlite" and scheme != "file":
        raise InvalidArgument(
            f"databases of {scheme} are not read: start `mlflow server` on it and import from that",
            reason="SOURCE_UNKNOWN",
            field="source",
            value=text,
        )
    place = Path(path if separator else text)
    if place.is_dir():
        return FolderSource(place, local_artifacts)
    if place.is_file():
        return DatabaseSource(place, local_artifacts)
    raise InvalidArgument(
        f"there is no {place}", reason="SOURCE_MISSING", field="source", value=text
    )


def _print_report(report: Report) -> None:
    click.echo(
        f"Copied {report.runs} runs of {report.experiments} experiments: {report.points} points, "
        f"{report.params} params, {report.tags} tags, {report.datasets} datasets, "
        f"{report.artifacts} files, {report.models} models."
    )
    if report.runs_already_there:
        click.echo(f"{report.runs_already_there} runs were there already.")
    for problem in report.problems:
        click.echo(f"Not copied: {problem}", err=True)
