"""What an import writes to where nothing is to be written: it checks, and reads what is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from runstream.calls.client import TrackingClient
from runstream.calls.metric_points import to_point
from runstream.contract.messages import new_message
from runstream.contract.run_batches import inputs_batch, outputs_batch, to_run_status
from runstream.entities import ConsoleLine, DatasetInput, Document, Experiment, Run
from runstream.errors import InvalidArgument
from runstream.importing.destination import Row
from runstream.outbox.columns import make_table, pack_table, rows_of_table
from runstream.rules import (
    MODEL_ID_CHARACTERS,
    check_artifact_path,
    check_experiment_name,
    check_key,
    check_logged_model_id,
    check_run_id,
    check_text,
    check_timestamp,
    check_title,
)
from runstream.v1.run_service_pb2 import CreateRunRequest, UpdateRunRequest


class DryRun:
    """Stands in for a client, whose rules it checks, and writes nothing (I2).

    What only the server can say, such as that a run has a param of another value, is not found.
    """

    def __init__(self, client: TrackingClient) -> None:
        self._client = client

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment of a name, if the server has it."""
        return self._client.get_experiment_by_name(name)

    def create_experiment(self, name: str) -> str:
        """Check the name; no id is known."""
        check_experiment_name("name", name)
        return ""

    def set_experiment_tag(self, experiment_id: str, key: str, value: object) -> None:
        """Check the tag."""
        _check_pairs({key: str(value)})

    def get_run(self, run_id: str) -> Run:
        """Return the run, if the server has it."""
        return self._client.get_run(run_id)

    def create_run(
        self,
        experiment_id: str,
        start_time: int,
        tags: Mapping[str, str],
        run_name: str,
        run_id: str,
        user_id: str,
    ) -> None:
        """Check the fields of a run."""
        check_run_id("run_id", run_id)
        new_message(CreateRunRequest, run_id=run_id, start_time=start_time)
        check_text("run_name", run_name)
        check_text("user_id", user_id)
        _check_pairs(tags)

    def log_batch(
        self,
        run_id: str,
        metrics: Iterable[Row] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Check points, params and tags."""
        for row in metrics:
            to_point(*row)
        _check_pairs(params or {})
        _check_pairs(tags or {})

    def log_columns(
        self,
        run_id: str,
        key: Sequence[int],
        value: Collection[float],
        step: Collection[int],
        timestamp: Collection[int],
        *,
        keys: Sequence[str],
    ) -> None:
        """Check points."""
        table = make_table(run_id, key, value, step, timestamp, keys)
        if pack_table(table) is None:
            for row in rows_of_table(table):
                to_point(*row)

    def log_console_lines(self, run_id: str, lines: Iterable[ConsoleLine]) -> None:
        """Check lines of the console."""
        for line in lines:
            check_timestamp("timestamp", line.timestamp)

    def flush_run(self, run_id: str) -> None:
        """Do nothing: nothing was queued."""

    def log_inputs(self, run_id: str, datasets: Iterable[DatasetInput]) -> None:
        """Check datasets."""
        inputs_batch(run_id, [dataset.to_proto() for dataset in datasets])

    def log_input_models(self, run_id: str, model_ids: Iterable[str]) -> None:
        """Check ids of models."""
        outputs_batch(run_id, [(model_id, 0) for model_id in model_ids])

    def log_outputs(self, run_id: str, models: Iterable[tuple[str, int]]) -> None:
        """Check ids of models."""
        outputs_batch(run_id, models)

    def log_artifact(self, run_id: str, local_path: Path, artifact_path: str | None) -> None:
        """Check the path of a file, and that it can be read."""
        name = local_path.name
        check_artifact_path("path", f"{artifact_path}/{name}" if artifact_path else name)
        with local_path.open("rb"):
            pass

    def update_run(self, run_id: str, status: str, *, end_time: int | None) -> None:
        """Check status and time."""
        new_message(UpdateRunRequest, status=to_run_status(status), end_time=end_time)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Do nothing."""

    def create_logged_model(
        self,
        experiment_id: str,
        name: str,
        source_run_id: str,
        tags: Mapping[str, str],
        params: Mapping[str, str],
        model_type: str,
        model_id: str,
    ) -> None:
        """Check the fields of a logged model."""
        check_logged_model_id("model_id", model_id)
        check_text("name", name)
        check_text("model_type", model_type)
        check_text("source_run_id", source_run_id, MODEL_ID_CHARACTERS)
        _check_pairs(tags)
        _check_pairs(params)

    def log_model_metrics(
        self,
        run_id: str,
        model_id: str,
        metrics: Iterable[Row],
        dataset: tuple[str, str] | None,
    ) -> None:
        """Check points."""
        for row in metrics:
            to_point(*row)

    def list_documents(self, experiment_id: str, kind: str) -> Iterator[Document]:
        """Yield the documents of an experiment, if the server has it."""
        return self._client.list_documents(experiment_id, kind) if experiment_id else iter(())

    def get_document(self, document_id: str) -> Document:
        """Return a document."""
        return self._client.get_document(document_id)

    def create_document(self, experiment_id: str, kind: str, title: str, text: str) -> Document:
        """Check a document."""
        check_title("title", title)
        return Document("", experiment_id, kind, title, text, False, 0, 0, "", "", 1)

    def update_document(self, document: Document, *, is_default: bool) -> None:
        """Do nothing: the document is not there."""

    def finalize_logged_model(self, model_id: str, status: str) -> None:
        """Check the status."""
        if status not in ("READY", "FAILED", "UPLOAD_FAILED"):
            raise InvalidArgument(
                f"Invalid value {status!r} for parameter 'status' supplied",
                reason="STATUS_UNKNOWN",
                field="status",
                value=status,
            )


def _check_pairs(pairs: Mapping[str, str]) -> None:
    for key, value in pairs.items():
        check_key("key", key)
        check_text(key, value)
