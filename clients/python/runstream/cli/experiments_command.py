"""`runstream experiments`: to create, see and change experiments."""

from __future__ import annotations

import sys

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.output import format_time, json_option, print_json, print_json_array, print_table
from runstream.cli.selection_options import (
    ExperimentCommand,
    experiment_options,
    find_experiment,
    view_option,
)

_DEFAULT = "0"


@click.group()
def experiments() -> None:
    """Create, list, show, rename, delete and restore experiments."""


experiments.command_class = ExperimentCommand


@experiments.command()
@click.option(
    "--experiment-name",
    "-n",
    required=True,
    envvar=["RUNSTREAM_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_NAME"],
    show_envvar=True,
    metavar="NAME",
    help="Name of the experiment, up to 500 characters.",
)
@click.option(
    "--artifact-location",
    "-l",
    metavar="URI",
    help="Where the artifacts of its runs are stored.  [default: under the server]",
)
@with_client
@json_option
def create(
    client: TrackingClient, experiment_name: str, artifact_location: str | None, as_json: bool
) -> None:
    """Create an experiment."""
    experiment_id = client.create_experiment(experiment_name, artifact_location)
    if as_json:
        print_json({"experiment_id": experiment_id})
    else:
        click.echo(f"Created experiment {experiment_name!r} with id {experiment_id}.")


@experiments.command("list")
@click.option("--filter", "filter_string", default="", help="Such as \"name LIKE 'fraud%'\".")
@click.option("--order-by", multiple=True, help='Such as "name ASC"; again for more.')
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@view_option
@with_client
@json_option
def list_experiments(
    client: TrackingClient,
    filter_string: str,
    order_by: tuple[str, ...],
    limit: int | None,
    view: str,
    as_json: bool,
) -> None:
    """List experiments, the newest first."""
    found = client.search_experiments(view.upper(), limit, filter_string, list(order_by))
    if as_json:
        print_json_array(found)
        return
    print_table(
        ("id", "name", "created", "stage", "artifact location"),
        (
            (
                e.experiment_id,
                e.name,
                format_time(e.creation_time),
                e.lifecycle_stage,
                e.artifact_location,
            )
            for e in found
        ),
    )


@experiments.command()
@experiment_options(environment=True)
@with_client
@json_option
def show(
    client: TrackingClient, experiment_name: str | None, experiment_id: str | None, as_json: bool
) -> None:
    """Show an experiment with its tags."""
    experiment = find_experiment(client, experiment_name, experiment_id, environment=True)
    if as_json:
        print_json(experiment)
        return
    rows = [
        ("id", experiment.experiment_id),
        ("name", experiment.name),
        ("stage", experiment.lifecycle_stage),
        ("created", format_time(experiment.creation_time)),
        ("last update", format_time(experiment.last_update_time)),
        ("artifact location", experiment.artifact_location),
    ]
    if experiment.deleted_by:
        rows.append(("deleted by", experiment.deleted_by))
    rows += [(f"tags.{key}", value) for key, value in experiment.tags.items()]
    print_table((), rows)


@experiments.command()
@experiment_options()
@click.option("--new-name", required=True, metavar="NAME", help="What it is called from now on.")
@with_client
def rename(
    client: TrackingClient, experiment_name: str | None, experiment_id: str | None, new_name: str
) -> None:
    """Rename an experiment."""
    experiment = find_experiment(client, experiment_name, experiment_id)
    client.rename_experiment(experiment.experiment_id, new_name)
    click.echo(f"Renamed experiment {experiment.experiment_id} to {new_name!r}.")


@experiments.command()
@experiment_options()
@click.option("--yes", is_flag=True, help="Do not ask. Only on a terminal it is asked.")
@with_client
def delete(
    client: TrackingClient, experiment_name: str | None, experiment_id: str | None, yes: bool
) -> None:
    """Delete an experiment with its runs; it can be restored until `gc`."""
    experiment = find_experiment(client, experiment_name, experiment_id)
    if sys.stdin.isatty() and not yes:
        runs = client.count_runs([experiment.experiment_id])
        question = f"Delete experiment {experiment.name!r} with {runs:,} runs?"
        if experiment.experiment_id == _DEFAULT:
            question += "\nPrograms that name none log to it, and are refused until it is restored."
        if not click.confirm(question, err=True):
            click.get_current_context().exit(1)
    client.delete_experiment(experiment.experiment_id)
    click.echo(f"Deleted experiment {experiment.name!r} with id {experiment.experiment_id}.")


@experiments.command()
@experiment_options()
@with_client
def restore(client: TrackingClient, experiment_name: str | None, experiment_id: str | None) -> None:
    """Restore a deleted experiment, and the runs that were deleted with it."""
    experiment = find_experiment(client, experiment_name, experiment_id)
    client.restore_experiment(experiment.experiment_id)
    click.echo(f"Restored experiment {experiment.name!r} with id {experiment.experiment_id}.")
