"""`runstream run`: to start a program with a run of its own."""

from __future__ import annotations

import os

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client_of_program
from runstream.cli.logging_commands import KeyValue
from runstream.cli.selection_options import (
    choose_experiment,
    experiment_options,
)
from runstream.launching.launch import launch
from runstream.launching.target import Target, find_module, find_project, find_target

_MANAGED_ELSEWHERE = ("conda", "docker", "uv", "virtualenv")


@click.command(context_settings={"allow_interspersed_args": False})
@with_client_of_program
@experiment_options(environment=True)
@click.option("--run-name", metavar="NAME", help="[default: a readable one]")
@click.option(
    "--param",
    "-P",
    "params",
    type=KeyValue(),
    multiple=True,
    help="A param of the run, which the program gets as `--key value`, or in the place that the "
    "entry point has for it. Again for more.",
)
@click.option("--module", "-m", "is_module", is_flag=True, help="TARGET is a module.")
@click.option(
    "--entry-point",
    "-e",
    default="main",
    show_default=True,
    metavar="NAME",
    help="Of a project: an entry point, or a script in the folder.",
)
@click.option(
    "--env-manager",
    metavar="local",
    help="Of a project: `local`, the present environment, is the only one.",
)
@click.option(
    "--no-capture", is_flag=True, help="Keep nothing of what the program writes with the run."
)
@click.argument("target")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS]...")
@click.pass_context
def run(
    ctx: click.Context,
    client: TrackingClient,
    experiment_name: str | None,
    experiment_id: str | None,
    run_name: str | None,
    params: tuple[tuple[str, str], ...],
    is_module: bool,
    entry_point: str,
    env_manager: str | None,
    no_capture: bool,
    target: str,
    arguments: tuple[str, ...],
) -> None:
    """Run a program, and log it as a run.

    TARGET is a Python script, a module (with -m), any command, or a folder with a file MLproject.
    Options come before it; what follows are its arguments.

    The program finds its run in RUNSTREAM_RUN_ID (and MLFLOW_RUN_ID): the first `start_run` in it
    resumes the run. It is a child of the run that RUNSTREAM_RUN_ID names here, if any. The run ends
    as the program does: FINISHED with the exit status 0, KILLED by a signal, else FAILED. The
    exit status is that of the program, or 128 and the number of the signal that ended it.
    """
    _check_env_manager(env_manager)
    program = _find_program(target, arguments, params, is_module, entry_point, env_manager)
    for warning in program.warnings:
        click.echo(f"runstream: {warning}", err=True)
    status = launch(
        client,
        program,
        choose_experiment(client, experiment_name, experiment_id),
        run_name,
        os.environ.get("RUNSTREAM_RUN_ID") or None,
        not no_capture,
        lambda text: click.echo(f"runstream: {text}", err=True),
    )
    ctx.exit(status)


def _find_program(
    target: str,
    arguments: tuple[str, ...],
    params: tuple[tuple[str, str], ...],
    is_module: bool,
    entry_point: str,
    env_manager: str | None,
) -> Target:
    if arguments[:1] == ("--",):
        arguments = arguments[1:]
    keys = [key for key, _ in params]
    for key in keys:
        if keys.count(key) > 1:
            raise click.UsageError(f"-P {key} is given twice")
    if is_module:
        return find_module(target, arguments, dict(params))
    if os.path.isdir(target):
        allows_container = env_manager is not None
        return find_project(target, arguments, dict(params), entry_point, allows_container)
    return find_target(target, arguments, dict(params))


def _check_env_manager(name: str | None) -> None:
    if name in _MANAGED_ELSEWHERE:
        raise click.UsageError(
            f"--env-manager {name}: runstream makes no environments. Make it with {name}, and run "
            "`runstream run` in it; `--env-manager local` is the present environment"
        )
    if name not in (None, "local"):
        raise click.UsageError(f"--env-manager {name}: it must be local")
