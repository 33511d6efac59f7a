"""An export to an MLflow tracking server, by its REST API.

MLflow gives each run an id of its own; the tag `runstream.run_id` says which run it is, and by it a
run is found again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from runstream.errors import NotFound, Unavailable
from runstream.importing.copying import SOURCE_ERRORS
from runstream.importing.local_artifacts import walk_artifact_files
from runstream.importing.mlflow.api import MlflowApi
from runstream.importing.report import Report
from runstream.importing.source import PointColumns, Source, SourceExperiment, SourceRun

T = TypeVar("T")

RUN_ID_TAG = "runstream.run_id"
#: `complete`: everything of the run was written.
COMPLETE_TAG = "runstream.export"

# The most that MLflow takes in one call.
_METRICS_PER_CALL = 1_000
_PAIRS_PER_CALL = 100
_VALUE_CHARACTERS = {"params": 6_000, "tags": 8_000}

_ARTIFACTS = "mlflow-artifacts:/"
_ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})


class MlflowExport:
    """The export of a source to a server of MLflow. It can be repeated: what is there stays.

    Attributes:
        report: what was written up to now.
        on_run: called after each run.
    """

    def __init__(self, source: Source, uri: str) -> None:
        self.report = Report()
        self.on_run: Callable[[], object] = lambda: None
        self._source = source
        self._api = MlflowApi(uri.rstrip("/"))
        self._ids: dict[str, str] = {}  # of MLflow, by ours

    def write(self) -> None:
        """Write everything; what cannot be written is noted in the report.

        Raises:
            Unavailable: the server cannot be reached.
        """
        for experiment in self._source.read_experiments(self.report.note):
            here = self._find_or_create_experiment(experiment)
            self.report.count(experiments=1)
            for run_id in self._source.find_run_ids(experiment, self.report.note):
                self._attempt(f"run {run_id}", partial(self._write_run, run_id, here))
                self.on_run()
            models = sum(1 for _ in self._source.read_models(experiment, self.report.note))
            documents = sum(1 for _ in self._source.read_documents(experiment, self.report.note))
            self._leave_out("logged models, whose ids MLflow chooses", models)
            self._leave_out("reports and views", documents)
        self.report.left_out.update(self._source.count_left_out())

    def _find_or_create_experiment(self, experiment: SourceExperiment) -> str:
        try:
            found = self._api.get("experiments/get-by-name", {"experiment_name": experiment.name})
            here = str(found["experiment"]["experiment_id"])
        except NotFound:
            here = str(
                self._api.post("experiments/create", {"name": experiment.name})["experiment_id"]
            )
        for key, value in experiment.tags.items():
            body = {"experiment_id": here, "key": key, "value": value}
            self._attempt(
                f"tag {key!a} of experiment {experiment.name!r}",
                partial(self._api.post, "experiments/set-experiment-tag", body),
            )
        return here

    def _write_run(self, run_id: str, experiment_id: str) -> None:
        run = self._source.read_run(run_id, self.report.note)
        there = self._find_run(run_id, experiment_id)
        tags = (
            {}
            if there is None
            else {tag["key"]: tag["value"] for tag in there["data"].get("tags", ())}
        )
        if there is None:
            there = self._create_run(run, experiment_id)
        here = self._ids[run_id] = str(there["info"]["run_id"])
        if tags.get(COMPLETE_TAG) == "complete":
            self.report.count(runs_already_there=1)
            return
        before = self.report.problem_count
        self._write_params_and_tags(run, here)
        for part in self._source.read_points(run, self.report.note):
            self._attempt(
                f"points of {', '.join(part.keys)} of run {run_id}",
                partial(self._write_points, here, part),
            )
        self._write_inputs(run, here)
        self._attempt(
            f"artifacts of run {run_id}",
            lambda: self._write_artifacts(run, str(there["info"]["artifact_uri"])),
        )
        lines = sum(1 for _ in self._source.read_console(run, self.report.note))
        self._leave_out("lines of consoles", lines)
        self._leave_out(
            "models that runs read or made", len(run.model_inputs) + len(run.model_outputs)
        )
        if run.status in _ENDED:
            body = {"run_id": here, "status": run.status, "end_time": run.end_time}
            self._api.post("runs/update", body)
            if self.report.problem_count == before:
                self._set_tag(here, COMPLETE_TAG, "complete")
        self.report.count(runs=1)

    def _find_run(self, run_id: str, experiment_id: str) -> Any:
        body = {
            "experiment_ids": [experiment_id],
            "filter": f"tags.`{RUN_ID_TAG}` = '{run_id}'",
            "max_results": 1,
        }
        return next(iter(self._api.post("runs/search", body).get("runs", ())), None)

    def _create_run(self, run: SourceRun, experiment_id: str) -> Any:
        body = {
            "experiment_id": experiment_id,
            "run_name": run.name,
            "user_id": run.user_id,
            "start_time": run.start_time,
            "tags": [{"key": RUN_ID_TAG, "value": run.run_id}],
        }
        return self._api.post("runs/create", body)["run"]

    def _write_params_and_tags(self, run: SourceRun, here: str) -> None:
        tags = dict(run.tags)
        parent = tags.get("mlflow.parentRunId", "")
        if parent in self._ids:
            tags["mlflow.parentRunId"] = self._ids[parent]
        for kind, pairs in (("params", run.params), ("tags", tags)):
            what = f"{kind[:-1]} {{!a}} of run {run.run_id}"
            for some in _chunks(self._short_pairs(what, kind, pairs), _PAIRS_PER_CALL):
                if self._attempt(what, partial(self._log, here, kind, some), quiet=True):
                    self.report.count(**{kind: len(some)})
                    continue
                for one in some:  # to leave out only what MLflow refuses
                    if self._attempt(
                        what.format(one["key"]), partial(self._log, here, kind, [one])
                    ):
                        self.report.count(**{kind: 1})

    def _short_pairs(
        self, what: str, kind: str, pairs: Mapping[str, str]
    ) -> Sequence[Mapping[str, str]]:
        """Return the pairs but for long values, which MLflow would cut without a word."""
        limit = _VALUE_CHARACTERS[kind]
        for key, value in pairs.items():
            if len(value) > limit:
                why = f"it has {len(value)} characters, the limit of MLflow is {limit}"
                self.report.note(what.format(key), why)
        return [{"key": key, "value": value} for key, value in pairs.items() if len(value) <= limit]

    def _write_points(self, here: str, part: PointColumns) -> None:
        rows = zip(part.key, part.step, part.timestamp, part.value, strict=True)
        while some := list(islice(rows, _METRICS_PER_CALL)):
            metrics = [
                {
                    "key": part.keys[key],
                    "step": int(step),
                    "timestamp": int(timestamp),
                    "value": _json_number(float(value)),
                }
                for key, step, timestamp, value in some
            ]
            self._log(here, "metrics", metrics)
            self.report.count(points=len(metrics))

    def _write_inputs(self, run: SourceRun, here: str) -> None:
        for read in run.inputs:
            one = read.dataset
            dataset = {
                name: getattr(one, name)
                for name in ("name", "digest", "source_type", "source", "schema", "profile")
                if getattr(one, name)
            }
            tags = [{"key": key, "value": value} for key, value in read.tags.items()]
            body = {"run_id": here, "datasets": [{"tags": tags, "dataset": dataset}]}
            what = f"dataset {one.name!a} of run {run.run_id}"
            if self._attempt(what, partial(self._api.post, "runs/log-inputs", body)):
                self.report.count(datasets=1)

    def _write_artifacts(self, run: SourceRun, uri: str) -> None:
        with self._source.open_artifacts(run.run_id, run.artifact_uri) as files:
            if files is None:
                return
            if not uri.startswith(_ARTIFACTS):
                raise Unavailable(f"the server takes no artifacts: they belong to {uri}")
            root = uri.removeprefix(_ARTIFACTS).strip("/")
            for path, file in walk_artifact_files(files, self.report.note):
                what = f"file {path} of run {run.run_id}"
                if self._attempt(what, partial(self._api.upload, f"{root}/{path}", file)):
                    self.report.count(artifacts=1)

    def _log(self, here: str, kind: str, items: Sequence[Mapping[str, Any]]) -> None:
        self._api.post("runs/log-batch", {"run_id": here, kind: items})

    def _set_tag(self, here: str, key: str, value: str) -> None:
        self._api.post("runs/set-tag", {"run_id": here, "key": key, "value": value})

    def _leave_out(self, what: str, number: int) -> None:
        if number:
            self.report.left_out[f"{what}, for which MLflow has no place"] += number

    def _attempt(self, what: str, write: Callable[[], object], *, quiet: bool = False) -> bool:
        """Write something; if the server refuses it, note it and return False."""
        try:
            write()
        except SOURCE_ERRORS as error:
            if isinstance(error, Unavailable) and "artifacts" not in what:
                raise
            if not quiet:
                self.report.note(what, str(error) or type(error).__name__)
            return False
        return True


def _json_number(value: float) -> float | str:
    """Return a double as the JSON of Protobuf has it."""
    if value != value:
        return "NaN"
    return value if abs(value) != float("inf") else "Infinity" if value > 0 else "-Infinity"


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
