"""A callback for CatBoost, which logs the metrics of each iteration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runstream.fluent.active_runs import get_or_start_run
from runstream.integrations.training_run import TrainingRun


class EvaluationCallback:
    """Hands the metrics of each iteration to a function, which must not raise.

    With `metric_period`, CatBoost computes them in some of the iterations.

    Attributes:
        history: the metrics of each of these iterations, by its number.
    """

    def __init__(self, log: Callable[[Mapping[str, float], int], object]) -> None:
        self._log = log
        self._counts: dict[str, int] = {}  # values of each metric that are logged
        self.history: dict[int, dict[str, float]] = {}

    def after_iteration(self, info: Any) -> bool:
        """Log the metrics that are new; return that the training goes on."""
        if info.iteration == 1:
            self._counts, self.history = {}, {}
        metrics: dict[str, float] = {}
        for key, values in _columns(info.metrics or {}).items():
            if len(values) > self._counts.get(key, 0):
                self._counts[key] = len(values)
                metrics[key] = values[-1]
        if metrics:
            self.history[info.iteration - 1] = metrics
            self._log(metrics, info.iteration - 1)
        return True

    def log_all(self, results: Mapping[str, Mapping[str, Any]]) -> None:
        """Log the metrics of a training that has called no callback, as on a GPU."""
        for key, values in _columns(results).items():
            for iteration, value in enumerate(values):
                self.history.setdefault(iteration, {})[key] = value
        for iteration, metrics in self.history.items():
            self._log(metrics, iteration)


class RunstreamCallback(EvaluationCallback):
    """Logs each metric of each set of data in each iteration, as `learn-RMSE`.

    They go to the run that is active when the callback is made; without one, a run is started, as
    by `runstream.log_metric`. The first iteration is step 0.

    It is a callback of the method `fit`. CatBoost calls none when it trains on a GPU.
    """

    def __init__(self) -> None:
        super().__init__(TrainingRun(get_or_start_run(), is_ours=False).log_metrics)


def _columns(results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values of each metric, by the key under which it is logged."""
    return {
        f"{data}-{metric}": values
        for data, metrics in results.items()
        for metric, values in metrics.items()
    }
