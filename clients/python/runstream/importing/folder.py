"""A folder `mlruns`, as MLflow's file store writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runstream.entities import Dataset, DatasetInput
from runstream.errors import FailedPrecondition, InvalidArgument
from runstream.importing.records import Points, SourceExperiment, SourceRun, local_folder

_STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}


class FolderSource:
    """A source that reads MLflow's files."""

    def __init__(self, root: Path) -> None:
        """Look at the folder.

        Raises:
            InvalidArgument: it is no folder of MLflow.
            FailedPrecondition: PyYAML is missing.
        """
        self._root = root
        self._runs: dict[str, Path] = {}
        if not any(root.glob("*/meta.yaml")):
            raise InvalidArgument(
                f"{root} is no folder of MLflow: it has no experiment",
                reason="SOURCE_MALFORMED",
                field="source",
                value=root,
            )

    def experiments(self) -> Iterator[SourceExperiment]:
        """Yield the active experiments."""
        for folder in sorted(file.parent for file in self._root.glob("*/meta.yaml")):
            meta = _yaml(folder / "meta.yaml")
            if meta.get("lifecycle_stage", "active") == "active" and "name" in meta:
                yield SourceExperiment(folder.name, str(meta["name"]), _texts(folder / "tags"))

    def run_ids(self, experiment: SourceExperiment) -> Sequence[str]:
        """Return the ids of the active runs of an experiment, oldest first."""
        found = []
        for file in (self._root / experiment.id).glob("*/meta.yaml"):
            meta = _yaml(file)
            if "run_id" in meta and meta.get("lifecycle_stage", "active") == "active":
                self._runs[str(meta["run_id"])] = file.parent
                found.append((meta.get("start_time") or 0, str(meta["run_id"])))
        return [run_id for _, run_id in sorted(found)]

    def run(self, run_id: str) -> SourceRun:
        """Return a run."""
        folder = self._runs[run_id]
        meta = _yaml(folder / "meta.yaml")
        tags = _texts(folder / "tags")
        return SourceRun(
            run_id=run_id,
            name=str(meta.get("run_name") or tags.get("mlflow.runName") or ""),
            user_id=str(meta.get("user_id") or ""),
            status=_STATUS.get(meta.get("status", 1), "RUNNING"),
            start_time=meta.get("start_time") or 0,
            end_time=meta.get("end_time"),
            artifact_uri=str(meta.get("artifact_uri") or ""),
            params=_texts(folder / "params"),
            tags=tags,
            inputs=list(self._inputs(folder)),
        )

    def points(self, run: SourceRun) -> Iterator[Points]:
        """Yield all points of a run, in parts."""
        folder = self._runs[run.run_id] / "metrics"
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            rows = [line.split() for line in file.read_text().splitlines()]
            if not rows:
                continue
            # Old files have no steps.
            yield Points(
                [file.relative_to(folder).as_posix()],
                [0] * len(rows),
                [int(row[2]) if len(row) > 2 else 0 for row in rows],
                [int(row[0]) for row in rows],
                [float(row[1]) for row in rows],
            )

    @contextmanager
    def artifacts(self, run: SourceRun) -> Iterator[Path | None]:
        """Make a folder of all artifacts of a run."""
        beside = self._runs[run.run_id] / "artifacts"
        # The folder may have been moved since the run was logged.
        yield local_folder(str(beside)) or local_folder(run.artifact_uri)

    def _inputs(self, folder: Path) -> Iterator[DatasetInput]:
        for file in sorted(folder.glob("inputs/*/meta.yaml")):
            use = _yaml(file)
            dataset = folder.parent / "datasets" / str(use.get("source_id")) / "meta.yaml"
            if use.get("source_type") != "DATASET" or not dataset.exists():
                continue
            told = _yaml(dataset)
            fields = ("name", "digest", "source_type", "source", "schema", "profile")
            tags = {str(key): str(value) for key, value in (use.get("tags") or {}).items()}
            yield DatasetInput(Dataset(*[str(told.get(name) or "") for name in fields]), tags)


def _texts(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {file.relative_to(folder).as_posix(): file.read_text() for file in files}


def _yaml(file: Path) -> Mapping[str, Any]:
    try:
        import yaml
    except ModuleNotFoundError:
        raise FailedPrecondition(
            "reading a folder of MLflow needs PyYAML: pip install pyyaml", reason="YAML_MISSING"
        ) from None
    meta: Mapping[str, Any] = yaml.safe_load(file.read_text()) or {}
    return meta
