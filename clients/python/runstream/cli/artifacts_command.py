"""`runstream artifacts`: the files of a run."""

from __future__ import annotations

import os
from pathlib import Path

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.output import (
    format_bytes,
    format_time,
    json_option,
    print_json,
    print_json_array,
    print_table,
)
from runstream.cli.selection_options import artifacts_argument, run_argument


@click.group()
def artifacts() -> None:
    """Upload, download and list the files of a run."""


@artifacts.command()
@with_client
@run_argument()
@click.argument("local", metavar="FILE_OR_FOLDER", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--artifact-path",
    metavar="FOLDER",
    help="Folder among the artifacts where it goes.  [default: their root]",
)
def upload(client: TrackingClient, run_id: str, local: Path, artifact_path: str | None) -> None:
    """Upload a file, or all files of a folder."""
    if local.is_dir():
        client.log_artifacts(run_id, str(local), artifact_path, synchronous=True)
    else:
        client.log_artifact(run_id, str(local), artifact_path, synchronous=True)
    click.echo(f"Uploaded {local} to {client.get_artifact_uri(run_id, artifact_path)}.")


@artifacts.command()
@with_client
@artifacts_argument
@click.option(
    "--dst-path",
    "-d",
    metavar="FOLDER",
    type=click.Path(file_okay=False),
    default=os.curdir,
    show_default=True,
    help="Where it goes.",
)
@json_option
def download(client: TrackingClient, run_id: str, path: str, dst_path: str, as_json: bool) -> None:
    """Download the file or folder PATH, all artifacts of the run without one.

    RUN may be runs:/RUN_ID/PATH, models:/MODEL_ID, models:/NAME/VERSION or models:/NAME@ALIAS, too.
    PATH may begin with the name of a model of the run. A file keeps its
    path below the folder, and replaces a file that is there.
    """
    local = client.download_artifacts(run_id, path, dst_path)
    if as_json:
        print_json({"path": local})
    else:
        click.echo(local)


@artifacts.command("list")
@with_client
@artifacts_argument
@click.option("--recursive", "-r", is_flag=True, help="All files below, at any depth.")
@json_option
def list_artifacts(
    client: TrackingClient, run_id: str, path: str, recursive: bool, as_json: bool
) -> None:
    """List the files and folders in the folder PATH, or those of the run.

    RUN may be runs:/RUN_ID/PATH, models:/MODEL_ID, models:/NAME/VERSION or models:/NAME@ALIAS, too.
    PATH may begin with the name of a model of the run.
    """
    files = client.list_artifacts(run_id, path, recursive)
    if as_json:
        print_json_array(files)
        return
    print_table(
        ("path", "size", "uploaded", "sha256"),
        [
            (
                f.path + "/" * f.is_dir,
                format_bytes(f.file_size),
                format_time(f.upload_time or None),
                f.sha256,
            )
            for f in files
        ],
        numbers=(1,),
    )
