"""`runstream import`: copying what other trackers have."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from runstream.cli.client import with_client
from runstream.cli.output import json_option, print_json
from runstream.client import TrackingClient
from runstream.errors import InvalidArgument
from runstream.importing.copying import Copying, Report
from runstream.importing.database import DatabaseSource
from runstream.importing.folder import FolderSource
from runstream.importing.records import Source
from runstream.importing.server import ServerSource


@click.group("import")
def imports() -> None:
    """Copy what other trackers have."""


@imports.command()
@click.argument("source", metavar="SOURCE")
@with_client
@json_option
def mlflow(client: TrackingClient, source: str, as_json: bool) -> None:
    """Copy from MLflow: a server (http://host:5000), a database (sqlite:///mlflow.db), a folder.

    Copies active experiments and runs with their whole histories, params, tags, datasets and
    artifacts. It can be run again, and goes on where it stopped. Exits with 1 if something could
    not be copied.
    """
    copying = Copying(_source(source), client)
    runs = [
        (run_id, here)
        for experiment, here in copying.experiments()
        for run_id in copying.run_ids(experiment)
    ]
    with click.progressbar(runs, label="runs", file=sys.stderr, hidden=not _seen()) as bar:
        for run_id, here in bar:
            copying.run(run_id, here)
    if as_json:
        print_json(asdict(copying.report))
    else:
        _tell(copying.report)
    if copying.report.problems:
        sys.exit(1)


def _source(text: str) -> Source:
    if text.startswith(("http://", "https://")):
        return ServerSource(text)
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
        return FolderSource(place)
    if place.is_file():
        return DatabaseSource(place)
    raise InvalidArgument(
        f"there is no {place}", reason="SOURCE_MISSING", field="source", value=text
    )


def _tell(report: Report) -> None:
    click.echo(
        f"Copied {report.runs} runs of {report.experiments} experiments: {report.points} points, "
        f"{report.params} params, {report.tags} tags, {report.datasets} datasets, "
        f"{report.artifacts} files."
    )
    if report.runs_already_there:
        click.echo(f"{report.runs_already_there} runs were there already.")
    for problem in report.problems:
        click.echo(f"Not copied: {problem}", err=True)


def _seen() -> bool:
    return sys.stderr.isatty()
