"""`runstream metrics`: the histories of metrics."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from itertools import groupby

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.output import (
    format_number,
    format_time,
    is_terminal,
    json_option,
    print_json_array,
    print_table,
    supports_unicode,
)
from runstream.cli.selection_options import run_argument
from runstream.cli.terminal_plot import plot
from runstream.entities import Metric
from runstream.errors import NotFound

_HEIGHT = 8
_POINTS_PER_CHARACTER = 4  # two dots across, each with a minimum and a maximum


@click.group()
def metrics() -> None:
    """Show the histories of metrics."""


@metrics.command()
@with_client
@run_argument()
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--start-step", type=int, help="Leave out steps before this one.")
@click.option("--end-step", type=int, help="Leave out steps after this one.")
@click.option(
    "--max-points",
    type=click.IntRange(10),
    help="Thin each metric to so many points, keeping its shape.  "
    "[default: what a plot can show, else all]",
)
@click.option("--table", is_flag=True, help="Print the points where a plot would be drawn.")
@json_option
def show(
    client: TrackingClient,
    run_id: str,
    keys: tuple[str, ...],
    start_step: int | None,
    end_step: int | None,
    max_points: int | None,
    table: bool,
    as_json: bool,
) -> None:
    """Show the points of the metrics KEY, of all metrics if none is named.

    On a terminal each metric is a small plot over its steps, elsewhere the points are a table.
    """
    absent = set(keys) - client.get_run(run_id).data.metrics.keys()
    if absent:
        raise NotFound(f"run {run_id} has no metric {sorted(absent)[0]!r}", reason="NO_METRIC")
    draw = is_terminal() and supports_unicode() and not table and not as_json
    width = shutil.get_terminal_size().columns
    if draw and max_points is None:
        max_points = _POINTS_PER_CHARACTER * width
    parts = client.read_metric_history([run_id], keys, start_step, end_step, max_points)
    points = (point for part in parts for point in part.rows())
    if as_json:
        print_json_array(points)
    elif draw:
        for key, of_key in groupby(points, key=lambda point: point.key):
            _print_plot(key, list(of_key), width)
    else:
        _print_points(points)


def _print_plot(key: str, points: Sequence[Metric], width: int) -> None:
    click.echo(f"{key}: {format_number(points[-1].value)} at step {points[-1].step}")
    if len(points) > 1:
        steps, values = [point.step for point in points], [point.value for point in points]
        for line in plot(steps, values, width - 2, _HEIGHT):
            click.echo(f"  {line}")


def _print_points(points: Iterable[Metric]) -> None:
    rows = (
        (p.key, str(p.step), format_time(p.timestamp, "milliseconds"), repr(p.value))
        for p in points
    )
    print_table(("metric", "step", "time", "value"), rows, numbers=(1, 3))
