"""Metrics of a model on the data of its training, under MLflow's names.

The usual ones are computed here by NumPy. The functions of `sklearn.metrics` take ten times as long
for small data, most of it for checks; the tests compare the two.
What does not apply, such as the area under the ROC curve of one class, is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

from runstream.autologging.sklearn.fitted import Fitted

log = logging.getLogger("runstream")

PREFIX = "training_"

#: What computing a metric raises for a model or data to which it does not apply.
DOES_NOT_APPLY = (
    ArithmeticError,
    AttributeError,
    IndexError,
    NotImplementedError,
    TypeError,
    ValueError,
)


def training_metrics(fitted: Fitted) -> dict[str, float]:
    """Return the metrics that suit the kind of estimator."""
    if fitted.targets is None:
        return {}
    metrics: dict[str, float] = {}
    if fitted.is_classifier:
        for compute in (_class_metrics, _log_loss, _roc_auc):
            metrics |= _attempt(compute, fitted)
    elif fitted.is_regressor:
        metrics |= _attempt(_regression_metrics, fitted)
    metrics |= _attempt(_score, fitted, metrics)
    return {PREFIX + key: float(value) for key, value in metrics.items()}


def _attempt(compute: Callable[..., Mapping[str, float]], *args: Any) -> Mapping[str, float]:
    try:
        return compute(*args)
    except DOES_NOT_APPLY:
        log.debug("a metric does not apply", exc_info=True)
        return {}


def _class_metrics(fitted: Fitted) -> Mapping[str, float]:
    import numpy as np

    if fitted.target_column is None:
        return _multilabel_metrics(fitted)
    confusion = fitted.confusion
    right, true, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    precision, recall = _divide(right, predicted), _divide(right, true)
    f1 = _divide(2 * right, true + predicted)
    if fitted.pos_label is not None:
        [chosen] = np.flatnonzero(fitted.classes == fitted.pos_label)
        averages = [values[chosen] for values in (precision, recall, f1)]
    else:
        averages = [np.average(values, weights=true) for values in (precision, recall, f1)]
    return {
        "precision_score": averages[0],
        "recall_score": averages[1],
        "f1_score": averages[2],
        "accuracy_score": right.sum() / confusion.sum(),
    }


def _multilabel_metrics(fitted: Fitted) -> Mapping[str, float]:
    from sklearn import metrics

    given, weight = (fitted.targets, fitted.predicted), fitted.sample_weight
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        *given, average="weighted", sample_weight=weight, zero_division=0
    )
    return {
        "precision_score": precision,
        "recall_score": recall,
        "f1_score": f1,
        "accuracy_score": metrics.accuracy_score(*given, sample_weight=weight),
    }


def _log_loss(fitted: Fitted) -> Mapping[str, float]:
    import numpy as np

    probabilities, targets = fitted.probabilities, fitted.target_column
    if probabilities is None or targets is None:
        return {}
    column = np.searchsorted(fitted.estimator.classes_, targets)
    eps = np.finfo(probabilities.dtype).eps
    of_class = np.clip(probabilities[np.arange(len(targets)), column], eps, 1 - eps)
    return {"log_loss": -np.average(np.log(of_class), weights=fitted.weights)}


def _roc_auc(fitted: Fitted) -> Mapping[str, float]:
    """Return the area under the ROC curve; of several classes the mean of all pairs of them."""
    import numpy as np

    probabilities, targets = fitted.probabilities, fitted.target_column
    if probabilities is None or targets is None:
        return {}
    classes = fitted.estimator.classes_
    shares = np.array([(targets == name).mean() for name in classes])
    if (shares == 0).any() or len(classes) < 2:
        return {}
    if len(classes) == 2:
        return {"roc_auc": _area(targets == classes[1], probabilities[:, 1], fitted.weights)}
    if fitted.weights is not None:  # scikit-learn has no rule for it either
        return {}
    areas, weights = [], []
    for first, second in combinations(range(len(classes)), 2):
        rows = (targets == classes[first]) | (targets == classes[second])
        for chosen in (first, second):
            is_chosen = targets[rows] == classes[chosen]
            areas.append(_area(is_chosen, probabilities[rows, chosen], None))
            weights.append(rows.mean())
    return {"roc_auc": float(np.average(areas, weights=weights))}


def _area(is_positive: Any, scores: Any, weights: Any) -> float:
    """Return the area under a ROC curve, over the distinct scores from the highest down."""
    import numpy as np

    order = np.argsort(scores, kind="stable")[::-1]
    is_positive, scores = is_positive[order], scores[order]
    weight = np.ones(len(order)) if weights is None else weights[order]
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    true = np.append(0.0, np.cumsum(weight * is_positive)[ends])
    false = np.append(0.0, np.cumsum(weight * ~is_positive)[ends])
    area = (np.diff(false) * (true[1:] + true[:-1]) / 2).sum()
    return float(area / (true[-1] * false[-1]))


def _regression_metrics(fitted: Fitted) -> Mapping[str, float]:
    import numpy as np

    if fitted.target_column is None:
        return _multioutput_metrics(fitted)
    targets = fitted.target_column.astype(float)
    error = targets - np.asarray(fitted.predicted, float).reshape(len(targets))
    weights = fitted.weights
    mse = np.average(error**2, weights=weights)
    variance = np.average((targets - np.average(targets, weights=weights)) ** 2, weights=weights)
    return {
        "mean_squared_error": mse,
        "mean_absolute_error": np.average(abs(error), weights=weights),
        "r2_score": 1 - mse / variance if variance else float(mse == 0),
        "root_mean_squared_error": mse**0.5,
    }


def _multioutput_metrics(fitted: Fitted) -> Mapping[str, float]:
    from sklearn import metrics

    given, weight = (fitted.targets, fitted.predicted), fitted.sample_weight
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


def _divide(numerator: Any, denominator: Any) -> Any:
    """Return a quotient that is 0 where nothing is divided by nothing."""
    import numpy as np

    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)
