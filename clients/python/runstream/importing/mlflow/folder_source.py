"""A folder `mlruns`, as MLflow's file store writes it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runstream.entities import Dataset, DatasetInput
from runstream.errors import FailedPrecondition, InvalidArgument, RunstreamError
from runstream.importing.local_artifacts import (
    find_local_artifacts,
    may_be_local,
    walk_artifact_files,
)
from runstream.importing.source import (
    ArtifactFiles,
    ModelPoint,
    Note,
    PointColumns,
    Source,
    SourceExperiment,
    SourceModel,
    SourceRun,
)
from runstream.rules import check_key, check_step, check_timestamp

_STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_MODEL_STATUS = {1: "PENDING", 2: "READY", 3: "UPLOAD_FAILED"}

# Bytes of a file that is read as a whole: no text that can be stored is larger.
_MAX_TEXT_BYTES = 1024 * 1024
_PART_POINTS = 50_000
# Bad lines of one file that are reported one by one.
_MAX_REPORTED_LINES = 10


class FolderSource(Source):
    """A source that reads MLflow's files, and no file outside of the folder."""

    tracker = "mlflow"

    def __init__(self, root: Path, local_artifacts: Path | None = None) -> None:
        """Check that the folder is one of MLflow's.

        Args:
            root: the folder.
            local_artifacts: another folder from which artifacts may be copied.

        Raises:
            InvalidArgument: it is no folder of MLflow.
            FailedPrecondition: PyYAML is missing.
        """
        self._root = root
        self._local_artifacts = local_artifacts
        self._folders: dict[str, Path] = {}  # of runs and models
        if not any(root.glob("*/meta.yaml")):
            raise InvalidArgument(
                f"{root} is no folder of MLflow: it has no experiment",
                reason="SOURCE_MALFORMED",
                field="source",
                value=root,
            )
        _import_yaml()

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield the active experiments."""
        for file in sorted(self._root.glob("*/meta.yaml")):
            meta = self._read_yaml(file, note)
            if meta.get("lifecycle_stage", "active") == "active" and "name" in meta:
                tags = self._read_texts(file.parent / "tags", note)
                yield SourceExperiment(file.parent.name, str(meta["name"]), tags)

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the ids of the active runs of an experiment, oldest first."""
        found = []
        for file in (self._root / experiment.id).glob("*/meta.yaml"):
            meta = self._read_yaml(file, note)
            if "run_id" in meta and meta.get("lifecycle_stage", "active") == "active":
                self._folders[str(meta["run_id"])] = file.parent
                start = meta.get("start_time")
                found.append((start if isinstance(start, int) else 0, str(meta["run_id"])))
        return [run_id for _, run_id in sorted(found)]

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run."""
        folder = self._folders[run_id]
        file = folder / "meta.yaml"
        meta = self._read_yaml(file, note)
        tags = self._read_texts(folder / "tags", note)
        return SourceRun(
            run_id=run_id,
            name=str(meta.get("run_name") or tags.get("mlflow.runName") or ""),
            user_id=str(meta.get("user_id") or ""),
            status=_STATUS.get(meta.get("status", 1), "RUNNING"),
            start_time=_read_time(meta, "start_time", file, note) or 0,
            end_time=_read_time(meta, "end_time", file, note),
            artifact_uri=str(meta.get("artifact_uri") or ""),
            params=self._read_texts(folder / "params", note),
            tags=tags,
            inputs=list(self._read_inputs(folder, note)),
            model_inputs=[model_id for model_id, _ in self._read_models(folder, "inputs", note)],
            model_outputs=list(self._read_models(folder, "outputs", note)),
        )

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield all points of a run, in parts."""
        for key, file in self._walk_files(self._folders[run.run_id] / "metrics", note):
            try:
                check_key("key", key)
            except RunstreamError as error:
                note(ascii(str(file)), str(error))
                continue
            rows = []
            for row in _read_rows(file, note):
                rows.append(row[:3])
                if len(rows) == _PART_POINTS:
                    yield _to_columns(key, rows)
                    rows = []
            if rows:
                yield _to_columns(key, rows)

    def read_models(self, experiment: SourceExperiment, note: Note) -> Iterator[SourceModel]:
        """Yield the active logged models of an experiment."""
        for file in sorted((self._root / experiment.id / "models").glob("*/meta.yaml")):
            meta = self._read_yaml(file, note)
            if "model_id" not in meta or meta.get("lifecycle_stage", "active") != "active":
                continue
            folder = file.parent
            self._folders[str(meta["model_id"])] = folder
            metrics = [
                ModelPoint(
                    words[0], key, value, timestamp, step, _dataset_name_and_digest(words[1:])
                )
                for key, metric in self._walk_files(folder / "metrics", note)
                for timestamp, value, step, words in _read_rows(metric, note)
                if words
            ]
            yield SourceModel(
                model_id=str(meta["model_id"]),
                name=str(meta.get("name") or ""),
                model_type=str(meta.get("model_type") or ""),
                source_run_id=str(meta.get("source_run_id") or ""),
                status=_MODEL_STATUS.get(meta.get("status", 1), "PENDING"),
                artifact_uri=str(meta.get("artifact_location") or ""),
                params=self._read_texts(folder / "params", note),
                tags=self._read_texts(folder / "tags", note),
                metrics=metrics,
            )

    @contextmanager
    def open_artifacts(self, owner: str, uri: str) -> Iterator[ArtifactFiles | None]:
        """Provide the artifacts of a run or a model as files."""
        # The folder may have been moved since they were logged.
        beside = self._folders[owner] / "artifacts"
        if beside.is_dir() and any(beside.iterdir()):
            yield ArtifactFiles(beside, self._root)
        elif beside.is_dir() or not may_be_local(uri):  # there are none
            yield None
        else:
            yield find_local_artifacts(uri, self._local_artifacts or self._root)

    def count_left_out(self) -> Mapping[str, int]:
        """Return how many traces there are."""
        traces = sum(1 for _ in self._root.glob("*/traces/*"))
        return {"traces, for which there is no place": traces} if traces else {}

    def _read_inputs(self, folder: Path, note: Note) -> Iterator[DatasetInput]:
        for file in sorted(folder.glob("inputs/*/meta.yaml")):
            use = self._read_yaml(file, note)
            dataset = folder.parent / "datasets" / str(use.get("source_id")) / "meta.yaml"
            if use.get("source_type") != "DATASET" or not dataset.exists():
                continue
            meta = self._read_yaml(dataset, note)
            fields = ("name", "digest", "source_type", "source", "schema", "profile")
            tags = {str(key): str(value) for key, value in (use.get("tags") or {}).items()}
            yield DatasetInput(Dataset(*[str(meta.get(name) or "") for name in fields]), tags)

    def _read_models(self, folder: Path, part: str, note: Note) -> Iterator[tuple[str, int]]:
        for file in sorted(folder.glob(f"{part}/*/meta.yaml")):
            use = self._read_yaml(file, note)
            kinds = (use.get("source_type"), use.get("destination_type"))
            if "MODEL" in kinds or "MODEL_OUTPUT" in kinds:
                step = use.get("step")
                yield str(use.get("destination_id")), step if isinstance(step, int) else 0

    def _read_texts(self, folder: Path, note: Note) -> dict[str, str]:
        texts = {}
        for key, file in self._walk_files(folder, note):
            try:
                texts[key] = _read_text(file)
            except (OSError, ValueError) as error:
                note(ascii(str(file)), str(error))
        return texts

    def _walk_files(self, folder: Path, note: Note) -> Iterator[tuple[str, Path]]:
        """Yield the files below a folder by their names in it, but for hidden ones."""
        if folder.is_dir():
            for name, file in walk_artifact_files(ArtifactFiles(folder, self._root), note):
                if not any(part.startswith(".") for part in name.split("/")):
                    yield name, file

    def _read_yaml(self, file: Path, note: Note) -> Mapping[str, Any]:
        """Return what a file says; nothing, if it cannot be read, which is noted."""
        yaml = _import_yaml()
        try:
            if not file.resolve().is_relative_to(self._root.resolve()):
                note(str(file), f"it is a link that leads out of {self._root}")
                return {}
            meta = yaml.safe_load(_read_text(file)) or {}
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f":{mark.line + 1}" if mark else ""
            note(f"{file}{line}", str(getattr(error, "problem", None) or error))
            return {}
        except (OSError, ValueError, RecursionError) as error:
            note(str(file), str(error))
            return {}
        if isinstance(meta, dict):
            return meta
        note(str(file), "it is no mapping")
        return {}


def _read_text(file: Path) -> str:
    with file.open("rb") as content:
        text = content.read(_MAX_TEXT_BYTES + 1)
    if len(text) > _MAX_TEXT_BYTES:
        raise ValueError(f"it is larger than {_MAX_TEXT_BYTES} bytes")
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8, at byte {error.start}") from None


def _read_rows(file: Path, note: Note) -> Iterator[tuple[int, float, int, list[str]]]:
    """Yield timestamp, value, step and what follows of each line; bad ones are noted."""
    bad = 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield _parse_row(line)
            except (ValueError, OverflowError) as error:
                bad += 1
                if bad <= _MAX_REPORTED_LINES:
                    note(f"{file}:{number}", f"{line[:100]!r} is no point: {error}")
    if bad > _MAX_REPORTED_LINES:
        note(str(file), f"{bad - _MAX_REPORTED_LINES} more lines are no points")


def _parse_row(line: bytes) -> tuple[int, float, int, list[str]]:
    words = line.decode().split()
    if len(words) < 2:
        raise ValueError("it has one word")
    timestamp, value = _parse_integer(words[0]), float(words[1])
    step = _parse_integer(words[2]) if len(words) > 2 else 0  # old files have no steps
    check_timestamp("timestamp", timestamp)
    check_step("step", step)
    return timestamp, value, step, words[3:]


def _parse_integer(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        number = float(word)
    if not math.isfinite(number) or not number.is_integer():
        raise ValueError(f"{word!r} is no integer")
    return int(number)


def _to_columns(key: str, rows: Sequence[tuple[int, float, int]]) -> PointColumns:
    timestamp, value, step = zip(*rows, strict=True)
    return PointColumns([key], [0] * len(rows), step, timestamp, value)


def _dataset_name_and_digest(words: Sequence[str]) -> tuple[str, str]:
    return (words[0], words[1]) if len(words) >= 2 else ("", "")


def _read_time(meta: Mapping[str, Any], name: str, file: Path, note: Note) -> int | None:
    time = meta.get(name)
    if time is None or (isinstance(time, int) and -(2**63) <= time < 2**63):
        return time
    note(str(file), f"{name} is {str(time)[:100]!a}, which is no time")
    return None


def _import_yaml() -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise FailedPrecondition(
            "reading a folder of MLflow needs PyYAML: pip install pyyaml", reason="YAML_MISSING"
        ) from None
    return yaml
