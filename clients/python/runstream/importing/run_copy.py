"""The copy of one run: the steps of its lane, which are called in the order of the methods."""

from __future__ import annotations

from collections.abc import Sequence

from runstream.entities import ConsoleLine
from runstream.importing.copying import Copying
from runstream.importing.source import PointColumns, SourceRun

#: The tag of a run of which everything was copied, and those that say where it came from.
COMPLETE_TAG = "runstream.import"
TRACKER_TAG = "runstream.import.tracker"
ID_TAG = "runstream.import.id"
URL_TAG = "runstream.import.url"

#: The tag of a run that may grow in its source: how far it was copied.
POSITION_TAG = "runstream.import.position"

_ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})


class RunCopy(Copying):
    """The copy of one run."""

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

    def copy_params_and_tags(self, run: SourceRun, tracker: str) -> None:
        """Copy params and tags, and set the tags that say where the run came from."""
        params = self.valid_pairs(f"param of run {run.run_id}", run.params)
        tags = self.valid_pairs(f"tag of run {run.run_id}", run.tags)
        tags.pop(COMPLETE_TAG, None)  # of an import into the source, and not of this one
        origin = {TRACKER_TAG: tracker, ID_TAG: run.source_id or run.run_id}
        if run.url:
            origin[URL_TAG] = run.url
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
            self.client.update_run(run.run_id, run.status, end_time=run.end_time)
            if is_whole and not self.problems:
                position = {POSITION_TAG: run.position} if run.position else {}
                self.client.log_batch(run.run_id, (), {}, {COMPLETE_TAG: "complete", **position})
                self.attempt(f"run {run.run_id}", lambda: self.client.flush_run(run.run_id))
