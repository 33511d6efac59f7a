"""`runstream import`: copying what other trackers have."""

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
from runstream.importing.importer import Copying, Report
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
    stopped. What cannot be copied is told in the end, with the file and line, and costs nothing
    else; then it exits with 1.
    """
    copying = Copying(_source(source, local_artifacts), client)
    experiments = list(copying.experiments())
    runs = [
        (run_id, here) for experiment, here in experiments for run_id in copying.run_ids(experiment)
    ]
    with click.progressbar(runs, label="runs", file=sys.stderr, hidden=not _seen()) as bar:
        for run_id, here in bar:
            copying.run(run_id, here)
    for experiment, here in experiments:
        copying.models(experiment, here)
    if as_json:
        print_json(asdict(copying.report))
    else:
        _tell(copying.report)
    if copying.report.problems:
        sys.exit(1)


def _source(text: str, local_artifacts: Path | None) -> Source:
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


def _tell(report: Report) -> None:
    click.echo(
        f"Copied {report.runs} runs of {report.experiments} experiments: {report.points} points, "
        f"{report.params} params, {report.tags} tags, {report.datasets} datasets, "
        f"{report.artifacts} files, {report.models} models."
    )
    if report.runs_already_there:
        click.echo(f"{report.runs_already_there} runs were there already.")
    for problem in report.problems:
        click.echo(f"Not copied: {problem}", err=True)


def _seen() -> bool:
    return sys.stderr.isatty()
