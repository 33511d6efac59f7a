"""`runstream watch`: what is logged to a run, until it ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.output import (
    escape_controls,
    format_number,
    format_time,
    json_option,
    print_json_line,
)
from runstream.cli.selection_options import run_argument
from runstream.entities import Run, RunChange, RunInfo
from runstream.errors import FailedPrecondition

_ENDED = ("FINISHED", "FAILED", "KILLED")


@click.command()
@with_client
@run_argument()
@json_option
def watch(client: TrackingClient, run_id: str, as_json: bool) -> None:
    """Print what is logged to a run until it ends.

    Status 0 when it FINISHED, 1 when it FAILED or was KILLED, deleted or purged. With --json every
    line is an object: first the run as `runs show` has it, then its changes.
    """
    for update in _watch_run(client, run_id):
        if as_json:
            print_json_line(update)
        else:
            _print_update(update)
        if update.info is not None and _is_over(update.info):
            click.get_current_context().exit(0 if update.info.status == "FINISHED" else 1)
        if isinstance(update, RunChange) and update.purged:
            click.get_current_context().exit(1)


def _watch_run(client: TrackingClient, run_id: str) -> Iterator[Run | RunChange]:
    while True:
        # The position is taken first, so that what is logged before the read is printed twice, and
        # not left out.
        position = client.get_position()
        yield client.get_run(run_id)
        try:
            yield from client.watch([run_id], position=position)
        except FailedPrecondition as error:
            if error.reason != "WATCH_FELL_BEHIND":
                raise
            click.echo("This was too slow for what is logged; here is the run as it is.", err=True)


def _is_over(info: RunInfo) -> bool:
    return info.status in _ENDED or info.lifecycle_stage == "deleted"


def _print_update(update: Run | RunChange) -> None:
    now = time.time_ns() // 1_000_000
    lines = list(_lines_of_run(update) if isinstance(update, Run) else _lines_of_change(update))
    for line in lines:
        click.echo(f"{format_time(now)}  {escape_controls(line)}")


def _lines_of_run(run: Run) -> Iterator[str]:
    yield f"run {run.info.run_name} is {run.info.status}"
    yield from (f"param {key} = {value}" for key, value in run.data.params.items())
    yield from (f"metric {key} = {format_number(value)}" for key, value in run.data.metrics.items())


def _lines_of_change(change: RunChange) -> Iterator[str]:
    yield from (f"param {key} = {value}" for key, value in change.params.items())
    yield from (f"tag {key} = {value}" for key, value in change.tags.items())
    yield from (f"tag {key} is deleted" for key in change.deleted_tags)
    # If many points arrive at once, only the last one is printed.
    counts = Counter(point.key for point in change.metrics)
    for point in {point.key: point for point in change.metrics}.values():
        more = f", and {counts[point.key] - 1:,} before" if counts[point.key] > 1 else ""
        yield f"metric {point.key} = {format_number(point.value)} at step {point.step}{more}"
    if change.info is not None:
        yield f"run {change.info.run_name} is {_describe_state(change.info)}"
    if change.purged:
        yield "the run was removed for good"


def _describe_state(info: RunInfo) -> str:
    return "deleted" if info.lifecycle_stage == "deleted" else info.status
