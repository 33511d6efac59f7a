"""`runstream import tensorboard`."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from runstream.calls.client import TrackingClient
from runstream.cli.import_command import import_options, imports, print_report, run_import
from runstream.importing.importer import Importer
from runstream.importing.tensorboard.source import TensorBoardSource
from runstream.importing.tensorboard.watch import SILENCE_SECONDS, FolderWatch


@imports.command()
@click.argument(
    "folder", metavar="FOLDER", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--experiment",
    metavar="NAME",
    help="The experiment that all runs belong to.  [default: the name of the folder]",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Follow the folder until Ctrl-C: runs are shown while programs write them.",
)
@click.option(
    "--silence",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=SILENCE_SECONDS,
    show_default=True,
    help="With --watch: a run to which nothing was appended for so long has ended.",
)
@import_options
def tensorboard(
    client: TrackingClient,
    folder: Path,
    experiment: str | None,
    watch: bool,
    silence: float,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy the runs of a folder of event files, as TensorBoard shows them.

    Copies scalars, hyperparameters, texts, images, sounds and histograms. Each folder below FOLDER
    that has event files is a run. It can be run again, and goes on where it stopped. What has no
    place here is counted at the end. What cannot be read is listed with its file and the place in
    it, and the command exits with 1.
    """
    source = TensorBoardSource(folder, experiment)
    if not watch:
        run_import(source, client, dry_run=dry_run, as_json=as_json)
        return
    if dry_run:
        raise click.UsageError("--watch and --dry-run exclude each other")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager's Ctrl-C
    importer = Importer(source, client)
    following = FolderWatch(source, client, importer, silence)
    click.echo(f"Following {folder}; Ctrl-C ends it.", err=True)
    try:
        following.run()
    except KeyboardInterrupt:
        following.end()
    importer.finish()
    print_report(importer.report, dry_run=False, as_json=as_json)
