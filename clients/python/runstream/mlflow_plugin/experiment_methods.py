"""The part of MLflow's tracking store about experiments."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mlflow.entities import Experiment, ExperimentTag
from mlflow.store.entities.paged_list import PagedList

from runstream import entities
from runstream.calls.client import TrackingClient
from runstream.contract.messages import new_message
from runstream.contract.run_batches import ExperimentChoice
from runstream.mlflow_plugin.experiment_ids import id_of_name, to_server_id
from runstream.mlflow_plugin.mlflow_entities import to_experiment, to_server_location
from runstream.mlflow_plugin.mlflow_errors import methods_with_mlflow_errors
from runstream.mlflow_plugin.tracking_server import Known
from runstream.mlflow_plugin.unread_entities import UnreadExperiment
from runstream.transport.connection import Connection
from runstream.v1.experiment_service_pb2 import SearchExperimentsRequest


@methods_with_mlflow_errors
class ExperimentMethods:
    """Experiments, as `mlflow.store.tracking.AbstractStore` describes each method."""

    _client: TrackingClient
    _connection: Connection
    _known: Known

    def search_experiments(
        self,
        view_type: int = 1,
        max_results: int | None = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """Return a page of the experiments that a filter is true of."""
        request = new_message(
            SearchExperimentsRequest,
            filter=filter_string or "",
            view_type=view_type,  # type: ignore[arg-type] # MLflow's numbers are the contract's
            max_results=max_results or 0,
            order_by=order_by or (),
            page_token=page_token or "",
        )
        page = self._connection.call(lambda stubs: stubs.experiments.SearchExperiments, request)
        found = map(entities.Experiment.from_proto, page.experiments)
        return PagedList(list(map(to_experiment, found)), page.next_page_token or None)

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Sequence[ExperimentTag] | None = None,
    ) -> str:
        """Create an experiment and return its id."""
        location = to_server_location(artifact_location or "")
        texts = {tag.key: tag.value for tag in tags or ()}
        return self._client.create_experiment(name, location, texts)

    def get_experiment(self, experiment_id: str | int) -> Experiment:
        """Return an experiment, active or deleted.

        While the server is away, it is one whose attributes are read when they are asked for.
        """
        choice = ExperimentChoice.of_id(str(experiment_id))
        read = partial(_read_experiment, self._client, self._known, str(experiment_id))
        if choice.name:
            found = self.get_experiment_by_name(choice.name)
            return found or UnreadExperiment(str(experiment_id), choice.name, read)
        answer = self._client.ask(read)
        if answer is not None:
            return answer
        known = self._known.experiments.find(choice.experiment_id)
        return to_experiment(known) if known else UnreadExperiment(str(experiment_id), None, read)

    def get_experiment_by_name(self, experiment_name: str) -> Experiment | None:
        """Return the experiment of a name, active or deleted; None if there is none.

        While the server is away, it is one that a run creates, if there is none.
        """
        answer = self._client.ask(lambda: [self._client.get_experiment_by_name(experiment_name)])
        if answer is not None:
            return _keep(self._known, answer[0]) if answer[0] else None
        known = self._known.experiments.find(experiment_name)
        if known is not None:
            return to_experiment(known)
        experiment_id = id_of_name(experiment_name)
        read = partial(_read_experiment, self._client, self._known, experiment_id)
        return UnreadExperiment(experiment_id, experiment_name, read)

    def delete_experiment(self, experiment_id: str | int) -> None:
        """Delete an experiment with its runs, once what was logged to them is on disk."""
        self._client.flush()
        self._client.delete_experiment(to_server_id(self._client, experiment_id))

    def restore_experiment(self, experiment_id: str | int) -> None:
        """Restore an experiment and the runs that were deleted with it."""
        self._client.restore_experiment(to_server_id(self._client, experiment_id))

    def rename_experiment(self, experiment_id: str | int, new_name: str) -> None:
        """Give an experiment another name."""
        self._client.rename_experiment(to_server_id(self._client, experiment_id), new_name)

    def set_experiment_tag(self, experiment_id: str | int, tag: ExperimentTag) -> None:
        """Set a tag of an experiment."""
        server_id = to_server_id(self._client, experiment_id)
        self._client.set_experiment_tag(server_id, tag.key, tag.value)

    def delete_experiment_tag(self, experiment_id: str | int, key: str) -> None:
        """Delete a tag of an experiment."""
        self._client.delete_experiment_tag(to_server_id(self._client, experiment_id), key)


def _read_experiment(client: TrackingClient, known: Known, experiment_id: str) -> Experiment:
    return _keep(known, client.get_experiment(to_server_id(client, experiment_id)))


def _keep(known: Known, found: entities.Experiment) -> Experiment:
    known.experiments.keep(found.name, found)
    known.experiments.keep(found.experiment_id, found)
    return to_experiment(found)
