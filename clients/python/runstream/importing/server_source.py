"""An MLflow tracking server, by its REST API.

It is not trusted: it names no file of this machine, leads to no other server, and ends.
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
from runstream.importing.local_artifacts import local_files
from runstream.importing.mlflow_api import Origin
from runstream.importing.source import (
    Files,
    ModelPoint,
    Note,
    Points,
    SourceExperiment,
    SourceModel,
    SourceRun,
)
from runstream.rules import check_artifact_path

_PAGE_POINTS = 25_000
_PROXIED = "mlflow-artifacts:/"

# Files and folders of one run or model, and pages of one list: a server that has more has no end.
_FILES = 1_000_000
_PAGES = 1_000_000


class ServerSource:
    """A source that asks a server."""

    def __init__(self, uri: str, local_artifacts: Path | None = None) -> None:
        """Take note of the server.

        Args:
            uri: such as `http://host:5000`.
            local_artifacts: where artifacts may lie that are on this machine; nowhere, if left out.
        """
        self._origin = Origin(uri.rstrip("/"))
        self._local_artifacts = local_artifacts

    def experiments(self, note: Note) -> Iterator[SourceExperiment]:  # noqa: ARG002
        """Yield the active experiments."""
        for told in self._pages("experiments/search", "experiments", {"max_results": 1000}):
            yield SourceExperiment(_text(told["experiment_id"]), _text(told["name"]), _pairs(told))

    def run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:  # noqa: ARG002
        """Return the ids of the active runs of an experiment, oldest first."""
        body = {
            "experiment_ids": [experiment.id],
            "order_by": ["attributes.start_time ASC"],
            "max_results": 1000,
        }
        return [_text(run["info"]["run_id"]) for run in self._pages("runs/search", "runs", body)]

    def run(self, run_id: str, note: Note) -> SourceRun:  # noqa: ARG002
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
            params=_pairs(data, "params"),
            tags=_pairs(data),
            inputs=[_input(told) for told in inputs.get("dataset_inputs", ())],
            model_inputs=[_text(told["model_id"]) for told in inputs.get("model_inputs", ())],
            model_outputs=[(_text(told["model_id"]), int(told.get("step", 0))) for told in outputs],
        )

    def points(self, run: SourceRun, note: Note) -> Iterator[Points]:
        """Yield all points of a run, in parts."""
        data = self._get("runs/get", run_id=run.run_id)["run"]["data"]
        for latest in data.get("metrics", ()):
            try:
                yield from self._points(run.run_id, _text(latest["key"]))
            except (ValueError, LookupError, TypeError, OverflowError) as error:
                note(f"metric {latest!a:.200} of run {run.run_id}", str(error))

    def models(self, experiment: SourceExperiment, note: Note) -> Iterator[SourceModel]:  # noqa: ARG002
        """Yield the active logged models of an experiment; a server of MLflow 2 has none."""
        body = {"experiment_ids": [experiment.id], "max_results": 50}
        if not self._origin.has("logged-models/search", {**body, "max_results": 1}):
            return
        for told in self._pages("logged-models/search", "models", body):
            info, data = told["info"], told.get("data", {})
            yield SourceModel(
                model_id=_text(info["model_id"]),
                name=_text(info.get("name", "")),
                model_type=_text(info.get("model_type", "")),
                source_run_id=_text(info.get("source_run_id", "")),
                status=_text(info.get("status", "")).removeprefix("LOGGED_MODEL_"),
                artifact_uri=_text(info.get("artifact_uri", "")),
                params=_pairs(data, "params"),
                tags=_pairs(info),
                metrics=[_model_point(point) for point in data.get("metrics", ())],
            )

    @contextmanager
    def artifacts(self, owner: str, uri: str) -> Iterator[Files | None]:  # noqa: ARG002
        """Have the artifacts of a run or a model as files."""
        if not uri.startswith(_PROXIED):
            yield local_files(uri, self._local_artifacts) if uri else None
            return
        with tempfile.TemporaryDirectory(prefix="runstream-import-") as name:
            folder = Path(name)
            self._download(uri.removeprefix(_PROXIED).strip("/"), folder)
            yield Files(folder, folder) if any(folder.iterdir()) else None

    def _points(self, run_id: str, key: str) -> Iterator[Points]:
        query = {"run_id": run_id, "metric_key": key, "max_results": str(_PAGE_POINTS)}
        token, tokens = "", set[str]()
        while True:
            page = self._get("metrics/get-history", **query, page_token=token)
            points = page.get("metrics", ())
            yield Points(
                [key],
                [0] * len(points),
                [int(point.get("step", 0)) for point in points],
                [int(point["timestamp"]) for point in points],
                [float(point["value"]) for point in points],
            )
            token = self._next(page, tokens)
            if not token:
                return

    def _download(self, root: str, folder: Path) -> None:
        """Download all below a path of the artifact proxy."""
        count = 0
        folders = [""]
        while folders:
            path = folders.pop()
            for file in self._origin.list(f"{root}/{path}".rstrip("/")):
                name = _text(file["path"]).rpartition("/")[2]
                below = f"{path}/{name}".lstrip("/")
                check_artifact_path("path", below)  # so it is below the folder, and not too deep
                count += 1
                if count > _FILES:
                    raise RunstreamError(f"{root} has more than {_FILES} files and folders")
                if file.get("is_dir"):
                    (folder / below).mkdir()
                    folders.append(below)
                else:
                    size = file.get("file_size")
                    self._origin.download(f"{root}/{below}", folder / below, size)

    def _pages(self, path: str, items: str, body: Mapping[str, Any]) -> Iterator[Any]:
        token, tokens = "", set[str]()
        while True:
            page = self._origin.post(path, {**body, "page_token": token} if token else body)
            yield from page.get(items, ())
            token = self._next(page, tokens)
            if not token:
                return

    def _next(self, page: Mapping[str, Any], tokens: set[str]) -> str:
        """Return the token of the next page; it is none that was there already."""
        token = _text(page.get("next_page_token") or "")
        if token in tokens or len(tokens) > _PAGES:
            raise RunstreamError(f"{self._origin.uri} goes on with its pages without end")
        tokens.add(token)
        return token

    def _get(self, path: str, **query: str) -> Any:
        return self._origin.get(path, {name: value for name, value in query.items() if value})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{json.dumps(value)[:100]} is no text")
    return value


def _pairs(told: Mapping[str, Any], name: str = "tags") -> dict[str, str]:
    return {_text(one["key"]): _text(one.get("value", "")) for one in told.get(name, ())}


def _input(told: Mapping[str, Any]) -> DatasetInput:
    fields = ("name", "digest", "source_type", "source", "schema", "profile")
    dataset = Dataset(*[_text(told["dataset"].get(name, "")) for name in fields])
    return DatasetInput(dataset, _pairs(told))


def _model_point(told: Mapping[str, Any]) -> ModelPoint:
    return ModelPoint(
        _text(told["run_id"]),
        _text(told["key"]),
        float(told["value"]),
        int(told["timestamp"]),
        int(told.get("step", 0)),
        (_text(told.get("dataset_name", "")), _text(told.get("dataset_digest", ""))),
    )
