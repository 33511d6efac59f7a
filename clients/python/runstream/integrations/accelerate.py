"""A tracker for Accelerate."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from accelerate.tracking import GeneralTracker, on_main_process

from runstream.fluent.run_handle import ActiveRun
from runstream.integrations.training_run import TrainingRun, open_training_run


class RunstreamTracker(GeneralTracker):
    """Logs what a program hands to `Accelerator.init_trackers` and `log`, in the main process.

    It goes to the active run, or else to a run that starts at the first use and ends with
    `Accelerator.end_training`; a program that ends without it, as by an exception, ends its run.

    Args:
        experiment_name, run_name, run_id, tags: see `open_training_run`. Accelerate does not tell a
            tracker that is an object of its own the name of the project.
    """

    name = "runstream"
    requires_logging_directory = False
    main_process_only = True

    def __init__(
        self,
        experiment_name: str | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__()
        self._choice = (experiment_name, run_id, run_name, tags)
        self._training: TrainingRun | None = None

    @property
    def tracker(self) -> ActiveRun:
        """The run, which `Accelerator.get_tracker("runstream", unwrap=True)` returns."""
        return self._open().run

    @on_main_process
    def start(self) -> None:
        """Start the run; older versions of Accelerate do not call it."""
        self._open()

    @on_main_process
    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """Log the configuration as params."""
        self._open().log_params(values)

    @on_main_process
    def log(self, values: Mapping[str, Any], step: int | None = None, **_: Any) -> None:
        """Log a point of each metric."""
        self._open().log_metrics(values, step)

    @on_main_process
    def log_figure(self, figure: Any, artifact_file: str, **save_kwargs: Any) -> None:
        """Upload a figure; raises as `TrackingClient.log_figure`."""
        run = self.tracker
        run.client.log_figure(run.run_id, figure, artifact_file, save_kwargs=save_kwargs)

    @on_main_process
    def log_artifact(
        self, local_path: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Upload a file; raises as `TrackingClient.log_artifact`."""
        self.tracker.client.log_artifact(self.tracker.run_id, local_path, artifact_path)

    @on_main_process
    def log_artifacts(
        self, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Upload the files of a folder; raises as `TrackingClient.log_artifacts`."""
        self.tracker.client.log_artifacts(self.tracker.run_id, local_dir, artifact_path)

    @on_main_process
    def finish(self) -> None:
        """End the run if it was started here."""
        if self._training is not None:
            self._training.end()

    def _open(self) -> TrainingRun:
        if self._training is None:
            self._training = open_training_run(*self._choice)
        return self._training
