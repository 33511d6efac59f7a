"""The calls of a client about experiments: one method for each RPC of ExperimentService."""

from __future__ import annotations

from collections.abc import Mapping

from runstream import entities
from runstream.contract.messages import new_message
from runstream.errors import NotFound
from runstream.transport.connection import Connection
from runstream.v1 import experiment_service_pb2 as experiments
from runstream.v1.experiment_pb2 import ExperimentTag


class ExperimentCalls:
    """The part of `TrackingClient` that speaks to ExperimentService."""

    _connection: Connection

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> str:
        """Create an experiment and return its id (E1, E2).

        Raises:
            InvalidArgument: the name or a tag breaks its rule.
            AlreadyExists: the name is taken, maybe by a deleted experiment.
        """
        request = new_message(
            experiments.CreateExperimentRequest,
            name=name,
            artifact_location=artifact_location or "",
            tags=[new_message(ExperimentTag, key=k, value=str(v)) for k, v in (tags or {}).items()],
        )
        answer = self._connection.call(lambda stubs: stubs.experiments.CreateExperiment, request)
        return answer.experiment_id

    def get_experiment(self, experiment_id: str) -> entities.Experiment:
        """Return an experiment, active or deleted.

        Raises:
            NotFound: there is none of this id.
        """
        request = new_message(experiments.GetExperimentRequest, experiment_id=experiment_id)
        answer = self._connection.call(lambda stubs: stubs.experiments.GetExperiment, request)
        return entities.Experiment.from_proto(answer.experiment)

    def get_experiment_by_name(self, name: str) -> entities.Experiment | None:
        """Return the experiment of a name, active or deleted; None if there is none."""
        request = new_message(experiments.GetExperimentByNameRequest, experiment_name=name)
        try:
            answer = self._connection.call(
                lambda stubs: stubs.experiments.GetExperimentByName, request
            )
        except NotFound:
            return None
        return entities.Experiment.from_proto(answer.experiment)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Rename an active experiment.

        Raises:
            NotFound, AlreadyExists, FailedPrecondition: see UpdateExperiment in the contract.
        """
        request = new_message(
            experiments.UpdateExperimentRequest, experiment_id=experiment_id, new_name=new_name
        )
        self._connection.call(lambda stubs: stubs.experiments.UpdateExperiment, request)

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an active experiment and its active runs; both can be restored (E3).

        Raises:
            NotFound: there is no active experiment of this id.
        """
        request = new_message(experiments.DeleteExperimentRequest, experiment_id=experiment_id)
        self._connection.call(lambda stubs: stubs.experiments.DeleteExperiment, request)

    def restore_experiment(self, experiment_id: str) -> None:
        """Restore a deleted experiment and the runs that were deleted with it (E3).

        Raises:
            NotFound: there is no deleted experiment of this id.
        """
        request = new_message(experiments.RestoreExperimentRequest, experiment_id=experiment_id)
        self._connection.call(lambda stubs: stubs.experiments.RestoreExperiment, request)

    def set_experiment_tag(self, experiment_id: str, key: str, value: object) -> None:
        """Set a tag of an active experiment (E4).

        Raises:
            InvalidArgument, NotFound, FailedPrecondition: see SetExperimentTag in the contract.
        """
        request = new_message(
            experiments.SetExperimentTagRequest,
            experiment_id=experiment_id,
            key=key,
            value=str(value),
        )
        self._connection.call(lambda stubs: stubs.experiments.SetExperimentTag, request)

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Delete a tag of an active experiment.

        Raises:
            NotFound: no such experiment, or no such tag.
        """
        request = new_message(
            experiments.DeleteExperimentTagRequest, experiment_id=experiment_id, key=key
        )
        self._connection.call(lambda stubs: stubs.experiments.DeleteExperimentTag, request)
