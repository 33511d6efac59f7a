"""The part of MLflow's tracking store about experiments."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow.entities import Experiment, ExperimentTag
from mlflow.store.entities.paged_list import PagedList

from runstream import entities
from runstream.calls.client import TrackingClient
from runstream.contract.messages import new_message
from runstream.mlflow_plugin.mlflow_entities import to_experiment, to_server_location
from runstream.mlflow_plugin.mlflow_errors import methods_with_mlflow_errors
from runstream.transport.connection import Connection
from runstream.v1.experiment_service_pb2 import SearchExperimentsRequest


@methods_with_mlflow_errors
class ExperimentMethods:
    """Experiments, as `mlflow.store.tracking.AbstractStore` describes each method."""

    _client: TrackingClient
    _connection: Connection

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
        """Return an experiment, active or deleted."""
        return to_experiment(self._client.get_experiment(str(experiment_id)))

    def get_experiment_by_name(self, experiment_name: str) -> Experiment | None:
        """Return the experiment of a name, active or deleted; None if there is none."""
        found = self._client.get_experiment_by_name(experiment_name)
        return None if found is None else to_experiment(found)

    def delete_experiment(self, experiment_id: str | int) -> None:
        """Delete an experiment with its runs, once what was logged to them is on disk."""
        self._client.flush()
        self._client.delete_experiment(str(experiment_id))

    def restore_experiment(self, experiment_id: str | int) -> None:
        """Restore an experiment and the runs that were deleted with it."""
        self._client.restore_experiment(str(experiment_id))

    def rename_experiment(self, experiment_id: str | int, new_name: str) -> None:
        """Give an experiment another name."""
        self._client.rename_experiment(str(experiment_id), new_name)

    def set_experiment_tag(self, experiment_id: str | int, tag: ExperimentTag) -> None:
        """Set a tag of an experiment."""
        self._client.set_experiment_tag(str(experiment_id), tag.key, tag.value)

    def delete_experiment_tag(self, experiment_id: str | int, key: str) -> None:
        """Delete a tag of an experiment."""
        self._client.delete_experiment_tag(str(experiment_id), key)
