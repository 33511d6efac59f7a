"""`runstream import aim`."""

from __future__ import annotations

from pathlib import Path

import click

from runstream.calls.client import TrackingClient
from runstream.cli.import_command import import_options, imports, run_import
from runstream.importing.aim.source import AimSource


@imports.command()
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@import_options
def aim(client: TrackingClient, path: Path, dry_run: bool, as_json: bool) -> None:
    """Copy from Aim: PATH is a folder .aim, or the one in which it is. It needs aimrocks.

    Copies experiments, runs with params, metrics with their contexts, media, distributions, tags,
    notes and lines of the terminal. It can be run again, and copies what was added. What cannot be
    copied is listed at the end, and the command exits with 1.
    """
    run_import(AimSource(path), client, dry_run=dry_run, as_json=as_json)
