"""The import of a source into a server. It can be repeated, and goes on where it stopped.

What cannot be copied is left out and noted in the report; the rest is copied.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from runstream.entities import ConsoleLine
from runstream.errors import NotFound, RunstreamError, Unavailable
from runstream.files.folder_transfer import PARALLEL_TRANSFERS
from runstream.importing.destination import Destination
from runstream.importing.local_artifacts import walk_artifact_files
from runstream.importing.report import Report
from runstream.importing.source import Source, SourceExperiment, SourceLine, SourceModel, SourceRun
from runstream.rules import check_key, check_text

T = TypeVar("T")

#: The tag of a run of which everything was copied, and those that say where it came from.
COMPLETE_TAG = "runstream.import"
TRACKER_TAG = "runstream.import.tracker"
ID_TAG = "runstream.import.id"
URL_TAG = "runstream.import.url"

#: Errors that malformed data of a source can cause.
SOURCE_ERRORS = (
    RunstreamError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    OverflowError,
)

_ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})

# Points of models in one message.
_MODEL_POINTS_PER_CALL = 5_000

# Lines of a console that are queued together; a longer line than the server takes is divided.
_LINES_PER_CALL = 10_000
_LINE_BYTES = 16_384
_LINE_CHARACTERS = 4_000


class Importer:
    """Copies a source to a server.

    A run keeps its id, and so does a model. Copying one again changes nothing, because a point, a
    param or a tag that is there stays as it is; a run that has ended and was copied whole is passed
    over, unless its source has more by now.

    Attributes:
        report: what was done up to now.
        on_points: called whenever points were copied.
    """

    def __init__(self, source: Source, client: Destination) -> None:
        self.report = Report()
        self.on_points: Callable[[], object] = lambda: None
        self._source = source
        self._client = client

    def import_experiments(self) -> Iterator[tuple[SourceExperiment, str]]:
        """Create the experiments that are not there; yield each with the id that it has here."""
        for experiment in self._source.read_experiments(self.note):
            what = f"experiment {experiment.name!r}"
            try:
                here = self._find_or_create_experiment(experiment)
            except Unavailable:
                raise
            except SOURCE_ERRORS as error:
                self.note(what, str(error))
                continue
            if here is None:
                self.note(what, "it is there, and deleted")
                continue
            self.report.experiments += 1
            yield experiment, here

    def find_run_ids(self, experiment: SourceExperiment) -> Sequence[str]:
        """Return the runs of an experiment of the source, oldest first."""
        return self._read_source(
            f"runs of experiment {experiment.name!r}",
            lambda: self._source.find_run_ids(experiment, self.note),
            (),
        )

    def import_run(self, run_id: str, experiment_id: str) -> None:
        """Copy a run, and note in the report what could not be copied of it."""
        problems = self.report.problem_count
        try:
            there = self._client.get_run(run_id).data.tags
        except NotFound:
            there = None
        is_complete = there is not None and there.get(COMPLETE_TAG) == "complete"
        if is_complete and not self._source.has_more(run_id, there or {}):
            self.report.runs_already_there += 1
            return
        run = self._read_source(
            f"run {run_id}", lambda: self._source.read_run(run_id, self.note), None
        )
        if run is None:
            return
        create = partial(self._create_run, run, experiment_id)
        if there is None and not self._try(f"run {run_id}", create):
            return
        self._try(f"params and tags of run {run_id}", lambda: self._copy_params_and_tags(run))
        self._try(f"points of run {run_id}", lambda: self._copy_points(run))
        self._try(f"console of run {run_id}", lambda: self._copy_console(run))
        self._try(f"datasets of run {run_id}", lambda: self._copy_inputs(run))
        self._try(
            f"artifacts of run {run_id}", lambda: self._copy_artifacts(run_id, run.artifact_uri)
        )
        if run.status in _ENDED:
            self._client.update_run(run_id, run.status, end_time=run.end_time)
            if self.report.problem_count == problems:
                self._client.log_batch(run_id, (), {}, {COMPLETE_TAG: "complete"})
        self._try(f"run {run_id}", lambda: self._client.flush_run(run_id))
        self.report.runs += 1

    def import_models(self, experiment: SourceExperiment, experiment_id: str) -> None:
        """Copy the logged models of an experiment whose runs are copied."""
        what = f"models of experiment {experiment.name!r}"
        models = self._source.read_models(experiment, self.note)
        while True:
            model = self._read_source(what, lambda: next(models, None), None)
            if model is None:
                return
            self._try(f"model {model.model_id}", partial(self._copy_model, model, experiment_id))

    def finish(self) -> None:
        """Take over into the report what the source left out on purpose."""
        self.report.left_out.update(self._source.count_left_out())

    def note(self, what: str, why: str) -> None:
        """Record in the report something that could not be copied."""
        self.report.note(what, why)

    def _find_or_create_experiment(self, experiment: SourceExperiment) -> str | None:
        there = self._client.get_experiment_by_name(experiment.name)
        if there is not None and there.lifecycle_stage != "active":
            return None
        here = there.experiment_id if there else self._client.create_experiment(experiment.name)
        for key, value in experiment.tags.items():
            what = f"tag {key!a} of experiment {experiment.name!r}"
            self._try(what, partial(self._client.set_experiment_tag, here, key, value))
        return here

    def _create_run(self, run: SourceRun, experiment_id: str) -> None:
        self._client.create_run(
            experiment_id,
            start_time=run.start_time,
            tags={},
            run_name=run.name,
            run_id=run.run_id,
            user_id=run.user_id,
        )

    def _copy_params_and_tags(self, run: SourceRun) -> None:
        params = self._valid_pairs(f"param of run {run.run_id}", run.params)
        tags = self._valid_pairs(f"tag of run {run.run_id}", run.tags)
        tags.pop(COMPLETE_TAG, None)  # of an import into the source, and not of this one
        origin = {TRACKER_TAG: self._source.tracker, ID_TAG: run.source_id or run.run_id}
        if run.url:
            origin[URL_TAG] = run.url
        origin = self._valid_pairs(f"origin of run {run.run_id}", origin)
        self._client.log_batch(run.run_id, (), params, tags | origin)
        self._client.flush_run(run.run_id)
        self.report.params += len(params)
        self.report.tags += len(tags)

    def _copy_points(self, run: SourceRun) -> None:
        for part in self._source.read_points(run, self.note):
            self._client.log_columns(run.run_id, **part._asdict())
            self.report.points += len(part.value)
            self.on_points()
        self._client.flush_run(run.run_id)

    def _copy_console(self, run: SourceRun) -> None:
        lines = _number_lines(self._source.read_console(run, self.note))
        while part := list(islice(lines, _LINES_PER_CALL)):
            self._client.log_console_lines(run.run_id, part)
            self.report.console_lines += len(part)
        self._client.flush_run(run.run_id)

    def _copy_inputs(self, run: SourceRun) -> None:
        for read in run.inputs:
            what = f"dataset {read.dataset.name!a} of run {run.run_id}"
            if self._try(what, partial(self._client.log_inputs, run.run_id, [read])):
                self.report.datasets += 1
        if run.model_inputs:
            self._client.log_input_models(run.run_id, run.model_inputs)
        if run.model_outputs:
            self._client.log_outputs(run.run_id, run.model_outputs)

    def _copy_artifacts(self, owner: str, uri: str) -> None:
        with self._source.open_artifacts(owner, uri) as files:
            if files is None:
                return
            with ThreadPoolExecutor(
                PARALLEL_TRANSFERS, thread_name_prefix="runstream-import"
            ) as threads:

                def upload(file: tuple[str, Path]) -> tuple[Path, str]:
                    path, local = file
                    folder, _, _ = path.rpartition("/")
                    try:
                        self._client.log_artifact(owner, local, folder or None)
                    except (RunstreamError, OSError) as error:
                        return local, str(error)
                    return local, ""

                for local, why in threads.map(upload, walk_artifact_files(files, self.note)):
                    if why:
                        self.note(f"file {local} of {owner}", why)
                    else:
                        self.report.artifacts += 1

    def _copy_model(self, model: SourceModel, experiment_id: str) -> None:
        what = f"of model {model.model_id}"
        self._client.create_logged_model(
            experiment_id,
            model.name,
            model.source_run_id,
            self._valid_pairs(f"tag {what}", model.tags),
            self._valid_pairs(f"param {what}", model.params),
            model.model_type,
            model.model_id,
        )
        self.report.models += 1
        self._try(f"metrics {what}", lambda: self._copy_model_metrics(model))
        self._try(
            f"artifacts {what}", lambda: self._copy_artifacts(model.model_id, model.artifact_uri)
        )
        if model.status in ("READY", "UPLOAD_FAILED"):
            self._client.finalize_logged_model(model.model_id, model.status)

    def _copy_model_metrics(self, model: SourceModel) -> None:
        groups: dict[tuple[str, tuple[str, str]], list[tuple[str, float, int, int]]]
        groups = defaultdict(list)
        for point in model.metrics:
            row = (point.key, point.value, point.timestamp, point.step)
            groups[point.run_id, point.dataset].append(row)
        for (run_id, dataset), rows in groups.items():
            for start in range(0, len(rows), _MODEL_POINTS_PER_CALL):
                part = rows[start : start + _MODEL_POINTS_PER_CALL]
                self._client.log_model_metrics(
                    run_id, model.model_id, part, dataset if any(dataset) else None
                )

    def _valid_pairs(self, what: str, pairs: Mapping[str, str]) -> dict[str, str]:
        """Return those of the pairs that may be stored, and note the others."""
        valid = {}
        for key, value in pairs.items():
            try:
                check_key("key", key)
                check_text("value", value)
                valid[key] = value
            except RunstreamError as error:
                self.note(f"{what} {key!a}", str(error))
        return valid

    def _read_source(self, what: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except Unavailable:
            raise
        except SOURCE_ERRORS as error:
            self.note(what, str(error) or type(error).__name__)
            return otherwise

    def _try(self, what: str, copy: Callable[[], object]) -> bool:
        try:
            copy()
        except SOURCE_ERRORS as error:
            self.note(what, str(error) or type(error).__name__)
            return False
        return True


def _number_lines(lines: Iterator[SourceLine]) -> Iterator[ConsoleLine]:
    number = 0
    for line in lines:
        parts = [line.text]
        if len(line.text.encode(errors="replace")) > _LINE_BYTES:
            starts = range(0, len(line.text), _LINE_CHARACTERS)
            parts = [line.text[start : start + _LINE_CHARACTERS] for start in starts]
        for text in parts:
            number += 1
            yield ConsoleLine(number, line.stream, line.timestamp, text)
