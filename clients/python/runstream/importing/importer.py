"""The import of a source into a server. It can be repeated, and goes on where it stopped.

What cannot be copied is left out and noted in the report; the rest is copied.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import islice
from typing import TypeVar

from runstream.entities import ConsoleLine, Run
from runstream.errors import NotFound, Unavailable
from runstream.importing.copying import SOURCE_ERRORS
from runstream.importing.destination import Destination
from runstream.importing.document_copy import DocumentCopy
from runstream.importing.lanes import LANES, Lane, Lanes
from runstream.importing.model_copy import ModelCopy
from runstream.importing.report import Report
from runstream.importing.run_copy import RunCopy
from runstream.importing.source import Source, SourceExperiment, SourceLine, SourceRun

T = TypeVar("T")

# Runs of which is asked whether they are there, before it is their turn.
_LOOKED_AHEAD = 2 * LANES

# Lines of a console that are queued together; a longer line than the server takes is divided.
_LINES_PER_STEP = 10_000
_LINE_BYTES = 16_384
_LINE_CHARACTERS = 4_000


class Importer:
    """Copies a source to a server.

    A run keeps its id, and so does a model. Copying one again changes nothing, because a point, a
    param or a tag that is there stays as it is; a run that has ended and was copied whole is passed
    over, unless its source has more by now.

    Attributes:
        report: what was done up to now.
        copied: the ids of the runs that were copied, and not only passed over.
        on_points: called whenever points were copied.
    """

    def __init__(self, source: Source, client: Destination) -> None:
        self.report = Report()
        self.copied: set[str] = set()
        self.on_points: Callable[[], object] = lambda: None
        self._source = source
        self._client = client
        self._not_whole: set[str] = set()

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

    def import_runs(self, runs: Iterable[tuple[str, str]]) -> Iterator[None]:
        """Copy runs, several at a time, and note in the report what could not be copied of them.

        Args:
            runs: their ids, each with the id that its experiment has here.

        Yields:
            None, when a run was read.
        """
        with Lanes() as lanes:
            for run_id, experiment_id, there in self._look_up(runs):
                if there is not None and self._source.is_complete(there):
                    self.report.count(runs_already_there=1)
                else:
                    with lanes.open() as lane:
                        self._import_run(lane, run_id, experiment_id, there)
                yield

    def import_models(self, experiment: SourceExperiment, experiment_id: str) -> None:
        """Copy the logged models of an experiment whose runs are copied."""
        what = f"models of experiment {experiment.name!r}"
        models = self._source.read_models(experiment, self.note)
        while model := self._read_source(what, lambda: next(models, None), None):
            copy = ModelCopy(self._client, self.report)
            copy.attempt(
                f"model {model.model_id}", partial(copy.copy, model, experiment_id, self._source)
            )

    def import_documents(self, experiment: SourceExperiment, experiment_id: str) -> None:
        """Copy the reports and views of an experiment."""
        what = f"documents of experiment {experiment.name!r}"
        copy = DocumentCopy(self._client, self.report, experiment_id)
        for document in copy.read_parts(what, self._source.read_documents(experiment, self.note)):
            copy.attempt(
                f"{document.kind} {document.title!a} of experiment {experiment.name!r}",
                partial(copy.copy, document),
            )

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
            try:
                self._client.set_experiment_tag(here, key, value)
            except SOURCE_ERRORS as error:
                self.note(f"tag {key!a} of experiment {experiment.name!r}", str(error))
        return here

    def _look_up(self, runs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, Run | None]]:
        """Yield runs, and what each is here; None if it is not there."""
        with ExitStack() as stack:
            threads = ThreadPoolExecutor(LANES, thread_name_prefix="runstream-import")
            stack.callback(threads.shutdown, wait=False, cancel_futures=True)
            asked: deque[tuple[str, str, Future[Run | None]]] = deque()
            rest = iter(runs)
            while True:
                for run_id, experiment_id in islice(rest, _LOOKED_AHEAD - len(asked)):
                    found = threads.submit(self._find_run, run_id)
                    asked.append((run_id, experiment_id, found))
                if not asked:
                    return
                run_id, experiment_id, found = asked.popleft()
                yield run_id, experiment_id, found.result()

    def _find_run(self, run_id: str) -> Run | None:
        try:
            return self._client.get_run(run_id)
        except NotFound:
            return None

    def _import_run(self, lane: Lane, run_id: str, experiment_id: str, there: Run | None) -> None:
        """Read a run, and give the steps of its copy to a lane."""
        source = self._source
        tracker = "" if source.is_exact else source.tracker
        copy = RunCopy(self._client, self.report, tracker, there)
        run = self._read_source(f"run {run_id}", lambda: source.read_run(run_id, copy.note), None)
        if run is None:
            return

        def create() -> None:
            if not copy.attempt(f"run {run_id}", lambda: copy.create(run, experiment_id)):
                lane.stop()

        def give(what: str, step: Callable[[], object]) -> None:
            lane.give(lambda: copy.attempt(f"{what} of run {run_id}", step))

        if there is None:
            lane.give(create)
        give("params and tags", lambda: copy.copy_params_and_tags(run))
        for part in copy.read_parts(f"points of run {run_id}", source.read_points(run, copy.note)):
            give("points", partial(copy.copy_points, run, part))
            self.on_points()
        lines = copy.read_parts(f"console of run {run_id}", source.read_console(run, copy.note))
        numbered = _number_lines(lines)
        while some := list(islice(numbered, _LINES_PER_STEP)):
            give("console", partial(copy.copy_lines, run, some))
        give("datasets", lambda: copy.copy_inputs(run))
        files = copy.read(
            f"artifacts of run {run_id}",
            lambda: lane.resources.enter_context(source.open_artifacts(run_id, run.artifact_uri)),
        )
        if files is not None:
            give("artifacts", lambda: copy.upload(run_id, files))
        lane.give(lambda: self._finish_run(copy, run))

    def _finish_run(self, copy: RunCopy, run: SourceRun) -> None:
        """End a run, which may have been copied before as far as it went then."""
        if copy.problems:
            self._not_whole.add(run.run_id)
        copy.finish(run, is_whole=run.run_id not in self._not_whole)
        if run.run_id not in self.copied:
            self.copied.add(run.run_id)
            self.report.count(runs=1)

    def _read_source(self, what: str, read: Callable[[], T], otherwise: T) -> T:
        """Return what is read of the source; what is wrong is noted, but a source that is away."""
        try:
            return read()
        except Unavailable:
            raise
        except SOURCE_ERRORS as error:
            self.note(what, str(error) or type(error).__name__)
            return otherwise


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
