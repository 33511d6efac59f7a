"""Figures of a classifier, under MLflow's names: what they show. `painter` draws them."""

from __future__ import annotations

from functools import partial
from typing import Any

from runstream.autologging.painter import can_draw, draw_later
from runstream.autologging.sklearn.fitted import Fitted
from runstream.autologging.sklearn.metrics import PREFIX
from runstream.autologging.sklearn.settings import SklearnSettings
from runstream.autologging.training import Training

#: Classes of which a confusion matrix is drawn at most, and points of a curve.
MAX_CLASSES = 50
MAX_POINTS = 1_000


def log_figures(training: Training[SklearnSettings], fitted: Fitted) -> None:
    """Log the confusion matrix and, for two classes, the curves of a classifier."""
    if fitted.targets is None or fitted.target_column is None or not can_draw():
        return
    if not hasattr(fitted.estimator, "predict"):  # a search that did not refit
        return
    if len(fitted.classes) <= MAX_CLASSES:
        draw_later(training, f"{PREFIX}confusion_matrix.png", partial(_matrix, fitted))
    classes: Any = getattr(fitted.estimator, "classes_", ())
    if len(classes) == 2 and fitted.scores is not None:
        is_positive = fitted.target_column == classes[1]
        given = (is_positive, fitted.scores, fitted.weights)
        draw_later(training, f"{PREFIX}roc_curve.png", partial(_roc_curve, *given))
        draw_later(
            training,
            f"{PREFIX}precision_recall_curve.png",
            partial(_precision_recall_curve, *given),
        )


def _matrix(fitted: Fitted) -> dict[str, Any]:
    rows = fitted.confusion
    shares = [[float(cell / (row.sum() or 1)) for cell in row] for row in rows]
    return {
        "kind": "matrix",
        "title": "Normalized confusion matrix",
        "labels": [str(label) for label in fitted.classes],
        "matrix": shares,
    }


def _roc_curve(is_positive: Any, scores: Any, weights: Any) -> dict[str, Any]:
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(is_positive, scores, sample_weight=weights)
    return _curve("ROC curve", "False positive rate", "True positive rate", false, true)


def _precision_recall_curve(is_positive: Any, scores: Any, weights: Any) -> dict[str, Any]:
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(is_positive, scores, sample_weight=weights)
    return _curve("Precision recall curve", "Recall", "Precision", recall, precision)


def _curve(title: str, x_label: str, y_label: str, x: Any, y: Any) -> dict[str, Any]:
    step = 1 + len(x) // MAX_POINTS
    return {
        "kind": "curve",
        "title": title,
        "x_label": x_label,
        "y_label": y_label,
        "x": [*x[:-1:step].tolist(), float(x[-1])],
        "y": [*y[:-1:step].tolist(), float(y[-1])],
    }
