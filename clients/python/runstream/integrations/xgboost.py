"""A callback for XGBoost, which logs the metrics of each iteration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xgboost.callback import TrainingCallback

from runstream.fluent.active_runs import get_or_start_run
from runstream.integrations.training_run import TrainingRun


class EvaluationCallback(TrainingCallback):
    """Hands the metrics of each iteration to a function, which must not raise.

    Attributes:
        first_iteration: number of the first iteration, which is more than 0 if a model is trained
            further.
        history: the metrics of each iteration.
    """

    def __init__(self, log: Callable[[Mapping[str, float], int], object]) -> None:
        super().__init__()
        self._log = log
        self._reset()

    def _reset(self) -> None:
        self.first_iteration: int | None = None
        self.history: list[dict[str, float]] = []
        self._evals_log: Mapping[str, Any] = {}

    def before_training(self, model: Any) -> Any:
        """Forget the training before."""
        self._reset()
        return model

    def before_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Any]) -> bool:
        """Keep the library's own history, from which `_log_new` takes what is new."""
        self._evals_log = evals_log
        return False

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Any]) -> bool:
        """Log the metrics of the iteration."""
        self._log_new(model)
        return False

    def after_training(self, model: Any) -> Any:
        """Log the last iteration, of which we hear nothing if a callback before us stopped it."""
        self._log_new(model)
        return model

    def _log_new(self, model: Any) -> None:
        columns = _columns(self._evals_log)
        count = min(map(len, columns.values()), default=0)
        if count and self.first_iteration is None:
            # XGBoost numbers the iterations from 0 on here, but its best iteration is one of all.
            rounds = model.num_boosted_rounds() if hasattr(model, "num_boosted_rounds") else count
            self.first_iteration = max(0, rounds - count)
        for index in range(len(self.history), count):
            metrics = {key: values[index] for key, values in columns.items()}
            self.history.append(metrics)
            self._log(metrics, (self.first_iteration or 0) + index)


class RunstreamCallback(EvaluationCallback):
    """Logs each metric of each evaluation set in each iteration, as `validation-rmse`.

    They go to the run that is active when the callback is made; without one, a run is started, as
    by `runstream.log_metric`. If a training may stop early, the metrics `best_iteration` and
    `best_score` are logged at its end.

    It is a callback of `xgboost.train`, `xgboost.cv` and the estimators. Cross-validation gives
    metrics as `test-rmse-mean` and `test-rmse-std`.
    """

    def __init__(self) -> None:
        self._training = TrainingRun(get_or_start_run(), is_ours=False)
        super().__init__(self._training.log_metrics)

    def after_training(self, model: Any) -> Any:
        """Log the best iteration."""
        super().after_training(model)
        best = model.attr("best_iteration") if hasattr(model, "attr") else None
        if best is not None:
            score = float(model.attr("best_score"))
            self._training.log_metrics({"best_iteration": int(best), "best_score": score}, 0)
        return model


def _columns(evals_log: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return the values of each metric so far, by the key under which it is logged.

    A value of a cross-validation is a mean and a deviation.
    """
    columns: dict[str, list[float]] = {}
    for data, metrics in evals_log.items():
        for metric, values in metrics.items():
            key = f"{data}-{metric}"
            if values and isinstance(values[0], tuple):
                columns[f"{key}-mean"], columns[f"{key}-std"] = map(list, zip(*values, strict=True))
            else:
                columns[key] = values
    return columns
