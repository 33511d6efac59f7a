"""Ray: a callback for Tune, and the run of a training in the workers of Train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Real
from typing import Any

from ray import train
from ray.tune.logger import LoggerCallback

from runstream.fluent.run_handle import ActiveRun
from runstream.fluent.run_start import create_run
from runstream.integrations.training_run import TrainingRun, flatten, open_training_run
from runstream.process.exit_status import run_status
from runstream.process.source_tags import find_source_tags


class RunstreamLoggerCallback(LoggerCallback):
    """Logs the trials of a Tuner, each to a child run, from the process that tunes.

    The parent is the active run, or else a run that starts and ends with the tuning. Numbers of
    results become metrics, whose step is `timesteps_total` or else the training iteration.

    Args:
        experiment_name, run_name, tags: of the parent run; see `open_training_run`. The tags are
            those of the trials, too.
        save_artifact: whether the folder of each trial is uploaded at its end.
    """

    def __init__(
        self,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, object] | None = None,
        save_artifact: bool = False,
    ) -> None:
        self._choice = (experiment_name, None, run_name, tags)
        self._tags = tags or {}
        self._save_artifact = save_artifact
        self._parent: TrainingRun | None = None
        self._trials: dict[str, TrainingRun] = {}  # by the ids of trials that go on

    def setup(self, *_: Any, **__: Any) -> None:
        """Take the parent run, or start it."""
        self._parent = open_training_run(*self._choice)

    def log_trial_start(self, trial: Any) -> None:
        """Start the run of a trial, unless it goes on after a pause, and log its configuration."""
        if self._parent is not None and trial.trial_id not in self._trials:
            self._parent.attempt("logged", self._start, self._parent.run, trial)

    def log_trial_result(self, iteration: int, trial: Any, result: Mapping[str, Any]) -> None:
        """Log the numbers of a result."""
        run = self._trials.get(trial.trial_id)
        if run is not None:
            run.attempt("logged", self._log_result, run, iteration, result)

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        """End the run of a trial."""
        run = self._trials.pop(trial.trial_id, None)
        if run is not None:
            if self._save_artifact and trial.local_path:
                run.upload(trial.local_path)
            run.end("FAILED" if failed else "FINISHED")

    def on_experiment_end(self, trials: list[Any], **_: Any) -> None:
        """End the runs of trials that did not end, and the parent if it was started here."""
        for run in self._trials.values():
            run.end("KILLED")
        self._trials.clear()
        if self._parent is not None:
            self._parent.end()

    def _log_result(self, run: TrainingRun, iteration: int, result: Mapping[str, Any]) -> None:
        step = result.get("timesteps_total") or result.get("training_iteration", iteration)
        flat = flatten({key: value for key, value in result.items() if key != "config"})
        run.log_metrics({k: value for k, value in flat.items() if isinstance(value, Real)}, step)

    def _start(self, parent: ActiveRun, trial: Any) -> None:
        tags = find_source_tags() | {
            **{key: str(value) for key, value in self._tags.items()},
            "trial_name": str(trial),
            "mlflow.parentRunId": parent.run_id,
        }
        # Not `runstream.start_run`: several trials go on at a time, and none is the active run.
        handle = create_run(parent.client, parent.experiment, tags, str(trial))
        self._trials[trial.trial_id] = run = TrainingRun(handle, is_ours=True)
        run.log_nested_params(trial.config)


@contextmanager
def training_run(
    config: Mapping[str, Any] | None = None,
    experiment_name: str | None = None,
    run_name: str | None = None,
    tags: Mapping[str, object] | None = None,
) -> Iterator[TrainingRun | None]:
    """Start a run in the worker of rank zero of Ray Train, and end it with the block.

    Args:
        config: logged as params.
        experiment_name, run_name, tags: see `open_training_run`.

    Yields:
        The run, which is the active run of the worker; None in the other workers.
    """
    if train.get_context().get_world_rank():
        yield None
        return
    training = open_training_run(experiment_name, None, run_name, tags)
    training.log_nested_params(config or {})
    try:
        yield training
    except BaseException as error:
        training.end(run_status(error))
        raise
    training.end()
