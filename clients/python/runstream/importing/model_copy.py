"""The copy of a logged model."""

from __future__ import annotations

from collections import defaultdict

from runstream.importing.copying import Copying
from runstream.importing.source import Source, SourceModel

# Points in one message.
_POINTS_PER_CALL = 5_000


class ModelCopy(Copying):
    """The copy of a logged model whose runs are copied."""

    def copy(self, model: SourceModel, experiment_id: str, source: Source) -> None:
        """Create the model, and copy what is measured of it and its files."""
        what = f"of model {model.model_id}"
        self.client.create_logged_model(
            experiment_id,
            model.name,
            model.source_run_id,
            self.valid_pairs(f"tag {what}", model.tags),
            self.valid_pairs(f"param {what}", model.params),
            model.model_type,
            model.model_id,
        )
        self.report.count(models=1)
        self.attempt(f"metrics {what}", lambda: self._copy_model_metrics(model))
        self.attempt(f"artifacts {what}", lambda: self._copy_files(model, source))
        if model.status in ("READY", "FAILED", "UPLOAD_FAILED"):
            self.client.finalize_logged_model(model.model_id, model.status)

    def _copy_model_metrics(self, model: SourceModel) -> None:
        groups: dict[tuple[str, tuple[str, str]], list[tuple[str, float, int, int]]]
        groups = defaultdict(list)
        for point in model.metrics:
            row = (point.key, point.value, point.timestamp, point.step)
            groups[point.run_id, point.dataset].append(row)
        for (run_id, dataset), rows in groups.items():
            for start in range(0, len(rows), _POINTS_PER_CALL):
                part = rows[start : start + _POINTS_PER_CALL]
                self.client.log_model_metrics(
                    run_id, model.model_id, part, dataset if any(dataset) else None
                )

    def _copy_files(self, model: SourceModel, source: Source) -> None:
        with source.open_artifacts(model.model_id, model.artifact_uri) as files:
            if files is not None:
                self.upload(model.model_id, files)
