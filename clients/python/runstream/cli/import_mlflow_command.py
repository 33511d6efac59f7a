"""`runstream import mlflow`."""

from __future__ import annotations

from pathlib import Path

import click

from runstream.calls.client import TrackingClient
from runstream.cli.import_command import import_options, imports, run_import
from runstream.errors import InvalidArgument
from runstream.importing.mlflow.database_source import DatabaseSource
from runstream.importing.mlflow.folder_source import FolderSource
from runstream.importing.mlflow.server_source import ServerSource
from runstream.importing.mlflow.sql_database import ServerDatabase, SqliteDatabase
from runstream.importing.source import Source

# URIs of SQLAlchemy, which may name a driver.
_SERVERS = ("postgresql://", "postgresql+", "postgres://", "mysql://", "mysql+")


@imports.command()
@click.argument("source", metavar="SOURCE")
@click.option(
    "--local-artifacts",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Copy artifacts that the source says are on this machine, if they are in this folder. "
    "[default: of a folder or database what lies in it or beside it; of a server none]",
)
@import_options
def mlflow(
    client: TrackingClient,
    source: str,
    local_artifacts: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy from MLflow: a server (http://host:5000), a database, a folder.

    A database is sqlite:///mlflow.db, postgresql://user:password@host/name or mysql://...

    Copies experiments, runs with their whole histories, params, tags, datasets and artifacts, and
    logged models; those that are deleted are left out, and so are traces. It can be run again, and
    goes on where it stopped. What cannot be copied is listed at the end, with the file and line,
    and the command exits with 1.
    """
    run_import(_open_source(source, local_artifacts), client, dry_run=dry_run, as_json=as_json)


def _open_source(text: str, local_artifacts: Path | None) -> Source:
    if text.startswith(("http://", "https://")):
        return ServerSource(text, local_artifacts)
    if text.startswith(_SERVERS):
        return DatabaseSource(ServerDatabase(text), text.rpartition("@")[2], local_artifacts)
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
        folder = local_artifacts or place.resolve().parent
        return DatabaseSource(SqliteDatabase(place), place, folder)
    raise InvalidArgument(
        f"there is no {place}", reason="SOURCE_MISSING", field="source", value=text
    )
