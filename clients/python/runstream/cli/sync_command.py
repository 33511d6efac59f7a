"""`runstream sync`: delivers what programs wrote and no server has yet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import NoReturn

import click

from runstream.cli.output import format_bytes, json_option, print_json_array
from runstream.errors import RunstreamError
from runstream.syncing.named_folders import default_spool
from runstream.syncing.results import FolderResult
from runstream.syncing.sync import SpoolDelivery

# Seconds between two looks with --watch.
_WATCH_SECONDS = 1.0


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option(
    "--to",
    metavar="URI",
    help="Tracking URI of the server, whatever the folders name.  [default: the one that each "
    "folder names; for one that names none RUNSTREAM_TRACKING_URI]",
)
@click.option("--watch", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@json_option
def sync(folder: Path | None, to: str | None, watch: bool, as_json: bool) -> None:
    """Deliver what programs wrote and no server has yet.

    FOLDER is a spool or one folder of it, also a copy from another machine, or a name that
    `runstream spool list` prints; without it, it is the folder of RUNSTREAM_TRACKING_URI if that is
    `offline:FOLDER`, or the spool of this user. Programs may run meanwhile, and so may other syncs:
    nothing is stored twice. A line for each folder says what became of it. Status 1 when something
    was or is refused, or is damaged, 2 when a folder names no server and none is given, 4 when a
    server is away. Of one folder that is named, what a server refused before is sent once more.
    """
    delivery = SpoolDelivery(folder, to)
    results = _Results()
    if as_json:
        print_json_array(results.collect(delivery, watch), block_size=1)
    else:
        for result in results.collect(delivery, watch):
            click.echo(_describe(result))
    if delivery.errors:
        _raise(delivery.errors)
    if not results.count and not as_json:
        click.echo("There is nothing to deliver.", err=True)
    if results.for_people and not as_json:
        stay = (
            "1 folder stays" if results.for_people == 1 else f"{results.for_people:,} folders stay"
        )
        click.echo(f"{stay} with what a server refused, or is damaged.", err=True)
    if not results.is_complete:
        click.get_current_context().exit(1)


class _Results:
    """What a sync says, and what it comes to.

    Attributes:
        count: how many results it said.
        for_people: folders that stay with what was refused, or is damaged, before this.
        is_complete: whether the servers took all.
    """

    def __init__(self) -> None:
        self.count = 0
        self.for_people = 0
        self.is_complete = True
        self._said: dict[str, FolderResult] = {}  # of folders of which nothing was delivered

    def collect(self, delivery: SpoolDelivery, watch: bool) -> Iterator[FolderResult]:
        """Yield what is to be said of each folder; with `watch` until the one folder is gone."""
        while True:
            for result in delivery.deliver():
                self.is_complete = self.is_complete and result.is_complete
                is_old = not result.batches and not result.files and not result.refused
                if is_old and self._said.get(result.folder) == result:
                    continue  # with --watch
                self._said[result.folder] = result
                self.count += 1
                self.for_people += result.is_for_people and not result.error
                yield result
            if not watch or delivery.is_gone:
                return
            time.sleep(_WATCH_SECONDS)


def _raise(errors: list[Exception]) -> NoReturn:
    """Raise the first of the errors, which the lines have said, for the status that it leads to."""
    folders = "1 folder is" if len(errors) == 1 else f"{len(errors):,} folders are"
    error = copy(errors[0]) if isinstance(errors[0], RunstreamError) else RunstreamError("")
    error.message = f"{folders} not delivered, see above"
    error.args = (error.message,)
    raise error


def _describe(result: FolderResult) -> str:
    parts = []
    sent = (result.batches, result.points, result.files)
    if any(sent) or not (result.error or result.is_for_people):
        parts.append(f"{_counts(result)} to {result.tracking_uri}")
    if result.refused:
        parts.append(f"{result.refused:,} refused, {_see(result)}")
    if result.refused_before:
        parts.append(f"stays with {result.refused_before:,} refused before, {_see(result)}")
    if result.damaged:
        parts.append(f"{result.damaged:,} bytes are damaged, {_see(result)}")
    if result.damaged_before:
        parts.append(f"stays with {result.damaged_before:,} bytes damaged before, {_see(result)}")
    if result.error:
        to = f" to {result.tracking_uri}" if result.tracking_uri else ""
        left = format_bytes(result.bytes_left)
        if result.files_left:
            left += f" and {_count(result.files_left, 'task', 'tasks')}"
        begin = f"the rest ({left}) is not delivered" if any(sent) else f"{left} not delivered"
        parts.append(f"{begin}{to}: {result.error}")
    elif result.is_live:
        parts.append("it stays, because its program may still run")
    return f"{Path(result.folder).name}: {'; '.join(parts)}"


def _counts(result: FolderResult) -> str:
    parts = [_count(result.batches, "batch", "batches"), _count(result.points, "point", "points")]
    if result.files:
        parts.append(_count(result.files, "file", "files"))
    return ", ".join(parts)


def _see(result: FolderResult) -> str:
    path = Path(result.folder)
    name = path.name if path.parent == default_spool() else path
    return f"see `runstream spool show {name}`"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
