"""`runstream runs create`, `runstream log` and `runstream runs end`: to log from a shell."""

from __future__ import annotations

import getpass
import time

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.output import json_option, print_json
from runstream.cli.runs_command import runs
from runstream.cli.selection_options import (
    expand_run_id,
    experiment_options,
    find_experiment_id_for_new_run,
    run_argument,
)


class KeyValue(click.ParamType):  # type: ignore[type-arg] # click 8.1 takes none
    """`KEY=VALUE`."""

    name = "KEY=VALUE"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return key and value."""
        key, separator, text = value.partition("=")
        if not separator:
            self.fail(f"{value!r} has no '=' between key and value", param, ctx)
        return key, text


class _KeyNumber(click.ParamType):  # type: ignore[type-arg] # click 8.1 takes none
    """`KEY=NUMBER`; the key of a metric may have a `=` itself, as in `AP@[IoU=0.5]`."""

    name = "KEY=NUMBER"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Return key and value."""
        key, separator, text = value.rpartition("=")
        try:
            return key, float(text if separator else "")
        except ValueError:
            self.fail(f"{value!r} is not KEY=NUMBER", param, ctx)


_param_option = click.option(
    "--param", "-p", "params", type=KeyValue(), multiple=True, help="Again for more."
)
_tag_option = click.option(
    "--tag", "-t", "tags", type=KeyValue(), multiple=True, help="Again for more."
)


@runs.command()
@with_client
@experiment_options(environment=True)
@click.option("--run-name", metavar="NAME", help="[default: a readable one]")
@click.option("--parent", metavar="RUN", help="The run of which it is a child.")
@_tag_option
@json_option
def create(
    client: TrackingClient,
    experiment_name: str | None,
    experiment_id: str | None,
    run_name: str | None,
    parent: str | None,
    tags: tuple[tuple[str, str], ...],
    as_json: bool,
) -> None:
    """Create a run, and print only its id.

    It stays RUNNING until `runs end`: nothing checks whether the program that it stands for still
    runs. An experiment that RUNSTREAM_EXPERIMENT_NAME names is created if it is not there; one that
    --experiment-name names must be there.
    """
    experiment = find_experiment_id_for_new_run(client, experiment_name, experiment_id)
    all_tags = dict(tags)
    if parent is not None:
        all_tags["mlflow.parentRunId"] = expand_run_id(client, parent)
    run = client.create_run(experiment, tags=all_tags, run_name=run_name, user_id=getpass.getuser())
    if as_json:
        print_json(run)
    else:
        click.echo(run.info.run_id)


@click.command()
@with_client
@run_argument(environment=True)
@click.option("--metric", "-m", "metrics", type=_KeyNumber(), multiple=True, help="Again for more.")
@_param_option
@_tag_option
@click.option("--step", type=int, default=0, show_default=True, help="Step of the metrics.")
@click.option(
    "--timestamp",
    type=click.IntRange(0),
    metavar="MILLISECONDS",
    help="Time of the metrics, since the epoch.  [default: now]",
)
def log(
    client: TrackingClient,
    run_id: str,
    metrics: tuple[tuple[str, float], ...],
    params: tuple[tuple[str, str], ...],
    tags: tuple[tuple[str, str], ...],
    step: int,
    timestamp: int | None,
) -> None:
    """Log metrics, params and tags to a run: all of them, or none.

    RUN is that of RUNSTREAM_RUN_ID, if it is left out. All is on disk when the command has ended.
    For a loop in a shell that is fine; a program that logs often should use a client.
    """
    if not (metrics or params or tags):
        raise click.UsageError("give --metric, --param or --tag")
    now = time.time_ns() // 1_000_000 if timestamp is None else timestamp
    client.log(run_id, [(key, value, now, step) for key, value in metrics], params, tags)


@runs.command()
@with_client
@run_argument(environment=True)
@click.option(
    "--status",
    type=click.Choice(["FINISHED", "FAILED", "KILLED"], case_sensitive=False),
    default="FINISHED",
    show_default=True,
    help="How it ended.",
)
def end(client: TrackingClient, run_id: str, status: str) -> None:
    """End a run."""
    client.set_terminated(run_id, status.upper())
    click.echo(f"Ended run {run_id} as {status.upper()}.")
