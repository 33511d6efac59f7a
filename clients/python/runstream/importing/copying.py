"""Copying a source to a server, which can be done again and goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from runstream.client import TrackingClient
from runstream.errors import NotFound, RunstreamError
from runstream.folders import files_below
from runstream.importing.records import Source, SourceExperiment, SourceRun

#: The tag of a run of which everything was copied.
COMPLETE_TAG = "runstream.import"

_ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})


@dataclass
class Report:
    """What was copied, what was there already, and what could not be copied."""

    experiments: int = 0
    runs: int = 0
    runs_already_there: int = 0
    points: int = 0
    params: int = 0
    tags: int = 0
    datasets: int = 0
    artifacts: int = 0
    problems: list[str] = field(default_factory=list)


class Copying:
    """The copy of a source.

    A run keeps its id. Copying one again changes nothing, because a point, a param or a tag that is
    there stays as it is; one that has ended and was copied whole is passed over.

    Attributes:
        report: what was done up to now.
    """

    def __init__(self, source: Source, client: TrackingClient) -> None:
        self.report = Report()
        self._source = source
        self._client = client

    def experiments(self) -> Iterator[tuple[SourceExperiment, str]]:
        """Create the experiments that are not there; yield each with the id that it has here."""
        for experiment in self._source.experiments():
            there = self._client.get_experiment_by_name(experiment.name)
            if there is not None and there.lifecycle_stage != "active":
                self._problem(f"experiment {experiment.name!r}", "it is there, and deleted")
                continue
            if there is None:
                here = self._client.create_experiment(experiment.name)
            else:
                here = there.experiment_id
            for key, value in experiment.tags.items():
                self._client.set_experiment_tag(here, key, value)
            self.report.experiments += 1
            yield experiment, here

    def run_ids(self, experiment: SourceExperiment) -> Sequence[str]:
        """Return the runs of an experiment of the source, oldest first."""
        return self._source.run_ids(experiment)

    def run(self, run_id: str, experiment_id: str) -> None:
        """Copy a run, and note in the report what could not be copied of it."""
        try:
            there = self._client.get_run(run_id).data.tags
        except NotFound:
            there = None
        if there is not None and there.get(COMPLETE_TAG) == "complete":
            self.report.runs_already_there += 1
            return
        run = self._source.run(run_id)
        if there is None:
            self._client.create_run(
                experiment_id,
                run.start_time,
                run_name=run.name,
                run_id=run_id,
                user_id=run.user_id,
            )
        whole = all(
            [
                self._done(run_id, "params and tags", lambda: self._copy_settings(run)),
                self._done(run_id, "points", lambda: self._copy_points(run)),
                self._done(run_id, "datasets", lambda: self._copy_inputs(run)),
                self._done(run_id, "artifacts", lambda: self._copy_artifacts(run)),
            ]
        )
        if run.status in _ENDED:
            self._client.update_run(run_id, run.status, end_time=run.end_time)
            if whole:
                self._client.log_batch(run_id, (), (), {COMPLETE_TAG: "complete"})
        self._client.flush_run(run_id)
        self.report.runs += 1

    def _copy_settings(self, run: SourceRun) -> None:
        self._client.log_batch(run.run_id, (), run.params, run.tags)
        self._client.flush_run(run.run_id)
        self.report.params += len(run.params)
        self.report.tags += len(run.tags)

    def _copy_points(self, run: SourceRun) -> None:
        points = 0
        for part in self._source.points(run):
            self._client.log_columns(run.run_id, *part)
            points += len(part.value)
        self._client.flush_run(run.run_id)
        self.report.points += points

    def _copy_inputs(self, run: SourceRun) -> None:
        if run.inputs:
            self._client.log_inputs(run.run_id, run.inputs)
        self.report.datasets += len(run.inputs)

    def _copy_artifacts(self, run: SourceRun) -> None:
        with self._source.artifacts(run) as folder:
            if folder is not None:
                self._client.log_artifacts(run.run_id, folder)
                self.report.artifacts += sum(1 for _ in files_below(folder))

    def _done(self, run_id: str, what: str, copy: Callable[[], None]) -> bool:
        try:
            copy()
        except (RunstreamError, OSError) as error:
            self._problem(f"{what} of run {run_id}", str(error))
            return False
        return True

    def _problem(self, what: str, why: str) -> None:
        self.report.problems.append(f"{what}: {why}")
