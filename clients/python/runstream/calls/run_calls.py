"""The calls of a client about runs: one method for each RPC of RunService.

Its LogParam and SetTag are for other clients: `TrackingClient.log` does the same.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable

from runstream import entities
from runstream.calls.starting import Start
from runstream.contract.messages import new_message
from runstream.contract.params_and_tags import Pairs, to_texts
from runstream.contract.run_batches import to_run_status
from runstream.contract.text_lists import check_not_single_text
from runstream.errors import FailedPrecondition, NotFound
from runstream.outbox.outbox import Outbox
from runstream.transport.connection import Connection
from runstream.v1 import run_copies_pb2 as copies
from runstream.v1 import run_moves_pb2 as moves
from runstream.v1 import run_service_pb2 as runs
from runstream.v1 import run_tagging_pb2 as tagging
from runstream.v1.run_pb2 import RunStatus, RunTag


class RunCalls:
    """The part of `TrackingClient` that speaks to RunService."""

    _connection: Connection
    _outbox: Outbox

    def create_run(
        self,
        experiment_id: str = "0",
        start_time: int | None = None,
        tags: Pairs | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
        user_id: str | None = None,
        *,
        heartbeat: bool = False,
    ) -> entities.Run:
        """Create a run and return it; its status is RUNNING.

        Args:
            experiment_id: the experiment it belongs to.
            start_time: milliseconds since the epoch; now, if left out.
            tags: tags to set.
            run_name: name for people; one is generated if left out (R3).
            run_id: 32 lower-case hexadecimal digits; generated if left out (R1). Then, an interrupt
                of this call ends the run, of which nobody else knows (R9).
            user_id: who starts it.
            heartbeat: whether the caller sends heartbeats of the run, as `start_run` does; without
                them the server calls it lost (R8).

        Raises:
            InvalidArgument: an argument breaks its rule, or run_name and the tag differ.
            NotFound: there is no such experiment.
            FailedPrecondition: the experiment is deleted.
            AlreadyExists: run_id is taken by a run with other content.
        """
        request = _create_request(
            experiment_id, start_time, tags, run_name, run_id, user_id, heartbeat
        )
        if run_id:  # others may know the id, and log to the run already
            answer = self._connection.call(lambda stubs: stubs.runs.CreateRun, request)
            return entities.Run.from_proto(answer.run)
        start = Start(self._connection, request)
        return start.send(lambda answer: entities.Run.from_proto(answer.run))

    def get_run(self, run_id: str) -> entities.Run:
        """Return a run, active or deleted, with all that was logged to it before.

        Raises:
            NotFound: there is none of this id.
        """
        self._outbox.flush(run_id)
        request = new_message(runs.GetRunRequest, run_id=run_id)
        return entities.Run.from_proto(
            self._connection.call(lambda stubs: stubs.runs.GetRun, request).run
        )

    def get_parent_run(self, run_id: str) -> entities.Run | None:
        """Return the parent of a run, None if it has none; raises NotFound."""
        parent_run_id = self.get_run(run_id).data.tags.get("mlflow.parentRunId")
        return None if parent_run_id is None else self.get_run(parent_run_id)

    def update_run(
        self,
        run_id: str,
        status: str | None = None,
        name: str | None = None,
        end_time: int | None = None,
        *,
        heartbeat: bool = False,
    ) -> entities.RunInfo:
        """Change status, name and end time of an active run; what is left out stays as it is.

        Args:
            run_id: the run.
            status: the new status (R2).
            name: the new name (R3).
            end_time: milliseconds since the epoch.
            heartbeat: as that of `create_run`, from now on.

        Raises:
            InvalidArgument, NotFound, FailedPrecondition: see UpdateRun in the contract.
        """
        request = new_message(
            runs.UpdateRunRequest,
            run_id=run_id,
            status=to_run_status(status) if status else RunStatus.RUN_STATUS_UNSPECIFIED,
            end_time=end_time,
            run_name=name,
            heartbeat=heartbeat,
        )
        self._outbox.flush_changes(run_id)
        answer = self._connection.call(lambda stubs: stubs.runs.UpdateRun, request)
        return entities.RunInfo.from_proto(answer.run_info)

    def set_terminated(
        self, run_id: str, status: str | None = None, end_time: int | None = None
    ) -> entities.RunInfo:
        """End a run once all that was logged to it is on disk.

        Args:
            run_id: the run.
            status: `FINISHED`, `FAILED` or `KILLED` (R2); FINISHED, if left out.
            end_time: milliseconds since the epoch; now, if left out.

        Raises:
            NotFound, FailedPrecondition: the run is not there or is deleted.
            DeadlineExceeded, Unavailable: not all that was logged could be delivered, or the end;
                the run has not ended, and the call can be repeated.
            RunstreamError: the server refused something of what was logged; the run has ended.
        """
        end_time = _now() if end_time is None else end_time
        outbox = self._outbox
        outbox.flush(run_id, refusals=False)
        try:
            info = self.update_run(run_id, status or "FINISHED", end_time=end_time)
        except (FailedPrecondition, NotFound):
            outbox.raise_refusals(run_id)  # they say why, too
            raise
        outbox.raise_refusals(run_id)
        return info

    def delete_run(self, run_id: str, with_children: bool = False) -> None:
        """Delete a run; it can be restored. What is deleted already stays as it is (R2).

        Args:
            run_id: the run.
            with_children: whether its child runs go with it, and theirs in turn.

        Raises:
            NotFound: there is none of this id.
        """
        self._outbox.flush(None if with_children else run_id)
        request = new_message(runs.DeleteRunRequest, run_id=run_id, with_children=with_children)
        self._connection.call(lambda stubs: stubs.runs.DeleteRun, request)

    def restore_run(self, run_id: str) -> None:
        """Restore a deleted run and the child runs that were deleted with it (R2).

        Raises:
            NotFound: there is none of this id.
            FailedPrecondition: its experiment is deleted.
        """
        request = new_message(runs.RestoreRunRequest, run_id=run_id)
        self._outbox.flush_changes(run_id)
        self._connection.call(lambda stubs: stubs.runs.RestoreRun, request)

    def move_runs(self, run_ids: Iterable[str], experiment_id: str) -> list[str]:
        """Move runs to another experiment, all of them or none, with their child runs (R10).

        Runs that go on log as before. Artifacts stay where they are.

        Args:
            run_ids: active runs, 1 to 1,000.
            experiment_id: the experiment that they will belong to.

        Returns:
            The ids of the runs that were moved, child runs included.

        Raises:
            InvalidArgument: there is no run id, or there are too many.
            NotFound: there is no such run or experiment.
            FailedPrecondition: a run or the experiment is deleted.
            ResourceExhausted: with their child runs they are more than 10,000.
        """
        check_not_single_text("run_ids", run_ids)
        request = new_message(
            moves.MoveRunsRequest, run_ids=run_ids, experiment_id=str(experiment_id)
        )
        self._outbox.flush()
        return list(self._connection.call(lambda stubs: stubs.runs.MoveRuns, request).run_ids)

    def copy_runs(self, run_ids: Iterable[str], experiment_id: str) -> dict[str, str]:
        """Copy runs that have ended to an experiment, all or none, with their child runs (R11).

        Copies have all that was logged, and files; logged models stay with the runs.

        Args:
            run_ids: active runs, 1 to 1,000.
            experiment_id: the experiment that the copies will belong to.

        Returns:
            The ids of the copies by those of the runs, child runs included.

        Raises:
            InvalidArgument: there is no run id, or there are too many.
            NotFound: there is no such run or experiment.
            FailedPrecondition: a run goes on, or has its files elsewhere; it or the experiment is
                deleted.
            Aborted: a run was logged to meanwhile; nothing is copied.
            ResourceExhausted: with their child runs they are more than 10,000.
        """
        check_not_single_text("run_ids", run_ids)
        request = new_message(
            copies.CopyRunsRequest, run_ids=run_ids, experiment_id=str(experiment_id)
        )
        self._outbox.flush()
        answer = copies.CopyRunsResponse()
        while not answer.done:  # a call works for some seconds
            answer = self._connection.call(lambda stubs: stubs.runs.CopyRuns, request)
        return {copy.source_run_id: copy.run_id for copy in answer.copies}

    def tag_runs(
        self,
        run_ids: Iterable[str],
        tags: Pairs = (),
        deleted_tags: Iterable[str] = (),
    ) -> None:
        """Set and delete tags of active runs, of all of them or none; on disk when it returns (P7).

        Args:
            run_ids: the runs, 1 to 1,000.
            tags: up to 20 tags to set; values become texts.
            deleted_tags: up to 100 keys of tags to delete before; runs without such a tag stay as
                they are.

        Raises:
            InvalidArgument: there is no run id, there are too many of something, or a tag breaks
                its rule.
            NotFound: there is no such run.
            FailedPrecondition: a run is deleted.
            ResourceExhausted: the tags of all runs are too large together.
        """
        check_not_single_text("run_ids", run_ids)
        check_not_single_text("deleted_tags", deleted_tags)
        request = new_message(
            tagging.TagRunsRequest,
            run_ids=run_ids,
            tags=[RunTag(key=key, value=value) for key, value in to_texts("tags", tags).items()],
            deleted_tags=deleted_tags,
        )
        self._outbox.flush()
        self._connection.call(lambda stubs: stubs.runs.TagRuns, request)

    def log_inputs(self, run_id: str, datasets: Iterable[entities.DatasetInput]) -> None:
        """Record datasets that a run read, all of them or none; on disk when it returns (P4).

        Of datasets with the same name and digest in an experiment, the first one logged is kept. A
        run has a dataset as an input once; tags are added to it.

        Args:
            run_id: the run.
            datasets: the datasets, each with the tags of its use. One message is at most 4 MiB,
                so very large profiles are refused.

        Raises:
            InvalidArgument: a field breaks its rule.
            NotFound: there is no such run.
            FailedPrecondition: the run is deleted.
            ResourceExhausted: the message is over 4 MiB.
        """
        request = new_message(
            runs.LogInputsRequest,
            run_id=run_id,
            datasets=[dataset.to_proto() for dataset in datasets],
        )
        self._outbox.flush_changes(run_id)
        self._connection.call(lambda stubs: stubs.runs.LogInputs, request)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Delete a tag of an active run (P3).

        Raises:
            NotFound: no such run, or no such tag.
            FailedPrecondition: the run is deleted.
        """
        self._outbox.flush(run_id)
        request = new_message(runs.DeleteTagRequest, run_id=run_id, key=key)
        self._connection.call(lambda stubs: stubs.runs.DeleteTag, request)


def _create_request(
    experiment_id: str,
    start_time: int | None,
    tags: Pairs | None,
    run_name: str | None,
    run_id: str | None,
    user_id: str | None,
    heartbeat: bool,
) -> runs.CreateRunRequest:
    return new_message(
        runs.CreateRunRequest,
        experiment_id=str(experiment_id),
        run_name=run_name or "",
        start_time=_now() if start_time is None else start_time,
        tags=[RunTag(key=k, value=v) for k, v in to_texts("tags", tags or {}).items()],
        # With an id that we chose, a request whose answer was lost can be sent again.
        run_id=run_id or secrets.token_hex(16),
        user_id=user_id or "",
        heartbeat=heartbeat,
    )


def _now() -> int:
    return time.time_ns() // 1_000_000
