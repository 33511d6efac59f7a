"""Metrics of a model on the data of its training, under MLflow's names.

What does not apply, such as the area under the ROC curve of data of one class, is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

log = logging.getLogger("runstream")

PREFIX = "training_"


@dataclass
class Fitted:
    """A fitted estimator and the data of its training.

    Attributes:
        estimator: the estimator.
        features: what it read.
        targets: what it shall predict; None, if it was not told.
        sample_weight: weights of the rows.
        pos_label: the class that counts as positive; None for none.
    """

    estimator: Any
    features: Any
    targets: Any
    sample_weight: Any = None
    pos_label: object = None

    @cached_property
    def is_classifier(self) -> bool:
        """Whether it predicts classes."""
        from sklearn.base import is_classifier

        return bool(is_classifier(self.estimator))

    @cached_property
    def is_regressor(self) -> bool:
        """Whether it predicts numbers."""
        from sklearn.base import is_regressor

        return bool(is_regressor(self.estimator))

    @cached_property
    def predicted(self) -> Any:
        """What it predicts for the features."""
        return self.estimator.predict(self.features)

    @cached_property
    def probabilities(self) -> Any:
        """The probability of each class for each row; None if it gives none."""
        if not hasattr(self.estimator, "predict_proba"):
            return None
        return self.estimator.predict_proba(self.features)

    @cached_property
    def scores(self) -> Any:
        """A number for each row that is high for the second of two classes; None if none."""
        if self.probabilities is not None:
            return self.probabilities[:, 1]
        if hasattr(self.estimator, "decision_function"):
            return self.estimator.decision_function(self.features)
        return None

    @cached_property
    def classes(self) -> list[Any]:
        """The classes of the targets, in order."""
        import numpy as np

        return list(np.unique(np.asarray(self.targets)).tolist())


def training_metrics(fitted: Fitted) -> dict[str, float]:
    """Return the metrics that suit the kind of estimator."""
    if fitted.targets is None:
        return {}
    metrics: dict[str, float] = {}
    if fitted.is_classifier:
        for compute in (_class_metrics, _probability_metrics):
            metrics |= _attempt(compute, fitted)
    elif fitted.is_regressor:
        metrics |= _attempt(_regression_metrics, fitted)
    metrics |= _attempt(_score, fitted, metrics)
    return {PREFIX + key: float(value) for key, value in metrics.items()}


def _attempt(compute: Callable[..., Mapping[str, float]], *args: Any) -> Mapping[str, float]:
    try:
        return compute(*args)
    except (
        ArithmeticError,
        AttributeError,
        IndexError,
        NotImplementedError,
        TypeError,
        ValueError,
    ):
        log.debug("a metric does not apply", exc_info=True)
        return {}


def _class_metrics(fitted: Fitted) -> Mapping[str, float]:
    from sklearn import metrics

    weight, positive = fitted.sample_weight, fitted.pos_label
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        fitted.targets,
        fitted.predicted,
        pos_label=1 if positive is None else positive,
        average="weighted" if positive is None else "binary",
        sample_weight=weight,
        zero_division=0,
    )
    accuracy = metrics.accuracy_score(fitted.targets, fitted.predicted, sample_weight=weight)
    return {
        "precision_score": precision,
        "recall_score": recall,
        "f1_score": f1,
        "accuracy_score": accuracy,
    }


def _probability_metrics(fitted: Fitted) -> Mapping[str, float]:
    from sklearn import metrics

    probabilities, weight = fitted.probabilities, fitted.sample_weight
    if probabilities is None:
        return {}
    found = {
        "log_loss": metrics.log_loss(
            fitted.targets, probabilities, sample_weight=weight, labels=fitted.estimator.classes_
        )
    }
    if len(fitted.classes) > 1:
        found["roc_auc"] = metrics.roc_auc_score(
            fitted.targets,
            probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities,
            average="weighted",
            sample_weight=weight,
            multi_class="ovo",
        )
    return found


def _regression_metrics(fitted: Fitted) -> Mapping[str, float]:
    from sklearn import metrics

    given = (fitted.targets, fitted.predicted)
    weight = fitted.sample_weight
    mse = metrics.mean_squared_error(*given, sample_weight=weight)
    return {
        "mean_squared_error": mse,
        "mean_absolute_error": metrics.mean_absolute_error(*given, sample_weight=weight),
        "r2_score": metrics.r2_score(*given, sample_weight=weight),
        "root_mean_squared_error": mse**0.5,
    }


def _score(fitted: Fitted, metrics: Mapping[str, float]) -> Mapping[str, float]:
    """Return what `score` gives, without another prediction where it is a metric that is there."""
    from sklearn.base import ClassifierMixin, RegressorMixin

    score = getattr(type(fitted.estimator), "score", None)
    for mixin, name in ((ClassifierMixin, "accuracy_score"), (RegressorMixin, "r2_score")):
        if score is mixin.score and name in metrics:
            return {"score": metrics[name]}
    if not hasattr(fitted.estimator, "score"):
        return {}
    weights = {} if fitted.sample_weight is None else {"sample_weight": fitted.sample_weight}
    value = fitted.estimator.score(fitted.features, fitted.targets, **weights)
    return {"score": value}
