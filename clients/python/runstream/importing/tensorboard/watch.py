"""A folder of event files that is followed while programs write them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runstream.calls.client import TrackingClient
from runstream.errors import DeadlineExceeded, FailedPrecondition, Unavailable
from runstream.importing.importer import Importer
from runstream.importing.tensorboard.source import TensorBoardSource

#: Seconds between two looks at the folder.
POLL_SECONDS = 1.0

#: Seconds after which a run of which nothing was written has ended.
SILENCE_SECONDS = 300.0


@dataclass
class _Followed:
    """How far a run was copied, and when it last grew, by the monotonic clock."""

    grew_at: float
    position: str = ""
    is_running: bool = False


class FolderWatch:
    """Copies what programs append to the files of a folder.

    A run is RUNNING, with heartbeats, as long as it grows, and FINISHED once nothing was appended
    for some time; if it grows again, it is RUNNING again.
    """

    def __init__(
        self,
        source: TensorBoardSource,
        client: TrackingClient,
        importer: Importer,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """Prepare to follow a folder.

        Args:
            source: the folder.
            client: where runs go.
            importer: copies this source to this client.
            silence_seconds: after so much time without growth a run has ended.

        Raises:
            FailedPrecondition: the experiment that it would be copied to is deleted.
        """
        self._source = source
        self._client = client
        self._importer = importer
        self._silence_seconds = silence_seconds
        self._followed: dict[str, _Followed] = {}
        experiments = list(importer.import_experiments())
        if not experiments:
            raise FailedPrecondition("; ".join(importer.report.problems))
        self._experiment, self._experiment_id = experiments[0]

    def run(self) -> None:
        """Look at the folder once a second; an exception such as KeyboardInterrupt ends it."""
        while True:
            try:
                self.poll()
            except (Unavailable, DeadlineExceeded) as error:
                self._importer.note("a look at the folder, which is repeated", str(error))
            time.sleep(POLL_SECONDS)

    def poll(self) -> None:
        """Copy what was appended since the last time, and end runs that are silent or gone."""
        run_ids = self._importer.find_run_ids(self._experiment)
        now = time.monotonic()
        grown, silent = [], []
        for run_id in run_ids:
            followed = self._followed.get(run_id)
            if followed is None:
                followed = _Followed(now - self._source.age_seconds(run_id))
                self._followed[run_id] = followed
            elif self._source.position(run_id) != followed.position:
                followed.grew_at = now
            is_silent = now - followed.grew_at >= self._silence_seconds
            if self._source.position(run_id) != followed.position:
                grown.append(run_id)
                if not is_silent:
                    self._source.running.add(run_id)
            elif followed.is_running and is_silent:
                silent.append(run_id)
        self._copy(grown)
        self._finish(silent)
        self._forget(self._followed.keys() - set(run_ids))

    def end(self) -> None:
        """Copy what was appended last to runs that are RUNNING, and end them."""
        run_ids = set(self._importer.find_run_ids(self._experiment))
        running = [run_id for run_id, run in self._followed.items() if run.is_running]
        self._finish([run_id for run_id in running if run_id in run_ids])
        self._forget(self._followed.keys() - run_ids)

    def _copy(self, run_ids: Sequence[str]) -> None:
        """Copy what runs have more, and let those be RUNNING that are not silent."""
        positions = [self._source.position(run_id) for run_id in run_ids]
        begun = [
            run_id
            for run_id in run_ids
            if run_id in self._source.running and not self._followed[run_id].is_running
        ]
        for run_id in begun:  # if this is interrupted, `end` ends them
            self._followed[run_id].is_running = True
        self._import(run_ids)
        for run_id in begun:
            if run_id in self._importer.copied:
                self._client.update_run(run_id, "RUNNING")
                self._client.start_heartbeats(run_id, self)
            else:  # all of it was there
                self._source.running.discard(run_id)
                self._followed[run_id].is_running = False
        for run_id, position in zip(run_ids, positions, strict=True):
            self._followed[run_id].position = position

    def _finish(self, run_ids: Sequence[str]) -> None:
        self._source.running.difference_update(run_ids)
        self._import(run_ids)
        for run_id in run_ids:
            self._client.stop_heartbeats(run_id, self)
            self._followed[run_id].is_running = False

    def _forget(self, run_ids: Iterable[str]) -> None:
        """End runs whose files were removed."""
        for run_id in run_ids:
            if self._followed.pop(run_id).is_running:
                self._client.set_terminated(run_id)
                self._client.stop_heartbeats(run_id, self)
                self._source.forget(run_id)

    def _import(self, run_ids: Sequence[str]) -> None:
        try:
            for _ in self._importer.import_runs(
                (run_id, self._experiment_id) for run_id in run_ids
            ):
                pass
        except BaseException:  # what was read may not be copied: it is read again
            for run_id in run_ids:
                self._source.forget(run_id)
            raise
