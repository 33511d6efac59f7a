"""The calls of a client that find the models of a run by their names, as paths below the run do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runstream import entities
from runstream.calls.logged_model_calls import LoggedModelCalls
from runstream.contract.messages import new_message
from runstream.errors import NotFound
from runstream.v1.run_service_pb2 import GetRunRequest


class ModelPath(NamedTuple):
    """A path below a run that leads to one of its models.

    Attributes:
        model_id: the model.
        name: its name, with which the path begins.
        path: the rest of the path, among the artifacts of the model; empty for all of them.
    """

    model_id: str
    name: str
    path: str


class RunModelCalls(LoggedModelCalls):
    """The part of `TrackingClient` about the models that one run made."""

    def list_run_models(
        self, run_id: str, filter_string: str = ""
    ) -> Iterator[entities.LoggedModel]:
        """Yield the models that a run made, the newest first.

        Args:
            run_id: the run.
            filter_string: what is true of them, as in `search_logged_models`; all, if empty.

        Raises:
            NotFound: there is no such run.
        """
        self._outbox.wait_for_artifacts(run_id)
        request = new_message(GetRunRequest, run_id=run_id)
        run = self._connection.call(lambda stubs: stubs.runs.GetRun, request).run
        of_run = f"source_run_id = '{run.info.run_id}'"
        return self.search_logged_models(
            [run.info.experiment_id], f"{of_run} AND {filter_string}" if filter_string else of_run
        )

    def find_model_path(self, run_id: str, path: str) -> ModelPath | None:
        """Return the newest model of a run with whose name a path begins; None if there is none.

        Raises:
            NotFound: there is no such run.
        """
        parts = path.strip("/").split("/")
        names = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        quoted = ", ".join("'{}'".format(name.replace("'", "''")) for name in names)
        found = list(self.list_run_models(run_id, f"name IN ({quoted})"))
        if not found:
            return None
        model = max(found, key=lambda one: len(one.name))  # the first of these is the newest
        return ModelPath(model.model_id, model.name, path.strip("/")[len(model.name) + 1 :])

    def _find_model_of_missing(self, run_id: str, path: str, missing: NotFound) -> ModelPath:
        """Return where a path leads that is missing among the artifacts of a run, or raise that."""
        if missing.reason == "ARTIFACT_NOT_FOUND" and not run_id.startswith("m-"):
            found = self.find_model_path(run_id, path)
            if found is not None:
                return found
        raise missing
