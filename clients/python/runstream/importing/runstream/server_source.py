"""Another Runstream server, by its client."""

from __future__ import annotations

import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from runstream import entities
from runstream.calls.client import TrackingClient
from runstream.entities import Run
from runstream.errors import NotFound
from runstream.importing.import_tags import COMPLETE_TAG
from runstream.importing.source import (
    ArtifactFiles,
    ModelPoint,
    Note,
    PointColumns,
    Source,
    SourceDocument,
    SourceExperiment,
    SourceLine,
    SourceModel,
    SourceRun,
)

# Points of a metric, run and dataset that the server keeps at hand of a model.
_MODEL_POINTS = 100


class ServerSource(Source):
    """A source that asks a server.

    Args:
        client: of the server.
        names: the experiments; all active ones, if empty.
        ids: more experiments, by their ids.
        folder: where artifacts are while they are copied; that of temporary files, if left out.
    """

    tracker = "runstream"
    is_exact = True

    def __init__(
        self,
        client: TrackingClient,
        names: Sequence[str] = (),
        ids: Sequence[str] = (),
        folder: Path | None = None,
    ) -> None:
        self._client = client
        self._names = names
        self._ids = ids
        self._folder = folder
        self._left_out = Counter[str]()

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield the experiments, those that were created first before the others."""
        for found in self._find_experiments():
            yield SourceExperiment(found.experiment_id, found.name, found.tags)

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the ids of the active runs of an experiment, oldest first."""
        runs = self._client.search_runs(
            [experiment.id], order_by=["attributes.start_time ASC"], metrics=(), params=(), tags=()
        )
        return [run.info.run_id for run in runs]

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run."""
        run = self._client.get_run(run_id)
        info = run.info
        return SourceRun(
            run_id=info.run_id,
            name=info.run_name,
            user_id=info.user_id,
            status=info.status,
            start_time=info.start_time,
            end_time=info.end_time,
            artifact_uri=info.artifact_uri,
            params=run.data.params,
            tags=run.data.tags,
            inputs=run.inputs.dataset_inputs,
            model_inputs=[model.model_id for model in run.inputs.model_inputs],
            model_outputs=[(model.model_id, model.step) for model in run.outputs.model_outputs],
        )

    def is_complete(self, there: Run) -> bool:
        """Return whether a run has ended here when it did there, and nothing of it is missing."""
        return is_same(there, self._client.get_run(there.info.run_id).info)

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield all points of a run, by metric, step, timestamp and value."""
        for part in self._client.read_metric_history(run.run_id):
            zeros = array("q", bytes(8 * len(part.value)))
            yield PointColumns([part.key], zeros, part.step, part.timestamp, part.value)

    def read_console(self, run: SourceRun, note: Note) -> Iterator[SourceLine]:
        """Yield the lines of the console of a run."""
        for line in self._client.read_console(run.run_id):
            yield SourceLine(line.stream, line.timestamp, line.text)

    def read_models(self, experiment: SourceExperiment, note: Note) -> Iterator[SourceModel]:
        """Yield the active logged models of an experiment, those of the oldest first."""
        order = [{"field_name": "creation_timestamp", "ascending": True}]
        for model in self._client.search_logged_models([experiment.id], order_by=order):
            yield SourceModel(
                model_id=model.model_id,
                name=model.name,
                model_type=model.model_type,
                source_run_id=model.source_run_id,
                status=model.status,
                artifact_uri=model.artifact_location,
                params=model.params,
                tags=model.tags,
                metrics=[_model_point(point) for point in model.metrics],
            )
            series = Counter(
                (point.key, point.run_id, point.dataset_name, point.dataset_digest)
                for point in model.metrics
            )
            cut = sum(number >= _MODEL_POINTS for number in series.values())
            self._left_out["metrics of models, but for their 100 latest points"] += cut

    def read_documents(self, experiment: SourceExperiment, note: Note) -> Iterator[SourceDocument]:
        """Yield the reports and the views with a title, the default one before the others."""
        for kind in ("report", "view"):
            for listed in self._client.list_documents(experiment.id, kind):
                if listed.title:
                    text = self._client.get_document(listed.document_id).text
                    yield SourceDocument(kind, listed.title, text, listed.is_default)

    @contextmanager
    def open_artifacts(self, owner: str, uri: str) -> Iterator[ArtifactFiles | None]:
        """Provide the artifacts of a run or a model as files."""
        if not self._client.list_own_artifacts(owner):
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="runstream-import-", dir=self._folder) as name:
            self._client.download_artifacts(owner, "", name)
            yield ArtifactFiles(Path(name), Path(name))

    def count_left_out(self) -> Mapping[str, int]:
        """Return what only the server has."""
        return {what: number for what, number in self._left_out.items() if number}

    def _find_experiments(self) -> Iterator[entities.Experiment]:
        if not self._names and not self._ids:
            yield from sorted(
                self._client.search_experiments(), key=lambda one: int(one.experiment_id)
            )
        for name in self._names:
            found = self._client.get_experiment_by_name(name)
            if found is None or found.lifecycle_stage != "active":
                raise NotFound(
                    f"there is no active experiment {name!r}",
                    reason="EXPERIMENT_NOT_FOUND",
                    field="experiment_name",
                    value=name,
                )
            yield found
        yield from map(self._client.get_experiment, self._ids)


def is_same(there: Run, info: entities.RunInfo) -> bool:
    """Return whether a run here is that of a source: it has ended at the same time, and whole."""
    return (
        there.info.end_time is not None
        and (there.info.status, there.info.end_time) == (info.status, info.end_time)
        and there.data.tags.get(COMPLETE_TAG) != "incomplete"
    )


def _model_point(point: entities.ModelMetric) -> ModelPoint:
    dataset = (point.dataset_name, point.dataset_digest)
    return ModelPoint(point.run_id, point.key, point.value, point.timestamp, point.step, dataset)
