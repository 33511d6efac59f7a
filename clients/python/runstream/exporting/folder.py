"""An export to a folder of Parquet files and artifacts, which docs/export.md explains.

The folder is made beside its place, and gets its name when it is whole. So what was cut is never
taken for an export, and the next one begins again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runstream.errors import AlreadyExists, RunstreamError
from runstream.exporting.table_writer import TableWriter
from runstream.importing.local_artifacts import walk_artifact_files
from runstream.importing.report import Report
from runstream.importing.runstream import tables
from runstream.importing.source import (
    PointColumns,
    Source,
    SourceExperiment,
    SourceModel,
    SourceRun,
)
from runstream.rules import check_logged_model_id, check_run_id


class FolderExport:
    """The export of a source to a folder.

    Attributes:
        report: what was written up to now.
        on_run: called after each run.
    """

    def __init__(self, source: Source, folder: Path) -> None:
        """Prepare the folder.

        Raises:
            AlreadyExists: it is there already, and not empty.
            ModuleNotFoundError: pyarrow is missing.
        """
        self.report = Report()
        self.on_run: Callable[[], object] = lambda: None
        self._source = source
        self._folder = folder
        self.part = folder.with_name(f"{folder.name}.part")
        tables.import_pyarrow()
        if folder.exists() and any(folder.iterdir()):
            raise AlreadyExists(
                f"{folder} is there already", reason="FOLDER_EXISTS", field="folder", value=folder
            )
        if self.part.exists():  # of an export that was cut
            shutil.rmtree(self.part)
        self.part.mkdir(parents=True)
        self._tables = {name: TableWriter(self.part, name) for name in tables.TABLES}

    def write(self) -> None:
        """Write everything, and give the folder its name.

        Raises:
            RunstreamError: something cannot be read. A half export is worth nothing, so it ends.
            OSError: something cannot be written.
        """
        for experiment in self._source.read_experiments(_raise):
            self._write_experiment(experiment)
            for run_id in self._source.find_run_ids(experiment, _raise):
                check_run_id("run_id", run_id)  # it names a folder
                self._write_run(experiment, self._source.read_run(run_id, _raise))
                self.on_run()
            for model in self._source.read_models(experiment, _raise):
                check_logged_model_id("model_id", model.model_id)
                self._write_model(experiment, model)
        self.report.left_out.update(self._source.count_left_out())
        digests = {name: table.close() for name, table in self._tables.items()}
        manifest = {"format": tables.FORMAT, "version": tables.VERSION, "tables": digests}
        (self.part / tables.MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        if self._folder.exists():
            self._folder.rmdir()
        os.replace(self.part, self._folder)

    def _write_experiment(self, experiment: SourceExperiment) -> None:
        self._add("experiments", experiment.name)
        self._add_pairs("experiment_tags", experiment.name, experiment.tags)
        for document in self._source.read_documents(experiment, _raise):
            self._add(
                "documents",
                experiment.name,
                document.kind,
                document.title,
                int(document.is_default),
                document.text,
            )
            self.report.count(documents=1)
        self.report.count(experiments=1)

    def _write_run(self, experiment: SourceExperiment, run: SourceRun) -> None:
        self._add(
            "runs",
            experiment.name,
            run.run_id,
            run.name,
            run.user_id,
            run.status,
            run.start_time,
            run.end_time,
        )
        self._add_pairs("params", run.run_id, run.params)
        self._add_pairs("tags", run.run_id, run.tags)
        for part in self._source.read_points(run, _raise):
            self._tables["points"].add_columns(_point_columns(run.run_id, part))
            self.report.count(points=len(part.value))
        for line in self._source.read_console(run, _raise):
            self._add("console", run.run_id, line.stream, line.timestamp, line.text)
            self.report.count(console_lines=1)
        self._write_inputs(run)
        self._write_artifacts(run.run_id, run.artifact_uri)
        self.report.count(
            runs=1, params=len(run.params), tags=len(run.tags), datasets=len(run.inputs)
        )

    def _write_inputs(self, run: SourceRun) -> None:
        for position, read in enumerate(run.inputs):
            columns = tables.TABLES["datasets"]
            fields = [getattr(read.dataset, name) for name in list(columns)[2:]]
            self._add("datasets", run.run_id, position, *fields)
            for key, value in sorted(read.tags.items()):
                self._add("dataset_tags", run.run_id, position, key, value)
        for model_id in run.model_inputs:
            self._add("model_inputs", run.run_id, model_id)
        for model_id, step in run.model_outputs:
            self._add("model_outputs", run.run_id, model_id, step)

    def _write_model(self, experiment: SourceExperiment, model: SourceModel) -> None:
        self._add(
            "models",
            experiment.name,
            model.model_id,
            model.name,
            model.model_type,
            model.status,
            model.source_run_id,
        )
        self._add_pairs("model_params", model.model_id, model.params)
        self._add_pairs("model_tags", model.model_id, model.tags)
        for one in model.metrics:
            point = (one.key, one.step, one.timestamp, one.value)
            self._add("model_points", model.model_id, one.run_id, *point, *one.dataset)
        self._write_artifacts(model.model_id, model.artifact_uri)
        self.report.count(models=1)

    def _write_artifacts(self, owner: str, uri: str) -> None:
        with self._source.open_artifacts(owner, uri) as files:
            if files is None:
                return
            for path, file in walk_artifact_files(files, _raise):
                copy = self.part / tables.ARTIFACTS / owner / path
                copy.parent.mkdir(parents=True, exist_ok=True)
                size, digest = _move(file, copy)
                self._add("artifacts", owner, path, size, digest)
                self.report.count(artifacts=1)

    def _add(self, table: str, *row: Any) -> None:
        self._tables[table].add(row)

    def _add_pairs(self, table: str, owner: str, pairs: Any) -> None:
        for key, value in sorted(pairs.items()):
            self._add(table, owner, key, value)


def _raise(what: str, why: str) -> None:
    """Refuse what an import would leave out."""
    raise RunstreamError(f"{what}: {why}")


def _point_columns(run_id: str, part: PointColumns) -> dict[str, Any]:
    """Return points as the columns of the table, without a Python object for each."""
    pyarrow = tables.import_pyarrow()

    def coded(texts: list[str], indices: Any) -> Any:
        return pyarrow.DictionaryArray.from_arrays(pyarrow.array(indices), texts).cast("string")

    return {
        "run_id": coded([run_id], array("q", bytes(8 * len(part.value)))),
        "key": coded(list(part.keys), part.key),
        "step": pyarrow.array(part.step, "int64"),
        "timestamp": pyarrow.array(part.timestamp, "int64"),
        "value": pyarrow.array(part.value, "float64"),
    }


def _move(file: Path, copy: Path) -> tuple[int, str]:
    """Copy a file, and return its bytes and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as content, copy.open("xb") as target:
        while chunk := content.read(1024 * 1024):
            digest.update(chunk)
            target.write(chunk)
            size += len(chunk)
    return size, digest.hexdigest()
