"""`runstream grants`: what users and groups may do with an experiment."""

from __future__ import annotations

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.output import json_option, print_json_array, print_table
from runstream.cli.selection_options import experiment_options, find_experiment


@click.group()
def grants() -> None:
    """Say who may read, change or own an experiment."""


@grants.command("set")
@click.argument("grantee", metavar="user:NAME|group:NAME")
@click.argument("role", type=click.Choice(["reader", "writer", "owner"]))
@experiment_options(environment=True)
@with_client
def set_grant(
    client: TrackingClient,
    grantee: str,
    role: str,
    experiment_name: str | None,
    experiment_id: str | None,
) -> None:
    """Grant a role on an experiment, in place of the one that they have.

    group:everyone is everybody who has a token. A reader reads; a writer also logs, and deletes
    runs; an owner also renames and deletes the experiment, and grants roles on it.
    """
    experiment = find_experiment(client, experiment_name, experiment_id, environment=True)
    client.set_grant(experiment.experiment_id, grantee, role)
    click.echo(f"{grantee} is {role} of {experiment.name!r}.", err=True)


@grants.command("list")
@experiment_options(environment=True)
@with_client
@json_option
def list_grants(
    client: TrackingClient, experiment_name: str | None, experiment_id: str | None, as_json: bool
) -> None:
    """List who has which role on an experiment."""
    experiment = find_experiment(client, experiment_name, experiment_id, environment=True)
    found = client.list_grants(experiment.experiment_id)
    if as_json:
        print_json_array(found)
        return
    print_table(("grantee", "role"), ((grant.grantee, grant.role) for grant in found))


@grants.command()
@click.argument("grantee", metavar="user:NAME|group:NAME")
@experiment_options(environment=True)
@with_client
def delete(
    client: TrackingClient, grantee: str, experiment_name: str | None, experiment_id: str | None
) -> None:
    """Take from a user or a group the role that they have on an experiment."""
    experiment = find_experiment(client, experiment_name, experiment_id, environment=True)
    client.delete_grant(experiment.experiment_id, grantee)
    click.echo(f"{grantee} has no grant on {experiment.name!r} any more.", err=True)
