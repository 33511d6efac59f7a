"""The destination of runs: the tracking URI and the experiment that the fluent API uses.

Both belong to the process. They are kept in the environment, so that processes which it starts, by
whatever method, inherit them.
"""

from __future__ import annotations

import os

from runstream.calls.client import TrackingClient
from runstream.entities import Experiment
from runstream.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from runstream.transport import tracking_uri

_EXPERIMENT_ID = "RUNSTREAM_EXPERIMENT_ID"

_clients: dict[str, TrackingClient] = {}

# The id that `set_experiment` put into the environment; None if another program put one there.
_chosen_id: str | None = None


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
    global _chosen_id
    changed = tracking_uri.set_default(uri)
    if changed and _chosen_id is not None and _chosen_id == os.environ.get(_EXPERIMENT_ID):
        del os.environ[_EXPERIMENT_ID]
        _chosen_id = None


def get_tracking_uri() -> str:
    """Return where runs are logged, with its path absolute; from then on it stays so (R7)."""
    return tracking_uri.pin_default()


def is_tracking_uri_set() -> bool:
    """Return whether `set_tracking_uri` or RUNSTREAM_TRACKING_URI chose where runs are logged."""
    return tracking_uri.is_default_set()


def set_experiment(
    experiment_name: str | None = None, experiment_id: str | None = None
) -> Experiment:
    """Choose the experiment of the runs started from now on, creating it if there is none.

    It holds for this process and those it starts.

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
    if experiment_id is not None:
        experiment = current_client().get_experiment(experiment_id)
    else:
        experiment = _get_or_create(str(experiment_name))
    if experiment.lifecycle_stage != "active":
        raise FailedPrecondition(
            f"experiment {experiment.name!r} is deleted; it must be in the active state: "
            "restore it or choose another name",
            reason="EXPERIMENT_DELETED",
            experiment_id=experiment.experiment_id,
        )
    global _chosen_id
    _chosen_id = os.environ[_EXPERIMENT_ID] = experiment.experiment_id
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


def current_experiment_id() -> str:
    """Return the experiment of `set_experiment` or of the environment; else "0"."""
    for prefix in ("RUNSTREAM", "MLFLOW"):
        if number := os.environ.get(f"{prefix}_EXPERIMENT_ID"):
            return number
        if name := os.environ.get(f"{prefix}_EXPERIMENT_NAME"):
            return set_experiment(name).experiment_id
    return "0"


def chosen_experiment() -> Experiment | None:
    """Return the experiment that `set_experiment` chose in this process; None if it chose none."""
    if _chosen_id is None or _chosen_id != os.environ.get(_EXPERIMENT_ID):
        return None
    return current_client().get_experiment(_chosen_id)


def _get_or_create(name: str) -> Experiment:
    client = current_client()
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return client.get_experiment(client.create_experiment(name))
        except AlreadyExists:  # another process was faster
            experiment = client.get_experiment_by_name(name)
    if experiment is None:
        raise NotFound(f"experiment {name!r} was renamed or purged this very moment")
    return experiment
