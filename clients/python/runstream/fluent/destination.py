"""The destination of runs: the tracking URI and the experiment that the fluent API uses.

Both belong to the process. They are kept in the environment, so that processes which it starts, by
whatever method, inherit them.
"""

from __future__ import annotations

import os
import time

from runstream import entities, rules
from runstream.calls.client import TrackingClient
from runstream.contract.run_batches import ExperimentChoice
from runstream.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from runstream.transport import tracking_uri

_EXPERIMENT_ID = "RUNSTREAM_EXPERIMENT_ID"
_EXPERIMENT_NAME = "RUNSTREAM_EXPERIMENT_NAME"

_clients: dict[str, TrackingClient] = {}

# What `set_experiment` put into the environment; None if another program put something there.
_chosen: ExperimentChoice | None = None


def set_tracking_uri(uri: str | os.PathLike[str]) -> None:
    """Choose where runs are logged from now on, in this process and those it starts.

    An experiment chosen before is forgotten if this is another place; runs that are active go on
    where they are.

    Args:
        uri: a form of `runstream.transport.tracking_uri`, such as `grpc://host:port` or the path of
            a file.

    Raises:
        InvalidArgument: it is in none of these forms.
    """
    global _chosen
    changed = tracking_uri.set_default(uri)
    if changed and chosen_experiment() is not None:
        os.environ.pop(_EXPERIMENT_ID, None)
        os.environ.pop(_EXPERIMENT_NAME, None)
        _chosen = None


def get_tracking_uri() -> str:
    """Return where runs are logged, with its path absolute; from then on it stays so (R7)."""
    return tracking_uri.pin_default()


def is_tracking_uri_set() -> bool:
    """Return whether `set_tracking_uri` or RUNSTREAM_TRACKING_URI chose where runs are logged."""
    return tracking_uri.is_default_set()


def set_experiment(
    experiment_name: str | None = None, experiment_id: str | None = None
) -> entities.Experiment:
    """Choose the experiment of the runs started from now on, creating it if there is none.

    It holds for this process and those it starts. While the server is away, an experiment is
    created by the first run that starts in it; what is returned has no id then.

    Args:
        experiment_name: its name; or
        experiment_id: its id, which must exist.

    Raises:
        InvalidArgument: not exactly one of the two is given, or the name breaks its rule (E2).
        NotFound: there is no experiment of this id.
        FailedPrecondition: the experiment is deleted.
    """
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidArgument(
            "set_experiment takes either experiment_name or experiment_id",
            reason="ARGUMENTS_CONFLICT",
            field="experiment_name",
        )
    client = current_client()
    if experiment_id is not None:
        found = client.ask(lambda: client.get_experiment(str(experiment_id)))
    else:
        rules.check_experiment_name("experiment_name", str(experiment_name))
        found = client.ask(lambda: _get_or_create(client, str(experiment_name)))
    experiment = found or _experiment_of_absent_server(experiment_id, experiment_name)
    _check_active(experiment)
    _choose(experiment)
    return experiment


def current_client() -> TrackingClient:
    """Return the client of this process for the tracking URI."""
    return client_for_uri(get_tracking_uri())


def client_for_uri(uri: str) -> TrackingClient:
    """Return the client of this process for a tracking URI in its absolute form."""
    return _clients.get(uri) or _clients.setdefault(uri, TrackingClient(uri))


def all_clients() -> list[TrackingClient]:
    """Return the clients for all tracking URIs that were used."""
    return list(_clients.values())


def current_experiment() -> ExperimentChoice:
    """Return the experiment of `set_experiment` or of the environment, for a run that starts."""
    for prefix in ("RUNSTREAM", "MLFLOW"):
        if number := os.environ.get(f"{prefix}_EXPERIMENT_ID"):
            return ExperimentChoice.of_id(number)  # MLflow sets it, maybe to a name
        if name := os.environ.get(f"{prefix}_EXPERIMENT_NAME"):
            return ExperimentChoice(name=name)
    return ExperimentChoice("0")


def current_experiment_id() -> str:
    """Return the id of `current_experiment`, asking the server for it if only its name is known.

    Raises:
        Unavailable: the server is away.
    """
    current = current_experiment()
    if not current.name:
        return current.experiment_id
    client = current_client()
    experiment = _get_or_create(client, current.name)
    _check_active(experiment)
    _choose(experiment)
    return experiment.experiment_id


def chosen_experiment() -> ExperimentChoice | None:
    """Return the experiment that `set_experiment` chose in this process; None if it chose none."""
    return _chosen if _chosen is not None and _chosen == _own_variables() else None


def _own_variables() -> ExperimentChoice:
    number = os.environ.get(_EXPERIMENT_ID, "")
    return ExperimentChoice(number, "" if number else os.environ.get(_EXPERIMENT_NAME, ""))


def _choose(experiment: entities.Experiment) -> None:
    """Put an experiment into the environment, by its id or, if nobody knows that, by its name."""
    global _chosen
    if experiment.experiment_id:
        os.environ[_EXPERIMENT_ID] = experiment.experiment_id
        _chosen = ExperimentChoice(experiment.experiment_id)
    else:
        os.environ.pop(_EXPERIMENT_ID, None)
        os.environ[_EXPERIMENT_NAME] = experiment.name
        _chosen = ExperimentChoice(name=experiment.name)


def _check_active(experiment: entities.Experiment) -> None:
    if experiment.lifecycle_stage != "active":
        raise FailedPrecondition(
            f"experiment {experiment.name!r} is deleted; it must be in the active state: "
            "restore it or choose another name",
            reason="EXPERIMENT_DELETED",
            experiment_id=experiment.experiment_id,
        )


def _experiment_of_absent_server(
    experiment_id: str | None, name: str | None
) -> entities.Experiment:
    now = time.time_ns() // 1_000_000
    return entities.Experiment(
        experiment_id=str(experiment_id or ""),
        name=str(name or ""),
        artifact_location="",
        lifecycle_stage="active",
        creation_time=now,
        last_update_time=now,
    )


def _get_or_create(client: TrackingClient, name: str) -> entities.Experiment:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return client.get_experiment(client.create_experiment(name))
        except AlreadyExists:  # another process was faster
            experiment = client.get_experiment_by_name(name)
    if experiment is None:
        raise NotFound(f"experiment {name!r} was renamed or purged this very moment")
    return experiment
