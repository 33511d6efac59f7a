"""A callback for studies of Optuna: the study has a run, and each trial a child run of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, TypeVar

from optuna.exceptions import TrialPruned
from optuna.trial import TrialState

from runstream.fluent.active_runs import start_run
from runstream.fluent.past_runs import end_past_run, start_past_run
from runstream.fluent.run_handle import ActiveRun
from runstream.integrations.training_run import TrainingRun, open_training_run
from runstream.process.exit_status import run_status
from runstream.process.source_tags import find_source_tags

Values = TypeVar("Values")

_TRIAL_TAGS = ("number", "datetime_start", "datetime_complete")
_STATUS = {TrialState.PRUNED: "KILLED", TrialState.FAIL: "FAILED"}


class RunstreamCallback:
    """Logs the trials of a study, from any number of threads.

    The run of the study is the active run, or else one that starts here; it is then the active run
    until `end`, or the end of the `with` block. The run of a trial has its params, its values as
    metrics, what it reported to the pruner as the metric `intermediate_value`, and its state,
    distributions and user attributes as tags. A pruned trial is KILLED.

    Args:
        metric_name: name of the metric of the value, or one for each objective.
        experiment_name, run_name, run_id, tags: see `open_training_run`.
    """

    def __init__(
        self,
        metric_name: str | Sequence[str] = "value",
        experiment_name: str | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> None:
        self._study = open_training_run(experiment_name, run_id, run_name, tags)
        self._metric_name = metric_name
        self._tracked: dict[int, str] = {}  # runs of `track`, by the number of the trial

    @property
    def run_id(self) -> str:
        """The id of the run of the study."""
        return self._study.run.run_id

    def __call__(self, study: Any, trial: Any) -> None:
        """Log a trial that has ended."""
        self._study.attempt("logged", self._log_trial, study, trial)
        self._study.attempt("logged", self._log_study, study, trial)

    def track(self, objective: Callable[[Any], Values]) -> Callable[[Any], Values]:
        """Return an objective in which the run of the trial is the active run."""

        @wraps(objective)
        def tracked(trial: Any) -> Values:
            with self._trial_run(trial.number):
                return objective(trial)

        return tracked

    def end(self, status: str = "FINISHED") -> None:
        """End the run of the study if it was started here."""
        self._study.end(status)

    def __enter__(self) -> RunstreamCallback:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.end(run_status(error))

    @contextmanager
    def _trial_run(self, number: int) -> Iterator[None]:
        started: list[ActiveRun] = []
        if not self._study.attempt("logged", lambda: started.append(self._start(number))):
            yield
            return
        run = TrainingRun(started[0], is_ours=True)
        self._tracked[number] = run.run.run_id
        status = "FINISHED"
        try:
            yield
        except BaseException as error:
            status = "KILLED" if isinstance(error, TrialPruned) else run_status(error)
            raise
        finally:
            run.end(status)

    def _start(self, number: int) -> ActiveRun:
        of, name = self._study.run.info, f"trial {number}"
        return start_run(None, of.experiment_id, name, nested=True, parent_run_id=of.run_id)

    def _log_trial(self, study: Any, trial: Any) -> None:
        client = self._study.run.client
        ended = round(trial.datetime_complete.timestamp() * 1000)
        run_id = tracked = self._tracked.pop(trial.number, None)
        if run_id is None:
            run_id = start_past_run(
                client,
                self._study.run.experiment,
                round(trial.datetime_start.timestamp() * 1000),
                find_source_tags() | {"mlflow.parentRunId": self.run_id},
                f"trial {trial.number}",
            )
        for step, value in sorted(trial.intermediate_values.items()):
            client.log_metrics(run_id, {"intermediate_value": value}, step, ended, on_error="skip")
        values = dict(zip(self._metric_names(study), trial.values or (), strict=False))
        client.log_metrics(run_id, values, 0, ended, on_error="skip")
        client.log_params(run_id, trial.params, on_error="skip")
        client.set_tags(run_id, _trial_tags(trial) | _study_tags(study), on_error="skip")
        if tracked is None:
            end_past_run(client, run_id, _STATUS.get(trial.state, "FINISHED"), ended)

    def _log_study(self, study: Any, trial: Any) -> None:
        tags = study.user_attrs | _study_tags(study) | {"study_name": study.study_name}
        if len(study.directions) == 1 and trial.state is TrialState.COMPLETE:
            with suppress(ValueError):  # none satisfies the constraints of the study
                best = study.best_trial
                tags["best_trial"] = best.number
                name = f"best_{self._metric_names(study)[0]}"
                self._study.log_metrics({name: best.value}, trial.number)
        self._study.set_tags(tags)

    def _metric_names(self, study: Any) -> Sequence[str]:
        if not isinstance(self._metric_name, str):
            return self._metric_name
        name, count = self._metric_name, len(study.directions)
        return [name] if count == 1 else [f"{name}_{index}" for index in range(count)]


def _trial_tags(trial: Any) -> dict[str, Any]:
    return {
        **trial.user_attrs,
        **{f"{name}_distribution": one for name, one in trial.distributions.items()},
        **{name: getattr(trial, name) for name in _TRIAL_TAGS},
        "state": trial.state.name,
    }


def _study_tags(study: Any) -> dict[str, Any]:
    tags = {"sampler": type(study.sampler).__name__, "pruner": type(study.pruner).__name__}
    return tags | {"direction": ", ".join(direction.name for direction in study.directions)}
