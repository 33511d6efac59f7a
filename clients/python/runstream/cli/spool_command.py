"""`runstream spool`: what programs wrote and no server has yet."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click

from runstream.cli.output import (
    format_bytes,
    format_time,
    json_option,
    print_json,
    print_json_array,
    print_table,
)
from runstream.errors import FailedPrecondition
from runstream.spool.file_locks import FileLock, NotLocked
from runstream.spool.folder import SpoolFolder
from runstream.syncing.inspection import (
    ALIVE,
    InspectedFolder,
    inspect_folder,
    inspect_runs,
    list_refusals,
)
from runstream.syncing.named_folders import find_folder, find_folders

_HEAD = (
    *("folder", "program", "server", "host", "state"),
    *("size", "batches", "points", "tasks", "refused"),
)


@click.group()
def spool() -> None:
    """What programs wrote on this machine and no server has yet; `runstream sync` delivers it."""


@spool.command("list")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@json_option
def list_folders(folder: Path | None, as_json: bool) -> None:
    """List the folders of a spool.

    Without FOLDER it is that of RUNSTREAM_TRACKING_URI, if that is `offline:FOLDER`, or the spool
    of this user.

    Status 1 when a folder cannot be read, which is said on stderr.
    """
    inspected, unreadable = _inspect(find_folders(folder))
    found = [  # a program that has everything delivered keeps its folder
        one for one in inspected if one.state != ALIVE or one.batches or one.tasks or one.refused
    ]
    _print_folders(found, as_json)
    for line in unreadable:
        click.echo(line, err=True)
    if unreadable:
        click.get_current_context().exit(1)


def _inspect(folders: Iterable[SpoolFolder]) -> tuple[list[InspectedFolder], list[str]]:
    """Return what is in folders, and a line for each that cannot be read."""
    inspected, unreadable = [], []
    for folder in folders:
        try:
            inspected.append(inspect_folder(folder))
        except (OSError, ValueError) as error:
            if folder.path.exists():  # else it was delivered meanwhile
                unreadable.append(f"{folder.path.name} cannot be read: {error}")
    return inspected, unreadable


def _print_folders(found: list[InspectedFolder], as_json: bool) -> None:
    if as_json:
        print_json_array(found)
        return
    print_table(
        _HEAD,
        (
            (
                Path(one.folder).name,
                one.program,
                one.tracking_uri,
                one.host,
                one.state,
                format_bytes(one.size),
                f"{one.batches:,}",
                f"{one.points:,}",
                f"{one.tasks:,}",
                f"{one.refused:,}",
            )
            for one in found
        ),
        numbers=range(5, 10),
    )


@spool.command()
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def show(folder: Path, as_json: bool) -> None:
    """Show the runs of a folder, and what was refused and why."""
    one = find_folder(folder)
    try:
        inspected, runs = inspect_folder(one), inspect_runs(one)
    except ValueError as error:  # it does not say what it is
        raise FailedPrecondition(str(error), reason="FOLDER_DAMAGED", value=one) from None
    refusals = list_refusals(one)
    if as_json:
        print_json({"folder": inspected, "runs": runs, "refusals": refusals})
        return
    click.echo(
        f"{inspected.program or 'a program'} on {inspected.host}, process {inspected.process_id}, "
        f"since {format_time(inspected.created)}, {inspected.state}; "
        f"for {inspected.tracking_uri or 'no server yet'}"
    )
    print_table(
        ("run", "name", "experiment", "batches", "points", "tasks"),
        (
            (
                run.run_id,
                run.run_name or "-",
                run.experiment or "-",
                f"{run.batches:,}",
                f"{run.points:,}",
                f"{run.tasks:,}",
            )
            for run in runs
        ),
        numbers=(3, 4, 5),
    )
    if inspected.damaged:
        click.echo(
            f"\n{inspected.damaged:,} bytes are no batches or tasks; {one.damaged} keeps them."
        )
    if refusals:
        joined = Counter((r.run_id, r.what, r.reason, r.message) for r in refusals)
        click.echo()
        print_table(
            ("times", "run", "what", "reason", "because"),
            ((f"{number:,}", *row) for row, number in joined.items()),
            numbers=(0,),
        )


@spool.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask. Only on a terminal it is asked.")
def discard(folder: Path, yes: bool) -> None:
    """Remove a folder for good, delivered or not.

    The folder of a program that runs is refused, and so is a link.
    """
    one = find_folder(folder)
    if one.path.is_symlink():
        raise FailedPrecondition(
            f"{one} is a link: name the folder that it leads to", reason="FOLDER_LINK", value=one
        )
    lock, writer = one.lock_delivery(), one.lock_writer()
    if isinstance(writer, FileLock):
        writer.release()
    if NotLocked.HELD in (lock, writer):
        raise FailedPrecondition(
            f"{one} is that of a program that runs, or is being delivered",
            reason="FOLDER_IN_USE",
            value=one,
        )
    # Where there are no locks, it cannot be known whether its program runs.
    question = f"Remove {_describe(one)}, for good?"
    must_ask = sys.stdin.isatty() and not yes
    if must_ask and not click.confirm(question, err=True):
        click.get_current_context().exit(1)
    one.remove()
    if isinstance(lock, FileLock):
        lock.release()
    click.echo(f"Removed {one}.")


def _describe(folder: SpoolFolder) -> str:
    try:
        inspected = inspect_folder(folder)
    except (OSError, ValueError):
        return f"{format_bytes(folder.count_bytes())} that cannot be read"
    return (
        f"{inspected.batches:,} batches with {inspected.points:,} points and "
        f"{inspected.tasks:,} tasks that no server has"
    )
