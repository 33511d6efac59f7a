"""`runstream sync`: delivers what programs wrote and no server has yet."""

from __future__ import annotations

import time
from pathlib import Path

import click

from runstream.cli.output import json_option, print_json_line
from runstream.errors import RunstreamError
from runstream.syncing.results import FolderResult
from runstream.syncing.sync import SpoolDelivery

# Seconds between two looks with --watch.
_WATCH_SECONDS = 1.0


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option(
    "--to",
    metavar="URI",
    help="Tracking URI of the server.  [default: the one that each folder names]",
)
@click.option("--watch", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@json_option
def sync(folder: Path | None, to: str | None, watch: bool, as_json: bool) -> None:
    """Deliver what programs wrote and no server has yet.

    FOLDER is a spool or one folder of it, also a copy from another machine; without it, it is the
    spool of this user. Programs may run meanwhile, and so may other syncs: nothing is stored twice.
    Status 1 when something was refused or is left, 4 when the server is away.
    """
    delivery = SpoolDelivery(folder, to)
    is_complete = True
    delivered = 0
    while True:
        for result in delivery.deliver():
            delivered += 1
            is_complete = is_complete and result.is_complete
            if as_json:
                print_json_line(result)
            else:
                click.echo(_describe(result))
        if not watch:
            break
        if folder is not None and not folder.exists():
            break
        time.sleep(_WATCH_SECONDS)
    if isinstance(delivery.error, (RunstreamError, OSError)):
        raise delivery.error
    if not delivered and not as_json:
        click.echo("There is nothing to deliver.", err=True)
    if not is_complete or delivery.error is not None:
        click.get_current_context().exit(1)


def _describe(result: FolderResult) -> str:
    parts = [_count(result.batches, "batch", "batches"), _count(result.points, "point", "points")]
    if result.files:
        parts.append(_count(result.files, "file", "files"))
    said = f"{Path(result.folder).name}: {', '.join(parts)} to {result.tracking_uri}"
    if result.refused:
        said += f"; {result.refused:,} refused, see `runstream spool show {result.folder}`"
    if result.damaged:
        said += f"; {result.damaged:,} bytes are damaged"
    if result.error:
        said += "; the rest is left"
    elif result.is_live:
        said += "; it stays, because its program may still run"
    return said


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
