"""`runstream watch`: a run as it goes on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.output import json_option, moment, number, one_line, print_json_line
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
    for news in _news(client, run_id):
        if as_json:
            print_json_line(news)
        else:
            _print(news)
        if news.info is not None and _over(news.info):
            click.get_current_context().exit(0 if news.info.status == "FINISHED" else 1)
        if isinstance(news, RunChange) and news.purged:
            click.get_current_context().exit(1)


def _news(client: TrackingClient, run_id: str) -> Iterator[Run | RunChange]:
    while True:
        # The position first: so what is logged between it and the read comes twice, and not never.
        position = client.get_position()
        yield client.get_run(run_id)
        try:
            yield from client.watch([run_id], position=position)
        except FailedPrecondition as error:
            if error.reason != "WATCH_FELL_BEHIND":
                raise
            click.echo("This was too slow for what is logged; here is the run as it is.", err=True)


def _over(info: RunInfo) -> bool:
    return info.status in _ENDED or info.lifecycle_stage == "deleted"


def _print(news: Run | RunChange) -> None:
    now = time.time_ns() // 1_000_000
    lines = list(_lines_of_run(news) if isinstance(news, Run) else _lines_of_change(news))
    for line in lines:
        click.echo(f"{moment(now)}  {one_line(line)}")


def _lines_of_run(run: Run) -> Iterator[str]:
    yield f"run {run.info.run_name} is {run.info.status}"
    yield from (f"param {key} = {value}" for key, value in run.data.params.items())
    yield from (f"metric {key} = {number(value)}" for key, value in run.data.metrics.items())


def _lines_of_change(change: RunChange) -> Iterator[str]:
    yield from (f"param {key} = {value}" for key, value in change.params.items())
    yield from (f"tag {key} = {value}" for key, value in change.tags.items())
    yield from (f"tag {key} is deleted" for key in change.deleted_tags)
    # Of many points at once, people can read the last.
    counts = Counter(point.key for point in change.metrics)
    for point in {point.key: point for point in change.metrics}.values():
        more = f", and {counts[point.key] - 1:,} before" if counts[point.key] > 1 else ""
        yield f"metric {point.key} = {number(point.value)} at step {point.step}{more}"
    if change.info is not None:
        yield f"run {change.info.run_name} is {_state(change.info)}"
    if change.purged:
        yield "the run was removed for good"


def _state(info: RunInfo) -> str:
    return "deleted" if info.lifecycle_stage == "deleted" else info.status
