"""What an import needs of the place that it copies to: a `TrackingClient`, or a `DryRun` of one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from runstream.entities import ConsoleLine, DatasetInput, Document, Experiment, Run

Row = tuple[str, float, int, int]


class Destination(Protocol):
    """The calls of a `TrackingClient` that an import makes, from several threads."""

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment of a name."""

    def create_experiment(self, name: str) -> str:
        """Create an experiment."""

    def set_experiment_tag(self, experiment_id: str, key: str, value: object) -> None:
        """Set a tag of an experiment."""

    def get_run(self, run_id: str) -> Run:
        """Return a run."""

    def create_run(
        self,
        experiment_id: str,
        start_time: int,
        tags: Mapping[str, str],
        run_name: str,
        run_id: str,
        user_id: str,
    ) -> object:
        """Create a run."""

    def log_batch(
        self,
        run_id: str,
        metrics: Iterable[Row] = (),
        params: Mapping[str, str] = ...,
        tags: Mapping[str, str] = ...,
    ) -> object:
        """Queue params and tags."""

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
        """Queue points."""

    def log_console_lines(self, run_id: str, lines: Iterable[ConsoleLine]) -> None:
        """Queue lines of the console."""

    def flush_run(self, run_id: str) -> None:
        """Wait for what was queued."""

    def log_inputs(self, run_id: str, datasets: Iterable[DatasetInput]) -> None:
        """Record datasets."""

    def log_input_models(self, run_id: str, model_ids: Iterable[str]) -> None:
        """Record models that a run read."""

    def log_outputs(self, run_id: str, models: Iterable[tuple[str, int]]) -> None:
        """Record models that a run made."""

    def log_artifact(self, run_id: str, local_path: Path, artifact_path: str | None) -> None:
        """Upload a file."""

    def update_run(self, run_id: str, status: str, *, end_time: int | None) -> object:
        """End a run."""

    def delete_tag(self, run_id: str, key: str) -> None:
        """Delete a tag of a run."""

    def create_logged_model(
        self,
        experiment_id: str,
        name: str,
        source_run_id: str,
        tags: Mapping[str, str],
        params: Mapping[str, str],
        model_type: str,
        model_id: str,
    ) -> object:
        """Create a logged model."""

    def log_model_metrics(
        self, run_id: str, model_id: str, metrics: Iterable[Row], dataset: tuple[str, str] | None
    ) -> None:
        """Log points of a model."""

    def list_documents(self, experiment_id: str, kind: str) -> Iterator[Document]:
        """Yield the documents of an experiment, without their texts."""

    def get_document(self, document_id: str) -> Document:
        """Return a document."""

    def create_document(self, experiment_id: str, kind: str, title: str, text: str) -> Document:
        """Create a document."""

    def update_document(self, document: Document, *, is_default: bool) -> object:
        """Make a view the default."""

    def finalize_logged_model(self, model_id: str, status: str) -> object:
        """Say whether the files of a model are there."""
