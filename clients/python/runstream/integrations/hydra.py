"""A callback for programs of Hydra: each job has a run, and a multirun one that is their parent.

In the configuration of the program:

    hydra:
      callbacks:
        runstream:
          _target_: runstream.integrations.hydra.RunstreamCallback
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.utils import JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from runstream.fluent.destination import get_tracking_uri, set_tracking_uri
from runstream.integrations.training_run import TrainingRun, open_training_run


class RunstreamCallback(Callback):
    """Logs the configuration and the outcome of each job, whose run is active in the job.

    The run has the params of the configuration with `.` between their names, the whole as
    `config.yaml`, the folder `.hydra` and the log of the job as artifacts, its overrides as a tag,
    and, if the job returns a number, this as the metric `return_value`. It is FAILED if the job
    raises an exception.

    Args:
        experiment_name: where the runs belong; the chosen experiment, if left out.
        run_name: name of the run of a multirun, or of a single job; the name of the job, if left
            out.
    """

    def __init__(self, experiment_name: str | None = None, run_name: str | None = None) -> None:
        self._experiment_name = experiment_name
        self._run_name = run_name
        # As it is now, because Hydra may change the folder, or start other processes.
        self._tracking_uri = get_tracking_uri()
        self._sweep: TrainingRun | None = None
        self._job: TrainingRun | None = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Start the run that the jobs are children of."""
        name = self._run_name or config.hydra.job.name
        self._sweep = open_training_run(self._experiment_name, run_name=name)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """End the run that the jobs are children of."""
        if self._sweep is not None:
            self._sweep.end()

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        """Start the run of a job, and log its configuration."""
        set_tracking_uri(self._tracking_uri)
        overrides = ", ".join(config.hydra.overrides.task)
        tags: dict[str, object] = {"hydra.overrides": overrides}
        name = self._run_name or config.hydra.job.name
        if self._sweep is not None:  # maybe in another process, where the run is not active
            tags["mlflow.parentRunId"] = self._sweep.run.run_id
            name = config.hydra.job.override_dirname or f"{name} {config.hydra.job.num}"
        self._job = open_training_run(self._experiment_name, run_name=name, tags=tags)
        program = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        self._job.attempt("logged", self._job.run.log_config, program)

    def on_job_end(self, config: DictConfig, job_return: Any, **_: Any) -> None:
        """Log what Hydra wrote of a job, and end its run."""
        job, self._job = self._job, None
        if job is None:
            return
        is_complete = job_return.status is JobStatus.COMPLETED
        if is_complete and isinstance(job_return.return_value, (int, float)):
            job.log_metrics({"return_value": job_return.return_value}, 0)
        folder = Path(config.hydra.runtime.output_dir)
        written = [folder / f"{config.hydra.job.name}.log"]
        if config.hydra.output_subdir is not None:
            written.append(folder / config.hydra.output_subdir)
        for path in written:
            if path.exists():
                job.upload(path)
        job.end("FINISHED" if is_complete else "FAILED")
