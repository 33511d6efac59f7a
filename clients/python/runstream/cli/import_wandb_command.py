"""`runstream import wandb`."""

from __future__ import annotations

from pathlib import Path

import click

from runstream.calls.client import TrackingClient
from runstream.cli.import_command import import_options, imports, run_import
from runstream.importing.source import Source
from runstream.importing.wandb.export_source import ExportSource
from runstream.importing.wandb.offline_runs import has_logs
from runstream.importing.wandb.offline_source import OfflineSource


@imports.command()
@click.argument("source", metavar="PATH", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--local-artifacts",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Copy files of logged artifacts that are in this folder. W&B keeps them outside of the "
    "folders of runs, as in ~/.local/share/wandb. [default: none]",
)
@import_options
def wandb(
    client: TrackingClient,
    source: Path,
    local_artifacts: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy from Weights & Biases: a folder `wandb`, a run of it, a .wandb file, an export.

    Copies the config, the history, the summary, system metrics, the console, media and files of
    runs, which may have been logged offline, or have been synced, too. It can be run again, and
    goes on where it stopped; a run that has grown is copied again. What cannot be copied is listed
    at the end, and the command exits with 1. An export is a folder for each run with what W&B's
    public API answers, as docs/importing.md says.
    """
    found: Source = (
        OfflineSource(source, local_artifacts) if has_logs(source) else ExportSource(source)
    )
    run_import(found, client, dry_run=dry_run, as_json=as_json)
