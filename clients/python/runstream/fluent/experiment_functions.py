"""The fluent API of experiments: functions of the server to which this process logs."""

from __future__ import annotations

from collections.abc import Mapping

from runstream import entities
from runstream.fluent.destination import current_client, current_experiment_id


def create_experiment(
    name: str, artifact_location: str | None = None, tags: Mapping[str, object] | None = None
) -> str:
    """Create an experiment and return its id; see `TrackingClient.create_experiment`."""
    return current_client().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str) -> entities.Experiment:
    """Return an experiment, active or deleted; raises NotFound."""
    return current_client().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> entities.Experiment | None:
    """Return the experiment of a name, active or deleted; None if there is none."""
    return current_client().get_experiment_by_name(name)


def set_experiment_tag(key: str, value: object) -> None:
    """Set a tag of the chosen experiment (E4); see `TrackingClient.set_experiment_tag`."""
    current_client().set_experiment_tag(current_experiment_id(), key, value)


def set_experiment_tags(tags: Mapping[str, object]) -> None:
    """Set tags of the chosen experiment (E4); see `TrackingClient.set_experiment_tag`."""
    for key, value in tags.items():
        set_experiment_tag(key, value)


def delete_experiment_tag(key: str) -> None:
    """Delete a tag of the chosen experiment; raises NotFound if there is none."""
    current_client().delete_experiment_tag(current_experiment_id(), key)


def rename_experiment(experiment_id: str, new_name: str) -> None:
    """Rename an active experiment; see `TrackingClient.rename_experiment`."""
    current_client().rename_experiment(experiment_id, new_name)


def delete_experiment(experiment_id: str) -> None:
    """Delete an active experiment and its active runs; both can be restored (E3)."""
    current_client().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Restore a deleted experiment and the runs that were deleted with it (E3)."""
    current_client().restore_experiment(experiment_id)
