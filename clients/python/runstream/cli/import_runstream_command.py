"""`runstream import runstream`."""

from __future__ import annotations

from pathlib import Path

import click

from runstream.calls.client import TrackingClient
from runstream.cli.import_command import import_options, imports, run_import
from runstream.cli.selection_options import experiment_options
from runstream.errors import InvalidArgument
from runstream.importing.runstream.folder_source import FolderSource
from runstream.importing.runstream.server_source import ServerSource


@imports.command()
@click.argument("source", metavar="SOURCE")
@experiment_options(several=True)
@import_options
def runstream(
    client: TrackingClient,
    source: str,
    experiment_name: tuple[str, ...],
    experiment_id: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy from another Runstream: a server (grpc://host:50051), or a folder of `runstream export`.

    Copies whole experiments, of a server all of them unless some are named; those that are deleted
    are left out. Runs are the same to the last bit. It can be run again, and goes on where it
    stopped.
    """
    if "://" not in source:
        if experiment_name or experiment_id:
            raise InvalidArgument(
                "a folder is imported as a whole: an experiment is named where it is exported",
                reason="ARGUMENTS_CONFLICT",
                field="experiment_name",
            )
        run_import(FolderSource(Path(source)), client, dry_run=dry_run, as_json=as_json)
        return
    with TrackingClient(source) as other:
        if other.tracking_uri == client.tracking_uri:
            raise InvalidArgument(
                f"{source} is where the runs are to go", reason="SOURCE_IS_TARGET", field="source"
            )
        run_import(
            ServerSource(other, experiment_name, experiment_id),
            client,
            dry_run=dry_run,
            as_json=as_json,
        )
