"""A folder that `runstream export` wrote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runstream.entities import Dataset, DatasetInput, Run
from runstream.errors import FailedPrecondition, InvalidArgument
from runstream.importing.import_tags import COMPLETE_TAG
from runstream.importing.runstream import tables
from runstream.importing.runstream.table_file import TableFile
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

_CHUNK_BYTES = 1024 * 1024


class FolderSource(Source):
    """A source that reads an export."""

    tracker = "runstream"
    is_exact = True

    def __init__(self, root: Path) -> None:
        """Check that the export is whole, and that its tables are as they were written.

        Raises:
            InvalidArgument: it is no export, or an export that was not finished.
            FailedPrecondition: a table was changed or is missing.
        """
        self._root = root
        for name, digest in _read_manifest(root).items():
            _check_digest(root / f"{name}.parquet", digest)
        self._tables = {name: TableFile(root, name) for name in tables.TABLES}
        self._runs: dict[str, dict[str, Any]] = {}  # those of the experiment that is read

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield the experiments."""
        for name in self._tables["experiments"].owners():
            yield SourceExperiment(name, name, self._pairs("experiment_tags", name))

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the ids of the runs of an experiment, oldest first."""
        found = {row["run_id"]: row for row in self._tables["runs"].read(experiment.id)}
        self._runs |= found
        return list(found)

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run."""
        row = self._runs[run_id]
        return SourceRun(
            run_id=run_id,
            name=row["name"],
            user_id=row["user_id"],
            status=row["status"],
            start_time=row["start_time"],
            end_time=row["end_time"],
            artifact_uri="",
            params=self._pairs("params", run_id),
            tags=self._pairs("tags", run_id),
            inputs=list(self._read_inputs(run_id)),
            model_inputs=[one["model_id"] for one in self._tables["model_inputs"].read(run_id)],
            model_outputs=[
                (one["model_id"], one["step"]) for one in self._tables["model_outputs"].read(run_id)
            ],
        )

    def is_complete(self, there: Run) -> bool:
        """Return whether a run has ended here when it did there, and nothing of it is missing."""
        row = self._runs[there.info.run_id]
        return (
            row["end_time"] is not None
            and (there.info.status, there.info.end_time) == (row["status"], row["end_time"])
            and there.data.tags.get(COMPLETE_TAG) != "incomplete"
        )

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield all points of a run, in the order of the file."""
        for table in self._tables["points"].read_parts(run.run_id):
            for part in table.combine_chunks().to_batches():
                key = part.column("key")
                yield PointColumns(
                    key.dictionary.to_pylist(),
                    key.indices.to_numpy(zero_copy_only=False),
                    *(part.column(name).to_numpy() for name in ("step", "timestamp", "value")),
                )

    def read_console(self, run: SourceRun, note: Note) -> Iterator[SourceLine]:
        """Yield the lines of the console of a run."""
        for row in self._tables["console"].read(run.run_id):
            yield SourceLine(row["stream"], row["timestamp"], row["text"])

    def read_models(self, experiment: SourceExperiment, note: Note) -> Iterator[SourceModel]:
        """Yield the logged models of an experiment."""
        for row in self._tables["models"].read(experiment.id):
            model_id = row["model_id"]
            yield SourceModel(
                model_id=model_id,
                name=row["name"],
                model_type=row["model_type"],
                source_run_id=row["source_run_id"],
                status=row["status"],
                artifact_uri="",
                params=self._pairs("model_params", model_id),
                tags=self._pairs("model_tags", model_id),
                metrics=list(map(_model_point, self._tables["model_points"].read(model_id))),
            )

    def read_documents(self, experiment: SourceExperiment, note: Note) -> Iterator[SourceDocument]:
        """Yield the reports and views of an experiment."""
        for row in self._tables["documents"].read(experiment.id):
            yield SourceDocument(row["kind"], row["title"], row["text"], bool(row["is_default"]))

    @contextmanager
    def open_artifacts(self, owner: str, uri: str) -> Iterator[ArtifactFiles | None]:
        """Provide the artifacts of a run or a model, if they are as they were written.

        Raises:
            FailedPrecondition: a file was changed or is missing.
        """
        folder = self._root / tables.ARTIFACTS / owner
        rows = list(self._tables["artifacts"].read(owner))
        for row in rows:
            _check_digest(folder / row["path"], row["sha256"])
        yield ArtifactFiles(folder, self._root) if rows else None

    def _pairs(self, name: str, owner: str) -> dict[str, str]:
        return {row["key"]: row["value"] for row in self._tables[name].read(owner)}

    def _read_inputs(self, run_id: str) -> Iterator[DatasetInput]:
        tags: dict[int, dict[str, str]] = {}
        for row in self._tables["dataset_tags"].read(run_id):
            tags.setdefault(row["position"], {})[row["key"]] = row["value"]
        for row in self._tables["datasets"].read(run_id):
            fields = ("name", "digest", "source_type", "source", "schema", "profile")
            dataset = Dataset(*[row[name] for name in fields])
            yield DatasetInput(dataset, tags.get(row["position"], {}))


def _read_manifest(root: Path) -> dict[str, str]:
    """Return the digests of the tables of an export by their names."""
    problem = f"{root} is no whole export: "
    try:
        manifest = json.loads((root / tables.MANIFEST).read_bytes())
        is_export = manifest["format"] == tables.FORMAT
        version, digests = manifest["version"], dict(manifest["tables"])
    except FileNotFoundError:
        problem += f"it has no {tables.MANIFEST}, which is written last"
    except (OSError, ValueError, LookupError, TypeError) as error:
        problem += f"{tables.MANIFEST} cannot be read: {error}"
    else:
        if is_export and version == tables.VERSION and set(tables.TABLES) <= set(digests):
            return {name: str(digests[name]) for name in tables.TABLES}
        problem += f"{tables.MANIFEST} is not of version {tables.VERSION} of {tables.FORMAT}"
    raise InvalidArgument(problem, reason="SOURCE_MALFORMED", field="source", value=root)


def _check_digest(path: Path, expected: str) -> None:
    """Check a file by its SHA-256; raises FailedPrecondition."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as content:
            while chunk := content.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        why = str(error)
    else:
        if digest.hexdigest() == expected:
            return
        why = f"its SHA-256 is {digest.hexdigest()}, and was {expected}"
    raise FailedPrecondition(
        f"{path} is not as it was written: {why}", reason="EXPORT_DAMAGED", field="source"
    )


def _model_point(row: dict[str, Any]) -> ModelPoint:
    dataset = (row["dataset_name"], row["dataset_digest"])
    return ModelPoint(
        row["run_id"], row["key"], row["value"], row["timestamp"], row["step"], dataset
    )
