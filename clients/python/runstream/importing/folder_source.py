"""A folder `mlruns`, as MLflow's file store writes it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runstream.entities import Dataset, DatasetInput
from runstream.errors import FailedPrecondition, InvalidArgument, RunstreamError
from runstream.importing.local_artifacts import files_of, is_here, local_files
from runstream.importing.source import (
    Files,
    ModelPoint,
    Note,
    Points,
    SourceExperiment,
    SourceModel,
    SourceRun,
)
from runstream.rules import check_key, check_step, check_timestamp

_STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_MODEL_STATUS = {1: "PENDING", 2: "READY", 3: "UPLOAD_FAILED"}

# Bytes of a file that is read whole: no text that can be stored is larger.
_TEXT_BYTES = 1024 * 1024
_PART = 50_000
# Bad lines of one file that are told of, one by one.
_BAD_LINES = 10


class FolderSource:
    """A source that reads MLflow's files, and none outside of the folder."""

    def __init__(self, root: Path, local_artifacts: Path | None = None) -> None:
        """Look at the folder.

        Args:
            root: the folder.
            local_artifacts: where artifacts may lie that are not in it.

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

    def experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield the active experiments."""
        for file in sorted(self._root.glob("*/meta.yaml")):
            meta = self._yaml(file, note)
            if meta.get("lifecycle_stage", "active") == "active" and "name" in meta:
                tags = self._texts(file.parent / "tags", note)
                yield SourceExperiment(file.parent.name, str(meta["name"]), tags)

    def run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the ids of the active runs of an experiment, oldest first."""
        found = []
        for file in (self._root / experiment.id).glob("*/meta.yaml"):
            meta = self._yaml(file, note)
            if "run_id" in meta and meta.get("lifecycle_stage", "active") == "active":
                self._folders[str(meta["run_id"])] = file.parent
                start = meta.get("start_time")
                found.append((start if isinstance(start, int) else 0, str(meta["run_id"])))
        return [run_id for _, run_id in sorted(found)]

    def run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run."""
        folder = self._folders[run_id]
        file = folder / "meta.yaml"
        meta = self._yaml(file, note)
        tags = self._texts(folder / "tags", note)
        return SourceRun(
            run_id=run_id,
            name=str(meta.get("run_name") or tags.get("mlflow.runName") or ""),
            user_id=str(meta.get("user_id") or ""),
            status=_STATUS.get(meta.get("status", 1), "RUNNING"),
            start_time=_time(meta, "start_time", file, note) or 0,
            end_time=_time(meta, "end_time", file, note),
            artifact_uri=str(meta.get("artifact_uri") or ""),
            params=self._texts(folder / "params", note),
            tags=tags,
            inputs=list(self._inputs(folder, note)),
            model_inputs=[model_id for model_id, _ in self._models_of(folder, "inputs", note)],
            model_outputs=list(self._models_of(folder, "outputs", note)),
        )

    def points(self, run: SourceRun, note: Note) -> Iterator[Points]:
        """Yield all points of a run, in parts."""
        for key, file in self._files(self._folders[run.run_id] / "metrics", note):
            try:
                check_key("key", key)
            except RunstreamError as error:
                note(ascii(str(file)), str(error))
                continue
            rows = []
            for row in _rows(file, note):
                rows.append(row[:3])
                if len(rows) == _PART:
                    yield _points(key, rows)
                    rows = []
            if rows:
                yield _points(key, rows)

    def models(self, experiment: SourceExperiment, note: Note) -> Iterator[SourceModel]:
        """Yield the active logged models of an experiment."""
        for file in sorted((self._root / experiment.id / "models").glob("*/meta.yaml")):
            meta = self._yaml(file, note)
            if "model_id" not in meta or meta.get("lifecycle_stage", "active") != "active":
                continue
            folder = file.parent
            self._folders[str(meta["model_id"])] = folder
            metrics = [
                ModelPoint(words[0], key, value, timestamp, step, _dataset(words[1:]))
                for key, metric in self._files(folder / "metrics", note)
                for timestamp, value, step, words in _rows(metric, note)
                if words
            ]
            yield SourceModel(
                model_id=str(meta["model_id"]),
                name=str(meta.get("name") or ""),
                model_type=str(meta.get("model_type") or ""),
                source_run_id=str(meta.get("source_run_id") or ""),
                status=_MODEL_STATUS.get(meta.get("status", 1), "PENDING"),
                artifact_uri=str(meta.get("artifact_location") or ""),
                params=self._texts(folder / "params", note),
                tags=self._texts(folder / "tags", note),
                metrics=metrics,
            )

    @contextmanager
    def artifacts(self, owner: str, uri: str) -> Iterator[Files | None]:
        """Have the artifacts of a run or a model as files."""
        # The folder may have been moved since they were logged.
        beside = self._folders[owner] / "artifacts"
        if beside.is_dir() and any(beside.iterdir()):
            yield Files(beside, self._root)
        elif beside.is_dir() or not is_here(uri):  # there are none
            yield None
        else:
            yield local_files(uri, self._local_artifacts or self._root)

    def _inputs(self, folder: Path, note: Note) -> Iterator[DatasetInput]:
        for file in sorted(folder.glob("inputs/*/meta.yaml")):
            use = self._yaml(file, note)
            dataset = folder.parent / "datasets" / str(use.get("source_id")) / "meta.yaml"
            if use.get("source_type") != "DATASET" or not dataset.exists():
                continue
            told = self._yaml(dataset, note)
            fields = ("name", "digest", "source_type", "source", "schema", "profile")
            tags = {str(key): str(value) for key, value in (use.get("tags") or {}).items()}
            yield DatasetInput(Dataset(*[str(told.get(name) or "") for name in fields]), tags)

    def _models_of(self, folder: Path, part: str, note: Note) -> Iterator[tuple[str, int]]:
        for file in sorted(folder.glob(f"{part}/*/meta.yaml")):
            use = self._yaml(file, note)
            kinds = (use.get("source_type"), use.get("destination_type"))
            if "MODEL" in kinds or "MODEL_OUTPUT" in kinds:
                step = use.get("step")
                yield str(use.get("destination_id")), step if isinstance(step, int) else 0

    def _texts(self, folder: Path, note: Note) -> dict[str, str]:
        texts = {}
        for key, file in self._files(folder, note):
            try:
                texts[key] = _text(file)
            except (OSError, ValueError) as error:
                note(ascii(str(file)), str(error))
        return texts

    def _files(self, folder: Path, note: Note) -> Iterator[tuple[str, Path]]:
        """Yield the files below a folder by their names in it, but for hidden ones."""
        if folder.is_dir():
            for name, file in files_of(Files(folder, self._root), note):
                if not any(part.startswith(".") for part in name.split("/")):
                    yield name, file

    def _yaml(self, file: Path, note: Note) -> Mapping[str, Any]:
        """Return what a file says; nothing, if it cannot be read, which is noted."""
        yaml = _import_yaml()
        try:
            if not file.resolve().is_relative_to(self._root.resolve()):
                note(str(file), f"it is a link that leads out of {self._root}")
                return {}
            meta = yaml.safe_load(_text(file)) or {}
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


def _text(file: Path) -> str:
    with file.open("rb") as content:
        text = content.read(_TEXT_BYTES + 1)
    if len(text) > _TEXT_BYTES:
        raise ValueError(f"it is larger than {_TEXT_BYTES} bytes")
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8, at byte {error.start}") from None


def _rows(file: Path, note: Note) -> Iterator[tuple[int, float, int, list[str]]]:
    """Yield timestamp, value, step and what follows of each line; bad ones are noted."""
    bad = 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield _row(line)
            except (ValueError, OverflowError) as error:
                bad += 1
                if bad <= _BAD_LINES:
                    note(f"{file}:{number}", f"{line[:100]!r} is no point: {error}")
    if bad > _BAD_LINES:
        note(str(file), f"{bad - _BAD_LINES} more lines are no points")


def _row(line: bytes) -> tuple[int, float, int, list[str]]:
    words = line.decode().split()
    if len(words) < 2:
        raise ValueError("it has one word")
    timestamp, value = _integer(words[0]), float(words[1])
    step = _integer(words[2]) if len(words) > 2 else 0  # old files have no steps
    check_timestamp("timestamp", timestamp)
    check_step("step", step)
    return timestamp, value, step, words[3:]


def _integer(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        number = float(word)
    if not math.isfinite(number) or not number.is_integer():
        raise ValueError(f"{word!r} is no integer")
    return int(number)


def _points(key: str, rows: Sequence[tuple[int, float, int]]) -> Points:
    timestamp, value, step = zip(*rows, strict=True)
    return Points([key], [0] * len(rows), step, timestamp, value)


def _dataset(words: Sequence[str]) -> tuple[str, str]:
    return (words[0], words[1]) if len(words) >= 2 else ("", "")


def _time(meta: Mapping[str, Any], name: str, file: Path, note: Note) -> int | None:
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
