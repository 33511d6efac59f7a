"""An MLflow tracking server, by its REST API."""

from __future__ import annotations

import json
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from runstream import proxies
from runstream.entities import Dataset, DatasetInput
from runstream.errors import RunstreamError, Unavailable
from runstream.importing.records import Points, SourceExperiment, SourceRun, local_folder

_TIMEOUT = 300
_PAGE_POINTS = 25_000
_PROXIED = "mlflow-artifacts:/"


class ServerSource:
    """A source that asks a server."""

    def __init__(self, uri: str) -> None:
        """Take note of the server.

        Args:
            uri: such as `http://host:5000`.
        """
        self._uri = uri.rstrip("/")

    def experiments(self) -> Iterator[SourceExperiment]:
        """Yield the active experiments."""
        for told in self._pages("experiments/search", "experiments", {"max_results": 1000}):
            tags = {tag["key"]: tag["value"] for tag in told.get("tags", ())}
            yield SourceExperiment(told["experiment_id"], told["name"], tags)

    def run_ids(self, experiment: SourceExperiment) -> Sequence[str]:
        """Return the ids of the active runs of an experiment, oldest first."""
        body = {
            "experiment_ids": [experiment.id],
            "order_by": ["attributes.start_time ASC"],
            "max_results": 1000,
        }
        return [run["info"]["run_id"] for run in self._pages("runs/search", "runs", body)]

    def run(self, run_id: str) -> SourceRun:
        """Return a run."""
        run = self._get("runs/get", run_id=run_id)["run"]
        info, data = run["info"], run["data"]
        return SourceRun(
            run_id=run_id,
            name=info.get("run_name", ""),
            user_id=info.get("user_id", ""),
            status=info["status"],
            start_time=int(info.get("start_time", 0)),
            end_time=int(info["end_time"]) if info.get("end_time") else None,
            artifact_uri=info.get("artifact_uri", ""),
            params={one["key"]: one.get("value", "") for one in data.get("params", ())},
            tags={one["key"]: one.get("value", "") for one in data.get("tags", ())},
            inputs=[_input(told) for told in run.get("inputs", {}).get("dataset_inputs", ())],
        )

    def points(self, run: SourceRun) -> Iterator[Points]:
        """Yield all points of a run, in parts."""
        data = self._get("runs/get", run_id=run.run_id)["run"]["data"]
        for latest in data.get("metrics", ()):
            query = {"run_id": run.run_id, "metric_key": latest["key"]}
            query |= {"max_results": str(_PAGE_POINTS)}
            while True:
                page = self._get("metrics/get-history", **query)
                points = page.get("metrics", ())
                yield Points(
                    [latest["key"]],
                    [0] * len(points),
                    [int(point.get("step", 0)) for point in points],
                    [int(point["timestamp"]) for point in points],
                    [float(point["value"]) for point in points],
                )
                if not page.get("next_page_token"):
                    break
                query["page_token"] = page["next_page_token"]

    @contextmanager
    def artifacts(self, run: SourceRun) -> Iterator[Path | None]:
        """Make a folder of all artifacts of a run."""
        if not run.artifact_uri.startswith(_PROXIED):
            yield local_folder(run.artifact_uri)
            return
        root = run.artifact_uri.removeprefix(_PROXIED).strip("/")
        with tempfile.TemporaryDirectory(prefix="runstream-import-") as name:
            folder = Path(name)
            self._download(root, folder)
            yield folder if any(folder.iterdir()) else None

    def _download(self, path: str, folder: Path) -> None:
        base = f"{self._uri}/api/2.0/mlflow-artifacts/artifacts"
        for file in self._json(f"{base}?{urlencode({'path': path})}").get("files", ()):
            name = file["path"].rpartition("/")[2]
            if name in {"", ".", ".."}:
                raise RunstreamError(f"{self._uri} lists a file {file['path']!r}")
            if file.get("is_dir"):
                (folder / name).mkdir()
                self._download(f"{path}/{name}", folder / name)
            else:
                there = f"{base}/{quote(f'{path}/{name}')}"
                with self._open(there) as content, (folder / name).open("xb") as copy:
                    shutil.copyfileobj(content, copy)

    def _pages(self, path: str, items: str, body: Mapping[str, Any]) -> Iterator[Any]:
        token = ""
        while True:
            asked = {**body, "page_token": token} if token else body
            page = self._json(f"{self._uri}/api/2.0/mlflow/{path}", json.dumps(asked).encode())
            yield from page.get(items, ())
            token = page.get("next_page_token", "")
            if not token:
                return

    def _get(self, path: str, **query: str) -> Any:
        return self._json(f"{self._uri}/api/2.0/mlflow/{path}?{urlencode(query)}")

    def _json(self, uri: str, body: bytes | None = None) -> Any:
        with self._open(uri, body) as answer:
            return json.load(answer)

    def _open(self, uri: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 # the user names the server
            uri, body, {"Content-Type": "application/json"}
        )
        try:
            return _opener(uri).open(request, timeout=_TIMEOUT)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            raise RunstreamError(f"{uri} answers {error.code}: {text[:500]}") from None
        except OSError as error:
            way = proxies.route(proxies.http_proxy(uri))
            raise Unavailable(f"{self._uri} cannot be reached{way}: {error}") from None


def _opener(uri: str) -> urllib.request.OpenerDirector:
    proxy = proxies.http_proxy(uri)
    ways = {} if proxy is None else {uri.partition(":")[0].lower(): proxy.uri}
    return urllib.request.build_opener(urllib.request.ProxyHandler(ways))


def _input(told: Mapping[str, Any]) -> DatasetInput:
    fields = ("name", "digest", "source_type", "source", "schema", "profile")
    dataset = Dataset(*[told["dataset"].get(name, "") for name in fields])
    return DatasetInput(dataset, {tag["key"]: tag["value"] for tag in told.get("tags", ())})
