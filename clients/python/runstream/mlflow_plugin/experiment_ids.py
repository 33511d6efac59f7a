"""Experiments by their names, where MLflow asks for an id and the server is away.

MLflow looks an experiment up by its name before it starts a run in it. A start can name it instead:
the server creates it with the run, if it is not there. So `name:wine` is an id for MLflow, for as
long as this program and those that it starts run; no id of the server has this form.
"""

from __future__ import annotations

from runstream.calls.client import TrackingClient
from runstream.contract.run_batches import NAME_PREFIX, ExperimentChoice
from runstream.errors import NotFound


def id_of_name(name: str) -> str:
    """Return what stands for the id of an experiment of this name."""
    return f"{NAME_PREFIX}{name}"


def to_server_id(client: TrackingClient, experiment_id: str | int) -> str:
    """Return the id of an experiment, which the server is asked for if only its name is known.

    Raises:
        NotFound: there is no experiment of this name, or not yet.
        RunstreamError: the server cannot be asked.
    """
    choice = ExperimentChoice.of_id(str(experiment_id))
    if not choice.name:
        return choice.experiment_id
    found = client.get_experiment_by_name(choice.name)
    if found is None:
        client.flush()  # the start that creates it may be queued
        found = client.get_experiment_by_name(choice.name)
    if found is None:
        raise NotFound(
            f"there is no experiment named {choice.name!r}",
            reason="EXPERIMENT_NOT_FOUND",
            field="experiment_id",
            value=str(experiment_id),
        )
    return found.experiment_id
