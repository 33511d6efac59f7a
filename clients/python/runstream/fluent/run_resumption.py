"""Runs that are there already: those that `start_run` resumes, and parents of new ones.

What a server knows of them is asked while it is reachable, and not waited for while it is away.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from runstream import rules
from runstream.calls.client import TrackingClient
from runstream.contract.run_batches import ExperimentChoice
from runstream.errors import FailedPrecondition, InvalidArgument, NotFound
from runstream.fluent.destination import chosen_experiment
from runstream.fluent.run_clients import client_for_run
from runstream.fluent.run_handle import ActiveRun
from runstream.fluent.run_start import START, read_start_variable, resume_run
from runstream.v1.logging_service_pb2 import LogBatchRequest

_PARENT_TAG = "mlflow.parentRunId"


@contextmanager
def take_run_from_environment() -> Iterator[tuple[str, LogBatchRequest | None]]:
    """Yield the run that the environment names, and how it starts if the server may not know it.

    The id is "" if none is named. The variables are unset, unless the start fails.
    """
    names = ("RUNSTREAM_RUN_ID", "MLFLOW_RUN_ID", START)
    *ids, start = (os.environ.pop(name, "") for name in names)
    run_id = next(filter(None, ids), "")
    try:
        yield run_id, read_start_variable(start, run_id)
    except BaseException:
        texts = zip(names, (*ids, start), strict=True)
        os.environ.update({name: text for name, text in texts if text})
        raise


def resume(
    activate: Callable[..., None],
    run_id: str,
    experiment_id: str | None,
    run_name: str | None,
    tags: dict[str, str],
    start: LogBatchRequest | None = None,
) -> ActiveRun:
    """Resume a run.

    Args:
        activate: called with the handle, whether it `is_resumed` and `has_parent`.
        run_id: the run.
        experiment_id: the experiment to which it is said to belong; None if nothing is said.
        run_name: a new name; unchanged, if None.
        tags: tags to set.
        start: how it starts, if the server may not know it yet.

    Raises:
        RunstreamError: as `start_run`.
    """
    _check_resumable_id(run_id)
    client = client_for_run(run_id)
    if start is not None:  # it had no answer, of which who started this program has warned
        client.expect_outage()
    try:
        run = client.ask(partial(client.get_run, run_id))
    except NotFound:
        if start is None:
            raise
        run = None
    if run and experiment_id is not None and str(experiment_id) != run.info.experiment_id:
        raise InvalidArgument(
            f"run {run_id} belongs to experiment {run.info.experiment_id}, not {experiment_id}",
            reason="ARGUMENTS_CONFLICT",
            field="experiment_id",
            run_id=run_id,
        )
    is_new = run is None and start is not None  # nobody but who started it has logged to it
    of_start = [tag.key for tag in start.tags] if start is not None else []
    has_parent = _PARENT_TAG in (run.data.tags if run is not None else of_start)
    begin = partial(activate, is_resumed=not is_new, has_parent=has_parent)
    return resume_run(client, run_id, tags, run_name, run.info if run else None, begin, start)


def check_chosen_experiment(run_id: str) -> None:
    """Raise InvalidArgument if `set_experiment` chose another than that of a launched run."""
    chosen = chosen_experiment()
    if chosen is None:
        return
    client = client_for_run(run_id)
    found = client.ask(lambda: client.get_experiment(client.get_run(run_id).info.experiment_id))
    if found and chosen not in (
        ExperimentChoice(found.experiment_id),
        ExperimentChoice(name=found.name),
    ):
        wanted = chosen.name or client.get_experiment(chosen.experiment_id).name
        raise InvalidArgument(
            f"run {run_id}, which RUNSTREAM_RUN_ID names, belongs to experiment {found.name!r}, "
            f"but set_experiment chose {wanted!r}: start the program with --experiment-name "
            f"{wanted!r}, or leave set_experiment out",
            reason="ARGUMENTS_CONFLICT",
            field="experiment_id",
            run_id=run_id,
        )


def _check_resumable_id(run_id: str) -> None:
    try:
        rules.check_run_id("run_id", run_id)
    except InvalidArgument as error:
        raise InvalidArgument(
            f"{error}; start_run(run_name={run_id!r}) starts a new run of this name",
            reason=error.reason,
            field="run_id",
            value=run_id,
            limit=error.metadata["limit"],
        ) from None


def find_parent_experiment(client: TrackingClient, parent_run_id: str) -> ExperimentChoice:
    """Return the experiment of a parent, if the server is reachable; raises if it is deleted."""
    parent = client.ask(partial(client.get_run, parent_run_id))
    if parent is None:
        return ExperimentChoice()
    if parent.info.lifecycle_stage != "active":
        raise FailedPrecondition(
            f"the parent run {parent_run_id} is deleted; it must be in the active state",
            reason="RUN_DELETED",
            run_id=parent_run_id,
        )
    return ExperimentChoice(parent.info.experiment_id)
