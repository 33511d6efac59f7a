"""A callback for LightGBM, which logs the metrics of each iteration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runstream.fluent.active_runs import get_or_start_run
from runstream.integrations.training_run import TrainingRun


class EvaluationCallback:
    """Hands the metrics of each iteration to a function, which must not raise.

    Attributes:
        first_iteration: number of the first iteration, which is more than 0 if a model is trained
            further.
        history: the metrics of each iteration of the training.
        order: when LightGBM calls it: before early stopping, which is 30 and ends the calls.
        before_iteration: that it is called after iterations.
    """

    order = 25
    before_iteration = False

    def __init__(self, log: Callable[[Mapping[str, float], int], object]) -> None:
        self._log = log
        self.first_iteration = 0
        self.history: list[dict[str, float]] = []

    def __call__(self, env: Any) -> None:
        """Log the metrics of an iteration."""
        if env.iteration == env.begin_iteration:
            self.first_iteration, self.history = env.iteration, []
        metrics = _metrics(env.evaluation_result_list or ())
        self.history.append(metrics)
        if metrics:
            self._log(metrics, env.iteration)


class RunstreamCallback(EvaluationCallback):
    """Logs each metric of each validation set in each iteration, as `valid_0-l2`.

    They go to the run that is active when the callback is made; without one, a run is started, as
    by `runstream.log_metric`.

    It is a callback of `lightgbm.train`, `lightgbm.cv` and the `fit` of the estimators.
    Cross-validation gives metrics as `valid-l2-mean` and `valid-l2-stdv`.
    """

    def __init__(self) -> None:
        super().__init__(TrainingRun(get_or_start_run(), is_ours=False).log_metrics)


def _metrics(results: Any) -> dict[str, float]:
    """Return values by the keys under which they are logged.

    A result is a tuple: data, metric, value, whether more is better, and the deviation, if it is of
    a cross-validation.
    """
    metrics: dict[str, float] = {}
    for data, metric, value, _, *deviation in results:
        # Before LightGBM 4.7 the metric of a cross-validation has the name of the data in it.
        key = metric.replace(" ", "-", 1) if data == "cv_agg" else f"{data}-{metric}"
        if deviation and deviation[0] is not None:
            metrics[f"{key}-mean"], metrics[f"{key}-stdv"] = value, deviation[0]
        else:
            metrics[key] = value
    return metrics
