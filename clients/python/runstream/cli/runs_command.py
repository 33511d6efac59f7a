"""`runstream runs`: to find, see, compare and delete runs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.output import (
    format_duration,
    format_number,
    format_time,
    is_terminal,
    json_option,
    print_json,
    print_json_array,
    print_table,
)
from runstream.cli.runs_comparison import compare_runs, print_comparison
from runstream.cli.runs_export import export_runs
from runstream.cli.selection_options import (
    ExperimentCommand,
    experiment_options,
    find_experiment,
    find_experiment_ids,
    run_argument,
    view_option,
)
from runstream.entities import Run

# Runs that are listed on a terminal without --limit.
_TERMINAL_LIMIT = 100

# Digits of a run id that are shown on a terminal; commands accept them for the whole id.
_SHORT_ID_DIGITS = 12


@click.group()
def runs() -> None:
    """List, show, compare, move, copy, delete, restore and export runs."""


def _search_options(command: Callable[..., None]) -> Callable[..., None]:
    for decorate in (
        view_option,
        click.option(
            "--order-by",
            multiple=True,
            metavar="KEY",
            help='Such as "metrics.loss ASC"; again for more.  [default: start_time DESC]',
        ),
        click.option(
            "--filter",
            "filter_string",
            default="",
            metavar="CONDITION",
            help="Such as \"metrics.loss < 0.1 AND params.lr = '0.1'\".",
        ),
        experiment_options(several=True, environment=True),
    ):
        command = decorate(command)
    return command


@runs.command("list", cls=ExperimentCommand)
@_search_options
@click.option(
    "--limit",
    type=click.IntRange(0),
    help=f"At most so many runs, 0 for all.  [default: {_TERMINAL_LIMIT} on a terminal, else all]",
)
@click.option(
    "--show",
    multiple=True,
    metavar="KEY",
    help="A column more, such as metrics.loss, params.lr or tags.team; again for more.",
)
@with_client
@json_option
def list_runs(
    client: TrackingClient,
    experiment_name: tuple[str, ...],
    experiment_id: tuple[str, ...],
    filter_string: str,
    order_by: tuple[str, ...],
    view: str,
    limit: int | None,
    show: tuple[str, ...],
    as_json: bool,
) -> None:
    """List runs, of all experiments if none is named."""
    columns = [_column_reader(key) for key in show]
    ids = find_experiment_ids(client, experiment_name, experiment_id)
    max_runs = _TERMINAL_LIMIT if limit is None and is_terminal() else limit
    # One more than is shown says whether there are more.
    found = client.search_runs(
        ids, filter_string, view.upper(), max_runs + 1 if max_runs else None, list(order_by)
    )
    shown = islice(found, max_runs or None)
    if as_json:
        print_json_array(shown)
    else:
        head = ("run", "name", "experiment", "status", "started", "duration", *show)
        rows = ((*_row(run), *(column(run) for column in columns)) for run in shown)
        print_table(head, rows, names=[1])
    if limit is None and next(found, None) is not None:
        total = client.count_runs(ids, filter_string, view.upper())
        click.echo(f"{max_runs:,} of {total:,} runs; see --limit", err=True)


@runs.command()
@with_client
@run_argument()
@json_option
def show(client: TrackingClient, run_id: str, as_json: bool) -> None:
    """Show a run with its latest metrics, params, tags, datasets and models."""
    run = client.get_run(run_id)
    if as_json:
        print_json(run)
        return
    info = run.info
    rows = [
        ("run", info.run_id),
        ("name", info.run_name),
        ("experiment", info.experiment_id),
        ("status", info.status),
        ("stage", info.lifecycle_stage),
        ("user", info.user_id),
        ("started", format_time(info.start_time)),
        ("ended", format_time(info.end_time)),
        ("artifacts", info.artifact_uri),
    ]
    if info.deleted_by:
        rows.append(("deleted by", info.deleted_by))
    rows += [
        (f"metrics.{key}", format_number(value)) for key, value in sorted(run.data.metrics.items())
    ]
    rows += [(f"params.{key}", value) for key, value in sorted(run.data.params.items())]
    rows += [(f"tags.{key}", value) for key, value in sorted(run.data.tags.items())]
    rows += [
        (f"datasets.{each.dataset.name}", " ".join((each.dataset.digest, *each.tags.values())))
        for each in run.inputs.dataset_inputs
    ]
    rows += [
        (f"models.{model.name}", f"models:/{model.model_id}")
        for model in client.list_run_models(run_id)
    ]
    print_table((), rows)


@runs.command()
@with_client
@run_argument(several=True)
@click.option("--different", is_flag=True, help="Only what is not the same in all runs.")
@json_option
def compare(client: TrackingClient, runs: tuple[str, ...], different: bool, as_json: bool) -> None:
    """Compare runs side by side: their params, latest metrics and tags."""
    rows = compare_runs([client.get_run(run_id) for run_id in runs])
    if different:
        rows = [row for row in rows if row.different]
    if as_json:
        print_json({"run_ids": runs, "rows": rows})
    else:
        print_comparison(runs, rows)


@runs.command()
@with_client
@run_argument(several=True)
@click.option("--with-children", is_flag=True, help="Their child runs, too, and theirs in turn.")
def delete(client: TrackingClient, runs: tuple[str, ...], with_children: bool) -> None:
    """Delete runs; they can be restored until `gc`."""
    for run_id in runs:
        client.delete_run(run_id, with_children)
        click.echo(f"Deleted run {run_id}.")


@runs.command()
@with_client
@run_argument(several=True)
def restore(client: TrackingClient, runs: tuple[str, ...]) -> None:
    """Restore deleted runs, each with the child runs that were deleted with it."""
    for run_id in runs:
        client.restore_run(run_id)
        click.echo(f"Restored run {run_id}.")


@runs.command(cls=ExperimentCommand)
@with_client
@run_argument(several=True)
@experiment_options()
def move(
    client: TrackingClient,
    runs: tuple[str, ...],
    experiment_name: str | None,
    experiment_id: str | None,
) -> None:
    """Move runs to an experiment, with their child runs; artifacts stay where they are."""
    target = find_experiment(client, experiment_name, experiment_id)
    moved = client.move_runs(runs, target.experiment_id)
    what = "1 run" if len(moved) == 1 else f"{len(moved):,} runs"
    click.echo(f"Moved {what} to experiment {target.name}.")


@runs.command(cls=ExperimentCommand)
@with_client
@run_argument(several=True)
@experiment_options()
@json_option
def copy(
    client: TrackingClient,
    runs: tuple[str, ...],
    experiment_name: str | None,
    experiment_id: str | None,
    as_json: bool,
) -> None:
    """Copy runs that have ended to an experiment, with their child runs, points and artifacts."""
    target = find_experiment(client, experiment_name, experiment_id)
    copies = client.copy_runs(runs, target.experiment_id)
    if as_json:
        print_json(copies)
        return
    what = "1 run" if len(copies) == 1 else f"{len(copies):,} runs"
    click.echo(f"Copied {what} to experiment {target.name}.")
    for run_id in runs:
        click.echo(copies[run_id])


@runs.command(cls=ExperimentCommand)
@_search_options
@click.option("--limit", type=click.IntRange(1), help="At most so many runs.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet"]),
    help="[default: by the name of the file, else csv]",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The file to make, or to replace once all is written.  [default: stdout]",
)
@with_client
def export(
    client: TrackingClient,
    experiment_name: tuple[str, ...],
    experiment_id: tuple[str, ...],
    filter_string: str,
    order_by: tuple[str, ...],
    view: str,
    limit: int | None,
    form: str | None,
    output: Path | None,
) -> None:
    """Export runs as a table: a row for each run, a column for each attribute and key.

    The columns have the names of `runstream.search_runs`: run_id, metrics.loss, params.lr, ...
    Parquet needs pandas and pyarrow.
    """
    ids = find_experiment_ids(client, experiment_name, experiment_id)
    found = client.search_runs(ids, filter_string, view.upper(), limit, list(order_by))
    total = client.count_runs(ids, filter_string, view.upper())
    export_runs(found, min(total, limit or total), output, form)


def _row(run: Run) -> tuple[str, ...]:
    info = run.info
    return (
        info.run_id[:_SHORT_ID_DIGITS] if is_terminal() else info.run_id,
        info.run_name,
        info.experiment_id,
        info.status if info.lifecycle_stage == "active" else f"{info.status}, deleted",
        format_time(info.start_time),
        format_duration(info.start_time, info.end_time),
    )


def _column_reader(key: str) -> Callable[[Run], str]:
    """Return a function that reads one value of a run, by its name in a filter."""
    kind, _, name = key.partition(".")
    match kind:
        case "metrics" if name:
            return lambda run: (
                format_number(run.data.metrics[name]) if name in run.data.metrics else ""
            )
        case "params" if name:
            return lambda run: run.data.params.get(name, "")
        case "tags" if name:
            return lambda run: run.data.tags.get(name, "")
    raise click.BadParameter(
        f"{key!r} does not begin with metrics., params. or tags.", param_hint="--show"
    )
