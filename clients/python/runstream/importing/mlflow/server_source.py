"""An MLflow tracking server, by its REST API.

The server is not trusted: it can name no file of this machine, redirect to no other server, and
send no list without end.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runstream.entities import Dataset, DatasetInput
from runstream.errors import RunstreamError
from runstream.importing.local_artifacts import find_local_artifacts
from runstream.importing.mlflow.api import MlflowApi
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
from runstream.rules import check_artifact_path

_PAGE_POINTS = 25_000
_PAGE_TRACES = 100
_PROXY_SCHEME = "mlflow-artifacts:/"

# Limits on the files and folders of one run or model, and on the pages of one list. A server that
# exceeds them would never end.
_MAX_FILES = 1_000_000
_MAX_PAGES = 1_000_000


class ServerSource(Source):
    """A source that asks a server."""

    tracker = "mlflow"

    def __init__(self, uri: str, local_artifacts: Path | None = None) -> None:
        """Prepare requests to the server.

        Args:
            uri: such as `http://host:5000`.
            local_artifacts: folder of this machine from which artifacts may be copied; none, if
                left out.
        """
        self._api = MlflowApi(uri.rstrip("/"))
        self._local_artifacts = local_artifacts
        self._experiment_ids: list[str] = []

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield the active experiments."""
        for record in self._read_pages("experiments/search", "experiments", {"max_results": 1000}):
            self._experiment_ids.append(_text(record["experiment_id"]))
            yield SourceExperiment(
                _text(record["experiment_id"]),
                _text(record["name"]),
                _to_dictionary(record),
            )

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the ids of the active runs of an experiment, oldest first."""
        body = {
            "experiment_ids": [experiment.id],
            "order_by": ["attributes.start_time ASC"],
            "max_results": 1000,
        }
        return [
            _text(run["info"]["run_id"]) for run in self._read_pages("runs/search", "runs", body)
        ]

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run."""
        run = self._get("runs/get", run_id=run_id)["run"]
        info, data, inputs = run["info"], run["data"], run.get("inputs", {})
        outputs = run.get("outputs", {}).get("model_outputs", ())
        return SourceRun(
            run_id=run_id,
            name=_text(info.get("run_name", "")),
            user_id=_text(info.get("user_id", "")),
            status=_text(info["status"]),
            start_time=int(info.get("start_time", 0)),
            end_time=int(info["end_time"]) if info.get("end_time") else None,
            artifact_uri=_text(info.get("artifact_uri", "")),
            params=_to_dictionary(data, "params"),
            tags=_to_dictionary(data),
            inputs=[_dataset_input(record) for record in inputs.get("dataset_inputs", ())],
            model_inputs=[_text(record["model_id"]) for record in inputs.get("model_inputs", ())],
            model_outputs=[
                (_text(record["model_id"]), int(record.get("step", 0))) for record in outputs
            ],
        )

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield all points of a run, in parts."""
        data = self._get("runs/get", run_id=run.run_id)["run"]["data"]
        for latest in data.get("metrics", ()):
            try:
                yield from self._read_points(run.run_id, _text(latest["key"]))
            except (ValueError, LookupError, TypeError, OverflowError) as error:
                note(f"metric {latest!a:.200} of run {run.run_id}", str(error))

    def read_models(
        self,
        experiment: SourceExperiment,
        note: Note,
    ) -> Iterator[SourceModel]:
        """Yield the active logged models of an experiment; a server of MLflow 2 has none."""
        body = {"experiment_ids": [experiment.id], "max_results": 50}
        if not self._api.has("logged-models/search", {**body, "max_results": 1}):
            return
        for record in self._read_pages("logged-models/search", "models", body):
            info, data = record["info"], record.get("data", {})
            yield SourceModel(
                model_id=_text(info["model_id"]),
                name=_text(info.get("name", "")),
                model_type=_text(info.get("model_type", "")),
                source_run_id=_text(info.get("source_run_id", "")),
                status=_text(info.get("status", "")).removeprefix("LOGGED_MODEL_"),
                artifact_uri=_text(info.get("artifact_uri", "")),
                params=_to_dictionary(data, "params"),
                tags=_to_dictionary(info),
                metrics=[_model_point(point) for point in data.get("metrics", ())],
            )

    @contextmanager
    def open_artifacts(self, owner: str, uri: str) -> Iterator[ArtifactFiles | None]:
        """Provide the artifacts of a run or a model as files."""
        if not uri.startswith(_PROXY_SCHEME):
            yield find_local_artifacts(uri, self._local_artifacts) if uri else None
            return
        with tempfile.TemporaryDirectory(prefix="runstream-import-") as name:
            folder = Path(name)
            self._download(uri.removeprefix(_PROXY_SCHEME).strip("/"), folder)
            yield ArtifactFiles(folder, folder) if any(folder.iterdir()) else None

    def count_left_out(self) -> Mapping[str, int]:
        """Return how many traces there are; a server that has no route for them has none."""
        traces = sum(map(self._count_traces, self._experiment_ids))
        return {"traces, for which there is no place": traces} if traces else {}

    def _count_traces(self, experiment_id: str) -> int:
        count, token, tokens = 0, "", set[str]()
        while True:
            query = {"experiment_ids": experiment_id, "max_results": str(_PAGE_TRACES)}
            try:
                page = self._get("traces", **query, page_token=token)
            except RunstreamError:  # nothing of it is copied, so nothing is missing
                return count
            count += len(page.get("traces", ()))
            token = self._next_token(page, tokens)
            if not token:
                return count

    def _read_points(self, run_id: str, key: str) -> Iterator[PointColumns]:
        query = {"run_id": run_id, "metric_key": key, "max_results": str(_PAGE_POINTS)}
        token, tokens = "", set[str]()
        while True:
            page = self._get("metrics/get-history", **query, page_token=token)
            points = page.get("metrics", ())
            yield PointColumns(
                [key],
                [0] * len(points),
                [int(point.get("step", 0)) for point in points],
                [int(point["timestamp"]) for point in points],
                [float(point["value"]) for point in points],
            )
            token = self._next_token(page, tokens)
            if not token:
                return

    def _download(self, root: str, folder: Path) -> None:
        """Download all below a path of the artifact proxy."""
        count = 0
        folders = [""]
        while folders:
            path = folders.pop()
            for file in self._api.list(f"{root}/{path}".rstrip("/")):
                name = _text(file["path"]).rpartition("/")[2]
                below = f"{path}/{name}".lstrip("/")
                check_artifact_path("path", below)  # so it is below the folder, and not too deep
                count += 1
                if count > _MAX_FILES:
                    raise RunstreamError(f"{root} has more than {_MAX_FILES} files and folders")
                if file.get("is_dir"):
                    (folder / below).mkdir()
                    folders.append(below)
                else:
                    size = file.get("file_size")
                    self._api.download(f"{root}/{below}", folder / below, size)

    def _read_pages(self, path: str, items: str, body: Mapping[str, Any]) -> Iterator[Any]:
        token, tokens = "", set[str]()
        while True:
            page = self._api.post(path, {**body, "page_token": token} if token else body)
            yield from page.get(items, ())
            token = self._next_token(page, tokens)
            if not token:
                return

    def _next_token(self, page: Mapping[str, Any], tokens: set[str]) -> str:
        """Return the token of the next page; raises RunstreamError if it was there already."""
        token = _text(page.get("next_page_token") or "")
        if token in tokens or len(tokens) > _MAX_PAGES:
            raise RunstreamError(f"{self._api.uri} goes on with its pages without end")
        tokens.add(token)
        return token

    def _get(self, path: str, **query: str) -> Any:
        return self._api.get(path, {name: value for name, value in query.items() if value})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{json.dumps(value)[:100]} is no text")
    return value


def _to_dictionary(record: Mapping[str, Any], name: str = "tags") -> dict[str, str]:
    return {_text(one["key"]): _text(one.get("value", "")) for one in record.get(name, ())}


def _dataset_input(record: Mapping[str, Any]) -> DatasetInput:
    fields = ("name", "digest", "source_type", "source", "schema", "profile")
    dataset = Dataset(*[_text(record["dataset"].get(name, "")) for name in fields])
    return DatasetInput(dataset, _to_dictionary(record))


def _model_point(record: Mapping[str, Any]) -> ModelPoint:
    return ModelPoint(
        _text(record["run_id"]),
        _text(record["key"]),
        float(record["value"]),
        int(record["timestamp"]),
        int(record.get("step", 0)),
        (
            _text(record.get("dataset_name", "")),
            _text(record.get("dataset_digest", "")),
        ),
    )
