"""The copy of one run: the steps of its lane, which are called in the order of the methods."""

from __future__ import annotations

from collections.abc import Sequence

from runstream.entities import ConsoleLine, Run
from runstream.importing.copying import Copying
from runstream.importing.destination import Destination
from runstream.importing.import_tags import (
    COMPLETE_TAG,
    ID_TAG,
    POSITION_TAG,
    TRACKER_TAG,
    URL_TAG,
)
from runstream.importing.report import Report
from runstream.importing.source import PointColumns, SourceRun

_ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})


class RunCopy(Copying):
    """The copy of one run."""

    def __init__(
        self, client: Destination, report: Report, tracker: str, there: Run | None
    ) -> None:
        """Copy nothing yet.

        Args:
            client: where it goes.
            report: what was done up to now, of all copies.
            tracker: where it comes from; empty for a run that stays as it was there.
            there: what was here of it before; None if nothing was.
        """
        super().__init__(client, report)
        self._tracker = tracker
        self._there = there

    def create(self, run: SourceRun, experiment_id: str) -> None:
        """Create the run."""
        self.client.create_run(
            experiment_id,
            start_time=run.start_time,
            tags={},
            run_name=run.name,
            run_id=run.run_id,
            user_id=run.user_id,
        )

    def copy_params_and_tags(self, run: SourceRun) -> None:
        """Copy params and tags, and set the tags that say where the run came from."""
        params = self.valid_pairs(f"param of run {run.run_id}", run.params)
        tags = self.valid_pairs(f"tag of run {run.run_id}", run.tags)
        origin = {}
        if self._tracker:
            tags.pop(COMPLETE_TAG, None)  # of an import into the source, and not of this one
            origin = {TRACKER_TAG: self._tracker, ID_TAG: run.source_id or run.run_id}
            origin |= {URL_TAG: run.url} if run.url else {}
            origin = self.valid_pairs(f"origin of run {run.run_id}", origin)
        self.client.log_batch(run.run_id, (), params, tags | origin)
        self.client.flush_run(run.run_id)
        self.report.count(params=len(params), tags=len(tags))

    def copy_points(self, run: SourceRun, part: PointColumns) -> None:
        """Copy some points; `finish` waits for them."""
        self.client.log_columns(run.run_id, **part._asdict())
        self.report.count(points=len(part.value))

    def copy_lines(self, run: SourceRun, lines: Sequence[ConsoleLine]) -> None:
        """Copy lines of the console; `finish` waits for them."""
        self.client.log_console_lines(run.run_id, lines)
        self.report.count(console_lines=len(lines))

    def copy_inputs(self, run: SourceRun) -> None:
        """Copy datasets, and which models the run read and made."""
        for read in run.inputs:
            what = f"dataset {read.dataset.name!a} of run {run.run_id}"
            if self.attempt(what, lambda read=read: self.client.log_inputs(run.run_id, [read])):  # type: ignore[misc]
                self.report.count(datasets=1)
        if run.model_inputs:
            self.client.log_input_models(run.run_id, run.model_inputs)
        if run.model_outputs:
            self.client.log_outputs(run.run_id, run.model_outputs)

    def finish(self, run: SourceRun, *, is_whole: bool) -> None:
        """Wait for all that was queued, and end the run if it has ended.

        Args:
            run: the run.
            is_whole: whether nothing of it failed up to now.
        """
        self.attempt(f"run {run.run_id}", lambda: self.client.flush_run(run.run_id))
        if run.status in _ENDED:
            if self.problems and not self._tracker:  # it is not what it was there
                self.client.log_batch(run.run_id, (), {}, {COMPLETE_TAG: "incomplete"})
            self.client.update_run(run.run_id, run.status, end_time=run.end_time)
            if is_whole and not self.problems:
                self._mark_complete(run)
        elif run.status == "SCHEDULED":
            self.client.update_run(run.run_id, run.status, end_time=None)

    def _mark_complete(self, run: SourceRun) -> None:
        if self._tracker:
            position = {POSITION_TAG: run.position} if run.position else {}
            self.client.log_batch(run.run_id, (), {}, {COMPLETE_TAG: "complete", **position})
            self.attempt(f"run {run.run_id}", lambda: self.client.flush_run(run.run_id))
        elif self._there and COMPLETE_TAG in self._there.data.tags and COMPLETE_TAG not in run.tags:
            self.client.delete_tag(run.run_id, COMPLETE_TAG)
