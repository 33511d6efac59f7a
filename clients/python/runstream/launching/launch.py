"""The run of a launched program, from its start to its end by the exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

from runstream.calls.client import TrackingClient
from runstream.console.capture import recorded_channels
from runstream.contract.params_and_tags import to_texts
from runstream.contract.run_batches import ExperimentChoice
from runstream.errors import RunstreamError
from runstream.fluent.run_console import CAPTURED_RUN_ID
from runstream.fluent.run_handle import ActiveRun
from runstream.fluent.run_link import print_link
from runstream.fluent.run_start import create_run, start_variable
from runstream.launching.program import run_program, run_status_of
from runstream.launching.source import find_tags
from runstream.launching.target import Target
from runstream.process import shutdown

# Exit status of a program that ended well, whose run could not be ended: as that of every command
# whose server does not answer.
_NO_ANSWER = 4

_ENDED = ("FINISHED", "FAILED", "KILLED")

Report = Callable[[str], None]


def launch(
    client: TrackingClient,
    target: Target,
    experiment: ExperimentChoice,
    run_name: str | None,
    parent_run_id: str | None,
    captures: bool,
    report: Report,
) -> int:
    """Start a run, run a program for it, end the run, and return the exit status of the program.

    The run ends as the program does: FINISHED with the exit status 0, KILLED by a signal, else
    FAILED. If the program ended the run itself and exits with 0, the run stays as it is.

    Args:
        client: where the run is logged.
        target: the program.
        experiment: the experiment of the run.
        run_name: its name; a readable one, if None.
        parent_run_id: the run of which it is a child, if any.
        captures: whether what it writes to stdout and stderr is kept with the run.
        report: called with what a person should know.

    Returns:
        The exit status; 128 and the number of the signal that ended the program.

    Raises:
        RunstreamError: the run could not be started, or its params were refused, or there is no
            such parent; the program was not started.
        OSError: the program could not be started; the run is FAILED.
    """
    params = to_texts("params", target.params)  # before there is a run
    if parent_run_id is not None:
        client.ask(partial(client.get_run, parent_run_id))  # it must be there
    tags = find_tags(target, parent_run_id)
    with create_run(client, experiment, tags, run_name) as run:
        run.log_params(params)
        if run.is_confirmed:
            run.flush()
        print_link(run)
        if target.working_folder is not None:
            os.chdir(target.working_folder)
        capture = recorded_channels(client, run.run_id) if captures else nullcontext(())
        with capture as channels:
            environment = _environment(run, target)
            if captures:
                environment[CAPTURED_RUN_ID] = run.run_id
            exit_status = run_program(target.command, environment, channels)
        # The end of the program has waited for the server, if that was away.
        shutdown.count_as_waited(client.seconds_away)
        try:
            _end(run, exit_status)
        except RunstreamError as error:
            report(f"run {run.run_id} was not ended: {error}")
            exit_status = exit_status or _NO_ANSWER
    return exit_status if exit_status >= 0 else 128 - exit_status


def _end(run: ActiveRun, exit_status: int) -> None:
    stored = run.client.ask(run.read) if exit_status == 0 else None
    if stored and stored.info.status in _ENDED:
        run.release()
        return
    if exit_status:  # it counts for more than an end that the program said
        run.client.speak_last()
    run.end(run_status_of(exit_status))


def _environment(run: ActiveRun, target: Target) -> dict[str, str]:
    """Return the environment of the program: that of this process, and which run is its own."""
    environment = dict(os.environ)
    for name in ("RUNSTREAM_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_NAME"):
        environment.pop(name, None)  # the id says it
    experiment_id, name = run.experiment
    for prefix in ("RUNSTREAM", "MLFLOW"):
        environment[f"{prefix}_RUN_ID"] = run.run_id
        environment[f"{prefix}_EXPERIMENT_ID"] = experiment_id
        if name:
            environment[f"{prefix}_EXPERIMENT_NAME"] = name
    environment |= start_variable(run)
    uri = run.tracking_uri
    environment["RUNSTREAM_TRACKING_URI"] = uri
    # As MLflow's plugin for Runstream takes it. What is set already may be the HTTP port of the
    # same server, which every version of MLflow understands.
    if not uri.startswith("unix:"):  # which MLflow's plugin does not know
        mlflow_uri = uri.replace("sqlite:", "runstream+sqlite:", 1)
        environment.setdefault("MLFLOW_TRACKING_URI", mlflow_uri)
    if target.working_folder is not None:  # a project's `python` is the one that was checked
        here = os.path.dirname(sys.executable)
        environment["PATH"] = os.pathsep.join((here, environment.get("PATH", os.defpath)))
    return environment
