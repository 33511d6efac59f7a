"""`runstream import`: to copy what other trackers have.

Each tracker has a command in a file `import_*_command.py`, which calls `run_import`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.output import json_option, print_json
from runstream.importing.dry_run import DryRun
from runstream.importing.importer import Importer
from runstream.importing.report import Report
from runstream.importing.source import Source


@click.group("import")
def imports() -> None:
    """Copy what other trackers have."""


def import_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of all imports: --tracking-uri, --dry-run and --json.

    The command is called with a client as first argument, `dry_run` and `as_json`.
    """
    dry_run = click.option(
        "--dry-run",
        is_flag=True,
        help="Read everything and report what would be copied, and write nothing.",
    )
    return with_client(dry_run(json_option(command)))


def run_import(source: Source, client: TrackingClient, *, dry_run: bool, as_json: bool) -> None:
    """Copy a source, show the progress on stderr, and print the report; exit with 1 at a problem.

    Args:
        source: what is copied.
        client: where it goes.
        dry_run: whether nothing is written.
        as_json: whether the report is JSON.
    """
    report = copy_source(source, DryRun(client) if dry_run else client)
    print_report(report, dry_run=dry_run, as_json=as_json)


def copy_source(source: Source, destination: TrackingClient | DryRun) -> Report:
    """Copy a source, show the progress on stderr, and return the report."""
    with suppress(ImportError):
        import numpy  # noqa: F401 # with it, columns are packed several times as fast
    importer = Importer(source, destination)
    experiments = list(importer.import_experiments())
    runs = [
        (run_id, experiment_id)
        for experiment, experiment_id in experiments
        for run_id in importer.find_run_ids(experiment)
    ]
    with click.progressbar(
        importer.import_runs(runs),
        length=len(runs),
        label="runs",
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
        item_show_func=lambda _: f"{importer.report.points:,} points",
    ) as bar:
        importer.on_points = bar.render_progress
        for _ in bar:
            pass
    for experiment, experiment_id in experiments:
        importer.import_models(experiment, experiment_id)
        importer.import_documents(experiment, experiment_id)
    importer.finish()
    return importer.report


def print_report(report: Report, *, dry_run: bool, as_json: bool, verb: str = "Copied") -> None:
    """Print a report, as JSON or for people, and exit with 1 if something could not be copied."""
    if as_json:
        print_json(report.counts())
    else:
        _print_text(report, "Would copy" if dry_run else verb)
    if report.problems:
        sys.exit(1)


def _print_text(report: Report, verb: str) -> None:
    click.echo(
        f"{verb} {report.runs} runs of {report.experiments} "
        f"experiments: {report.points} points, {report.params} params, {report.tags} tags, "
        f"{report.datasets} datasets, {report.artifacts} files, {report.console_lines} lines of "
        f"consoles, {report.models} models, {report.documents} documents."
    )
    if report.runs_already_there:
        click.echo(f"{report.runs_already_there} runs were there already.")
    for what, number in sorted(report.left_out.items()):
        click.echo(f"Left out: {number} {what}")
    for problem in report.problems:
        click.echo(f"Not copied: {problem}", err=True)
    if report.more_problems:
        click.echo(f"Not copied: {report.more_problems} more", err=True)
