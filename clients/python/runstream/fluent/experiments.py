"""Where runs go: the tracking URI and the experiment that the fluent API uses.

Both are those of the process, and are kept in the environment, so that processes it starts, by
whatever method, inherit them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from runstream.calls.client import TrackingClient
from runstream.entities import Experiment
from runstream.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from runstream.transport import tracking_uri

_EXPERIMENT_ID = "RUNSTREAM_EXPERIMENT_ID"

_clients: dict[str, TrackingClient] = {}
_chosen_id: str | None = None  # what `set_experiment` put into the environment, nobody else


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
    return tracking_uri.pin()


def is_tracking_uri_set() -> bool:
    """Return whether `set_tracking_uri` or RUNSTREAM_TRACKING_URI chose where runs are logged."""
    return tracking_uri.is_default_set()


def create_experiment(
    name: str, artifact_location: str | None = None, tags: Mapping[str, object] | None = None
) -> str:
    """Create an experiment and return its id; see `TrackingClient.create_experiment`."""
    return chosen_client().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str) -> Experiment:
    """Return an experiment, active or deleted; raises NotFound."""
    return chosen_client().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """Return the experiment of a name, active or deleted; None if there is none."""
    return chosen_client().get_experiment_by_name(name)


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
        experiment = chosen_client().get_experiment(experiment_id)
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


def set_experiment_tag(key: str, value: object) -> None:
    """Set a tag of the chosen experiment (E4); see `TrackingClient.set_experiment_tag`."""
    chosen_client().set_experiment_tag(chosen_experiment_id(), key, value)


def set_experiment_tags(tags: Mapping[str, object]) -> None:
    """Set tags of the chosen experiment (E4); see `TrackingClient.set_experiment_tag`."""
    for key, value in tags.items():
        set_experiment_tag(key, value)


def rename_experiment(experiment_id: str, new_name: str) -> None:
    """Rename an active experiment; see `TrackingClient.rename_experiment`."""
    chosen_client().rename_experiment(experiment_id, new_name)


def delete_experiment(experiment_id: str) -> None:
    """Delete an active experiment and its active runs; both can be restored (E3)."""
    chosen_client().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Restore a deleted experiment and the runs that were deleted with it (E3)."""
    chosen_client().restore_experiment(experiment_id)


def chosen_client() -> TrackingClient:
    """Return the client of this process for the tracking URI."""
    return client_at(get_tracking_uri())


def client_at(uri: str) -> TrackingClient:
    """Return the client of this process for a tracking URI in its absolute form."""
    return _clients.get(uri) or _clients.setdefault(uri, TrackingClient(uri))


def chosen_clients() -> list[TrackingClient]:
    """Return the clients for all tracking URIs that were used."""
    return list(_clients.values())


def chosen_experiment_id() -> str:
    """Return the experiment of `set_experiment` or of the environment; else "0"."""
    for prefix in ("RUNSTREAM", "MLFLOW"):
        if number := os.environ.get(f"{prefix}_EXPERIMENT_ID"):
            return number
        if name := os.environ.get(f"{prefix}_EXPERIMENT_NAME"):
            return set_experiment(name).experiment_id
    return "0"


def _get_or_create(name: str) -> Experiment:
    client = chosen_client()
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return client.get_experiment(client.create_experiment(name))
        except AlreadyExists:  # another process was faster
            experiment = client.get_experiment_by_name(name)
    if experiment is None:
        raise NotFound(f"experiment {name!r} was renamed or purged this very moment")
    return experiment
